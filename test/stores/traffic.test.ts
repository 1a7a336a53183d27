import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest'
import { type Any, site } from '../rules/browser.ts'
import { TcpProxy } from '../servers/proxy.ts'
import { OPEN, type Opened } from './clients.ts'

/** A session of 200 bytes, as in the benchmark. */
const DATA = { views: 1_000_000, user: 42, text: 'x'.repeat(160) }

const redis = inject('redis')
describe.skipIf('missing' in redis)('a request on redis', () => {
  let proxy: TcpProxy
  let opened: Opened
  beforeAll(async () => {
    const { url } = redis as { url: string }
    proxy = await TcpProxy.before(url)
    opened = await OPEN.redis(proxy.through(url), 'traffic')
  })
  afterAll(async () => {
    await opened.close()
    await proxy.close()
  })

  it.each<[string, string[], number, (session: Any) => unknown]>([
    ['reads', ['load'], 501, (session) => session],
    ['counts', ['update'], 732, (session) => session.inc('views')],
    ['counts and does not wait', ['update'], 399, (session) => void session.inc('views')],
    ['reads, then counts', ['load', 'update'], 970, async (session) => (await session).inc('views')],
  ])(
    'that %s asks the store %j, one command each, and moves %i bytes, give or take a twentieth',
    async (_, calls, bytes, handler) => {
      const shop = site({ store: opened.store })
      const browser = shop.browser()
      await browser.visit((session) => session.set(DATA))
      // What is sent once a connection: scripts, the server's clock.
      for (let i = 0; i < 2; i++) await browser.visit(handler)
      const all: number[] = []
      for (let i = 0; i < 3; i++) {
        shop.store.calls.length = 0
        let pieces = 0
        proxy.request = () => {
          pieces++
          return 'pass'
        }
        proxy.reset()
        await browser.visit(handler)
        all.push(proxy.bytes)
        expect(shop.store.calls).toEqual(calls)
        expect(pieces).toBe(calls.length)
      }
      const least = Math.min(...all)
      expect(least).toBeGreaterThan(bytes * 0.95)
      expect(least).toBeLessThan(bytes * 1.05)
    },
  )
})
