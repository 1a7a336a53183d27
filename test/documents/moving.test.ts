import { createServer, type RequestListener, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { RedisStore } from 'connect-redis'
import express from 'express'
import expressSession from 'express-session'
import Koa from 'koa'
// @ts-expect-error: it has no types
import koaGenericSession from 'koa-generic-session'
import { createSession } from 'koa-session'
import type { createClient } from 'redis'
import { beforeAll, describe, expect, inject, it } from 'vitest'
import { KEY, Visitor } from '../visitor.ts'
import { expectAllRun, run, serve, writeExamples } from './examples.ts'

type Client = ReturnType<typeof createClient>
const server = inject('redis')

/** The application before: each counts views in a session of its own library. */
const BEFORE: Record<string, { example: string; app(client: Client): RequestListener }> = {
  'koa-session': {
    example: 'adopt_koa_session',
    app(client) {
      const app = new Koa()
      app.keys = [KEY]
      const store = {
        get: async (key: string) => JSON.parse((await client.get(key)) ?? 'null'),
        set: async (key: string, session: object) => void (await client.set(key, JSON.stringify(session))),
        destroy: async (key: string) => void (await client.del(key)),
      }
      app.use(createSession({ store }, app))
      app.use(async (ctx) => {
        const { session } = ctx as unknown as { session: { views?: number } }
        session.views = (session.views ?? 0) + 1
        ctx.body = { views: session.views }
      })
      return app.callback()
    },
  },
  'koa-generic-session': {
    example: 'adopt_koa_generic_session',
    app(client) {
      const app = new Koa()
      app.keys = [KEY]
      const store = {
        get: async (key: string) => JSON.parse((await client.get(key)) ?? 'null'),
        set: (key: string, session: object) => client.set(key, JSON.stringify(session)),
        destroy: (key: string) => client.del(key),
      }
      app.use(koaGenericSession({ store }))
      app.use(async (ctx) => {
        const { session } = ctx as unknown as { session: { views?: number } }
        session.views = (session.views ?? 0) + 1
        ctx.body = { views: session.views }
      })
      return app.callback()
    },
  },
  'express-session with connect-redis': {
    example: 'adopt_express_session',
    app(client) {
      const app = express()
      const store = new RedisStore({ client })
      app.use(expressSession({ secret: KEY, resave: false, saveUninitialized: false, store }))
      app.get('/', (request, response) => {
        const session = request.session as unknown as { views?: number }
        session.views = (session.views ?? 0) + 1
        response.json({ views: session.views })
      })
      return app
    },
  },
}

async function listen(listener: RequestListener): Promise<{ server: Server; base: string }> {
  const server = createServer(listener)
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return { server, base: `http://127.0.0.1:${(server.address() as AddressInfo).port}` }
}

describe('a key that is too short here', () => {
  it('still tells who has an old cookie, and who has forged one', async () => {
    writeExamples()
    const { oldKey } = await run('adopt_short_key')
    const rows = new Map<string, object>()
    const before = new Koa()
    before.keys = ['short']
    const store = {
      get: async (key: string) => rows.get(key),
      set: async (key: string, session: object) => void rows.set(key, session),
      destroy: async (key: string) => void rows.delete(key),
    }
    before.use(createSession({ store }, before))
    before.use((ctx) => {
      const { session } = ctx as unknown as { session: { views?: number } }
      session.views = 1
      ctx.body = ''
    })
    const after = new Koa()
    after.keys = [KEY]
    after.use((ctx) => {
      ctx.body = { key: oldKey(ctx) ?? null }
    })
    const [old, now] = [await listen(before.callback()), await listen(after.callback())]
    const [alice, bob, forger] = [new Visitor(old.base), new Visitor(old.base), new Visitor(now.base)]
    await alice.fetch('/')
    await bob.fetch('/')
    const [first, second] = [...rows.keys()]
    const asked = async (cookies: Map<string, string>) => {
      const visitor = new Visitor(now.base)
      for (const [name, value] of cookies) visitor.cookies.set(name, value)
      return (await visitor.json('/')).key
    }
    expect([await asked(alice.cookies), await asked(bob.cookies)]).toEqual([first, second])
    for (const [name, value] of alice.cookies) forger.cookies.set(name, value)
    forger.cookies.set('koa.sess', second!)
    expect(await asked(forger.cookies)).toBe(null)
    expect(await asked(new Map())).toBe(null)
    for (const { server } of [old, now]) await new Promise((resolve) => server.close(resolve))
  })
})

describe.skipIf('missing' in server)('moving over', () => {
  beforeAll(() => {
    writeExamples()
    if ('url' in server) process.env.REDIS_URL = server.url
  })

  it.each(Object.entries(BEFORE))('from %s keeps everybody logged in', async (_, { example, app }) => {
    const { example: after, base, visitor, stop } = await serve(example)
    const client: Client = after.client
    const old = await listen(app(client))
    const before = new Visitor(old.base)
    await before.fetch('/')
    expect(await before.json('/')).toEqual({ views: 2 })

    // The same browser comes to the new application.
    for (const [name, value] of before.cookies) visitor.cookies.set(name, value)
    expect(await visitor.json('/')).toEqual({ views: 3 })
    expect(visitor.cookies.has('sid')).toBe(true)
    expect([...visitor.cookies.keys()].filter((name) => before.cookies.has(name) && !name.endsWith('.sig'))).toEqual([])
    expect(await visitor.json('/')).toEqual({ views: 4 })

    // A log-out is a log-out: the old session does not come back.
    await visitor.fetch('/logout')
    expect(await visitor.json('/')).toEqual({ views: 1 })

    // Who logs out at once, without ever having been handed over, is logged out too.
    const hasty = new Visitor(base)
    for (const [name, value] of before.cookies) hasty.cookies.set(name, value)
    await hasty.fetch('/logout')
    expect(await hasty.json('/')).toEqual({ views: 1 })

    // A cookie that nobody has signed hands nothing over.
    const forger = new Visitor(base)
    for (const [name, value] of before.cookies) forger.cookies.set(name, `${value.slice(0, -2)}xx`)
    expect(await forger.json('/')).toEqual({ views: 1 })

    await new Promise((resolve) => old.server.close(resolve))
    await stop()
    client.destroy()
  })

  it('runs every example', () => {
    expectAllRun(/^docs\/moving/)
  })
})
