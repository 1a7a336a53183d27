import { memory } from 'koa-atomic-session/memory'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { type Any, idOf, site } from './browser.ts'

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['Date', 'performance'], now: 1_800_000_000_000 })
})
afterEach(() => vi.useRealTimers())

const logIn = (session: Any) => session.rotate({ authenticated: true }).set('user', 7)
const userOf = async (session: Any) => (await session).user

describe('a log-in that was sent twice at once', () => {
  it('gives each of its two responses a cookie that opens the session, also where the first goes on after the second', async () => {
    const shop = site()
    const browser = shop.browser()
    await browser.visit((session) => session.set('n', 1))
    const { cookie } = browser
    let second: Any
    const first = await shop.send(cookie, async (session) => {
      await logIn(session)
      second = await shop.send(cookie, logIn)
      return (await session.update()).user
    })
    for (const answer of [first, second]) {
      expect([answer.error, answer.cookies]).toEqual([undefined, [expect.stringMatching(/^sid=s\./)]])
      expect((await shop.send(answer.cookies[0].split(';')[0], userOf)).value).toBe(7)
    }
    expect(first.value).toBe(7)
  })
})

describe('a log-in that comes after another one, with the secret from before', () => {
  it('is let into the same session where it says the same, and begins one of its own where it does not', async () => {
    for (const [user, same] of [
      [7, true],
      [8, false],
    ] as const) {
      const shop = site()
      const browser = shop.browser()
      await browser.visit((session) => session.set('n', 1))
      const { cookie } = browser
      await browser.visit(logIn)
      const late = await shop.send(cookie, async (session) => {
        // It is late, so it sees nothing.
        const { n } = await session
        await session.rotate({ authenticated: true }).set('user', user)
        return n
      })
      expect([late.value, late.error]).toEqual([undefined, undefined])
      expect(idOf(late.cookies[0]) === idOf(cookie)).toBe(same)
      expect((await shop.send(late.cookies[0]!.split(';')[0]!, userOf)).value).toBe(user)
    }
  })
})

describe('a rotation that sets nothing', () => {
  const confirm = (session: Any) => session.rotate({ authenticated: true })

  it('says nothing of who it is, so it begins no session where there is none any more', async () => {
    const shop = site()
    const browser = shop.browser()
    for (const [handler, error] of [
      [confirm, 'ERR_SESSION_GONE'],
      [logIn, undefined],
    ] as const) {
      await browser.visit((session) => session.set('n', 1))
      const outcome = await browser.visit(async (session) => {
        const loaded = await session
        await shop.send(browser.cookie, (other) => other.destroy())
        await handler(loaded)
      })
      expect(outcome.error).toBe(error)
    }
  })

  it("leaves the session's own idle time, which a log-in takes away", async () => {
    const shop = site({ maxAge: '1 hour' })
    const browser = shop.browser()
    const maxAgeOf = async () => (await browser.visit(async (session) => (await session).maxAge)).value
    await browser.visit((session) => session.set('n', 1).touch('2 hours'))
    await browser.visit(confirm)
    expect(await maxAgeOf()).toBe(7_200_000)
    await browser.visit(logIn)
    expect(await maxAgeOf()).toBe(3_600_000)
  })

  it('is refused with a grace that is no time, by its name', async () => {
    const shop = site()
    expect((await shop.browser().visit((session) => session.rotate({ grace: 'soon' }).set('n', 1))).error).toBe(
      'ERR_SESSION_USAGE',
    )
    expect(shop.errors[0].message).toMatch(/^grace 'soon'/)
  })
})

describe('a limit of sessions a user', () => {
  function limited(max: number) {
    const store = memory() as Any
    const calls: string[] = []
    for (const name of ['create', 'find', 'get', 'destroy']) {
      const real = store[name].bind(store)
      store[name] = (...values: unknown[]) => {
        calls.push(name)
        return real(...values)
      }
    }
    return { calls, shop: site({ store, index: ['user'], limit: { field: 'user', max, beyond: 'oldest' } }) }
  }

  it('costs one look while it is kept, and removes the oldest beyond it', async () => {
    const { shop, calls } = limited(2)
    const browsers = [shop.browser(), shop.browser(), shop.browser()]
    for (const [i, browser] of browsers.entries()) {
      calls.length = 0
      vi.setSystemTime(Date.now() + 1000)
      await browser.visit(logIn)
      expect(calls).toEqual(['create', 'find', ...(i < 2 ? [] : ['get', 'destroy'])])
      calls.length = 0
      await browser.visit((session) => session.set('n', 1))
      expect(calls).toEqual([])
    }
    const users = await Promise.all(browsers.map(async (browser) => (await browser.visit(userOf)).value))
    expect(users).toEqual([undefined, 7, 7])
  })

  it('of one is kept to by the first log-in without another call', async () => {
    const { shop, calls } = limited(1)
    await shop.browser().visit(logIn)
    expect(calls).toEqual(['create', 'find'])
    calls.length = 0
    await shop.browser().visit((session) => session.set('user', 7))
    expect(calls).toEqual(['create'])
  })
})
