import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import type { SessionEvent } from 'koa-atomic-session'
import { memory } from 'koa-atomic-session/memory'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { type Any, type Browser, site } from './browser.ts'

const MINUTE = 60_000
const HOUR = 60 * MINUTE
const later = (ms: number) => vi.setSystemTime(Date.now() + ms)
const events: string[] = []
const listen = (event: unknown) => void events.push((event as SessionEvent).type)
const told = () => events.splice(0).join(' ')

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['Date', 'performance'], now: 1_800_000_000_000 })
  subscribe('koa-atomic-session:event', listen)
  told()
})
afterEach(() => {
  unsubscribe('koa-atomic-session:event', listen)
  vi.useRealTimers()
})

/** A visitor whose session is due to slide, or whose secret is to be renewed. */
async function due(options: object = { maxAge: '1 hour', touchAfter: '10 minutes' }, after = 10 * MINUTE) {
  const store = memory()
  const shop = site({ store, ...options })
  const browser = shop.browser()
  await browser.visit((session) => session.set('n', 1))
  later(after)
  shop.store.calls.length = 0
  told()
  return { store, shop, browser }
}

describe('the end of a request that has read its session', () => {
  const meanwhile = (browser: Browser, other: (session: Any) => unknown) => async (session: Any) => {
    await session
    await browser.visit(other, {}, { touch: false })
  }

  it('slides it where another request has changed it meanwhile', async () => {
    const { shop, browser } = await due()
    const { cookies, error } = await shop.send(
      browser.cookie,
      meanwhile(browser, (other) => other.inc('n')),
    )
    expect([error, cookies, told()]).toEqual([undefined, [expect.stringContaining('Max-Age=3600')], ''])
  })

  it.each<[string, (session: Any) => unknown, string]>([
    ['has logged out', (other) => other.destroy(), 'destroyed gone'],
    ['has logged in', (other) => other.rotate({ authenticated: true }).set('user', 1), 'rotated stale'],
  ])('writes no cookie where another request %s meanwhile, and says so', async (_, other, says) => {
    const { shop, browser } = await due()
    const { cookies, error } = await shop.send(browser.cookie, meanwhile(browser, other))
    expect([error, cookies, told()]).toEqual([undefined, [], says])
  })

  it('leaves the new secret to the request that was the first to renew it', async () => {
    const { shop, browser } = await due(
      { maxAge: '1 hour', touchAfter: '10 minutes', rotateEvery: '20 minutes' },
      20 * MINUTE,
    )
    const { cookie } = browser
    const { cookies, error } = await shop.send(
      cookie,
      meanwhile(browser, (other) => other),
    )
    expect([error, cookies, told()]).toEqual([undefined, [], 'rotated'])
    expect(browser.cookie).not.toBe(cookie)
    expect((await browser.visit(async (session) => (await session).n)).value).toBe(1)
  })

  it('slides its cookie with a store that answers without data', async () => {
    const { store, browser } = await due()
    const { update } = store
    store.update = async (access, change) => {
      const answer = (await update.call(store, access, change)) as Any
      if (change.answer) return answer
      const { data: _, ...record } = answer.record
      return { ...answer, outcome: 'done', record }
    }
    const { cookies, error } = await browser.visit((session) => void session.inc('n'))
    expect([error, cookies, told()]).toEqual([undefined, [expect.stringContaining('Max-Age=3600')], ''])
    later(MINUTE)
    const { value } = await browser.visit(async (session) => {
      void session.inc('n')
      return (await session).n
    })
    expect(value).toBe(3)
  })

  it.each([
    ['absent', 'gone'],
    ['expired', 'gone'],
    ['reused', 'gone'],
    ['stale', 'stale'],
    ['rotated', 'stale'],
    ['unbound', 'unbound'],
    ['outrun', ''],
    ['refused', ''],
    ['forgotten', ''],
    ['unproven', ''],
  ])('answers what its handler has answered, whatever the store says: %s', async (outcome, says) => {
    const { store, browser } = await due()
    store.update = async () => ({ outcome, ago: 1e9, created: 1 }) as Any
    const { value, error, status } = await browser.visit(async (session) => (await session).n)
    expect([value, error, status, told()]).toEqual([1, undefined, 200, says])
  })
})

describe('a request that writes without waiting and then reads', () => {
  it('is shown what it has written, and asks the store no second time', async () => {
    const { shop, browser } = await due({ maxAge: '1 hour' }, 1)
    const { value } = await browser.visit(async (session) => {
      void session.inc('n')
      return (await session).n
    })
    expect([value, shop.store.calls]).toEqual([2, ['update']])
  })
})

describe('an end that a request asks for', () => {
  it.each<[string, (session: Any) => unknown]>([
    ['destroy()', (session) => session.destroy()],
    ['regenerate()', (session) => session.regenerate()],
  ])('by %s is told where there was a session, and not where there was none', async (_, handler) => {
    const { shop, browser } = await due()
    expect((await shop.browser().visit(handler)).error).toBeUndefined()
    expect(told()).toBe('')
    await browser.visit(handler)
    expect(told()).toBe('destroyed')
  })

  it('may tell the browser to forget more than a cookie', async () => {
    const { browser } = await due()
    const { headers } = await browser.visit((session) => session.destroy({ clear: ['cache', 'storage'] }))
    expect(headers.get('clear-site-data')).toBe('"cache", "storage"')
  })
})

describe('a log-in that is late, and can not be stored', () => {
  it('leaves its request late, so it begins no session by another command', async () => {
    const { store, shop, browser } = await due({ maxAge: '1 hour' }, HOUR / 2)
    const { cookie } = browser
    await browser.visit((session) => session.rotate({ authenticated: true }).set('user', 1))
    store.create = async () => {
      throw new Error('it is down')
    }
    const { value } = await shop.send(cookie, async (session) => {
      const codes = []
      for (const call of [() => session.rotate({ authenticated: true }).set('user', 2), () => session.inc('n')])
        codes.push(await (call() as Any).catch((error: Any) => error.code ?? error.message))
      return codes
    })
    expect(value).toEqual(['it is down', 'ERR_SESSION_ROTATED'])
  })
})
