import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import type { SessionEvent, SessionOptions } from 'koa-atomic-session'
import { memory } from 'koa-atomic-session/memory'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { aliasOf } from '../../src/cookie/credential.ts'
import { KEY } from '../visitor.ts'
import { type Any, type Browser, idOf, type Outcome, site } from './browser.ts'

const MINUTE = 60_000
const later = (ms: number) => vi.setSystemTime(Date.now() + ms)

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['Date', 'performance'], now: 1_800_000_000_000 })
})
afterEach(() => {
  vi.useRealTimers()
})

/** A visitor with a session. */
async function begun(options: SessionOptions = {}) {
  const shop = site(options)
  const browser = shop.browser()
  await browser.visit((session) => session.set('n', 1))
  shop.store.calls.length = 0
  return { shop, browser, calls: shop.store.calls }
}
const maxAgeOf = ({ cookies }: Outcome) => /Max-Age=(\d+)/.exec(cookies[0] ?? '')?.[1]
const expiryOf = async (browser: Browser) =>
  (await browser.visit(async (session) => (await session).expires?.getTime(), {}, { touch: false })).value

describe('a session whose expiry slides by ten minutes', () => {
  const read = (session: Any) => session
  const inc = (session: Any) => session.inc('n')
  const poll = { touch: false }
  const BEFORE = 10 * MINUTE - 1
  const AT = 10 * MINUTE

  /** After so long a request does this: what the store is asked, and whether session and cookie slide. */
  it.each<[string, number, (session: Any) => unknown, { touch: boolean } | undefined, string, boolean]>([
    ['reads, not yet due', BEFORE, read, undefined, 'load', false],
    ['reads', AT, read, undefined, 'load update', true],
    ['writes, not yet due', BEFORE, inc, undefined, 'update', false],
    ['writes', AT, inc, undefined, 'update update', true],
    ['writes and does not wait', AT, (session) => void session.inc('n'), undefined, 'update update', true],
    ['reads, then writes', AT, async (session) => (await session).inc('n'), undefined, 'load update update', true],
    ['reads twice', AT, async (session) => (await session).update(), undefined, 'load load update', true],
    ['polls', AT, read, poll, 'load', false],
    ['polls and writes', AT, inc, poll, 'update', false],
    ['polls and reads, then writes', AT, async (session) => (await session).inc('n'), poll, 'load update', false],
    ['touches at once', 1, (session) => session.touch(), undefined, 'update', true],
    ['polls and touches', AT, (session) => session.touch(), poll, 'update', true],
    ['reads and touches', AT, async (session) => (await session).touch(), undefined, 'load update', true],
    ['is refused by a form', AT, async (session) => (await session).assertCSRF('x'), undefined, 'load', false],
  ])('%s', async (_, after, handler, use, calls, slides) => {
    for (const persistent of [true, false]) {
      const visit = await begun({ maxAge: '1 hour', touchAfter: '10 minutes', persistent })
      const before = Date.now() + 60 * MINUTE
      later(after)
      const outcome = await visit.browser.visit(handler, {}, use)
      // A cookie with a Max-Age slides with the store at the end, where its secret is asked for once more.
      expect(visit.calls.join(' ')).toBe(persistent ? calls : calls.replace('update update', 'update'))
      expect(maxAgeOf(outcome)).toBe(slides && persistent ? '3600' : undefined)
      expect(outcome.cookies).toHaveLength(slides && persistent ? 1 : 0)
      expect(await expiryOf(visit.browser)).toBe(slides ? before + after : before)
    }
  })

  it('has an idle time of its own from touch() on, until touch(null) or a log-in', async () => {
    const { browser, calls } = await begun({ maxAge: '1 hour', touchAfter: '10 minutes', persistent: false })
    const lasts = async (handler: (session: Any) => unknown) => {
      const outcome = await browser.visit(handler)
      const minutes = ((await expiryOf(browser)) - Date.now()) / MINUTE
      const shown = await browser.visit(async (session) => (await session).maxAge, {}, poll)
      expect(shown.value).toBe(minutes * MINUTE)
      return [maxAgeOf(outcome), minutes]
    }
    expect(await lasts((session) => session.touch('2 hours'))).toEqual(['7200', 120])
    later(AT)
    expect(await lasts(inc)).toEqual(['7200', 120])
    later(AT)
    expect(await lasts(read)).toEqual(['7200', 120])
    later(AT)
    calls.length = 0
    // Its cookie has a Max-Age of its own, so store and browser slide together, at the end.
    const { cookies } = await browser.visit(async (session) => (await session).inc('n'))
    expect([calls.join(' '), cookies.length]).toEqual(['load update update', 1])
    expect(await lasts((session) => session.touch(null))).toEqual([undefined, 60])
    await lasts((session) => session.touch('2 hours'))
    expect(await lasts((session) => session.rotate().set('role', 'x'))).toEqual(['7200', 120])
    expect(await lasts((session) => session.rotate({ authenticated: true }).set('user', 1))).toEqual([undefined, 60])
    const first = site({ maxAge: '1 hour', persistent: false }).browser()
    expect((await first.visit(async (session) => (await session).maxAge)).value).toBe(60 * MINUTE)
    expect(maxAgeOf(await first.visit((session) => session.touch('2 hours').set('n', 1)))).toBe('7200')
  })
})

