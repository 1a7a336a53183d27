import { EventEmitter } from 'node:events'
import { fetchSessions } from 'koa-atomic-session/fetch'
import { type HttpOptions, httpSessions } from 'koa-atomic-session/http'
import { memory } from 'koa-atomic-session/memory'
import { describe, expect, it, vi } from 'vitest'
import type { TellingStore } from '../../src/contract/store.ts'
import { type Access, type Store, StoreError } from '../../src/index.ts'
import { counting, KEY } from '../visitor.ts'

/** A store that tells nothing by itself. */
function silent<S extends Store>(store: S): S {
  return new Proxy(store, {
    get(target, key) {
      if (key === 'notices') return undefined
      const member = Reflect.get(target, key)
      return typeof member === 'function' ? member.bind(target) : member
    },
  })
}

const RECHECK = 50

/** Two processes, as far as they know of each other: they share the store alone. */
function processes(options: Partial<HttpOptions> = {}) {
  const store = counting(silent(memory({ max: 100_000 })))
  const all = { store, keys: [KEY], recheck: RECHECK, onError: () => {}, ...options }
  const here = httpSessions<{ user_id: number }>(all)
  const elsewhere = fetchSessions<{ user_id: number }>({ ...all, store })
  const visit = async (cookie: string, handler: Parameters<typeof elsewhere.fetch>[1]) => {
    const request = new Request('http://localhost/', { headers: cookie ? { cookie } : {} })
    const response = await elsewhere.fetch(request, handler)
    return response.headers.getSetCookie()[0]?.split(';')[0] ?? cookie
  }
  const answer = () => new Response()
  return {
    store,
    here,
    elsewhere,
    begin: (user_id = 42) => visit('', (session) => session.set('user_id', user_id).then(answer)),
    logIn: (cookie: string) => visit(cookie, (session) => session.rotate().set('user_id', 42).then(answer)),
    slowly: (cookie: string) =>
      visit(cookie, (session) => session.rotate({ grace: '1 minute' }).set('user_id', 42).then(answer)),
    inc: (cookie: string) => visit(cookie, (session) => session.set('user_id', 43).then(answer)),
    logOut: (cookie: string) => visit(cookie, (session) => session.destroy().then(answer)),
    /** A socket as the handle sees one: headers, and an end. */
    socket(cookie: string) {
      const socket = Object.assign(new EventEmitter(), { destroyed: false, encrypted: false, remoteAddress: undefined })
      const handle = here.upgrade({ headers: { cookie, host: 'localhost' }, socket, url: '/' } as never)
      return {
        handle,
        close() {
          socket.destroyed = true
          socket.emit('close')
        },
      }
    },
  }
}

const fired = (signal: AbortSignal) =>
  new Promise<string>((resolve) => {
    const told = () => resolve(signal.reason.code)
    if (signal.aborted) told()
    else signal.addEventListener('abort', told)
  })

describe('what another process does', () => {
  it.each([
    ['logOut', 'ERR_SESSION_GONE'],
    ['logIn', 'ERR_SESSION_ROTATED'],
  ] as const)('is noticed by asking the store: %s', async (does, code) => {
    const all = processes()
    const cookie = await all.begin()
    const { handle } = all.socket(cookie)
    await handle
    const ended = fired(handle.ended)
    await all[does](cookie)
    expect(await ended).toBe(code)
  })

  it.each([
    ['idle time', { maxAge: 200, touchAfter: 200 }],
    ['lifetime', { maxLifetime: 200 }],
  ])('and that the %s of a session has run out', async (_, options) => {
    const all = processes(options)
    const { handle } = all.socket(await all.begin())
    await handle
    expect(await fired(handle.ended)).toBe('ERR_SESSION_GONE')
  })

  it('shows in the versions', async () => {
    const all = processes()
    const cookie = await all.begin()
    const versions = all.here.watch(all.socket(cookie).handle)
    expect((await versions.next()).value).toBe(1)
    await all.inc(cookie)
    expect((await versions.next()).value).toBe(2)
    await all.logOut(cookie)
    expect((await versions.next()).done).toBe(true)
  })

  it('is noticed by the next command of the socket itself', async () => {
    const all = processes({ recheck: '1 hour' })
    for (const does of ['logOut', 'logIn'] as const) {
      const cookie = await all.begin()
      const { handle } = all.socket(cookie)
      await handle
      const ended = fired(handle.ended)
      await all[does](cookie)
      const refused = await handle.set('user_id', 1).catch((error) => (error as { code: string }).code)
      expect(await ended).toBe(refused)
    }
  })

  it('is noticed once the store answers again; while it does not, nothing is ended', async () => {
    const all = processes({ timeout: 20 })
    const cookie = await all.begin()
    let failures = 0
    let down = true
    const { load } = all.store
    all.here.store = new Proxy(all.store, {
      get: (target, key) =>
        key === 'load' && down
          ? async () => {
              failures++
              throw new StoreError('memory', 'is down', false)
            }
          : key === 'load'
            ? (access: Access) => load.call(target, access)
            : Reflect.get(target, key),
    })
    // It could not read its session yet.
    const { handle } = all.socket(cookie)
    const { ended } = handle
    await expect.poll(() => failures).toBeGreaterThan(2)
    expect(ended.aborted).toBe(false)
    await all.logOut(cookie)
    down = false
    expect(await fired(ended)).toBe('ERR_SESSION_GONE')
  })
})

