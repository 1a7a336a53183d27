import { once } from 'node:events'
import { createServer, type RequestListener } from 'node:http'
import type { AddressInfo } from 'node:net'
import express from 'express'
import expressSession, { MemoryStore } from 'express-session'
import Koa from 'koa'
import { atomicSession } from 'koa-atomic-session'
import { memory } from 'koa-atomic-session/memory'
import { createSession } from 'koa-session'
import { describe, expect, it } from 'vitest'
import { gate } from '../gate.ts'
import { counting, KEY, Visitor } from '../visitor.ts'

/** Called by the slow request between its read and its write; resolves when it may go on. */
type Pause = () => Promise<void>

/**
 * /first and /second set a field each, /slow sets another one after a pause, /logout ends the session, /idle does not use
 * it, and / shows it. `calls` are those to the store.
 */
interface Application {
  readonly listener: RequestListener
  readonly calls: readonly string[]
}

const APPLICATIONS: Record<string, (pause: Pause) => Application> = {
  'koa-session': (pause) => {
    const rows = new Map<string, string>()
    const store = counting({
      get: async (key: string) => JSON.parse(rows.get(key) ?? 'null'),
      set: async (key: string, session: object) => void rows.set(key, JSON.stringify(session)),
      destroy: async (key: string) => void rows.delete(key),
    } as never) as never as Parameters<typeof createSession>[0]['store'] & { calls: string[] }
    const app = new Koa()
    app.keys = [KEY]
    app.use(createSession({ store }, app))
    // biome-ignore lint/suspicious/noExplicitAny: the session of another library
    app.use(async (ctx: any) => {
      ctx.body = {}
      if (ctx.path === '/first') ctx.session.first = 1
      else if (ctx.path === '/second') ctx.session.second = 1
      else if (ctx.path === '/slow') {
        ctx.session.slow = 1
        await pause()
      } else if (ctx.path === '/logout') ctx.session = null
      else if (ctx.path === '/') ctx.body = ctx.session.toJSON()
    })
    return { listener: app.callback(), calls: store.calls }
  },

  'express-session': (pause) => {
    const store = counting(new MemoryStore() as never) as never as MemoryStore & { calls: string[] }
    const app = express()
    app.use(expressSession({ secret: KEY, resave: false, saveUninitialized: false, store }))
    // biome-ignore lint/suspicious/noExplicitAny: the session of another library
    app.use(async (request: any, response) => {
      const { session } = request
      if (request.path === '/first') session.first = 1
      else if (request.path === '/second') session.second = 1
      else if (request.path === '/slow') {
        session.slow = 1
        await pause()
      } else if (request.path === '/logout') await new Promise((resolve) => session.destroy(resolve))
      const { cookie, ...data } = request.path === '/' ? session : { cookie: undefined }
      response.json(data)
    })
    return { listener: app, calls: store.calls }
  },

  'koa-atomic-session': (pause) => {
    const store = counting(memory())
    const app = new Koa()
    app.keys = [KEY]
    app.silent = true
    const sessions = atomicSession<{ first: number; second: number; slow: number }>(app, { store })
    app.use(async (ctx) => {
      const session = sessions.of(ctx)
      ctx.body = {}
      if (ctx.path === '/first') await session.set('first', 1)
      else if (ctx.path === '/second') await session.set('second', 1)
      else if (ctx.path === '/slow') {
        const loaded = await session
        await pause()
        await loaded.set('slow', 1)
      } else if (ctx.path === '/logout') await session.destroy()
      else if (ctx.path === '/') ctx.body = await session
    })
    return { listener: app.callback(), calls: store.calls }
  },
}

/** A visitor with a session, and what becomes of it when another request comes and goes during a slow one. */
async function visited(name: string) {
  const [inside, go] = [gate(), gate()]
  const { listener, calls } = APPLICATIONS[name]!(() => {
    inside.open()
    return go.opened
  })
  const server = createServer(listener).listen(0, '127.0.0.1')
  await once(server, 'listening')
  const visitor = new Visitor(`http://127.0.0.1:${(server.address() as AddressInfo).port}`)
  await visitor.fetch('/first')
  const { header: cookie } = visitor
  return {
    async after(path: string): Promise<unknown> {
      const slow = visitor.fetch('/slow', { headers: { cookie } })
      await inside.opened
      await visitor.fetch(path, { headers: { cookie } })
      go.open()
      await slow
      return visitor.json('/', { headers: { cookie } })
    },
    async callsOf(path: string): Promise<readonly string[]> {
      const before = calls.length
      await visitor.fetch(path, { headers: { cookie } })
      // express-session's createSession() makes an object of what was read; it is no call to a database.
      return calls.slice(before).filter((name) => name !== 'createSession')
    },
    async [Symbol.asyncDispose]() {
      server.closeAllConnections()
      server.close()
      await once(server, 'close')
    },
  }
}

describe('what is different, as the README says', () => {
  it.each([
    ['koa-session', { first: 1, slow: 1 }],
    ['express-session', { first: 1, slow: 1 }],
    ['koa-atomic-session', { first: 1, second: 1, slow: 1 }],
  ])('two changes that overlap: %s', async (name, kept) => {
    await using application = await visited(name)
    expect(await application.after('/second')).toEqual(kept)
  })

  it.each([
    ['koa-session', { first: 1, slow: 1 }],
    ['express-session', { first: 1, slow: 1 }],
    ['koa-atomic-session', {}],
  ])('a log-out during a slow request that changes data: %s', async (name, kept) => {
    await using application = await visited(name)
    expect(await application.after('/logout')).toEqual(kept)
  })

  it.each([
    ['koa-session', ['get']],
    ['express-session', ['get', 'touch']],
    ['koa-atomic-session', []],
  ])('the store calls of a request that ignores its session: %s', async (name, calls) => {
    await using application = await visited(name)
    expect(await application.callsOf('/idle')).toEqual(calls)
  })
})