describe('a secret that is renewed every hour', () => {
  const HOUR = 60 * MINUTE
  const options = { maxAge: '1 day', touchAfter: '1 day', rotateEvery: '1 hour' } as const

  it.each<[string, number, (session: Any) => unknown, string, boolean]>([
    ['reads, not yet due', HOUR - 1, (session) => session, 'load', false],
    ['reads', HOUR, (session) => session, 'load update', true],
    ['writes', HOUR, (session) => session.inc('n'), 'update update', true],
    [
      'reads, then writes and does not wait',
      HOUR,
      async (session) => void (await session).inc('n'),
      'load update update',
      true,
    ],
    ['reads, then rotates', HOUR, async (session) => (await session).rotate(), 'load update', true],
    ['destroys', HOUR, async (session) => (await session).destroy(), 'load destroy', false],
    ['is refused by a form', HOUR, async (session) => (await session).assertCSRF('x'), 'load', false],
  ])('%s', async (says, after, handler, calls, renews) => {
    const visit = await begun(options)
    const before = visit.browser.cookie
    later(after)
    await visit.browser.visit(handler)
    expect(visit.calls.join(' ')).toBe(calls)
    expect([visit.browser.cookie !== before && visit.browser.cookie !== '', renews]).toEqual([renews, renews])
    if (!renews) return
    // The first request with it notes that it has arrived, and no later one.
    visit.calls.length = 0
    const arrived = await visit.browser.visit((session) => session)
    const again = await visit.browser.visit((session) => session)
    // An explicit rotation is no automatic one: nothing is to be noted of it.
    const noted = says === 'reads, then rotates' ? 'load load' : 'load update load'
    expect([visit.calls.join(' '), arrived.cookies, again.cookies]).toEqual([noted, [], []])
    expect((await visit.browser.visit(async (session) => (await session).n)).value).toBeGreaterThan(0)
  })

  it('is not renewed by a request that takes half the grace, for which the next one may be on its way', async () => {
    for (const [takes, renewed] of [
      [14_999, true],
      [15_000, false],
    ] as const) {
      const { browser } = await begun(options)
      const before = browser.cookie
      later(HOUR)
      await browser.visit(async (session) => {
        await session
        vi.advanceTimersByTime(takes)
      })
      expect(browser.cookie !== before).toBe(renewed)
    }
  })
})

