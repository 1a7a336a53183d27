import { inspect } from 'node:util'
import { isSessionError } from 'koa-atomic-session'
import { afterEach, describe, expect, it, vi } from 'vitest'
import { KEY } from '../visitor.ts'
import { eventsOf, Shop } from './shop.ts'

describe('what is told', () => {
  let shop: Shop
  afterEach(() => shop?.app.close())
  const parts = (cookie: string) => cookie.split('.')

  it('LG-1 CVE-2023-20866: neither output, errors, events nor inspect() hold a secret, a key or session data', async () => {
    shop = await new Shop().open()
    const output: string[] = []
    const spies = [process.stdout, process.stderr].map((stream) =>
      vi.spyOn(stream, 'write').mockImplementation((text) => output.push(String(text)) > 0),
    )
    shop.routes['/look'] = async (ctx) => {
      const handle = ctx.session()
      const session = await handle.set('card', '4111-1111')
      for (const seen of [handle, session.set('x', 1), shop.sessions, ctx.app])
        output.push(inspect(seen, { depth: 9, showHidden: true }))
      output.push(JSON.stringify(ctx.app), JSON.stringify(shop.sessions))
      // Koa shows a request's own headers, the Cookie header among them: what is tested is all the rest of it.
      output.push(inspect({ ...ctx, req: undefined, request: undefined, response: undefined }, { depth: 5 }))
      output.push(inspect(session).replace('4111-1111', ''))
    }
    const failing: Record<string, (ctx: never) => unknown> = {
      '/e1': (ctx: { session(): { inc(path: string): unknown } }) => ctx.session().inc('card'),
      '/e2': (ctx: { session(): { set(path: string, value: unknown): unknown } }) =>
        ctx.session().set('$x', '4111-1111'),
      '/e3': (ctx: { session(): { set(path: string, value: unknown): unknown } }) =>
        ctx.session().set('x', { card: '4111-1111', bad: Number.NaN }),
      '/e4': (ctx: {
        session(): { if(path: string, value: unknown): { set(path: string, value: unknown): unknown } }
      }) => ctx.session().if('card', '4111').set('x', 1),
    } as never
    Object.assign(shop.routes, failing)
    const visitor = shop.app.visitor()
    const events = await eventsOf(async () => {
      for (const path of ['/inc', '/look', '/login', '/rotate', '/look', '/check', ...Object.keys(failing), '/logout'])
        await visitor.fetch(path)
      // The store fails, with an error that holds what it was sent.
      shop.store.update = () => Promise.reject(new Error('down'))
      await visitor.fetch('/inc')
    })
    for (const spy of spies) spy.mockRestore()
    expect(shop.app.errors.length).toBeGreaterThanOrEqual(5)
    expect(shop.app.errors.filter(({ code }) => code).every(isSessionError)).toBe(true)
    for (const error of shop.app.errors) output.push(inspect(error), String(error), JSON.stringify(error))
    const all = output.join('\n') + inspect(events)
    const [, , secret, mac] = parts(visitor.cookies.get('sid') ?? 's.x.none.none')
    for (const hidden of [KEY, '4111-1111', secret!, mac!]) if (hidden.length > 8) expect(all).not.toContain(hidden)
    expect(all).toContain('Session')
  })

  it('LG-1 ID-15: an event names a session by a keyed hash, the same each time, which is not its id', async () => {
    shop = await new Shop().open()
    const visitor = shop.app.visitor()
    const events = await eventsOf(async () => {
      await visitor.fetch('/inc')
      await visitor.fetch('/rotate')
    })
    const [, id] = parts(visitor.cookies.get('sid')!)
    expect(events.map(({ type }) => type)).toEqual(['created', 'rotated'])
    expect(new Set(events.map(({ session }) => session)).size).toBe(1)
    expect(events[0]!.session).toMatch(/^[\w-]{16}$/)
    expect(inspect(events)).not.toContain(id)
    expect(events[0]).toMatchObject({ cookie: 'sid', client: expect.stringContaining('127.0.0.1') })
  })

  it('LG-2: each thing that happens to a session is told once', async () => {
    shop = await new Shop().open()
    const visitor = shop.app.visitor()
    const told = async (path: string, headers: Record<string, string> = {}) =>
      (await eventsOf(() => visitor.fetch(path, { headers }))).map(({ type }) => type)
    expect(await told('/read')).toEqual([])
    expect(await told('/form')).toEqual([])
    expect(await told('/inc')).toEqual(['created'])
    expect(await told('/inc')).toEqual([])
    const before = visitor.header
    expect(await told('/rotate')).toEqual(['rotated'])
    expect(await told('/read', { cookie: before })).toEqual(['reused'])
    expect(await told('/regenerate')).toEqual(['destroyed', 'created'])
    expect(await told('/read', { cookie: `${visitor.header}x` })).toEqual(['forged'])
    expect(await told('/read', { cookie: `${visitor.header}; ${visitor.header}` })).toEqual(['duplicate'])
    expect(await told('/check')).toEqual(['csrf'])
    const held = visitor.header
    const slow = eventsOf(() => fetch(`${shop.app.base}/slow`, { headers: { cookie: held } }))
    await shop.slow.arrived.opened
    expect(await told('/logout')).toEqual(['destroyed'])
    shop.slow.go.open()
    expect((await slow).map(({ type }) => type)).toEqual(['destroyed', 'gone'])
    expect(await told('/read', { cookie: held })).toEqual(['unknown'])
    vi.useFakeTimers({ toFake: ['Date'] })
    await visitor.fetch('/inc')
    vi.setSystemTime(Date.now() + 15 * 86_400_000)
    expect(await told('/read')).toEqual(['expired'])
    vi.useRealTimers()
  })

  it('LG-3: guesses are counted by their client, and leave nothing', async () => {
    shop = new Shop()
    shop.app.koa.proxy = true
    await shop.open()
    const elsewhere = await new Shop().open()
    const guesses = await Promise.all(
      Array.from({ length: 100 }, async () => {
        const guest = elsewhere.app.visitor()
        await guest.fetch('/inc')
        return guest.header
      }),
    )
    const events = await eventsOf(async () => {
      for (const cookie of guesses)
        await fetch(`${shop.app.base}/read`, { headers: { cookie, 'x-forwarded-for': '203.0.113.7' } })
    })
    expect(events.filter(({ type, client }) => type === 'unknown' && client === '203.0.113.7')).toHaveLength(100)
    expect(shop.store.calls.filter((call) => call !== 'load')).toEqual([])
    await elsewhere.app.close()
  })
})
