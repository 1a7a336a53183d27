import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import Koa from 'koa'
import { atomicSession, type SessionEvent, type SessionOptions } from 'koa-atomic-session'
import { fetchSessions } from 'koa-atomic-session/fetch'
import { httpSessions } from 'koa-atomic-session/http'
import { memory } from 'koa-atomic-session/memory'
import { describe, expect, it } from 'vitest'
import { z } from 'zod'
import { kinds } from '../security/stores.ts'
import { KEY, TestApp } from '../visitor.ts'

interface Data {
  user_id: number
  name: string
}

const HOUR = 3_600_000

/** An application on Koa, and a client that sends a cookie. */
async function serve(options: SessionOptions) {
  const app = new TestApp()
  app.koa.proxy = true
  const sessions = atomicSession<Data>(app.koa, options)
  app.koa.use(async (ctx) => {
    const session = await sessions.of(ctx)
    if (ctx.path === '/fresh') session.requireFresh('1 hour')
    if (ctx.path === '/rename') await session.set('name', 'Bea')
    ctx.body = { id: session.id ?? null, data: session.data, authAt: session.authAt ?? null }
  })
  await app.listen()
  const get = (cookie: string, path = '/', headers = {}) =>
    fetch(app.base + path, { headers: { cookie, ...headers }, redirect: 'manual' })
  return { app, sessions, get }
}

describe.each(kinds('minted').map((kind) => [kind.name, kind] as const))('a session for a test, %s', (_, kind) => {
  it.skipIf(kind.missing)('is one that the application knows, with its log-in', async () => {
    const { store, close } = await kind.open()
    const { app, sessions, get } = await serve({ store, index: ['user_id'] })
    await sessions.ensureIndex()
    const authAt = new Date(Date.now() - 2 * HOUR)
    const { cookie, id } = await sessions.mint({ user_id: 42, name: 'Ada' }, { authAt })
    const answer = { id, data: { user_id: 42, name: 'Ada' }, authAt: authAt.toISOString() }
    expect(await (await get(cookie)).json()).toEqual(answer)
    expect((await get(cookie, '/fresh')).status).toBe(401)
    expect((await get(cookie, '/rename')).status).toBe(200)
    expect((await sessions.find('user_id', 42)).map(({ data }) => data)).toEqual([{ user_id: 42, name: 'Bea' }])
    const fresh = await sessions.mint({ user_id: 42 }, { authAt: new Date() })
    expect((await get(fresh.cookie, '/fresh')).status).toBe(200)
    const stranger = await sessions.mint({ name: 'nobody' })
    expect(await (await get(stranger.cookie)).json()).toMatchObject({ authAt: null, data: { name: 'nobody' } })
    expect(await sessions.destroyAll('user_id', 42)).toBe(2)
    expect(await (await get(cookie)).json()).toEqual({ id: null, data: {}, authAt: null })
    await app.close()
    await close()
  })
})