describe('a request that has read its session', () => {
  it('goes on when its secret renews by itself meanwhile, however long it takes', async () => {
    const { browser, shop } = await begun({ maxAge: '1 day', rotateEvery: '1 hour' })
    // Its cookie would slide, which must not bring the old secret back.
    later(10 * MINUTE)
    const { value, error, cookies } = await shop.send(browser.cookie, async (session) => {
      const loaded = await session
      later(60 * MINUTE)
      await browser.visit((other) => other)
      await browser.visit((other) => other)
      later(2 * MINUTE)
      return (await loaded.inc('n')).n
    })
    expect([value, error, cookies]).toEqual([2, undefined, []])
  })

  it('is shown what is stored, also where the store has answered a change without data', async () => {
    const store = memory()
    const { update } = store
    store.update = async (access, change) => {
      const updated = await update.call(store, access, change)
      if (updated.outcome !== 'held' || change.answer) return updated
      const { created, epoch } = change.held!
      return { ...updated, outcome: 'done', created, epoch }
    }
    const browser = site({ store }).browser()
    await browser.visit((session) => session.set('n', 1))
    const { value } = await browser.visit(async (session) => {
      const loaded = await session
      void session.inc('n')
      return [(await loaded.inc('n')).n, (await session).n]
    })
    expect(value).toEqual([3, 3])
  })
})

describe('a request that takes its time', () => {
  const HOUR = 60 * MINUTE
  const SECOND = 1000
  /** As every browser, it may ask for other pages meanwhile. */
  const pause = (ms: number) => async (session: Any) => {
    await session
    vi.advanceTimersByTime(ms)
    await new Promise((resolve) => setImmediate(resolve))
  }

  it.each([
    ['renews the secret', 15 * SECOND - 1, true],
    ['renews none after 15 seconds', 15 * SECOND, false],
  ])('%s', async (_, takes, renews) => {
    const { browser } = await begun({ maxAge: '1 day', touchAfter: '1 day', rotateEvery: '1 hour' })
    const before = browser.cookie
    later(HOUR)
    expect((await browser.visit(pause(takes))).cookies).toHaveLength(renews ? 1 : 0)
    expect(browser.cookie !== before).toBe(renews)
  })

  it('asks once more whether its secret still counts before it signs the cookie with a new key', async () => {
    const NEW = 'its successor, which is as random'
    const keys = [KEY]
    const { shop, browser, calls } = await begun({ keys } as SessionOptions)
    keys.unshift(NEW)
    const before = browser.cookie
    await browser.visit(pause(1))
    expect(calls.join(' ')).toBe('load update')
    expect(browser.cookie).not.toBe(before)
    keys.pop()
    expect((await browser.visit(async (session) => (await session).n)).value).toBe(1)
    expect(shop.errors).toEqual([])
  })
})

describe('the end of a session', () => {
  it.each<[string, SessionOptions, (session: Any) => unknown, string]>([
    ['destroy()', {}, (session) => session.destroy(), 'destroy'],
    ['destroy() after a read', {}, async (session) => (await session).destroy(), 'load destroy'],
    ['destroy() twice', {}, async (session) => [await session.destroy(), await session.destroy()], 'destroy'],
    ['regenerate()', {}, (session) => session.regenerate(), 'update update'],
    [
      'regenerate() and a command',
      {},
      async (session) => (await session.regenerate()).set('a', 1),
      'update update create',
    ],
    ['regenerate() within a lifetime', { maxLifetime: '1 day' }, (session) => session.regenerate(), 'update update'],
  ])('by %s asks the store no more than it must', async (_, options, handler, calls) => {
    const visit = await begun(options)
    await visit.browser.visit(handler)
    expect(visit.calls.join(' ')).toBe(calls)
    const none = site(options)
    const outcome = await none.browser().visit(handler)
    expect([none.store.calls.join(' '), outcome.error]).toEqual([calls.includes('create') ? 'create' : '', undefined])
  })

  it('keeps its lifetime through regenerate(), and only where there is one', async () => {
    for (const [maxLifetime, created] of [
      ['1 day', 0],
      [undefined, MINUTE],
    ] as const) {
      const visit = await begun(maxLifetime ? { maxLifetime } : {})
      const began = Date.now()
      later(MINUTE)
      const { value } = await visit.browser.visit(async (session) =>
        (await (await session.regenerate()).set('a', 1)).created?.getTime(),
      )
      expect(value - began).toBe(created)
    }
  })

  it('says 409 to a log-out that came too late, and clears nothing', async () => {
    const { browser, shop } = await begun()
    const old = browser.cookie
    await browser.visit((session) => session.rotate({ authenticated: true }).set('user', 1))
    later(61_000)
    const late = await shop.send(old, (session) => session.destroy())
    expect([late.error, late.cookies]).toEqual(['ERR_SESSION_ROTATED', []])
    expect((await browser.visit(async (session) => (await session).user)).value).toBe(1)
  })

  it('opens no form for a request that came too late, or has logged out', async () => {
    const { browser, shop } = await begun()
    const old = browser.cookie
    await browser.visit((session) => session.rotate().set('n', 2))
    const late = await shop.send(old, async (session) => (await session).createCSRF())
    expect([late.error, late.cookies]).toEqual(['ERR_SESSION_ROTATED', []])
    const out = await browser.visit(async (session) => {
      const loaded = await session
      await loaded.destroy()
      return loaded.createCSRF()
    })
    expect(out.error).toBe('ERR_SESSION_GONE')
  })

  it('clears a cookie whose session is gone already', async () => {
    const { browser, shop } = await begun()
    const old = browser.cookie
    await browser.visit((session) => session.destroy())
    const again = await shop.send(old, (session) => session.destroy())
    expect([again.status, again.cookies.length, again.cookies[0]?.startsWith('sid=;')]).toEqual([200, 1, true])
  })
})

