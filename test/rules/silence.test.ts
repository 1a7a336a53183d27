import type { SessionOptions } from 'koa-atomic-session'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { KEY } from '../visitor.ts'
import { type Any, type Browser, idOf, site } from './browser.ts'

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
  ...(grace > 0
    ? [
        { by, after: 1, is: 'let in' },
        { by, after: grace - 1, is: 'let in' },
      ]
    : []),
  { by, after: grace, is: 'late' },
  { by, after: grace + 59, is: 'late' },
  { by, after: grace + 60, is: 'nobody' },
  { by, after: 36_000, is: 'nobody' },
])

/** What each request answers by what it is, and whether its response may set a cookie: only one that is new. */
const REQUESTS: Record<string, [(session: Any) => unknown, Record<string, string>]> = {
  read: [(session) => session, { 'let in': '200', late: '200', nobody: '200' }],
  write: [(session) => session.inc('n'), { 'let in': '200', late: '409', nobody: '200 s.' }],
  'write and not await': [(session) => void session.inc('n'), { 'let in': '200', late: '409', nobody: '200 s.' }],
  'read, then write': [async (session) => (await session).inc('n'), { 'let in': '200', late: '409', nobody: '200 s.' }],
  'read again': [async (session) => (await session).update(), { 'let in': '200', late: '409', nobody: '200' }],
  touch: [(session) => session.touch(), { 'let in': '200', late: '200', nobody: '200' }],
  'touch for long': [(session) => session.touch('9 days'), { 'let in': '200', late: '200', nobody: '200' }],
  'take and write': [(session) => session.set('a', 1).take('none'), { 'let in': '200', late: '409', nobody: '200 s.' }],
  'open a form': [async (session) => (await session).createCSRF(), { 'let in': '200', late: '409', nobody: '200 n.' }],
}

describe.each([
  ['ends with the browser', {}],
  ['is kept', { maxAge: '10 days' }],
  ['is kept, and does not slide yet', { maxAge: '10 days', touchAfter: '9 days' }],
] satisfies [string, SessionOptions][])(
  'a response to a secret that was replaced, where the cookie %s',
  (_, options) => {
    describe.each([
      ['the present key', [KEY]],
      ['an older key', [NEWER, KEY]],
    ])('and %s has signed it', (_, later) => {
      const keys = [KEY]
      let shop: ReturnType<typeof site>
      beforeEach(() => {
        vi.useFakeTimers({ toFake: ['Date', 'performance'], now: 1_800_000_000_000 })
        keys.splice(0, 2, KEY)
        shop = site({ keys, rotateEvery: '20 hours', touchAfter: 0, onReuse: 'report', ...options })
      })
      afterEach(() => vi.useRealTimers())

      /** Replaces the visitor's secret, and gives the cookie of before. */
      async function replaced(browser: Browser, by: string): Promise<string> {
        await browser.visit((session) => session.set('cart', 1))
        const before = browser.cookie
        if (by === 'an automatic rotation') {
          vi.setSystemTime(Date.now() + 72_000 * SECOND)
          await browser.visit((session) => session)
          // The new secret has arrived.
          await browser.visit((session) => session.inc('n'))
        } else {
          const grace = by === 'a log-in' ? 0 : '20 seconds'
          await browser.visit((session) => session.rotate({ authenticated: true, grace }).set('user', 42))
        }
        expect(browser.cookie).not.toBe(before)
        return before
      }

      it.each(MOMENTS)(
        '$after s after $by its request is $is, and no old cookie comes back',
        async ({ by, after, is }) => {
          for (const [name, [handler, says]] of Object.entries(REQUESTS)) {
            const browser = shop.browser()
            const before = await replaced(browser, by)
            keys.splice(0, 2, ...later)
            vi.setSystemTime(Date.now() + after * SECOND)
            const { status, cookies, headers } = await shop.send(before, handler)
            const [should, kind] = says[is]!.split(' ')
            expect(status, name).toBe(Number(should))
            expect(cookies.length, `${name} sets ${cookies}`).toBe(kind ? 1 : 0)
            expect(cookies[0] ?? 'sid=', name).toContain(`sid=${kind ?? ''}`)
            expect(headers.get('cache-control'), name).toBe(kind ? 'no-store' : null)
            // Under a name of its own: the session's visitor would be locked out by another cookie of theirs.
            if (kind) expect(idOf(cookies[0]), name).not.toBe(idOf(before))
            expect((await browser.visit((session) => session.inc('n'))).status, name).toBe(200)
            expect(idOf(browser.cookie), name).toBe(idOf(before))
            keys.splice(0, 2, KEY)
          }
        },
      )
    })
  },
)
