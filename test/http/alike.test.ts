import type { IncomingMessage } from 'node:http'
import { memory } from 'koa-atomic-session/memory'
import { afterEach, describe, expect, it } from 'vitest'
import { gate } from '../gate.ts'
import { counting, type Visitor } from '../visitor.ts'
import { type Handler, KINDS, type Serving, serve } from './servers.ts'

const ROUTES: Record<string, Handler> = {
  '/read': async ({ session }) => (await session()).views ?? 'nothing',
  '/inc': async ({ session }) => (await session().inc('views')).views,
  '/forget': ({ session }) => {
    session().inc('views').push('seen', 'x')
    return 'sent'
  },
  '/wrong': ({ session }) => {
    session().set('views', 'text')
    session().push('views', 1)
    return 'looks well'
  },
  '/throw': async ({ session }) => {
    await session().inc('views')
    throw Object.assign(new Error('teapot'), { status: 418, statusCode: 418 })
  },
  '/login': async ({ session }) => (await session().rotate().set('user', 1)).id,
  '/logout': async ({ session }) => {
    await session().destroy()
    return 'bye'
  },
}
const routes: Handler = (call) => ROUTES[call.path]!(call)

// The tests of the cookie, of laziness and of CSRF tokens, in test/koa, run on every server, too.
describe.each(KINDS)('sessions on %s', (kind) => {
  let serving: Serving
  const begin = async (options = {}) => {
    serving = await serve(kind, routes, { store: memory(), ...options })
    return serving.visitor()
  }
  const value = async (visitor: Visitor, path: string, init?: RequestInit) => (await visitor.json(path, init)).value
  afterEach(() => serving.close())

  it('tell caches that they are private', async () => {
    const visitor = await begin()
    const { headers } = await visitor.fetch('/inc')
    expect([headers.get('cache-control'), headers.get('vary')]).toEqual(['no-store', expect.stringContaining('Cookie')])
  })

  it('a call that is not awaited is settled before the response ends, and so is its cookie', async () => {
    const visitor = await begin()
    expect(await value(visitor, '/forget')).toBe('sent')
    expect(visitor.cookies.size).toBe(1)
    expect(await value(visitor, '/read')).toBe(1)
  })

  it('what fails unseen fails the request', async () => {
    const visitor = await begin()
    await visitor.fetch('/inc')
    const response = await visitor.fetch('/wrong')
    expect(response.status).toBe(500)
    expect(await response.text()).not.toContain('looks well')
  })

  it('an error keeps the cookie', async () => {
    const visitor = await begin()
    const response = await visitor.fetch('/throw')
    expect(response.status).toBe(418)
    expect(response.headers.getSetCookie()).toHaveLength(1)
    expect(await value(visitor, '/read')).toBe(1)
  })

  it('CVE-2026-117499: a session that was destroyed is not stored again, by its request or one beside it', async () => {
    const store = memory()
    const [arrived, go] = [gate(), gate()]
    const handler: Handler = async ({ path, session }) => {
      if (path === '/inc') return (await session().inc('views')).views
      if (path === '/slow') {
        await session()
        arrived.open()
        await go.opened
        return session().inc('views')
      }
      await session().destroy()
      return session().set('late', true)
    }
    serving = await serve(kind, handler, { store, touchAfter: 0 })
    const visitor = serving.visitor()
    await visitor.fetch('/inc')
    const { header: cookie } = visitor
    const slow = fetch(`${serving.base}/slow`, { headers: { cookie } })
    await arrived.opened
    expect((await visitor.fetch('/logout')).status).toBe(409)
    go.open()
    expect((await slow).status).toBe(409)
    const stored = []
    for await (const { id } of store.list()) stored.push(id)
    expect(stored).toEqual([])
  })

  it('of 100 requests at once none is lost', async () => {
    const visitor = await begin()
    await visitor.fetch('/inc')
    await Promise.all(Array.from({ length: 100 }, () => visitor.text('/inc')))
    expect(await value(visitor, '/read')).toBe(101)
  })

  it('a log-out removes the session and its cookie, a log-in renews the secret', async () => {
    const visitor = await begin()
    await visitor.fetch('/inc')
    const before = visitor.header
    await visitor.fetch('/login')
    expect(visitor.header).not.toBe(before)
    expect(await value(serving.visitor(), '/read', { headers: { cookie: before } })).toBe('nothing')
    await visitor.fetch('/logout')
    expect(visitor.cookies.size).toBe(0)
  })

  it('an earlier session is handed over by names, in one insert', async () => {
    type Asked = { headers: IncomingMessage['headers'] | Headers }
    const oldOf = ({ headers }: Asked) => (headers instanceof Headers ? headers.get('x-old') : headers['x-old'])
    const store = counting(memory())
    const visitor = await begin({
      store,
      adopt: (asked: Asked) => JSON.parse(String(oldOf(asked) ?? 'null')) ?? undefined,
    })
    const old = (data: object) => ({ headers: { 'x-old': JSON.stringify(data) } })
    expect(await value(visitor, '/inc', old({ views: 41 }))).toBe(42)
    expect(await value(visitor, '/read')).toBe(42)
    expect(store.calls).toEqual(['create', 'load'])
    // No session can have these names: they are escaped, and none of them is taken for a path.
    const names = ['a.b', '$set', 'then', '__proto__x.y', '']
    const other = serving.visitor()
    const all = Object.fromEntries(names.map((name) => [name, { [name]: 1 }]))
    expect(await value(other, '/inc', old(all))).toBe(1)
    const kept: Record<string, unknown>[] = []
    for await (const { data } of store.list()) if ('a%2Eb' in data) kept.push(data)
    const [stored] = kept as [Record<string, unknown>]
    expect(Object.keys(stored)).toEqual(['a%2Eb', '%24set', '%74hen', '__proto__x%2Ey', '%', 'views'])
    expect(stored['a%2Eb']).toEqual({ 'a%2Eb': 1 })
    expect((await serving.visitor().fetch('/inc', old({ bad: '\ud800' }))).status).toBe(400)
    expect(serving.errors.map(({ code }) => code)).toEqual(['ERR_SESSION_VALUE'])
  })
})