describe('what happens to sessions is told', () => {
  const events: SessionEvent[] = []
  const listen = (event: unknown) => void events.push(event as SessionEvent)
  beforeEach(() => {
    events.length = 0
    subscribe('koa-atomic-session:event', listen)
  })
  afterEach(() => unsubscribe('koa-atomic-session:event', listen))
  const told = () => events.splice(0).map(({ type, reason }) => (reason === undefined ? type : `${type} ${reason}`))

  it('once each, by its word', async () => {
    const shop = site({ rotateEvery: '1 hour', maxAge: '1 day' })
    const browser = shop.browser()
    const read = (session: Any) => session
    await browser.visit((session) => session.set('n', 1))
    expect(told()).toEqual(['created'])
    await browser.visit(read)
    await browser.visit((session) => session.inc('n'))
    expect(told()).toEqual([])
    const first = browser.cookie
    await browser.visit((session) => session.rotate().set('user', 1))
    expect(told()).toEqual(['rotated'])
    await shop.send(first, read)
    expect(told()).toEqual(['stale'])
    const second = browser.cookie
    later(60 * MINUTE)
    await browser.visit(read)
    expect(told()).toEqual(['rotated'])
    await browser.visit(read)
    later(31_000)
    await shop.send(second, read)
    // Two parties have the session's cookie, so it ends.
    expect(told()).toEqual(['reused', 'destroyed reused'])
    await browser.visit(read)
    expect(told()).toEqual(['unknown'])
    await browser.visit((session) => session.set('n', 1))
    expect(told()).toEqual(['unknown', 'created'])
    await browser.visit(async (session) => (await session).assertCSRF('x'))
    expect(told()).toEqual(['csrf token'])
    const third = browser.cookie
    await browser.visit((session) => session.destroy())
    expect(told()).toEqual(['destroyed'])
    await shop.send(third, (session) => session.destroy())
    expect(told()).toEqual([])
    await shop.send('sid=forged', read)
    expect(told()).toEqual(['forged'])
    await shop.send(`${first}; ${second}`, read)
    expect(told()).toEqual(['duplicate'])
    await browser.visit((session) => session.set('n', 1))
    later(25 * 60 * MINUTE)
    await browser.visit(read)
    expect(told()).toEqual(['created', 'expired'])
  })

  it('with a name for its session that stays the same, and with what is known, no more', async () => {
    const shop = site({ rotateEvery: '1 hour', maxAge: '1 day' })
    const [browser, other] = [shop.browser(), shop.browser()]
    const from = { client: '192.0.2.1' }
    // A browser's word for why it could not sign is of no interest here.
    const skipped = { 'secure-session-skipped': 'unreachable' }
    const { value: id } = await browser.visit(async (session) => (await session.set('n', 1)).id, skipped, from)
    const session = aliasOf(id, [KEY])
    expect(session).toMatch(/^[\w-]{16}$/)
    const event = (type: string, more: object = {}) => ({ type, session, client: '192.0.2.1', cookie: 'sid', ...more })
    expect(events.splice(0)).toStrictEqual([event('created')])
    await browser.visit((session) => session.rotate().set('n', 2), {}, from)
    expect(events.splice(0)).toStrictEqual([event('rotated')])
    await browser.visit(async (session) => (await session).assertCSRF('x'), {}, from)
    const detail = expect.stringContaining('createCSRF()')
    expect(events.splice(0)).toStrictEqual([event('csrf', { reason: 'token', detail })])
    const stolen = browser.cookie
    later(60 * MINUTE)
    await browser.visit((session) => session)
    await browser.visit((session) => session)
    later(31_000)
    events.length = 0
    // Whoever is not let in is no session's any more, but what ended is named.
    await shop.send(stolen, (session) => session, {}, from)
    expect(events.splice(0)).toStrictEqual([event('reused'), event('destroyed', { reason: 'reused' })])
    const { value: second } = await other.visit(async (session) => (await session.set('n', 1)).id, {}, from)
    expect(second).not.toBe(id)
    const named = { session: aliasOf(second, [KEY]) }
    expect(named.session).not.toBe(session)
    expect(events.splice(0)).toStrictEqual([event('created', named)])
    await other.visit((session) => session.regenerate(), {}, from)
    expect(events.splice(0)).toStrictEqual([event('destroyed', named)])
    const { value: third } = await other.visit(async (session) => (await session.set('n', 1)).id, {}, from)
    await other.visit((session) => session.destroy(), {}, from)
    expect(events.splice(0).at(-1)).toStrictEqual(event('destroyed', { session: aliasOf(third, [KEY]) }))
    await shop.send('sid=forged', (session) => session)
    expect(events.splice(0)).toStrictEqual([event('forged', { session: undefined, client: undefined })])
  })

  it('of a session that ends while a request holds it, whose cookie would have slid', async () => {
    const { browser, shop } = await begun({ maxAge: '1 day', touchAfter: 0 })
    events.length = 0
    for (const [end, word, code] of [
      [(session: Any) => session.rotate().set('a', 1), 'rotated stale', 'ERR_SESSION_ROTATED'],
      [(session: Any) => session.destroy(), 'destroyed gone', 'ERR_SESSION_GONE'],
    ] as const) {
      const held = browser.cookie
      const outcome = await shop.send(held, async (session) => {
        const loaded = await session
        await browser.visit(end)
        await loaded.inc('n')
      })
      expect([outcome.error, outcome.cookies, told().join(' ')]).toEqual([code, [], word])
    }
  })
})

