import { memory } from 'koa-atomic-session/memory'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { type Handler, KINDS, type Serving, serve } from '../http/servers.ts'
import { counting } from '../visitor.ts'

const ROUTES: Record<string, Handler> = {
  '/none': () => 'none',
  '/called': ({ session }) => void session(),
  '/read': async ({ session }) => (await session()).views ?? 0,
  '/inc': async ({ session }) => (await session().inc('views')).views,
  '/forgotten': ({ session }) => void session().inc('views'),
  '/both': async ({ session }) => {
    const loaded = await session()
    await loaded.inc('views')
    return loaded.views
  },
  '/update': async ({ session }) => {
    const loaded = await session()
    return (await loaded.inc('views').then(loaded.update)).views
  },
  '/unset': async ({ session }) => void (await session().unset('views')),
  '/touch': async ({ session }) => void (await session().touch()),
  '/logout': async ({ session }) => void (await session().destroy()),
  '/take': async ({ session }) => String(await session().take('flash')),
}

describe.each(KINDS)('a request on %s asks the store for nothing that it does not need', (kind) => {
  let app: Serving
  let store: ReturnType<typeof counting<ReturnType<typeof memory>>>

  beforeEach(async () => {
    store = counting(memory())
    app = await serve(kind, (call) => ROUTES[call.path]!(call), { store })
  })
  afterEach(() => app.close())

  it('without a session, also when it carries a cookie: no call, no cookie', async () => {
    const visitor = app.visitor()
    await visitor.fetch('/inc')
    store.calls.length = 0
    for (const path of ['/none', '/called']) {
      const response = await visitor.fetch(path)
      expect(response.headers.getSetCookie()).toEqual([])
    }
    expect(store.calls).toEqual([])
  })

  it('reading without a cookie: no call, no cookie', async () => {
    const response = await app.visitor().fetch('/read')
    expect(await response.json()).toEqual({ value: 0 })
    expect(response.headers.getSetCookie()).toEqual([])
    expect(store.calls).toEqual([])
  })

  it('the first command of a new visitor: one insert', async () => {
    expect(await app.visitor().json('/inc')).toEqual({ value: 1 })
    expect(store.calls).toEqual(['create'])
  })

  it('a command by a known visitor: one update, and no read before it', async () => {
    const visitor = app.visitor()
    await visitor.fetch('/inc')
    store.calls.length = 0
    expect(await visitor.json('/inc')).toEqual({ value: 2 })
    expect(store.calls).toEqual(['update'])
  })

  it('a command that nobody awaits: one update', async () => {
    const visitor = app.visitor()
    await visitor.fetch('/inc')
    store.calls.length = 0
    await visitor.fetch('/forgotten')
    expect(store.calls).toEqual(['update'])
  })

  it('a read and then a change: two calls', async () => {
    const visitor = app.visitor()
    await visitor.fetch('/inc')
    store.calls.length = 0
    expect(await visitor.json('/both')).toEqual({ value: 2 })
    expect(store.calls).toEqual(['load', 'update'])
  })

  it('then(session.update) after a command: no call of its own', async () => {
    const visitor = app.visitor()
    await visitor.fetch('/inc')
    store.calls.length = 0
    expect(await visitor.json('/update')).toEqual({ value: 2 })
    expect(store.calls).toEqual(['load', 'update'])
  })

  it.each(['/unset', '/touch', '/logout', '/take'])(
    '%s by a visitor without a session: nothing at all',
    async (path) => {
      const response = await app.visitor().fetch(path)
      expect(response.status).toBe(200)
      expect(response.headers.getSetCookie()).toEqual([])
      expect(store.calls).toEqual([])
    },
  )

  it('a forged cookie: no call', async () => {
    const cookie = `sid=s.${'A'.repeat(22)}.${'B'.repeat(43)}.${'C'.repeat(43)}`
    expect(await app.visitor().json('/read', { headers: { cookie } })).toEqual({ value: 0 })
    expect(store.calls).toEqual([])
  })
})
