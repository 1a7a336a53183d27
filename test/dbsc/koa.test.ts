import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import type { Context } from 'koa'
import { atomicSession, type SessionEvent, type SessionOptions, SessionUsageError } from 'koa-atomic-session'
import { type BindingOptions, deviceBound } from 'koa-atomic-session/dbsc'
import { memory } from 'koa-atomic-session/memory'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { StoreError } from '../../src/errors/index.ts'
import { counting, KEY, TestApp, type Visitor } from '../visitor.ts'
import { TestDevice, TLS } from './device.ts'

const NAME = '__Host-Http-sid'
const SHORT = '__Host-sid-bound'
const MINUTE = 60_000

describe('a session that is bound to a device', () => {
  let app: TestApp
  let store: ReturnType<typeof counting<ReturnType<typeof memory>>>
  let events: SessionEvent[]
  const listen = (event: unknown) => events.push(event as SessionEvent)
  beforeEach(() => {
    vi.useFakeTimers({ toFake: ['Date'], now: 1_800_000_000_000 })
    store = counting(memory({ now: () => Date.now() }))
    events = []
    subscribe('koa-atomic-session:event', listen)
  })
  afterEach(async () => {
    unsubscribe('koa-atomic-session:event', listen)
    vi.useRealTimers()
    await app.close()
  })
  const later = (ms: number) => vi.setSystemTime(Date.now() + ms)

  async function start(binding: BindingOptions | undefined = {}, options: SessionOptions = {}): Promise<TestDevice> {
    app = new TestApp()
    app.koa.proxy = true
    const sessions = atomicSession(app.koa, { store, secure: true, maxAge: '1 day', ...options })
    if (binding) app.koa.use(deviceBound(sessions, binding))
    app.koa.use(async (ctx) => {
      ctx.body = (await ROUTES[ctx.path]?.(ctx)) ?? { fine: true }
    })
    await app.listen()
    return new TestDevice(app.visitor())
  }
  const get = (visitor: Visitor, path: string, headers = {}) => visitor.fetch(path, { headers: { ...TLS, ...headers } })

  async function bound(binding?: BindingOptions, options?: SessionOptions): Promise<TestDevice> {
    const device = await start(binding, options)
    const login = await get(device.visitor, '/login')
    expect((await device.register(login)).status).toBe(200)
    return device
  }

  /** Another browser with a copy of its cookies. */
  function thiefOf({ visitor }: TestDevice, without?: string): Visitor {
    const thief = app.visitor()
    for (const [name, value] of visitor.cookies) if (name !== without) thief.cookies.set(name, value)
    return thief
  }

  const told = (type: SessionEvent['type']) => events.filter((event) => event.type === type)

  it('begins with the log-in, whose response asks for a key; the registration is told what the draft says', async () => {
    const device = await start({ scope: { except: ['/assets/'] } })
    const { visitor } = device
    expect((await get(visitor, '/begin')).headers.get('secure-session-registration')).toBeNull()
    const login = await get(visitor, '/login')
    expect(await (await get(visitor, '/me')).json()).toEqual({ user: 42, bound: false })
    const response = await device.register(login)
    expect(response.status).toBe(200)
    expect(response.headers.get('cache-control')).toBe('no-store')
    const [short] = response.headers.getSetCookie()
    expect(short).toMatch(
      new RegExp(`^${SHORT}=\\d+\\.[\\w-]+; Path=/; Max-Age=600; Expires=[^;]+; Secure; HttpOnly; SameSite=Lax$`),
    )
    expect(await response.json()).toEqual({
      session_identifier: device.identifier,
      refresh_url: '/session-binding',
      scope: { include_site: false, scope_specification: [{ type: 'exclude', domain: '*', path: '/assets/' }] },
      credentials: [{ type: 'cookie', name: SHORT, attributes: 'Path=/; Secure; HttpOnly; SameSite=Lax' }],
    })
    expect(await (await get(visitor, '/me')).json()).toEqual({ user: 42, bound: true })
    expect((await get(visitor, '/pay')).status).toBe(200)
    expect(told('bound')).toHaveLength(1)
  })

  it('is for its device alone: a copy of the session cookie gets 401 on every route, no data, no cookie and no slide', async () => {
    const device = await bound()
    later(2 * MINUTE)
    const thief = thiefOf(device, SHORT)
    const before = await expiryOf(device)
    for (const path of ['/me', '/count', '/take', '/touch', '/rotate', '/confirm', '/pay', '/regenerated']) {
      const response = await get(thief, path)
      expect(response.status, path).toBe(401)
      expect(await response.text()).toMatch(/bound to a device/)
      expect(response.headers.getSetCookie(), path).toEqual([])
    }
    expect(told('unbound').length).toBe(8)
    expect(await expiryOf(device)).toBe(before)
    expect(await (await get(device.visitor, '/me')).json()).toEqual({ user: 42, bound: true })
  })

  it('costs the thief one store call for a command, and says so once a request', async () => {
    const device = await bound()
    later(2 * MINUTE)
    store.calls.length = 0
    expect((await get(thiefOf(device, SHORT), '/twice')).status).toBe(401)
    expect(store.calls).toEqual(['update'])
    expect(told('unbound')).toHaveLength(1)
    // Nobody waits for it, and it fails the request all the same.
    expect((await get(thiefOf(device, SHORT), '/touching')).status).toBe(401)
    store.calls.length = 0
    expect((await get(thiefOf(device, SHORT), '/in-again')).status).toBe(200)
    expect(store.calls).toEqual(['load', 'create'])
  })

  it('is not opened by a whole cookie jar for longer than the short cookie lasts, and the owner goes on', async () => {
    const device = await bound({ cookieAge: '10 minutes' })
    const thief = thiefOf(device)
    later(9 * MINUTE)
    expect((await get(thief, '/me')).status).toBe(200)
    later(2 * MINUTE)
    expect((await get(thief, '/me')).status).toBe(401)
    expect((await get(device.visitor, '/me')).status).toBe(401)
    expect((await device.refresh()).status).toBe(200)
    expect(await (await get(device.visitor, '/me')).json()).toEqual({ user: 42, bound: true })
    expect((await get(thief, '/me')).status).toBe(401)
    const forged = thiefOf(device)
    forged.cookies.set(SHORT, `${Date.now() + 1e9}.${device.visitor.cookies.get(SHORT)!.split('.')[1]}`)
    expect((await get(forged, '/me')).status).toBe(401)
  })

  it('takes the short cookie of no other session', async () => {
    const mine = await bound()
    const other = new TestDevice(app.visitor())
    expect((await other.register(await get(other.visitor, '/login'))).status).toBe(200)
    later(2 * MINUTE)
    const mixed = thiefOf(mine)
    mixed.cookies.set(SHORT, other.visitor.cookies.get(SHORT)!)
    expect((await get(mixed, '/me')).status).toBe(401)
  })

  it('lets a visitor without their device log in anew and log out, and the old session stays guarded', async () => {
    const device = await bound()
    later(2 * MINUTE)
    const again = thiefOf(device, SHORT)
    const login = await get(again, '/login')
    expect(login.status).toBe(200)
    expect(await (await get(again, '/me')).json()).toEqual({ user: 42, bound: false })
    expect((await get(device.visitor, '/me')).status).toBe(200)
    expect((await get(thiefOf(device, SHORT), '/logout')).status).toBe(200)
    expect(await (await get(device.visitor, '/me')).json()).toEqual({ bound: false })
    const other = new TestDevice(app.visitor())
    expect((await other.register(await get(other.visitor, '/login'))).status).toBe(200)
    later(2 * MINUTE)
    expect(await (await get(thiefOf(other, SHORT), '/fresh')).json()).toEqual({ n: 1 })
    expect((await get(other.visitor, '/count')).status).toBe(409)
    // The browser ends its side of what is over.
    expect((await device.refresh()).status).toBe(404)
  })

  it('ends with the next log-in, which begins another; what the browser asks of the old one is over', async () => {
    const device = await bound()
    const { identifier } = device
    const login = await get(device.visitor, '/login')
    expect((await get(thiefOf(device, SHORT), '/me')).status).toBe(200)
    const next = new TestDevice(device.visitor)
    expect((await device.sends('/session-binding', undefined, identifier)).status).toBe(404)
    expect((await next.register(login)).status).toBe(200)
    expect(next.identifier).not.toBe(identifier)
    expect((await device.sends('/session-binding', device.proof(device.challenge), identifier)).status).toBe(404)
    expect((await next.refresh()).status).toBe(200)
  })

  it('goes on through rotations and new keys of the application', async () => {
    const device = await bound({}, { rotateEvery: '10 minutes' })
    await get(device.visitor, '/rotate')
    for (const keys of [
      [`${KEY} newer`, KEY],
      [`${KEY} newest`, `${KEY} newer`],
    ]) {
      later(11 * MINUTE)
      app.koa.keys = keys
      expect((await device.refresh()).status).toBe(200)
      const before = device.visitor.cookies.get(NAME)
      expect(await (await get(device.visitor, '/me')).json()).toEqual({ user: 42, bound: true })
      expect(device.visitor.cookies.get(NAME)).not.toBe(before)
    }
    expect(told('rotated')).toHaveLength(3)
  })

  it('takes a challenge once, and the same proof again while its answer may have been lost', async () => {
    const device = await bound()
    const first = device.proof(device.challenge)
    const sent = () => device.sends('/session-binding', first, device.identifier)
    const answers = await Promise.all([sent(), sent(), sent()])
    expect(answers.map(({ status }) => status)).toEqual([200, 200, 200])
    expect(new Set(answers.map(({ headers }) => headers.get('secure-session-challenge'))).size).toBe(1)
    later(31_000)
    const replayed = await sent()
    expect(replayed.status).toBe(403)
    expect(replayed.headers.getSetCookie()).toEqual([])
    expect((await device.refresh()).status).toBe(200)
    expect((await device.sends('/session-binding', first, device.identifier)).status).toBe(403)
  })

  it('registers again what was lost, and no second key', async () => {
    const device = await start()
    const login = await get(device.visitor, '/login')
    expect((await device.register(login)).status).toBe(200)
    expect((await device.register(login)).status).toBe(200)
    const second = new TestDevice(thiefOf(device))
    expect((await second.register(login)).status).toBe(403)
    expect(told('unproven').map(({ reason }) => reason)).toEqual(['challenge'])
  })

  it('is not bound by a challenge that is over, of another session, or of an earlier log-in, nor without one', async () => {
    const device = await start()
    const login = await get(device.visitor, '/login')
    const other = new TestDevice(app.visitor())
    await get(other.visitor, '/login')
    expect((await other.register(login)).status).toBe(403)
    later(6 * MINUTE)
    expect((await device.register(login)).status).toBe(403)
    const second = await get(device.visitor, '/login')
    await get(device.visitor, '/login')
    expect((await device.register(second)).status).toBe(403)
    const made = device.proof('made up', { jwk: device.jwk })
    const asked = /challenge="([^"]+)"/.exec(
      (await get(device.visitor, '/login')).headers.get('secure-session-registration')!,
    )![1]
    // The key of one, signed by another.
    expect((await device.sends('/session-binding', other.proof(asked, { jwk: device.jwk }))).status).toBe(403)
    expect(told('unproven').at(-1)).toMatchObject({ reason: 'signature' })
    expect((await device.sends('/session-binding', made)).status).toBe(403)
    expect((await device.sends('/session-binding')).status).toBe(403)
    expect(await (await get(device.visitor, '/me')).json()).toEqual({ user: 42, bound: false })
  })

  it('stores and asks nothing for who has no session, and a flood of registrations costs no record', async () => {
    const device = await start()
    store.calls.length = 0
    for (let i = 0; i < 50; i++) {
      const { status } = await device.sends('/session-binding', device.proof('c', { jwk: device.jwk }))
      expect(status).toBe(403)
      expect((await device.sends('/session-binding', device.proof('c'), 'any')).status).toBe(404)
    }
    expect(store.calls).toEqual([])
  })

  it('answers every fault of a refresh with 403 and what to sign, so no browser gives up', async () => {
    const device = await bound()
    const { challenge, identifier } = device
    const other = new TestDevice(device.visitor)
    const faults = [
      undefined,
      'no proof',
      device.proof('another'),
      other.proof(challenge),
      device.proof(challenge, { alg: 'none' }),
      device.proof(challenge, { typ: 'jwt' }),
    ]
    for (const fault of faults) {
      const response = await device.sends('/session-binding', fault, identifier)
      expect(response.status).toBe(403)
      expect(response.headers.get('secure-session-challenge')).toBe(`"${challenge}";id="${identifier}"`)
      expect(response.headers.getSetCookie()).toEqual([])
    }
    const reasons = ['form', 'challenge', 'signature', 'algorithm', 'type']
    expect(told('unproven').map(({ reason }) => reason)).toEqual(reasons)
  })

  it('answers 503 while the store is down, and while nobody can tell which of two cookies counts', async () => {
    const device = await bound()
    const failing = vi
      .spyOn(Object.getPrototypeOf(memory()), 'load')
      .mockRejectedValue(new StoreError('memory', 'is down', false))
    expect((await device.sends('/session-binding', device.proof(device.challenge), device.identifier)).status).toBe(503)
    failing.mockRestore()
    const value = device.visitor.cookies.get(NAME)
    const planted = await device.visitor.fetch('/session-binding', {
      method: 'POST',
      headers: { ...TLS, cookie: `${NAME}=${value}; ${NAME}=planted`, 'sec-secure-session-id': device.identifier },
    })
    expect(planted.status).toBe(503)
  })

  it('tells why a browser could not sign', async () => {
    const device = await bound()
    later(2 * MINUTE)
    const thief = thiefOf(device, SHORT)
    await get(thief, '/me', { 'secure-session-skipped': 'quota_exceeded;session_identifier="x"' })
    for (const word of ['anything', 'an unreachable', 'unreachables']) {
      await get(thief, '/me', { 'secure-session-skipped': word })
    }
    expect(told('unbound').map(({ reason }) => reason)).toEqual(['quota_exceeded', undefined, undefined, undefined])
  })

  it("is only reported with enforce: 'report', and an application may ask for it all the same", async () => {
    const device = await bound({ enforce: 'report' })
    later(2 * MINUTE)
    const thief = thiefOf(device, SHORT)
    const why = { 'secure-session-skipped': 'unreachable' }
    expect(await (await get(thief, '/me', why)).json()).toEqual({ user: 42, bound: false })
    expect((await get(thief, '/count')).status).toBe(200)
    expect(told('unbound').map(({ reason }) => reason)).toEqual(['unreachable', undefined])
    store.calls.length = 0
    await get(device.visitor, '/count')
    expect(store.calls).toEqual(['update'])
    expect(told('unbound')).toHaveLength(2)
    expect((await get(thief, '/pay')).status).toBe(401)
    expect((await get(device.visitor, '/pay')).status).toBe(200)
  })

  it('is guarded by every process of the application, one that asks no browser for a key too', async () => {
    const device = await bound()
    later(2 * MINUTE)
    const thief = thiefOf(device, SHORT)
    await app.close()
    const { visitor } = await start(undefined as never)
    for (const [name, value] of thief.cookies) visitor.cookies.set(name, value)
    expect((await get(visitor, '/me')).status).toBe(401)
  })

  it('leaves a browser alone that knows nothing of it', async () => {
    const { visitor } = await start()
    await get(visitor, '/login')
    for (let i = 0; i < 3; i++) {
      later(20 * MINUTE)
      expect(await (await get(visitor, '/me')).json()).toEqual({ user: 42, bound: false })
    }
    expect((await get(visitor, '/pay')).status).toBe(401)
    expect((await get(visitor, '/session-binding')).status).toBe(200)
    expect(events.filter(({ type }) => type === 'unbound' || type === 'unproven')).toEqual([])
  })

  it('asks once in a response, however often the visitor logs in there', async () => {
    const device = await start()
    const asked = (await get(device.visitor, '/in-and-in')).headers.get('secure-session-registration')
    expect(asked?.split('challenge=')).toHaveLength(2)
  })

  it('does not ask over plain HTTP, nor in a response that logs out after the log-in', async () => {
    const device = await start()
    const out = await get(device.visitor, '/in-and-out')
    expect([out.status, out.headers.get('secure-session-registration')]).toEqual([200, null])
    await app.close()
    await start({}, { secure: false, key: 'plain' })
    const plain = await app.visitor().fetch('/login')
    expect(plain.headers.get('secure-session-registration')).toBeNull()
  })

  it.each([
    ['an option that there is not', { cookieage: '1 minute' }, /cookieAge/],
    ['an age that is too short', { cookieAge: 10 }, /5 seconds/],
    ['an age that is too long', { cookieAge: '2 days' }, /a day/],
    ['a path that is none', { path: 'binding' }, /path is where/],
    ['another way to enforce it', { enforce: 'maybe' }, /'bound' or 'report'/],
    ['a scope that is too wide for its cookie', { scope: { site: true } }, /domain/],
    ['an option of scope that there is not', { scope: { exclude: [] } }, /scope has no option/],
    ['exceptions that are no paths', { scope: { except: ['assets'] } }, /list of paths/],
    ['no options', null, /takes options/],
  ])('refuses %s', async (_, options, message) => {
    app = new TestApp()
    const sessions = atomicSession(app.koa, { store: memory(), secure: true })
    expect(() => deviceBound(sessions, options as BindingOptions)).toThrow(SessionUsageError)
    expect(() => deviceBound(sessions, options as BindingOptions)).toThrow(message)
    deviceBound(sessions)
    expect(() => deviceBound(sessions)).toThrow(/called before/)
    expect(() => deviceBound({} as typeof sessions)).toThrow(/atomicSession\(\), httpSessions\(\) or fetchSessions\(\)/)
  })

  it('refuses a path that the session cookie does not reach', () => {
    app = new TestApp()
    const sessions = atomicSession(app.koa, { store: memory(), secure: true, path: '/app' })
    expect(() => deviceBound(sessions)).toThrow(/within '\/app'/)
    deviceBound(sessions, { path: '/app/binding' })
  })

  async function expiryOf({ visitor }: TestDevice): Promise<number> {
    const id = visitor.cookies.get(NAME)!.split('.')[1]!
    return (await store.get(id))!.expires
  }
})

