import { tracingChannel } from 'node:diagnostics_channel'
import { inspect } from 'node:util'
import fastify from 'fastify'
import { Redis } from 'ioredis'
import { isSessionError } from 'koa-atomic-session'
import { httpSessions } from 'koa-atomic-session/http'
import { memory } from 'koa-atomic-session/memory'
import { mongodb } from 'koa-atomic-session/mongodb'
import { mysql } from 'koa-atomic-session/mysql'
import { postgres } from 'koa-atomic-session/postgres'
import { redis } from 'koa-atomic-session/redis'
import { MongoServerError } from 'mongodb'
import { createPool } from 'mysql2/promise'
import pg from 'pg'
import { afterEach, describe, expect, inject, it, vi } from 'vitest'
import { commands } from '../../src/algebra/index.ts'
import type { SessionHandle } from '../../src/api/types.ts'
import type { Store } from '../../src/contract/store.ts'
import { hashOf } from '../../src/cookie/credential.ts'
import { StoreError } from '../../src/errors/index.ts'
import { chainOf, changeOf, visitor as session } from '../../src/testing/harness.ts'
import { KEY } from '../visitor.ts'
import { eventsOf, Shop } from './shop.ts'

const CARD = '4111-1111-1111-1111'

/** All that `util.inspect` finds in a value, what is hidden from a glance included. */
const seen = (value: unknown) => inspect(value, { depth: 12, showHidden: true, maxStringLength: null })

/** All that can be read of an error. */
function told(error: unknown): string {
  const { message, stack, cause } = error as Error
  return [seen(error), String(error), JSON.stringify(error), message, stack, seen(cause), String(cause)].join('\n')
}

/** Errors as drivers make them: around what was sent. */
const DRIVERS: Record<string, (sent: unknown) => Error> = {
  pg: (sent) =>
    Object.assign(new Error(`invalid input syntax for type json: "${JSON.stringify(sent)}"`), {
      severity: 'ERROR',
      code: '22P02',
      detail: `Failing row contains (${JSON.stringify(sent)})`,
      where: JSON.stringify(sent),
    }),
  ioredis: (sent) =>
    Object.assign(new Error(`ERR unknown command 'EVALSHA', with args beginning with: '${JSON.stringify(sent)}'`), {
      name: 'ReplyError',
      command: { name: 'evalsha', args: [JSON.stringify(sent)] },
    }),
  mongodb: (sent) =>
    new MongoServerError({
      message: `E11000 duplicate key error: { data: ${JSON.stringify(sent)} }`,
      code: 11000,
      keyValue: sent as never,
      errInfo: { details: sent },
    }),
  mysql2: (sent) =>
    Object.assign(new Error(`Data too long for column 'data' at row 1: ${JSON.stringify(sent)}`), {
      code: 'ER_DATA_TOO_LONG',
      errno: 1406,
      sqlState: '22001',
      sqlMessage: JSON.stringify(sent),
    }),
  'a parser': (sent) => new SyntaxError(`Unexpected token 'x', "${JSON.stringify(sent)}" is not valid JSON`),
}

/** The lines of every trace while the work is done. */
async function tracesOf(work: () => Promise<unknown>): Promise<string> {
  const traces: string[] = []
  const note = (call: object) => void traces.push(seen(call))
  const handlers = { start: note, end: note, asyncStart: note, asyncEnd: note, error: note }
  const channel = tracingChannel('koa-atomic-session:store')
  channel.subscribe(handlers)
  try {
    await work()
  } finally {
    channel.unsubscribe(handlers)
  }
  return traces.join('\n')
}

