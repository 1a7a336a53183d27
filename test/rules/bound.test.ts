import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import type { SessionEvent } from 'koa-atomic-session'
import { type BindingOptions, deviceBound } from 'koa-atomic-session/dbsc'
import { memory } from 'koa-atomic-session/memory'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { type Any, site } from './browser.ts'

const logIn = (session: Any) => session.rotate({ authenticated: true }).set('user', 42)
const read = (session: Any) => session
const asked = (headers: Headers) => headers.get('secure-session-registration')?.split(', ').length ?? 0

function bound(options?: BindingOptions) {
  const store = memory()
  const shop = site({ store })
  if (options) deviceBound(shop.sessions, options)
  return { store, shop, browser: shop.browser() }
}

describe('a response to a log-in asks the browser to bind the session', () => {
  it.each<[string, (session: Any) => unknown, number]>([
    ['once', logIn, 1],
    ['once, though the request logs in twice', async (session) => [await logIn(session), await logIn(session)], 1],
    ['not where it has logged out again', async (session) => [await logIn(session), await session.destroy()], 0],
    ['not where it rotates without a log-in', (session) => session.rotate().set('n', 1), 0],
  ])('%s', async (_, handler, times) => {
    const { browser } = bound({})
    await browser.visit((session) => session.set('n', 0))
    const { headers, error } = await browser.visit(handler)
    expect([error, asked(headers)]).toEqual([undefined, times])
  })

  it('not where no device is to be bound', async () => {
    expect(asked((await bound().browser.visit(logIn)).headers)).toBe(0)
  })
})

describe('a request that the store takes for one from another device', () => {
  const events: string[] = []
  const listen = (event: unknown) => void events.push((event as SessionEvent).type)
  beforeEach(() => {
    events.length = 0
    subscribe('koa-atomic-session:event', listen)
  })
  afterEach(() => unsubscribe('koa-atomic-session:event', listen))

  /** A store that lets in nobody, whatever is shown to it. */
  async function nobody(options?: BindingOptions) {
    const { store, shop, browser } = bound(options)
    await browser.visit(logIn)
    store.load = async () => ({ outcome: 'unbound' })
    store.update = async () => ({ outcome: 'unbound' })
    shop.store.calls.length = events.length = 0
    return { shop, browser }
  }

  it.each<[string, BindingOptions | undefined, string[]]>([
    ['is refused', { enforce: 'bound' }, ['load']],
    ['is asked for once more where the application only wants to be told', { enforce: 'report' }, ['load', 'load']],
    ['is refused where this process binds none', undefined, ['load']],
  ])('%s', async (_, options, calls) => {
    const { shop, browser } = await nobody(options)
    const { error, cookies } = await browser.visit(read)
    expect([error, cookies, shop.store.calls]).toEqual(['ERR_SESSION_UNBOUND', [], calls])
    expect(events).toEqual(calls.map(() => 'unbound'))
  })

  it('is told apart from one whose secret is over', async () => {
    const { shop, browser } = bound({ enforce: 'report' })
    await browser.visit(logIn)
    const before = browser.cookie
    await browser.visit((session) => session.rotate().set('n', 1))
    events.length = 0
    expect((await shop.send(before, read)).error).toBeUndefined()
    expect((await shop.send(before, (session) => session.inc('n'))).error).toBe('ERR_SESSION_ROTATED')
    expect(events).toEqual(['stale', 'stale'])
  })
})
