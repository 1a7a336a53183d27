import { atomicSession } from 'koa-atomic-session'
import { memory } from 'koa-atomic-session/memory'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { OPEN, type Opened, STORES, serverOf } from '../stores/clients.ts'
import { TestApp, type Visitor } from '../visitor.ts'

const DAY = 86_400

for (const name of ['memory', ...STORES] as const) {
  const server = name === 'memory' ? { url: '' } : serverOf(name)
  describe.skipIf('missing' in server)(`the cookie of a session on ${name}`, () => {
    let opened: Opened
    let app: TestApp
    let visitor: Visitor
    let run = 0
    beforeAll(async () => {
      opened =
        name === 'memory'
          ? { store: memory(), close: async () => {} }
          : await OPEN[name]((server as { url: string }).url, 'sliding')
    })
    afterAll(() => opened.close())
    afterEach(() => app.close())

    async function application(options: object): Promise<void> {
      app = new TestApp()
      const sessions = atomicSession(app.koa, { store: opened.store, key: `sid${++run}`, touchAfter: 0, ...options })
      await sessions.ensureIndex()
      app.koa.use(async (ctx) => {
        if (ctx.path === '/begin') await ctx.session().set('user_id', 1)
        if (ctx.path === '/remember') await (await ctx.session()).touch('300 days')
        if (ctx.path === '/remember-unread') ctx.session().touch('300 days')
        if (ctx.path === '/forget') await (await ctx.session()).touch(null)
        if (ctx.path === '/forget-unread') ctx.session().touch(null)
        if (ctx.path === '/login') await ctx.session().rotate({ authenticated: true }).set('user_id', 2)
        if (ctx.path === '/login-remember') {
          await ctx.session().rotate({ authenticated: true }).touch('300 days').set('user_id', 2)
        }
        if (ctx.path === '/rotate') await ctx.session().rotate().set('role', 'guest')
        if (ctx.path === '/inc') ctx.session().inc('n')
        if (ctx.path === '/read') ctx.body = { expires: (await ctx.session()).expires }
        else ctx.body = 'fine'
      })
      await app.listen()
      visitor = app.visitor()
      await visitor.fetch('/begin')
    }
    const maxAgeOf = async (path: string) => {
      const [cookie = ''] = (await visitor.fetch(path)).headers.getSetCookie()
      return Number(/Max-Age=(\d+)/.exec(cookie)?.[1])
    }

    it('slides with a command that nobody awaits', async () => {
      await application({ maxAge: '30 days' })
      expect(await maxAgeOf('/inc')).toBe(30 * DAY)
    })

    it('follows an idle time of its own, however the session came to it', async () => {
      for (const remember of ['/remember', '/remember-unread']) {
        await application({ index: ['user_id'] })
        expect(await maxAgeOf(remember)).toBe(300 * DAY)
        expect(await maxAgeOf('/inc')).toBe(300 * DAY)
        const { expires } = await visitor.json('/read')
        expect(Date.parse(expires)).toBeGreaterThan(Date.now() + 299 * DAY * 1000)
        if (remember === '/remember') await app.close()
      }
    })

    /** How long the cookie lasts, and the session in the store, in days; NaN for a cookie that ends with the browser. */
    const lasts = async (path: string) => {
      const cookie = await maxAgeOf(path)
      const expires = Date.parse((await visitor.json('/read')).expires)
      return [cookie / DAY, Math.round((expires - Date.now()) / DAY / 1000)]
    }

    it.each(['/forget', '/forget-unread'])('ends with the browser again after %s calls touch(null)', async (forget) => {
      await application({})
      expect(await lasts('/remember')).toEqual([300, 300])
      expect(await lasts(forget)).toEqual([Number.NaN, 14])
      expect(await lasts('/inc')).toEqual([Number.NaN, 14])
      await app.close()
      await application({ maxAge: '30 days' })
      expect(await lasts('/remember')).toEqual([300, 300])
      expect(await lasts(forget)).toEqual([30, 30])
    })

    it('lasts for who logs in as long as the application says, and not as long as the visitor before has asked for', async () => {
      await application({})
      const neighbour = visitor
      await visitor.fetch('/remember')
      visitor = app.visitor()
      await visitor.fetch('/begin')
      expect(await lasts('/remember')).toEqual([300, 300])
      // A change of privilege of the same visitor keeps it, a log-in does not.
      expect(await lasts('/rotate')).toEqual([300, 300])
      expect(await lasts('/login')).toEqual([Number.NaN, 14])
      expect(await lasts('/inc')).toEqual([Number.NaN, 14])
      expect(await lasts('/login-remember')).toEqual([300, 300])
      visitor = neighbour
      expect(await lasts('/inc')).toEqual([300, 300])
    })

    it('ends with the browser where nothing else was asked for', async () => {
      await application({})
      expect(await maxAgeOf('/inc')).toBeNaN()
    })
  })
}