describe('a request', () => {
  it('that is let in only within the grace of a rotation has ended from the start', async () => {
    const all = processes({ recheck: '1 hour' })
    const cookie = await all.begin()
    await all.slowly(cookie)
    const { handle } = all.socket(cookie)
    await handle
    expect(handle.ended.reason.code).toBe('ERR_SESSION_ROTATED')
  })

  it('goes on where it hears of its own rotation before that is answered', async () => {
    const store = memory() as ReturnType<typeof memory> & TellingStore
    const slow = Object.assign(Object.create(store), {
      notices: store.notices.bind(store),
      load: store.load.bind(store),
      create: store.create.bind(store),
      async update(...change: Parameters<typeof store.update>) {
        const answer = await store.update(...change)
        await new Promise((resolve) => setTimeout(resolve, 50))
        return answer
      },
    })
    const sessions = fetchSessions<{ user_id: number }>({ store: slow, keys: [KEY], recheck: '1 hour' })
    const begun = await sessions.fetch(new Request('http://localhost/'), async (session) => {
      await session.set('user_id', 1)
      return new Response()
    })
    const headers = { cookie: begun.headers.getSetCookie()[0]!.split(';')[0]! }
    let ended: AbortSignal | undefined
    await sessions.fetch(new Request('http://localhost/', { headers }), async (session) => {
      await session
      ended = session.ended
      await session.rotate().set('user_id', 2)
      await session.update()
      return new Response()
    })
    expect(ended?.aborted).toBe(false)
    await sessions.close()
  })
})

describe('a store that tells', () => {
  const telling = (follow: (id: string) => Promise<void>) => {
    const all = processes()
    all.here.store = Object.assign(Object.create(all.store), {
      notices: () => ({ follow, unfollow() {}, close() {} }),
    })
    return all
  }

  it('and whose listener hangs is asked all the same', async () => {
    const all = telling(() => new Promise(() => {}))
    const cookie = await all.begin()
    const { handle } = all.socket(cookie)
    await handle
    const ended = fired(handle.ended)
    await all.logOut(cookie)
    expect(await ended).toBe('ERR_SESSION_GONE')
  })

  it('and can not listen yet is asked to again, and then looked at', async () => {
    const followed: string[] = []
    const all = telling(async (id) => {
      followed.push(id)
      if (followed.length < 3) throw new Error('the listener is down')
    })
    const { handle } = all.socket(await all.begin())
    await handle
    void handle.ended
    await expect.poll(() => followed.length).toBe(3)
    const loads = () => all.store.calls.length
    const before = loads()
    await expect.poll(loads).toBeGreaterThan(before + 3)
    // Once is enough.
    expect(followed).toHaveLength(3)
  })
})

describe('10,000 sockets in one process', () => {
  it('ask the store at most once for each session and recheck, by one timer, and keep nothing when they close', async () => {
    const intervals = vi.spyOn(globalThis, 'setInterval')
    const recheck = 500
    const all = processes({ recheck })
    const cookies = await Promise.all(Array.from({ length: 100 }, (_, i) => all.begin(i)))
    const sockets = cookies.flatMap((cookie) => Array.from({ length: 100 }, () => all.socket(cookie)))
    for (const { handle } of sockets) await handle
    const loads = () => all.store.calls.filter((call) => call === 'load').length
    const [before, began] = [loads(), performance.now()]
    const signals = sockets.map(({ handle }) => handle.ended)
    // Each session is asked for more than once, so the bound below is one of many rounds.
    await expect.poll(() => loads() - before, { timeout: 20_000 }).toBeGreaterThan(250)
    const rounds = Math.ceil((performance.now() - began) / recheck)
    expect(loads() - before).toBeLessThanOrEqual(100 * rounds)
    expect(intervals).toHaveBeenCalledTimes(1)
    expect(intervals.mock.results[0]!.value.hasRef()).toBe(false)
    intervals.mockRestore()

    const gone = sockets.slice(0, 100).map(({ handle }) => fired(handle.ended))
    await all.logOut(cookies[0]!)
    expect(new Set(await Promise.all(gone))).toEqual(new Set(['ERR_SESSION_GONE']))
    expect(signals.filter(({ aborted }) => aborted)).toHaveLength(100)

    for (const { close } of sockets) close()
    const after = loads()
    await new Promise((resolve) => setTimeout(resolve, 3 * recheck))
    expect(loads()).toBe(after)
    // Nobody is told any more.
    await all.logOut(cookies[1]!)
    expect(signals.filter(({ aborted }) => aborted)).toHaveLength(100)
  })
})

describe('the option recheck', () => {
  it.each([0, -1, '', 'soon'])('is refused at once: %j', (recheck) => {
    expect(() => httpSessions({ keys: [KEY], recheck })).toThrow(/recheck/)
  })
})
