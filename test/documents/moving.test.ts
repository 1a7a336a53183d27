import { execFileSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { createServer, type RequestListener, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
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
import { expectAllRun, root, run, serve, writeExamples } from './examples.ts'

type Client = ReturnType<typeof createClient>
// biome-ignore lint/suspicious/noExplicitAny: code that was written for another library
type Loose = any
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
      app.use(expressSession({ secret: 'short', resave: false, saveUninitialized: false, store }))
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
  it.each([
    ['koa-session', 'koa.sess'],
    ['koa-generic-session', 'koa.sid'],
  ])('of %s still tells who has an old cookie, and who has forged one', async (library, name) => {
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
    before.use(library === 'koa-session' ? createSession({ store }, before) : koaGenericSession({ store }))
    before.use((ctx) => {
      const { session } = ctx as unknown as { session: { views?: number } }
      session.views = 1
      ctx.body = ''
    })
    const after = new Koa()
    after.keys = [KEY]
    after.use((ctx) => {
      ctx.body = { key: oldKey(ctx, name) ?? null }
    })
    const [old, now] = [await listen(before.callback()), await listen(after.callback())]
    const [alice, bob, forger] = [new Visitor(old.base), new Visitor(old.base), new Visitor(now.base)]
    await alice.fetch('/')
    await bob.fetch('/')
    const [first, second] = [...rows.keys()].map((key) => key.replace('koa:sess:', ''))
    const asked = async (cookies: Map<string, string>) => {
      const visitor = new Visitor(now.base)
      for (const [name, value] of cookies) visitor.cookies.set(name, value)
      return (await visitor.json('/')).key
    }
    expect([await asked(alice.cookies), await asked(bob.cookies)]).toEqual([first, second])
    for (const [name, value] of alice.cookies) forger.cookies.set(name, value)
    forger.cookies.set(name, second!)
    expect(await asked(forger.cookies)).toBe(null)
    expect(await asked(new Map())).toBe(null)
    for (const { server } of [old, now]) await new Promise((resolve) => server.close(resolve))
  })
})

describe('the times of an old session', () => {
  it('go on: who has logged in lately is let in, and who has not is asked again', async () => {
    writeExamples()
    const before = new Koa()
    before.keys = [KEY]
    before.use(createSession({}, before))
    before.use((ctx: Loose) => {
      ctx.session.name = ctx.query.name
      ctx.session.remember = true
      ctx.session.loggedIn = Date.now() - Number(ctx.query.ago)
      ctx.body = ''
    })
    const old = await listen(before.callback())
    const { base, stop } = await serve('adopt_with_times')
    const asked = async (name: string, ago: number) => {
      const [was, is] = [new Visitor(old.base), new Visitor(base)]
      await was.fetch(`/?name=${name}&ago=${ago}`)
      for (const [name, value] of was.cookies) is.cookies.set(name, value)
      const response = await is.fetch('/')
      const [cookie] = response.headers.getSetCookie().filter((line) => line.startsWith('sid='))
      return [response.status, await response.text(), /Max-Age=(\d+)/.exec(cookie!)?.[1], [...is.cookies.keys()]]
    }
    const month = String(30 * 86_400)
    expect(await asked('ann', 60_000)).toEqual([200, '{"name":"ann"}', month, ['sid']])
    expect(await asked('bob', 7_200_000)).toEqual([401, 'Please log in again to do this', month, ['sid']])
    await new Promise((resolve) => old.server.close(resolve))
    await stop()
  })
})

describe('in two lines', () => {
  /** What the application has written for the library before. */
  const OLD: Record<string, (app: Loose) => void> = {
    koa_session: (app) =>
      app.use((ctx: Loose) => {
        if (ctx.path === '/logout') ctx.session = null
        else ctx.session.views = (ctx.session.views ?? 0) + 1
        ctx.body = ctx.session
      }),
    express_session: (app) =>
      app.use((req: Loose, res: Loose) => {
        if (req.path === '/logout') return req.session.destroy(() => res.json(null))
        req.session.views = (req.session.views ?? 0) + 1
        res.json({ views: req.session.views })
      }),
  }

  it.each([
    ['koa_session', 'koa_session'],
    ['koa_generic_session', 'koa_session'],
    ['express_session', 'express_session'],
  ])('the code for %s goes on as it was, and counts what it lost', async (page, code) => {
    writeExamples()
    process.env.SESSION_KEY = KEY
    const [before, folder] = [process.cwd(), mkdtempSync(join(tmpdir(), 'moving-'))]
    process.chdir(folder)
    try {
      const { app } = await run(`two_lines_${page}`)
      OLD[code]!(app)
      const { visitor: alice, base, stop } = await serve(`two_lines_${page}`)
      const bob = new Visitor(base)
      expect([await alice.json('/'), await bob.json('/')]).toEqual([{ views: 1 }, { views: 1 }])
      await Promise.all(Array.from({ length: 20 }, () => alice.fetch('/')))
      expect([await alice.json('/'), await bob.json('/')]).toEqual([{ views: 22 }, { views: 2 }])
      await alice.fetch('/logout')
      expect([await alice.json('/'), await bob.json('/')]).toEqual([{ views: 1 }, { views: 3 }])
      await stop()
    } finally {
      process.chdir(before)
      rmSync(folder, { recursive: true, force: true })
    }
  })

  it.each(['koa-session', 'koa-generic-session', 'express-session'])('the lines for CommonJS of %s run', (page) => {
    const text = readFileSync(join(root, 'docs', 'moving', `${page}.md`), 'utf8')
    const lines = [...text.matchAll(/`(const \{ (\w+) \} = require\('[^']+'\))`/g)]
    expect(lines).toHaveLength(2)
    const names = lines.map(([, , name]) => name)
    const program = `${lines.map(([, line]) => line).join('\n')}\nconsole.log(${names.map((name) => `typeof ${name}`)})`
    const said = execFileSync(process.execPath, ['--input-type=commonjs', '--eval', program], {
      cwd: root,
      encoding: 'utf8',
    })
    expect(said).toBe('function function\n')
  })
})

describe.skipIf('missing' in server)('moving over', () => {
  beforeAll(() => {
    writeExamples()
    process.env.OLD_SECRET = 'short'
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
