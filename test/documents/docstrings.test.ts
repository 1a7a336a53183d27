import { once } from 'node:events'
import { createServer, request } from 'node:http'
import type { AddressInfo } from 'node:net'
import { basename } from 'node:path'
import { text } from 'node:stream/consumers'
import express from 'express'
import fastify from 'fastify'
import Koa from 'koa'
import { atomicSession } from 'koa-atomic-session'
import { fetchSessions } from 'koa-atomic-session/fetch'
import { httpSessions } from 'koa-atomic-session/http'
import { memory } from 'koa-atomic-session/memory'
import { describe, expect, it } from 'vitest'
import { KEY, TestApp, Visitor } from '../visitor.ts'
import { writeDocstrings } from './examples.ts'
import { documented, PUBLIC } from './public.ts'

const files = writeDocstrings()
const of = (part: RegExp) => files.filter((file) => part.test(basename(file)))
const example = async (file: string) => (await import(/* @vite-ignore */ file)).default

describe('the examples of docstrings', () => {
  it.each(Object.entries(PUBLIC))('are there for every command, method and function of %s', (file, names) => {
    const [all, without] = documented(file, names)
    expect(all).not.toEqual([])
    expect(without).toEqual([])
  })

  it.each(of(/_(api|koa_sessions)_/).map((file) => [basename(file, '.ts'), file]))('%s', async (_, file) => {
    const app = new TestApp()
    const sessions = atomicSession<Record<never, never>>(app.koa, { store: memory(), index: ['user_id'] })
    const run = await example(file)
    app.koa.use(async (ctx) => {
      await run({ app: app.koa, ctx, session: await sessions.of(ctx), sessions })
      ctx.body = 'done'
    })
    await app.listen()
    const answer = await app.visitor().text('/')
    expect(app.errors).toEqual([])
    expect(answer).toBe('done')
    await app.close()
  })

  it.each(of(/_fetch_index_/).map((file) => [basename(file, '.ts'), file]))('%s', async (_, file) => {
    process.env.SESSION_KEY = KEY
    const given = fetchSessions<{ views: number }>({ store: memory(), keys: [KEY] })
    const answer: (request: Request) => Promise<Response> = await (await example(file))({
      given,
      sqlite: () => memory(),
    })
    const first = await answer(new Request('http://localhost/'))
    const cookie = first.headers.getSetCookie()[0]!.split(';')[0]!
    const again = await answer(new Request('http://localhost/', { headers: { cookie } }))
    expect([await first.text(), await again.text()]).toEqual(['seen 1 times', 'seen 2 times'])
  })

  it.each(of(/_(koa|http)_index_/).map((file) => [basename(file, '.ts'), file]))('%s', async (_, file) => {
    process.env.SESSION_KEY = KEY
    const app = new Koa()
    app.keys = [KEY]
    const given = httpSessions<{ views: number }>({ store: memory(), keys: [KEY] })
    let server = createServer(
      given.listener(async (request, response) => {
        response.end(`seen ${(await given.of(request, response).inc('views')).views} times`)
      }),
    )
    const sessions = await (await example(file))({
      app,
      express,
      fastify,
      server,
      sessions: given,
      sqlite: () => memory(),
      createServer: (listener: Parameters<typeof createServer>[1]) => {
        server = createServer(listener!)
        return server
      },
    })
    if (app.middleware.length > 0) server = createServer(app.callback())
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    const { port } = server.address() as AddressInfo
    const visitor = new Visitor(`http://127.0.0.1:${port}`)
    expect(await visitor.text('/')).toBe('seen 1 times')
    expect(await visitor.text('/')).toBe('seen 2 times')
    if (server.listenerCount('upgrade') > 0) expect(await upgraded(port, visitor.header)).toBe('seen 3 times')
    server.closeAllConnections()
    await new Promise((resolve) => server.close(resolve))
    await sessions.close()
  })
})

/** What a socket says once it is open. */
async function upgraded(port: number, cookie: string): Promise<string> {
  const headers = { connection: 'upgrade', upgrade: 'text', cookie }
  const [, socket, head] = await once(request({ port, headers }).end(), 'upgrade')
  return head + (await text(socket))
}