// biome-ignore lint/suspicious/noExplicitAny: sessions of any shape
const ROUTES: Record<string, (ctx: Context & { session: any }) => Promise<unknown>> = {
  '/begin': (ctx) => ctx.session().inc('n'),
  '/login': (ctx) => ctx.session().rotate({ authenticated: true }).set('user', 42),
  '/confirm': (ctx) => ctx.session().rotate({ authenticated: true }),
  '/in-and-out': async (ctx) => {
    await ctx.session().rotate({ authenticated: true }).set('user', 42)
    await ctx.session().destroy()
  },
  '/in-and-in': async (ctx) => {
    for (const user of [41, 42]) await ctx.session().rotate({ authenticated: true }).set('user', user)
  },
  '/me': async (ctx) => {
    const { user, bound } = await ctx.session()
    return { user, bound }
  },
  '/pay': async (ctx) => (await ctx.session()).requireBound(),
  '/count': (ctx) => ctx.session().inc('n'),
  '/take': (ctx) => ctx.session().take('user'),
  '/touch': (ctx) => ctx.session().touch(),
  '/touching': async (ctx) => {
    void ctx.session().touch()
  },
  '/in-again': async (ctx) => {
    await ctx.session().catch(() => {})
    await ctx.session().rotate({ authenticated: true }).set('user', 42)
  },
  '/rotate': async (ctx) => {
    await ctx.session().rotate()
  },
  '/regenerated': async (ctx) => ({ user: (await (await ctx.session()).regenerate()).user }),
  '/fresh': async (ctx) => {
    const { user, n } = await (await ctx.session().regenerate()).inc('n')
    return { user, n }
  },
  '/twice': async (ctx) => {
    await ctx
      .session()
      .inc('n')
      .catch(() => {})
    await ctx.session()
  },
  '/logout': (ctx) => ctx.session().destroy(),
}