describe('the first command of a visitor', () => {
  it("may be a date, which is the store's own time", async () => {
    const store = memory({ now: () => 86_400_000 })
    const { value } = await site({ store })
      .browser()
      .visit(async (session) => (await session.set('n', 1).currentDate('at')).data)
    expect(value).toEqual({ n: 1, at: new Date(86_400_000) })
  })

  it('is refused without TLS where the cookie needs that, before the store is asked', async () => {
    const { sessions, store, errors } = site({ secure: true })
    const ask = async (url: string) =>
      (
        await sessions.fetch(new Request(url), async (session) => {
          await session.set('n', 1)
          return new Response(null)
        })
      ).status
    expect([await ask('http://shop.example/'), await ask('https://shop.example/')]).toEqual([500, 200])
    expect([errors.length, store.calls]).toEqual([1, ['create']])
  })
})

describe('failures of one request', () => {
  it('come with the command that is one too many, and with no other', async () => {
    const { browser } = await begun()
    const commands = (count: number) => async (session: Any) => {
      const all = Array.from({ length: count }, () => session.inc('n'))
      const settled = await Promise.allSettled(all)
      return settled.flatMap((one) => (one.status === 'rejected' ? [one.reason.code] : []))
    }
    expect((await browser.visit(commands(1000))).value).toEqual([])
    expect((await browser.visit(commands(1002))).value).toEqual(['ERR_SESSION_USAGE', 'ERR_SESSION_USAGE'])
    expect((await browser.visit(async (session) => (await session).n)).value).toBe(2001)
  })

  it.each(['outrun', 'unproven', 'forgotten'])('name a store that answers %s to a first try', async (outcome) => {
    const store = memory()
    const browser = site({ store }).browser()
    await browser.visit((session) => session.set('n', 1))
    store.update = async () => ({ outcome, now: Date.now() }) as Any
    const { error } = await browser.visit((session) => session.inc('n'))
    expect(error).toEqual(new TypeError(`the store has answered ${outcome} to a change that cannot be that`))
  })

  it('that nobody awaits: the first is its own, and each other one is told', async () => {
    const { browser, shop } = await begun()
    await browser.visit((session) => session.set('text', 'x'))
    const outcome = await browser.visit((session) => {
      void session.inc('text')
      void session.push('text', 1)
      void session.if('n', 7).set('a', 1)
    })
    expect(outcome.status).toBe(500)
    const codes = shop.errors.map(({ code, command }) => `${code} ${command ?? ''}`.trim())
    expect(codes.sort()).toEqual(['ERR_SESSION_CONDITION', 'ERR_SESSION_TYPE inc', 'ERR_SESSION_TYPE push'])
  })

  it('take() whose answer was lost says that nobody knows', async () => {
    const store = memory()
    const shop = site({ store })
    const browser = shop.browser()
    await browser.visit((session) => session.set('n', 1))
    const { update } = store
    store.update = async (...values) => {
      const { taken: _, ...answer } = (await update.apply(store, values)) as Any
      return answer
    }
    const outcome = await browser.visit((session) => session.take('n').catch((error: Any) => error.applied))
    expect(outcome.value).toBe('unknown')
  })

  it('a store whose create() always says that the id is taken is found out', async () => {
    const store = memory()
    store.create = async () => undefined
    expect(
      (
        await site({ store })
          .browser()
          .visit((session) => session.set('n', 1))
      ).error,
    ).toBe('ERR_SESSION_USAGE')
  })

  it('requireFresh() is kept to the moment', async () => {
    const { browser, shop } = await begun()
    const fresh = async (session: Any) => (await session).requireFresh('5 minutes')
    expect((await browser.visit(fresh)).error).toBe('ERR_SESSION_AUTH')
    await browser.visit((session) => session.rotate({ authenticated: true }).set('user', 1))
    later(5 * MINUTE)
    expect((await browser.visit(fresh)).error).toBeUndefined()
    later(1)
    expect((await browser.visit(fresh)).error).toBe('ERR_SESSION_AUTH')
    const wrong = async (session: Any) => (await session).requireFresh('soon')
    expect((await browser.visit(wrong)).error).toBe('ERR_SESSION_USAGE')
    expect(shop.errors.at(-1).message).toContain('requireFresh')
  })
})