describe('mint()', () => {
  it('gives the cookie by its name over TLS', async () => {
    const { app, sessions, get } = await serve({ store: memory(), secure: true })
    const { cookie, id } = await sessions.mint({ user_id: 1 })
    expect(cookie).toMatch(/^__Host-Http-sid=s\./)
    expect(await (await get(cookie, '/', { 'x-forwarded-proto': 'https' })).json()).toMatchObject({ id })
    await app.close()
  })

  it('works for node:http and for fetch', async () => {
    const store = memory()
    const http = httpSessions<Data>({ store, keys: [KEY] })
    const server = createServer(
      http.listener(async (request, response) => {
        response.end(JSON.stringify((await http.of(request, response)).data))
      }),
    )
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    const { port } = server.address() as AddressInfo
    const { cookie } = await http.mint({ user_id: 1 })
    expect(await (await fetch(`http://127.0.0.1:${port}`, { headers: { cookie } })).json()).toEqual({ user_id: 1 })
    server.closeAllConnections()
    server.close()
    const sessions = fetchSessions<Data>({ store, keys: [KEY] })
    const minted = await sessions.mint({ user_id: 2 })
    const request = new Request('http://localhost/', { headers: { cookie: minted.cookie } })
    const response = await sessions.fetch(request, async (session) => Response.json((await session).data))
    expect(await response.json()).toEqual({ user_id: 2 })
  })

  it('counts as a log-in where it has one, and events tell of it', async () => {
    const limit = { field: 'user_id', max: 2, beyond: 'oldest' } as const
    const events: SessionEvent[] = []
    const listen = (event: unknown) => events.push(event as SessionEvent)
    subscribe('koa-atomic-session:event', listen)
    const { app, sessions } = await serve({ store: memory(), index: ['user_id'], limit, subject: 'user_id' })
    const at = (hour: number) => ({ authAt: new Date(Date.UTC(2026, 0, 1, hour)) })
    const made = []
    for (const hour of [3, 1, 2]) made.push(await sessions.mint({ user_id: 7 }, at(hour)))
    const left = (await sessions.find('user_id', 7)).map(({ id }) => id)
    expect(left.sort()).toEqual([made[0]!.id, made[2]!.id].sort())
    await sessions.mint({ user_id: 7 })
    expect(await sessions.find('user_id', 7)).toHaveLength(3)
    unsubscribe('koa-atomic-session:event', listen)
    const told = events.map(({ type, reason, subject, client }) => [type, reason, subject, client])
    const created = ['created', undefined, 7, undefined]
    expect(told).toEqual([created, created, created, ['destroyed', 'limit', 7, undefined], created])
    expect(new Set(events.map(({ session }) => session)).size).toBe(4)
    await app.close()
  })

  it('stores what the schema makes of it', async () => {
    const schema = z.object({ user_id: z.coerce.number(), name: z.string().trim().optional() })
    const sessions = fetchSessions({ store: memory(), keys: [KEY], schema })
    const { id } = await sessions.mint({ user_id: '42' as never, name: ' Ada ' })
    expect((await sessions.at(id)).data).toEqual({ user_id: 42, name: 'Ada' })
    await expect(sessions.mint({ user_id: 'nobody' as never })).rejects.toMatchObject({ code: 'ERR_SESSION_VALUE' })
  })

  it('refuses before any I/O what can be no session', async () => {
    const store = memory()
    store.create = () => expect.fail('the store is asked')
    const sessions = fetchSessions({ store, keys: [KEY], maxBytes: 100 })
    const wrong: [unknown, unknown, string, string][] = [
      [{}, {}, 'ERR_SESSION_USAGE', 'mint() needs data'],
      [undefined, {}, 'ERR_SESSION_PATH', 'set takes'],
      [[1], {}, 'ERR_SESSION_PATH', 'set takes'],
      [{ id: 1 }, {}, 'ERR_SESSION_PATH', "the session itself has a 'id'"],
      [{ a: undefined }, {}, 'ERR_SESSION_VALUE', 'undefined'],
      [{ a: 'x'.repeat(200) }, {}, 'ERR_SESSION_TOO_LARGE', 'limit is 100'],
      [{ a: 1 }, { authAt: 7 }, 'ERR_SESSION_USAGE', 'authAt of mint() must be a Date'],
      [{ a: 1 }, { authAt: new Date('no date') }, 'ERR_SESSION_USAGE', 'authAt of mint() must be a Date'],
      [{ a: 1 }, { authat: new Date() }, 'ERR_SESSION_USAGE', "did you mean 'authAt'?"],
    ]
    for (const [data, options, code, message] of wrong) {
      await expect(sessions.mint(data as never, options as never)).rejects.toMatchObject({
        code,
        message: expect.stringContaining(message),
      })
    }
    const keyless = atomicSession(new Koa(), { store })
    await expect(keyless.mint({ a: 1 })).rejects.toThrow('Sessions need app.keys')
  })
})

describe("the memory store's clock", () => {
  it('lets time pass for everything that a session knows of it', async () => {
    let now = Date.UTC(2030, 0, 1)
    const store = memory({ now: () => now })
    const { app, sessions, get } = await serve({ store, maxAge: '1 day', index: ['user_id'] })
    const { cookie, id } = await sessions.mint({ user_id: 1 }, { authAt: new Date(now) })
    const { created, expires } = await sessions.at(id)
    expect([+created, +expires]).toEqual([now, now + 24 * HOUR])
    expect((await get(cookie, '/fresh')).status).toBe(200)
    now += 2 * HOUR
    expect((await get(cookie, '/fresh')).status).toBe(401)
    expect(+(await sessions.at(id)).seen).toBe(now)
    now += 23 * HOUR
    expect(await sessions.find('user_id', 1)).toHaveLength(1)
    now += 2 * HOUR
    expect(await sessions.find('user_id', 1)).toEqual([])
    expect(await (await get(cookie)).json()).toEqual({ id: null, data: {}, authAt: null })
    expect(await sessions.prune()).toBe(1)
    await app.close()
  })

  it('must be a function that gives milliseconds', async () => {
    for (const options of [{ now: 5 }, { now: new Date() }, { max: 0 }, { max: '5' }, { clock: Date.now }]) {
      expect(() => memory(options as never)).toThrow(expect.objectContaining({ code: 'ERR_SESSION_USAGE' }))
    }
    for (const wrong of [new Date(), Number.NaN, 1.5, undefined]) {
      const sessions = fetchSessions({ store: memory({ now: () => wrong as never }), keys: [KEY] })
      await expect(sessions.mint({ a: 1 })).rejects.toThrow('now of the memory store must give milliseconds')
    }
  })
})
