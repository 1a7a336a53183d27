import { memory } from 'koa-atomic-session/memory'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { type Any, type Browser, idOf, site } from './browser.ts'

const MINUTE = 60_000
const later = (ms: number) => vi.setSystemTime(Date.now() + ms)

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['Date', 'performance'], now: 1_800_000_000_000 })
})
afterEach(() => vi.useRealTimers())

/** A visitor whose session holds something, and what the store has of it. */
async function begun(options: object = {}) {
  const store = memory()
  const shop = site({ store, maxAge: '1 day', ...options })
  const browser = shop.browser()
  await browser.visit((session) => session.set('cart', [1, 2]))
  const id = idOf(browser.cookie)!
  shop.store.calls.length = 0
  return { shop, browser, stored: () => store.get(id) }
}
const regenerate = (session: Any) => session.regenerate()
const cartOf = async (browser: Browser) => (await browser.visit(async (session) => (await session).cart)).value

describe('a session that regenerate() replaces', () => {
  it.each<[string, (session: Any) => unknown, string]>([
    ['was not read', regenerate, 'update update'],
    ['was read', async (session) => (await session).regenerate(), 'load update'],
  ])('that %s stays for a minute, empty, and is asked for no more than it must', async (_, handler, calls) => {
    const { shop, browser, stored } = await begun()
    const before = browser.cookie
    expect((await browser.visit(handler)).error).toBeUndefined()
    expect(shop.store.calls.join(' ')).toBe(calls)
    expect(await stored()).toMatchObject({ data: {}, expires: Date.now() + MINUTE })
    const late = await shop.send(before, (session) => session.inc('n'))
    expect([late.error, late.cookies]).toEqual(['ERR_SESSION_ROTATED', []])
    later(MINUTE)
    expect(await stored()).toBeUndefined()
  })

  it.each<[string, (session: Any) => unknown, number, number, boolean]>([
    ['after a log-in', (session) => session.rotate({ authenticated: true }).set('user', 1), 0, MINUTE - 1, true],
    ['a minute after a log-in', (session) => session.rotate({ authenticated: true }).set('user', 1), 0, MINUTE, false],
    ['after an automatic rotation', (session) => session, 20 * MINUTE, MINUTE - 1, true],
    ['a minute after an automatic rotation', (session) => session, 20 * MINUTE, MINUTE, false],
  ])('by a request with the secret from before, %s', async (_, replace, due, after, ends) => {
    const { shop, browser, stored } = await begun({ rotateEvery: '20 minutes', onReuse: 'report' })
    const before = browser.cookie
    later(due)
    await browser.visit(replace)
    // The new secret has arrived.
    expect(await cartOf(browser)).toEqual([1, 2])
    expect(browser.cookie).not.toBe(before)
    // An automatic rotation leaves the old secret half a minute more.
    later(after + (due > 0 ? 30_000 : 0))
    const { error } = await shop.send(before, regenerate)
    expect(error).toBeUndefined()
    expect((await stored())?.data).toEqual(ends ? {} : expect.objectContaining({ cart: [1, 2] }))
    expect(await cartOf(browser)).toEqual(ends ? undefined : [1, 2])
  })

  it('is left alone by a secret that is older than the one before', async () => {
    const { shop, browser } = await begun()
    const before = browser.cookie
    for (const user of [1, 2])
      await browser.visit((session) => session.rotate({ authenticated: true }).set('user', user))
    expect((await shop.send(before, regenerate)).error).toBeUndefined()
    expect(await cartOf(browser)).toEqual([1, 2])
  })
})