describe('a cookie that an older key has signed', () => {
  it('is written again by whatever is let in, and once', async () => {
    const keys = [KEY]
    for (const handler of [(session: Any) => session, (session: Any) => session.inc('n')]) {
      keys.splice(0, 2, KEY)
      const shop = site({ keys })
      const browser = shop.browser()
      await browser.visit((session) => session.set('n', 1))
      keys.unshift('a key that nobody can guess, 2')
      expect((await browser.visit(handler)).cookies).toHaveLength(1)
      expect((await browser.visit(handler)).cookies).toEqual([])
    }
  })
})

describe('a cookie that an older key has signed, on a request that takes its time', () => {
  const turns = async () => {
    for (let i = 0; i < 3; i++) await new Promise((resolve) => setImmediate(resolve))
  }
  it('is written again if its secret still counts at the end, and not otherwise', async () => {
    for (const [meanwhile, lines] of [
      [() => {}, 1],
      [(browser: Browser) => browser.visit((session) => session.rotate({ grace: '20 seconds' }).set('n', 2)), 0],
    ] as const) {
      const keys = [KEY]
      const shop = site({ keys })
      const browser = shop.browser()
      await browser.visit((session) => session.set('n', 1))
      const { cookie } = browser
      keys.unshift('a key that nobody can guess, 2')
      const outcome = await shop.send(cookie, async (session) => {
        await session
        await meanwhile(browser)
        await turns()
      })
      expect([outcome.status, outcome.cookies.length]).toEqual([200, lines])
    }
  })
})

