import { atomicSession } from 'koa-atomic-session'
import { memory } from 'koa-atomic-session/memory'
import { afterEach, describe, expect, it } from 'vitest'
import { eventsOf } from '../security/shop.ts'
import { TestApp } from '../visitor.ts'

const OLD = 'the old key that nobody can guess'
const NEW = 'its successor, which is as random'

describe('a change of keys while processes are restarted one after another', () => {
  const apps: TestApp[] = []
  afterEach(() => Promise.all(apps.splice(0).map((app) => app.close())))

  /** One visitor, and processes of one application that differ in their keys. */
  async function processes(...keys: string[][]) {
    const store = memory()
    for (const one of keys) {
      const app = new TestApp()
      app.koa.keys = one
      atomicSession(app.koa, { store, maxAge: '30 days' })
      app.koa.use(async (ctx) => {
        if (ctx.path === '/login') await ctx.session().rotate({ authenticated: true }).set('user', 'alice')
        else if (ctx.path === '/add') await ctx.session().inc('cart')
        else if (ctx.path === '/form') ctx.body = (await ctx.session()).createCSRF()
        else if (ctx.path === '/send') (await ctx.session()).assertCSRF(ctx.get('x-token'))
        ctx.body ??= (await ctx.session()).data
      })
      apps.push(await app.listen())
    }
    let cookie = ''
    /** The visitor's request, which reaches this process. */
    return async (process: number, path: string, headers: Record<string, string> = {}) => {
      const response = await fetch(apps[process]!.base + path, { headers: { cookie, ...headers } })
      const set = response.headers.getSetCookie()
      if (set[0]) cookie = set[0].split(';')[0]!
      return { status: response.status, set, text: await response.text() }
    }
  }

  it.each([
    ['the new key is added behind the old one', [OLD], [OLD, NEW]],
    ['the new key is put first', [OLD, NEW], [NEW, OLD]],
    ['the old key is removed', [NEW, OLD], [NEW]],
  ])('logs nobody out where %s', async (_, before, after) => {
    const go = await processes(before, after)
    const events = await eventsOf(async () => {
      for (const first of [0, 1]) {
        await go(first, '/login')
        for (const process of [1, 0, 0, 1, 1, 0]) {
          const { text } = await go(process, '/add')
          expect(JSON.parse(text).user).toBe('alice')
          // A form of one process may be sent to another.
          const form = await go(process, '/form')
          expect((await go(1 - process, '/send', { 'x-token': form.text })).status).toBe(200)
        }
      }
    })
    expect(events.map(({ type }) => type).filter((type) => type === 'forged' || type === 'csrf')).toEqual([])
  })

  it('takes no cookie away where the new key came first at once: reading leaves it alone', async () => {
    const go = await processes([OLD], [NEW, OLD])
    await go(1, '/login')
    const events = await eventsOf(async () => {
      const { text, set } = await go(0, '/')
      expect([text, set]).toEqual(['{}', []])
    })
    expect(events.map(({ type }) => type)).toEqual(['forged'])
    expect(JSON.parse((await go(1, '/')).text)).toEqual({ user: 'alice' })
  })
})
