import { atomicSession } from 'koa-atomic-session'
import { memory } from 'koa-atomic-session/memory'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { counting, TestApp } from '../visitor.ts'

describe('a request asks the store for nothing that it does not need', () => {
  let app: TestApp
  let store: ReturnType<typeof counting<ReturnType<typeof memory>>>

  beforeEach(async () => {
    app = new TestApp()
    store = counting(memory())
    atomicSession(app.koa, { store })
    app.koa.use(async (ctx) => {
      const routes: Record<string, () => unknown> = {
        '/none': () => 'none',
        '/called': () => void ctx.session(),
        '/read': async () => (await ctx.session()).views ?? 0,
        '/inc': async () => (await ctx.session().inc('views')).views,
        '/forgotten': () => void ctx.session().inc('views'),
        '/both': async () => {
          const session = await ctx.session()
          await session.inc('views')
          return session.views
        },
        '/update': async () => {
          const session = await ctx.session()
          return (await session.inc('views').then(session.update)).views
        },
        '/unset': async () => void (await ctx.session().unset('views')),
        '/touch': async () => void (await ctx.session().touch()),
        '/logout': async () => void (await ctx.session().destroy()),
        '/take': async () => String(await ctx.session().take('flash')),
      }
      ctx.body = { value: (await routes[ctx.path]?.()) ?? null }
    })
    await app.listen()
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
})