describe('what a store is asked to answer', () => {
  it('is the data only where somebody looks at them: who waits, or the option subject after a rotation', async () => {
    const step = {
      rotates: (session: Any) => void session.rotate().inc('n'),
      counts: (session: Any) => void session.inc('n'),
      logsIn: (session: Any) => void session.rotate({ authenticated: true }).set('user', 1),
    }
    const waits = async (session: Any) => void (await session.inc('n'))
    for (const [options, use, answer] of [
      [{}, step.rotates, false],
      [{}, step.counts, false],
      [{}, step.logsIn, false],
      [{ index: ['user'], limit: { field: 'user', max: 1, beyond: 'oldest' } }, step.logsIn, true],
      [{}, waits, true],
      [{ subject: 'user' }, step.rotates, true],
      [{ subject: 'user' }, step.counts, false],
    ] as const) {
      const store = memory()
      const { update } = store
      const asked: boolean[] = []
      store.update = (access, change) => {
        asked.push(change.answer)
        return update.call(store, access, change)
      }
      const browser = site({ store, ...options }).browser()
      await browser.visit((session) => session.set('n', 1))
      await browser.visit(use)
      expect(asked).toEqual([answer])
    }
  })
})

describe('a form', () => {
  const open = async (session: Any) => (await session).createCSRF()

  it('is opened over an upgrade, which can set no cookie, only by a visitor who has one', async () => {
    const shop = site()
    const browser = shop.browser()
    const { value } = await browser.visit(open)
    const upgrade = (cookie: string, from: string) =>
      shop.sessions.upgrade(
        new Request('https://shop.example/', { headers: { cookie, host: 'shop.example', origin: `https://${from}` } }),
      )
    const token = await open(upgrade(browser.cookie, 'shop.example'))
    expect((await browser.visit(async (session) => (await session).assertCSRF(token))).error).toBeUndefined()
    expect(token).not.toBe(value)
    await expect(open(upgrade('', 'shop.example'))).rejects.toMatchObject({ code: 'ERR_SESSION_USAGE' })
    expect(() => upgrade(browser.cookie, 'other.example')).toThrow(
      expect.objectContaining({ code: 'ERR_SESSION_CSRF' }),
    )
  })

  it('has its cookie signed again where an older key has signed it', async () => {
    const keys = [KEY]
    const browser = site({ keys }).browser()
    await browser.visit(open)
    expect((await browser.visit(open)).cookies).toEqual([])
    keys.unshift('a key that nobody can guess, 2')
    expect((await browser.visit(open)).cookies).toHaveLength(1)
    expect((await browser.visit(open)).cookies).toEqual([])
  })

  it('of a visitor without the cookie that belongs to it is told so', async () => {
    const shop = site()
    const { value } = await shop.browser().visit(open)
    const { value: detail } = await shop.send('', async (session) => {
      try {
        ;(await session).assertCSRF(value)
      } catch (error) {
        return (error as Any).detail
      }
    })
    expect(detail).toContain('without the cookie that it belongs to')
  })
})

describe('a form on a request with two cookies of its name', () => {
  it('keeps none, because one of them may be the session', async () => {
    const { cookies } = await site().send('sid=a; sid=b', async (session) => (await session).createCSRF())
    expect(cookies.filter((line) => !line.startsWith('sid=;'))).toEqual([])
  })
})

