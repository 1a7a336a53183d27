import { type Handover, key, type Store } from 'koa-atomic-session'
import { memory } from 'koa-atomic-session/memory'
import { afterEach, describe, expect, it, vi } from 'vitest'
import { type Any, type Browser, site } from './browser.ts'

const HOUR = 3_600_000
const ago = (ms: number) => new Date(Date.now() - ms)

/** An earlier library's sessions, by the visitor's name, which the header `old` tells instead of a cookie. */
function moving(rest: Partial<Handover> = {}, options: Any = {}) {
  const old = new Map<string, Record<string, unknown>>([
    ['ann', { user: 'ann', n: 1 }],
    ['bob', { user: 'bob', n: 5 }],
  ])
  /** What makes `forget` fail. */
  const failing: { error?: Error | undefined } = {}
  const shop = site({
    ...options,
    adopt: (request: Request) => {
      const name = request.headers.get('old') ?? ''
      const data = old.get(name)
      if (!data) return undefined
      return {
        data,
        forget(clearCookie: Any) {
          clearCookie('old')
          if (failing.error) throw failing.error
          old.delete(name)
        },
        ...rest,
      }
    },
  })
  const as = (browser: Browser, name: string, handler: (session: Any) => unknown) =>
    browser.visit(handler, { old: name })
  return { shop, old, failing, as }
}

const removals = (cookies: readonly string[]) => cookies.filter((cookie) => cookie.startsWith('old='))