describe('what is told', () => {
  let shop: Shop
  afterEach(() => shop?.app.close())
  const parts = (cookie: string) => cookie.split('.')

  it('LG-1 ID-15 CVE-2023-20866: neither output, errors, events, traces nor inspect() hold a secret, a key or data', async () => {
    shop = await new Shop().open()
    const output: string[] = []
    const spies = [process.stdout, process.stderr].map((stream) =>
      vi.spyOn(stream, 'write').mockImplementation((text) => output.push(String(text)) > 0),
    )
    shop.routes['/look'] = async (ctx) => {
      const handle = ctx.session()
      const session = await handle.set('card', CARD)
      session.createCSRF()
      for (const one of [handle, session.set('x', 1), shop.sessions, ctx.app]) output.push(seen(one))
      output.push(JSON.stringify(ctx.app), JSON.stringify(shop.sessions))
      // Koa shows a request's own headers, the Cookie header among them: what is tested is all the rest of it.
      output.push(inspect(ctx, { depth: 9 }).replaceAll(ctx.get('cookie'), ''))
      output.push(seen(session).replaceAll(CARD, ''))
    }
    // biome-ignore lint/suspicious/noExplicitAny: Koa's context
    const failing: Record<string, (ctx: any) => unknown> = {
      '/e1': (ctx) => ctx.session().inc('card'),
      '/e2': (ctx) => ctx.session().set('$x', CARD),
      '/e3': (ctx) => ctx.session().set('x', { card: CARD, bad: Number.NaN }),
      '/e4': (ctx) => ctx.session().if('card', '4111').set('x', 1),
      '/e5': (ctx) => ctx.session().set('card', CARD),
    }
    Object.assign(shop.routes, failing)
    const visitor = shop.app.visitor()
    const secrets: string[] = []
    const visit = async (path: string, headers = {}) => {
      const response = await visitor.fetch(path, { headers })
      for (const cookie of response.headers.getSetCookie()) secrets.push(...parts(cookie.split(/[=;]/)[1]!).slice(2))
      return response
    }
    let events: unknown
    const traces = await tracesOf(async () => {
      events = await eventsOf(async () => {
        secrets.push(await (await visit('/form')).text())
        for (const path of ['/inc', '/look', '/login', '/rotate', '/look', '/regenerate', '/login', '/look'])
          await visit(path)
        const token = await (await visit('/form')).text()
        await visit('/rotate')
        secrets.push(token)
        for (const path of ['/check', ...Object.keys(failing)]) await visit(path, { 'x-token': token })
        // The store fails, with an error that holds what it was sent, while the cookie is good.
        const { update } = shop.store
        for (const driver of Object.values(DRIVERS)) {
          shop.store.update = (...sent) => Promise.reject(new StoreError('memory', 'failed', false, driver(sent)))
          expect((await visit('/e5')).status).toBe(503)
        }
        shop.store.update = update
        await visit('/logout')
      })
    })
    for (const spy of spies) spy.mockRestore()
    const codes = shop.app.errors.map(({ code }) => code)
    expect(new Set(codes)).toEqual(
      new Set(['CSRF', 'TYPE', 'PATH', 'VALUE', 'CONDITION', 'STORE'].map((word) => `ERR_SESSION_${word}`)),
    )
    expect(shop.app.errors.every(isSessionError)).toBe(true)
    for (const error of shop.app.errors) output.push(told(error))
    const all = output.join('\n') + seen(events) + traces
    // Visitor's MAC, two tokens; secret and MAC of created, 2 log-ins, 2 rotations and what regenerate() began.
    expect(secrets.filter((secret) => secret.length > 8).length).toBeGreaterThanOrEqual(12)
    const hidden = [KEY, CARD, ...secrets.filter(({ length }) => length > 8), ...secrets.map(hashOf)]
    expect(hidden.filter((one) => all.includes(one))).toEqual([])
    for (const word of ['Session', 'commands', 'rotated', 'StoreError']) expect(all).toContain(word)
  })

  it.each(Object.keys(DRIVERS))('LG-1: what an error of %s quotes is left out, its kind and its place stay', (name) => {
    const error = DRIVERS[name]!({ card: CARD })
    const { cause } = new StoreError('x', 'failed', false, error) as { cause: Error & { code?: unknown } }
    expect(told(cause)).not.toContain(CARD)
    expect([cause.name, cause.code]).toEqual([error.name, (error as { code?: unknown }).code])
    expect(cause.stack).toContain('leakage.test.ts')
  })

  it.each([
    Object.assign(new Error('connect ECONNREFUSED 127.0.0.1:1'), { code: 'ECONNREFUSED', errno: -111 }),
    Object.assign(new Error('relation "sessions" does not exist'), { code: '42P01', severity: 'ERROR' }),
    new Error('Connection terminated unexpectedly'),
    new Error('database is locked'),
  ])('LG-1: what tells of the database alone is told: %s', (error) => {
    const { cause } = new StoreError('x', 'failed', false, error) as { cause: Error }
    expect(cause).not.toBe(error)
    expect(cause).toMatchObject({ message: error.message, name: error.name })
  })

  /** Real databases, or a collection of MongoDB that answers as one does, each of which refuses what holds a card. */
  const failing: Record<string, (url: string) => Promise<{ store: Store; close: () => Promise<unknown> }>> = {
    async postgres(url) {
      const pool = new pg.Pool({ connectionString: url })
      const store = postgres(pool, { table: 'leaking' })
      await store.setup()
      await pool.query(`ALTER TABLE leaking ADD CHECK (data ->> 'card' IS NULL)`)
      return { store, close: () => pool.end() }
    },
    async mariadb(url) {
      const pool = createPool({ uri: url })
      const store = mysql(pool, { table: 'leaking' })
      await store.setup()
      await pool.query("ALTER TABLE leaking MODIFY data longtext, ADD CHECK (NOT JSON_EXISTS(data, '$.card'))")
      return { store, close: () => pool.end() }
    },
    async redis(url) {
      const client = new Redis(url)
      const real = redis(client, { prefix: 'leaking:' })
      const update: Store['update'] = async (access, change) => {
        // Of another type than the script expects, so that the server refuses the whole command.
        await client.set(`leaking:${access.id}`, 'x')
        return real.update(access, change)
      }
      return { store: { ...real, create: (session) => real.create(session), update }, close: () => client.quit() }
    },
  }
  for (const [name, open] of Object.entries(failing)) {
    const server = inject(name as 'redis')
    it.skipIf('missing' in server)(`LG-1 ID-15: what ${name} refuses is in no error`, async () => {
      const { store, close } = await open((server as { url: string }).url)
      const { access } = await session(store, {})
      const error = await store.update(access, changeOf(chainOf(commands.set('card', CARD)))).catch((thrown) => thrown)
      await close()
      expect(error).toBeInstanceOf(StoreError)
      expect(told(error)).toMatch(/23514|WRONGTYPE|errno: 4025/)
      for (const hidden of [CARD, access.id, (access.proof as { hash: string }).hash])
        expect(told(error)).not.toContain(hidden)
    })
  }

  it('LG-1 ID-15: what MongoDB refuses is in no error', async () => {
    const refuse = async (...sent: unknown[]) => {
      throw DRIVERS.mongodb!(sent)
    }
    const command = async () => ({ localTime: new Date() })
    const collection = { db: { command }, updateOne: refuse, findOneAndUpdate: refuse, findOne: refuse }
    const { access } = await session(memory(), {})
    const error = await mongodb(collection as never)
      .update(access, changeOf(chainOf(commands.set('card', CARD))))
      .catch((thrown) => thrown)
    expect(error).toBeInstanceOf(StoreError)
    expect(told(error)).toContain('11000')
    for (const hidden of [CARD, access.id]) expect(told(error)).not.toContain(hidden)
  })

  it('LG-1: Fastify tells a visitor what may be exposed, and the application’s own error handler everything', async () => {
    const sessions = httpSessions<{ card: string }>({ keys: [KEY], store: memory() })
    const routes: Record<string, (session: SessionHandle<{ card: string }>) => unknown> = {
      '/path': (session) => session.set('$where' as never, 1 as never),
      '/condition': (session) => session.if('card', '4111').set('card', CARD),
      '/unseen': (session) => void session.if('card', '4111').set('card', CARD),
      '/fresh': async (session) => (await session).requireFresh(1),
      '/other': () => {
        throw new Error('its own words')
      },
    }
    const told: unknown[] = []
    const answers: unknown[] = []
    for (const own of [false, true]) {
      const app = fastify()
      if (own) {
        app.setErrorHandler((error: Error, _request, reply) => {
          told.push(error.message)
          return reply.code(400).send({ message: error.message, error: 'mine' })
        })
      }
      app.register(sessions.fastify())
      for (const [path, route] of Object.entries(routes)) {
        app.get(path, async (request) => {
          await route((request as unknown as { session(): SessionHandle<{ card: string }> }).session())
          return 'fine'
        })
      }
      for (const url of Object.keys(routes)) {
        const { body, headers } = await app.inject({ url })
        expect(Number(headers['content-length'])).toBe(Buffer.byteLength(body))
        answers.push(JSON.parse(body))
      }
      await app.close()
    }
    const [conflict, bad] = ['ERR_SESSION_CONDITION', 'ERR_SESSION_PATH']
    expect(answers).toEqual([
      { statusCode: 400, code: bad, error: 'Bad Request', message: 'Bad Request' },
      { statusCode: 409, code: conflict, error: 'Conflict', message: 'Conflict' },
      { statusCode: 409, code: conflict, error: 'Conflict', message: 'Conflict' },
      { statusCode: 401, code: 'ERR_SESSION_AUTH', error: 'Unauthorized', message: 'Please log in again to do this' },
      { statusCode: 500, error: 'Internal Server Error', message: 'its own words' },
      ...told.map((message) => ({ message, error: 'mine' })),
    ])
    expect(told).toHaveLength(5)
    expect(told[0]).toContain('$where')
  })

  it('LG-1 ID-15: an event names a session by a keyed hash, the same each time, which is not its id', async () => {
    shop = await new Shop().open()
    const visitor = shop.app.visitor()
    const events = await eventsOf(async () => {
      await visitor.fetch('/inc')
      await visitor.fetch('/rotate')
    })
    const [, id] = parts(visitor.cookies.get('sid')!)
    expect(events.map(({ type }) => type)).toEqual(['created', 'rotated'])
    expect(new Set(events.map(({ session }) => session)).size).toBe(1)
    expect(events[0]!.session).toMatch(/^[\w-]{16}$/)
    expect(inspect(events)).not.toContain(id)
    expect(events[0]).toMatchObject({ cookie: 'sid', client: expect.stringContaining('127.0.0.1') })
  })

  it('LG-2: each thing that happens to a session is told once', async () => {
    shop = await new Shop().open()
    const visitor = shop.app.visitor()
    const told = async (path: string, headers: Record<string, string> = {}) =>
      (await eventsOf(() => visitor.fetch(path, { headers }))).map(({ type }) => type)
    expect(await told('/read')).toEqual([])
    expect(await told('/form')).toEqual([])
    expect(await told('/inc')).toEqual(['created'])
    expect(await told('/inc')).toEqual([])
    const before = visitor.header
    expect(await told('/rotate')).toEqual(['rotated'])
    expect(await told('/read', { cookie: before })).toEqual(['stale'])
    expect(await told('/regenerate')).toEqual(['destroyed', 'created'])
    expect(await told('/read', { cookie: `${visitor.header}x` })).toEqual(['forged'])
    expect(await told('/read', { cookie: `${visitor.header}; ${visitor.header}` })).toEqual(['duplicate'])
    expect(await told('/check')).toEqual(['csrf'])
    const held = visitor.header
    const slow = eventsOf(() => fetch(`${shop.app.base}/slow`, { headers: { cookie: held } }))
    await shop.slow.arrived.opened
    expect(await told('/logout')).toEqual(['destroyed'])
    shop.slow.go.open()
    expect((await slow).map(({ type }) => type)).toEqual(['destroyed', 'gone'])
    expect(await told('/read', { cookie: held })).toEqual(['unknown'])
    vi.useFakeTimers({ toFake: ['Date'] })
    await visitor.fetch('/inc')
    vi.setSystemTime(Date.now() + 15 * 86_400_000)
    expect(await told('/read')).toEqual(['expired'])
    vi.useRealTimers()
  })

  it('LG-3: guesses are counted by their client, and leave nothing', async () => {
    shop = new Shop()
    shop.app.koa.proxy = true
    await shop.open()
    const elsewhere = await new Shop().open()
    const guesses = await Promise.all(
      Array.from({ length: 100 }, async () => {
        const guest = elsewhere.app.visitor()
        await guest.fetch('/inc')
        return guest.header
      }),
    )
    const events = await eventsOf(async () => {
      for (const cookie of guesses)
        await fetch(`${shop.app.base}/read`, { headers: { cookie, 'x-forwarded-for': '203.0.113.7' } })
    })
    expect(events.filter(({ type, client }) => type === 'unknown' && client === '203.0.113.7')).toHaveLength(100)
    expect(shop.store.calls.filter((call) => call !== 'load')).toEqual([])
    await elsewhere.app.close()
  })
})