describe('a limit of one session a user', () => {
  const limited = (store = memory()) =>
    site({ store, index: ['user'], limit: { field: 'user', max: 1, beyond: 'oldest' } })
  const logIn = (user: unknown) => (session: Any) => session.rotate({ authenticated: true }).set('user', user)
  const userOf = async (browser: Browser) => (await browser.visit(async (session) => (await session).user)).value

  it('counts those who have said who they are, by a value that an index can find', async () => {
    const shop = limited()
    for (const [user, stays] of [
      [7, false],
      ['7', false],
      [{ id: 7 }, true],
      [[7], true],
      [null, true],
    ] as const) {
      const [first, second] = [shop.browser(), shop.browser()]
      await first.visit(logIn(user))
      later(1000)
      expect((await second.visit(logIn(user))).error).toBeUndefined()
      expect(await userOf(first), JSON.stringify(user)).toEqual(stays ? user : undefined)
      expect(await userOf(second)).toEqual(user)
    }
    expect(shop.errors).toEqual([])
  })

  it('goes by the id where two have logged in at the same moment', async () => {
    for (let i = 0; i < 8; i++) {
      const shop = limited()
      const browsers = [shop.browser(), shop.browser()]
      for (const browser of browsers) await browser.visit(logIn(7))
      const ids = browsers.map(({ cookie }) => idOf(cookie)!)
      const greatest = [...ids].sort().at(-1)
      const users = await Promise.all(browsers.map(userOf))
      expect(users).toEqual(ids.map((id) => (id === greatest ? 7 : undefined)))
    }
  })

  it('passes over one that has logged in again, or has ended, between being found and being removed', async () => {
    for (const meanwhile of ['logs in', 'logs out'] as const) {
      const store = memory()
      const shop = limited(store)
      const [first, second] = [shop.browser(), shop.browser()]
      await first.visit(logIn(7))
      later(1000)
      const { get } = store
      store.get = async (id) => {
        store.get = get
        later(1000)
        await first.visit(
          meanwhile === 'logs in'
            ? (session) => session.rotate({ authenticated: true }).set('at', 1)
            : (session) => session.destroy(),
        )
        return get.call(store, id)
      }
      await second.visit(logIn(7))
      expect(await userOf(first)).toBe(meanwhile === 'logs in' ? 7 : undefined)
      expect(shop.errors).toEqual([])
    }
  })
})

describe('what only MongoDB keeps', () => {
  it('is refused by its place on other stores, however deep it lies and whatever asks for it', async () => {
    const { ObjectId } = await import('mongodb')
    const id = new ObjectId()
    const shop = site()
    for (const step of [
      (session: Any) => session.set('user.id', id),
      (session: Any) => session.push('user.id', { deep: [id] }),
      (session: Any) => session.set('user.id', { first: 'x', second: 1, third: id }),
      (session: Any) => session.if('user.id', id).set('a', 1),
    ]) {
      const { value } = await shop.browser().visit(async (session) => {
        try {
          return await step(session)
        } catch (error) {
          return (error as Error).message
        }
      })
      expect(value).toContain("'user.id'")
      expect(value).toContain('ObjectId')
    }
    expect(shop.store.calls).toEqual([])
    const keeping = site({ store: Object.assign(memory(), { bson: true as const }) })
    expect((await keeping.browser().visit((session) => session.set('user.id', id))).error).toBeUndefined()
  })
})

describe('the option subject', () => {
  it('names in events whose session it is, where that is known', async () => {
    const seen: unknown[] = []
    const listen = (event: unknown) => void seen.push((event as SessionEvent).subject)
    subscribe('koa-atomic-session:event', listen)
    try {
      for (const options of [{ subject: 'user' }, {}]) {
        const shop = site(options)
        const browser = shop.browser()
        await browser.visit((session) => session.set('n', 1))
        await browser.visit((session) => session.rotate({ authenticated: true }).set('user', 7))
        await browser.visit(async (session) => (await session).destroy())
      }
    } finally {
      unsubscribe('koa-atomic-session:event', listen)
    }
    expect(seen).toEqual([undefined, 7, 7, undefined, undefined, undefined])
  })
})
