import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { createServer, request } from 'node:http'
import type { AddressInfo } from 'node:net'
import { basename, join } from 'node:path'
import { text } from 'node:stream/consumers'
import express from 'express'
import fastify from 'fastify'
import Koa from 'koa'
import { atomicSession } from 'koa-atomic-session'
import { fetchSessions } from 'koa-atomic-session/fetch'
import { httpSessions } from 'koa-atomic-session/http'
import { memory } from 'koa-atomic-session/memory'
import ts from 'typescript'
import { describe, expect, it } from 'vitest'
import { KEY, TestApp, Visitor } from '../visitor.ts'
import { root, writeDocstrings } from './examples.ts'

const files = writeDocstrings()
const of = (part: RegExp) => files.filter((file) => part.test(basename(file)))
const example = async (file: string) => (await import(/* @vite-ignore */ file)).default

/** What users call. Each method has an example; `catch` and `finally` are those of every promise. */
const PUBLIC: Record<string, RegExp> = {
  'api/types.ts': /^(SessionHandle|SessionChain|LoadedSession)$/,
  'api/chaining.ts': /^Chaining$/,
  'api/commands.ts': /^Commands$/,
  'api/at.ts': /^(SessionAt|ChainAt)$/,
  'api/sessions.ts': /^Sessions$/,
  'koa/sessions.ts': /^KoaSessions$/,
  'koa/index.ts': /^atomicSession$/,
  'http/index.ts': /^(httpSessions|HttpSessions)$/,
}
const PROMISE = new Set(['catch', 'finally'])

type Documented = ts.MethodSignature | ts.MethodDeclaration | ts.FunctionDeclaration

const tagged = (node: Documented, tag: string) => ts.getJSDocTags(node).some(({ tagName }) => tagName.text === tag)

function documented(file: string, names: RegExp): string[][] {
  const source = ts.createSourceFile(file, readFileSync(join(root, 'src', file), 'utf8'), ts.ScriptTarget.Latest, true)
  const found = new Map<string, boolean>()
  const note = (name: string, node: Documented) => {
    if (!tagged(node, 'internal')) found.set(name, found.get(name) || tagged(node, 'example'))
  }
  for (const node of source.statements) {
    if (ts.isFunctionDeclaration(node) && names.test(node.name?.text ?? '')) note(node.name!.text, node)
    if (!(ts.isInterfaceDeclaration(node) || ts.isClassDeclaration(node)) || !names.test(node.name?.text ?? ''))
      continue
    for (const member of node.members) {
      if (!(ts.isMethodSignature(member) || ts.isMethodDeclaration(member)) || !ts.isIdentifier(member.name)) continue
      if (!PROMISE.has(member.name.text)) note(`${node.name!.text}.${member.name.text}`, member)
    }
  }
  const all = [...found]
  return [all.map(([name]) => name), all.filter(([, has]) => !has).map(([name]) => name)]
}

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
