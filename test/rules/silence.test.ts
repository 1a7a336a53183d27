import type { Context } from 'koa'
import { atomicSession, isSessionError, type SessionOptions } from 'koa-atomic-session'
import { memory } from 'koa-atomic-session/memory'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { KEY, TestApp, type Visitor } from '../visitor.ts'

const NEWER = 'a key that nobody can guess, 2'
const SECOND = 1000

/**
 * How a request's secret is replaced, by the log-in or by the time of another request; how many seconds later it comes;
 * and what it then is: let in, late (it may log out, and nothing else), or one of a visitor without a session.
 */
const REPLACED = [
  { by: 'an automatic rotation', grace: 30 },
  { by: 'a log-in', grace: 0 },
  { by: 'a log-in with a grace', grace: 20 },
] as const
const MOMENTS = REPLACED.flatMap(({ by, grace }) => [
  ...(grace > 0 ? [{ by, after: grace - 1, is: 'let in' }] : []),
  { by, after: grace, is: 'late' },
  { by, after: grace + 59, is: 'late' },
  { by, after: grace + 60, is: 'nobody' },
])

/** What each route answers by what its request is, and whether its response may set a cookie: only one that is new. */
const ROUTES: Record<string, Record<string, string>> = {
  '/read': { 'let in': '200', late: '200', nobody: '200' },
  '/write': { 'let in': '200', late: '409', nobody: '200 s.' },
  '/unawaited': { 'let in': '200', late: '409', nobody: '200 s.' },
  '/read-write': { 'let in': '200', late: '409', nobody: '200 s.' },
  '/touch': { 'let in': '200', late: '200', nobody: '200' },
  '/touch-own': { 'let in': '200', late: '200', nobody: '200' },
  '/form': { 'let in': '200', late: '409', nobody: '200 n.' },
  '/poll': { 'let in': '200', late: '200', nobody: '200' },
}

describe.each([
  ['ends with the browser', {}],
  ['is kept', { maxAge: '10 days' }],
] satisfies [string, SessionOptions][])(
  'a response to a secret that was replaced, where the cookie %s',
  (_, options) => {
    describe.each([
      ['the present key', [KEY]],
      ['an older key', [NEWER, KEY]],
    ])('and %s has signed it', (_, keys) => {
      let app: TestApp
      beforeEach(async () => {
        vi.useFakeTimers({ toFake: ['Date'], now: 1_800_000_000_000 })
        app = new TestApp()
        atomicSession(app.koa, {
          store: memory(),
          rotateEvery: '20 hours',
          touchAfter: 0,
          onReuse: 'report',
          ...options,
        })
        app.koa.use(async (ctx) => {
          try {
            await route(ctx)
            ctx.body = {}
          } catch (error) {
            if (!isSessionError(error)) throw error
            ctx.status = error.status
          }
        })
        await app.listen()
      })
      afterEach(async () => {
        vi.useRealTimers()
        await app.close()
      })

      async function route(ctx: Context): Promise<void> {
        if (ctx.path === '/begin') await ctx.session().set('cart', 1)
        if (ctx.path === '/log-in') await ctx.session().rotate({ authenticated: true }).set('user', 42)
        if (ctx.path === '/log-in-grace')
          await ctx.session().rotate({ authenticated: true, grace: '20 seconds' }).set('user', 42)
        if (ctx.path === '/read') await ctx.session()
        if (ctx.path === '/write') await ctx.session().inc('n')
        if (ctx.path === '/unawaited') void ctx.session().inc('n')
        if (ctx.path === '/read-write') await (await ctx.session()).inc('n')
        if (ctx.path === '/touch') await ctx.session().touch()
        if (ctx.path === '/touch-own') await ctx.session().touch('9 days')
        if (ctx.path === '/form') (await ctx.session()).createCSRF()
        if (ctx.path === '/poll') await ctx.session({ touch: false })
      }

      /** Replaces the visitor's secret, and gives the cookie of before. */
      async function replaced(visitor: Visitor, by: string): Promise<string> {
        await visitor.fetch('/begin')
        const before = visitor.header
        if (by === 'a log-in') await visitor.fetch('/log-in')
        else if (by === 'a log-in with a grace') await visitor.fetch('/log-in-grace')
        else {
          vi.setSystemTime(Date.now() + 72_000 * SECOND)
          await visitor.fetch('/read')
          // The new secret has arrived.
          await visitor.fetch('/write')
        }
        expect(visitor.header).not.toBe(before)
        return before
      }

      it.each(MOMENTS)(
        '$after s after $by its request is $is, and no old cookie comes back',
        async ({ by, after, is }) => {
          for (const [path, says] of Object.entries(ROUTES)) {
            const visitor = app.visitor()
            const before = await replaced(visitor, by)
            app.koa.keys = keys
            vi.setSystemTime(Date.now() + after * SECOND)
            const response = await fetch(app.base + path, { headers: { cookie: before } })
            const lines = response.headers.getSetCookie()
            const [status, kind] = says[is]!.split(' ')
            expect(response.status, path).toBe(Number(status))
            expect(lines.length, `${path} sets ${lines}`).toBe(kind ? 1 : 0)
            expect(lines[0] ?? 'sid=', path).toContain(`sid=${kind ?? ''}`)
            // A new name, and not the session's own: its visitor would be locked out.
            if (kind === 's.') expect(lines[0]!.slice(6, 28), path).not.toBe(before.slice(6, 28))
            expect((await visitor.fetch('/write')).status, path).toBe(200)
            expect(visitor.header.slice(0, 28), path).toBe(before.slice(0, 28))
            app.koa.keys = [KEY]
          }
        },
      )
    })
  },
)