describe('an earlier session that is handed over with forget', () => {
  it('is forgotten once the new one is stored, for this visitor and no other', async () => {
    const { shop, old, as } = moving()
    const [ann, bob] = [shop.browser(), shop.browser()]
    const first = await as(ann, 'ann', async (session) => (await session.inc('n')).data)
    expect(first.value).toEqual({ user: 'ann', n: 2 })
    expect(removals(first.cookies)).toEqual([expect.stringMatching(/^old=; Path=\/; Max-Age=0;/)])
    expect([...old.keys()]).toEqual(['bob'])
    expect((await as(bob, 'bob', async (session) => (await session).data)).value).toEqual({ user: 'bob', n: 5 })
    // The old cookie again, as a copy of it would come: it opens nothing after the log-out.
    await as(ann, 'ann', (session) => session.destroy())
    expect((await as(shop.browser(), 'ann', async (session) => (await session).data)).value).toEqual({})
  })

  it('stays when the new one can not be stored, and is handed over by the next request', async () => {
    let down = true
    const store = memory()
    const create = store.create.bind(store)
    store.create = (...values: Parameters<Store['create']>) => {
      if (down) throw new Error('it is down')
      return create(...values)
    }
    const { shop, old, as } = moving({}, { store, timeout: 50 })
    const ann = shop.browser()
    const failed = await as(ann, 'ann', (session) => session.inc('n'))
    expect([failed.error, failed.cookies, old.has('ann')]).toEqual([new Error('it is down'), [], true])
    down = false
    expect((await as(ann, 'ann', async (session) => (await session.inc('n')).n)).value).toBe(2)
  })

  it('stays when the first chain is refused, and the next chain of the request has it', async () => {
    const { shop, old, as } = moving()
    const { value } = await as(shop.browser(), 'ann', async (session) => {
      const refused = await session.inc('user').catch((error: Any) => error.code)
      return [refused, old.has('ann'), (await session).data]
    })
    expect(value).toEqual(['ERR_SESSION_TYPE', true, { user: 'ann', n: 1 }])
  })

  it('stays when forget fails: the new session is removed, no cookie is touched, the next request tries again', async () => {
    const { shop, old, failing, as } = moving()
    const [ann, bob] = [shop.browser(), shop.browser()]
    failing.error = new Error('the old store is down')
    for (const handler of [
      (s: Any) => s.inc('n'),
      (s: Any) => s,
      (s: Any) => s.destroy(),
      (s: Any) => s.regenerate(),
    ]) {
      const { error, cookies } = await as(ann, 'ann', handler)
      expect([error, cookies]).toEqual([failing.error, []])
    }
    expect(shop.store.calls).toEqual(['create', 'destroy', 'create', 'destroy'])
    failing.error = undefined
    expect((await as(ann, 'ann', async (session) => (await session.inc('n')).n)).value).toBe(2)
    expect((await as(bob, 'bob', async (session) => (await session.inc('n')).n)).value).toBe(6)
    expect(old.size).toBe(0)
  })

  it('shows itself to the same request when reading it has failed once', async () => {
    const { shop, failing, as } = moving()
    failing.error = new Error('the old store is down')
    const { value } = await as(shop.browser(), 'ann', async (session) => {
      const told = await session.then(
        () => 'read',
        () => 'failed',
      )
      failing.error = undefined
      return [told, (await session).data]
    })
    expect(value).toEqual(['failed', { user: 'ann', n: 1 }])
  })

  it.each<[string, (session: Any) => unknown]>([
    ['logs out', (session) => session.destroy()],
    ['regenerates', (session) => session.regenerate()],
    ['removes all that there is', (session) => session.unset('user').unset('n')],
  ])('is forgotten where a first request %s', async (_, handler) => {
    const { shop, old, as } = moving()
    const { error, cookies } = await as(shop.browser(), 'ann', handler)
    expect([error, removals(cookies).length, [...old.keys()]]).toEqual([undefined, 1, ['bob']])
    expect(shop.store.calls).toEqual([])
  })

  it('gives its last field to take(), and nothing is stored', async () => {
    const { shop, old, as } = moving()
    old.set('cleo', { cart: 3 })
    expect((await as(shop.browser(), 'cleo', (session) => session.take('cart'))).value).toBe(3)
    expect([shop.store.calls, old.has('cleo')]).toEqual([[], false])
  })

  it('does not come back within the request that has emptied it', async () => {
    const { shop, as } = moving()
    const { value } = await as(shop.browser(), 'ann', async (session) => {
      await session.unset('user').unset('n')
      return (await session.set('a', 1)).data
    })
    expect(value).toEqual({ a: 1 })
  })

  it('removes its cookie though the handler fails afterwards', async () => {
    const { shop, as } = moving()
    const ann = shop.browser()
    const { status, cookies } = await as(ann, 'ann', async (session) => {
      await session.inc('n')
      throw new Error('a mistake')
    })
    expect([status, removals(cookies).length]).toEqual([500, 1])
    expect((await as(ann, 'ann', async (session) => (await session).n)).value).toBe(2)
  })

  it('brings its times: idle time, log-in and beginning', async () => {
    const [authAt, created] = [ago(2 * HOUR), ago(3 * HOUR)]
    const { shop, as } = moving({ authAt, created, maxAge: '2 days' }, { maxAge: '1 hour', maxLifetime: '4 hours' })
    const ann = shop.browser()
    const read = async (session: Any) => {
      const { authAt, created, maxAge } = await session
      return { authAt, created, maxAge }
    }
    const times = { authAt, created, maxAge: 48 * HOUR }
    expect((await as(ann, 'ann', read)).value).toEqual(times)
    expect((await ann.visit(read)).value).toEqual(times)
    expect((await ann.visit(async (session: Any) => (await session).authAt)).value).toEqual(authAt)
    expect((await ann.visit(async (session: Any) => (await session).requireFresh('1 hour'))).error).toBe(
      'ERR_SESSION_AUTH',
    )
    // A log-in in the first request is the later one.
    const bob = shop.browser()
    await as(bob, 'bob', (session) => session.rotate({ authenticated: true }).set('user', 'bob'))
    expect((await bob.visit(async (session: Any) => (await session).requireFresh('1 hour'))).error).toBeUndefined()
  })

  it('hands nothing over when its lifetime is over, and is forgotten', async () => {
    const { shop, old, as } = moving({ created: ago(5 * HOUR) }, { maxLifetime: '4 hours' })
    expect((await as(shop.browser(), 'ann', async (session) => (await session).data)).value).toEqual({})
    expect([...old.keys()]).toEqual(['bob'])
  })

  it('whose old one cannot be forgotten, nor the new one removed, is told of both', async () => {
    const store = memory()
    const { shop, failing, as } = moving({}, { store })
    failing.error = new Error('the old store is down')
    const down = new Error('the new one, too')
    store.destroy = async () => {
      throw down
    }
    expect((await as(shop.browser(), 'ann', (session) => session.inc('n'))).error).toBe(failing.error)
    expect(shop.errors).toContain(down)
  })

  describe('at this very moment', () => {
    afterEach(() => vi.useRealTimers())

    it('counts as over when its lifetime is, and not a millisecond before', async () => {
      vi.useFakeTimers({ toFake: ['Date'], now: 1_800_000_000_000 })
      for (const [age, data] of [
        [4 * HOUR - 1, { user: 'ann', n: 1 }],
        [4 * HOUR, {}],
      ] as const) {
        const { shop, as } = moving({ created: ago(age) }, { maxLifetime: '4 hours' })
        expect((await as(shop.browser(), 'ann', async (session) => (await session).data)).value).toEqual(data)
      }
      const { shop, as } = moving({ authAt: ago(0) })
      expect((await as(shop.browser(), 'ann', async (session) => (await session).authAt)).value).toEqual(ago(0))
    })
  })

  it('may say null for what it does not know', async () => {
    const { shop, as } = moving({ authAt: null, created: null, maxAge: null } as Any, { maxAge: '1 hour' })
    const { value } = await as(shop.browser(), 'ann', async (session) => {
      const { user, authAt, maxAge } = await session
      return { user, authAt, maxAge }
    })
    expect(value).toEqual({ user: 'ann', authAt: undefined, maxAge: HOUR })
  })

  it.each<[string, object, RegExp]>([
    ['nothing as data', { data: null }, /data of adopt/],
    ['a text as data', { data: 'ann' }, /data of adopt/],
    ['a list as data', { data: [1] }, /data of adopt/],
    ['no data', { data: undefined }, /data of adopt/],
    ['an unknown field', { maxage: 5 }, /did you mean 'maxAge'/],
    ['a time as a number', { authAt: 5 }, /authAt of adopt is a Date/],
    ['an invalid date', { created: new Date('x') }, /created of adopt is a Date/],
    ['a time to come', { created: new Date(Date.now() + HOUR) }, /created of adopt is in the future/],
    ['an idle time that is none', { maxAge: 'long' }, /maxAge/],
    ['a cookie that there can not be', { forget: (clear: Any) => clear('a b') }, /no cookie has this name/],
    ['a domain with a port', { forget: (clear: Any) => clear('a', { domain: 'a.example:80' }) }, /host name/],
    ['a path that is none', { forget: (clear: Any) => clear('a', { path: 'a' }) }, /path begins with/],
    ['an option of a place', { forget: (clear: Any) => clear('a', { host: 'a' }) }, /no option 'host'/],
  ])('is refused with %s, and stays', async (_, rest, message) => {
    const { shop, old, as } = moving(rest)
    const { error, value, cookies } = await as(shop.browser(), 'ann', (session) =>
      session.inc('n').catch((error: Any) => [error.code, error.message]),
    )
    expect([error, cookies]).toEqual([undefined, []])
    expect(value).toEqual(['ERR_SESSION_USAGE', expect.stringMatching(message)])
    expect(JSON.stringify(value)).not.toContain('ann')
    expect(old.size).toBe(2)
  })

  it('is none where null is handed over, or an object without fields, and what is no object is refused', async () => {
    const { value } = await site({ adopt: () => null as Any })
      .browser()
      .visit(async (session: Any) => (await session.set('a', 1)).data)
    expect(value).toEqual({ a: 1 })
    const empty = site({ adopt: () => ({}) })
    expect((await empty.browser().visit(async (session: Any) => (await session).data)).value).toEqual({})
    expect(empty.store.calls).toEqual([])
    for (const wrong of ['ann', 7, true, [{ a: 1 }], () => {}]) {
      const shop = site({ adopt: () => wrong as Any })
      expect((await shop.browser().visit((session) => session)).error).toBe('ERR_SESSION_USAGE')
      expect(shop.errors[0].message).toMatch(/^adopt gives the old session as an object/)
    }
  })

  it('is data alone where it has no function forget', async () => {
    const shop = site({ adopt: () => ({ data: { a: 1 }, created: 5 }) as Any })
    const { value } = await shop.browser().visit(async (session: Any) => (await session).data)
    expect(value).toEqual({ [key('data')]: { a: 1 }, [key('created')]: 5 })
  })
})
