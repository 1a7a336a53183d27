import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { type Any, site } from './browser.ts'

const HOUR = 3_600_000
const MINUTE = 60_000
const later = (ms: number) => vi.setSystemTime(Date.now() + ms)

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['Date', 'performance'], now: 1_800_000_000_000 })
})
afterEach(() => vi.useRealTimers())

/** A visitor whose session is due to slide. */
async function due() {
  const shop = site({ maxAge: '1 hour', touchAfter: '10 minutes' })
  const browser = shop.browser()
  await browser.visit((session) => session.set('n', 1))
  const before = Date.now() + HOUR
  later(10 * MINUTE)
  shop.store.calls.length = 0
  const left = async () => {
    const ends = await browser.visit(async (session) => (await session).expires!.getTime(), {}, { touch: false })
    return ends.value === before ? 'as before' : ends.value - Date.now()
  }
  /** The same request's session, asked for without use of it. */
  const quiet = (request: Request) => shop.sessions.of(request, { touch: false }) as Any
  return { shop, browser, left, quiet }
}

describe('a request that asks for its session as use of it, and as none', () => {
  type Steps = (session: Any, quiet: () => Any) => unknown
  it.each<[string, Steps, boolean]>([
    ['reads, then as none', async (session, quiet) => [await session, await quiet()], false],
    ['reads as none, then as use', async (session, quiet) => [await quiet(), await session], false],
    ['writes, then as none', async (session, quiet) => [await session.inc('n'), await quiet()], true],
    ['writes as none', (_, quiet) => quiet().inc('n'), false],
    ['touches as none', (_, quiet) => quiet().touch(), true],
    ['touches, then writes as none', async (session, quiet) => [await session.touch(), await quiet().inc('n')], true],
    ['asks as none, and for nothing', (_, quiet) => void quiet(), false],
  ])('%s: it slides %s', async (_, steps, slides) => {
    const { browser, left, quiet } = await due()
    const { error, cookies } = await browser.visit((session, request) => steps(session, () => quiet(request)))
    expect([error, cookies.length]).toEqual([undefined, slides ? 1 : 0])
    expect(await left()).toBe(slides ? HOUR : 'as before')
  })

  it('begins a session as none', async () => {
    const { shop, quiet } = await due()
    const { cookies, error } = await shop.send('', (_, request) => quiet(request).set('n', 1))
    expect([error, cookies.length]).toEqual([undefined, 1])
  })
})

describe('the session of a socket', () => {
  const upgrade = async () => {
    const { shop, browser, left } = await due()
    const headers = { cookie: browser.cookie, host: 'shop.example', origin: 'https://shop.example' }
    const session = shop.sessions.upgrade(new Request('https://shop.example/', { headers })) as Any
    return { shop, session, left }
  }

  it('slides with what it writes, because no response comes that could do it later', async () => {
    const { session, left, shop } = await upgrade()
    await session.inc('n')
    expect(shop.store.calls).toEqual(['update'])
    expect(await left()).toBe(HOUR)
  })

  it('gets no new secret, which no cookie could bring, and is told so before the store is asked', async () => {
    const { session, shop } = await upgrade()
    await expect(session.rotate().inc('n')).rejects.toMatchObject({ code: 'ERR_SESSION_USAGE' })
    expect(shop.store.calls).toEqual([])
    expect((await session.inc('n')).n).toBe(2)
  })

  it('has its failures told at once if they are not awaited', async () => {
    const { session, shop } = await upgrade()
    void session.push('n', 1)
    await expect(session.inc('n')).resolves.toMatchObject({ n: 2 })
    expect(shop.errors.map(({ code }) => code)).toEqual(['ERR_SESSION_TYPE'])
  })
})
