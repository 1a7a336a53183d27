import { createServer } from 'node:http'
import { type HttpOptions, httpSessions } from 'koa-atomic-session/http'
import { memory } from 'koa-atomic-session/memory'
import { afterEach, describe, expect, it } from 'vitest'
import { originOf } from '../../src/http/node.ts'
import { eventsOf } from '../security/shop.ts'
import { KEY, Visitor } from '../visitor.ts'

describe('a server on node:http behind proxies', () => {
  let close: () => void
  afterEach(() => close?.())

  async function start(options: Partial<HttpOptions>): Promise<Visitor> {
    const sessions = httpSessions({ keys: [KEY], store: memory(), ...options })
    const server = createServer(
      sessions.listener(async (request, response) => {
        try {
          response.end(String((await sessions.of(request, response).inc('n')).n))
        } catch (error) {
          response.statusCode = (error as { status?: number }).status ?? 500
          response.end()
        }
      }),
    )
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    close = () => server.close().closeAllConnections()
    return new Visitor(`http://127.0.0.1:${(server.address() as import('node:net').AddressInfo).port}`)
  }
  /** The address that is told of a request with this X-Forwarded-For. */
  async function client(proxy: boolean | number, said: string): Promise<string | undefined> {
    const visitor = await start({ proxy })
    const [event] = await eventsOf(() => visitor.fetch('/', { headers: { 'x-forwarded-for': said } }))
    close()
    return event!.client
  }

  it.each<[string, boolean | number, string, string]>([
    ['without a proxy', false, '198.51.100.7', '127.0.0.1'],
    ['behind one that sets the header', true, '203.0.113.9', '203.0.113.9'],
    ['behind one that appends', true, '198.51.100.7, 203.0.113.9', '203.0.113.9'],
    ['behind one that appends, without a space', true, '198.51.100.7,203.0.113.9', '203.0.113.9'],
    ['behind two', 2, '198.51.100.7, 203.0.113.9, 10.0.0.1', '203.0.113.9'],
    ['behind two, one of which does not append', 2, '203.0.113.9', '203.0.113.9'],
    ['by IPv6', true, '198.51.100.7, 2001:db8::9', '2001:db8::9'],
    ['by IPv6 with a port', true, '198.51.100.7, [2001:db8::9]:4711', '2001:db8::9'],
    ['by IPv4 with a port', true, '198.51.100.7, 203.0.113.9:4711', '203.0.113.9'],
    ['by what is no address', true, '198.51.100.7, anything at all', '127.0.0.1'],
    ['by nothing', true, '198.51.100.7, ', '127.0.0.1'],
  ])('%s the client is who the outermost trusted proxy has seen', async (_, proxy, said, expected) => {
    expect(await client(proxy, said)).toBe(expected)
  })

  it.each<[string, boolean | number, string, number]>([
    ['the proxy says https', true, 'https', 200],
    ['it says so in capitals', true, 'HTTPS', 200],
    ['the client said http and the proxy appends https', true, 'http, https', 200],
    ['the client said https and the proxy appends http', true, 'https, http', 500],
    ['the outer of two proxies says https', 2, 'https, http', 200],
    ['there is no proxy', false, 'https', 500],
  ])('a session with secure: true is open or refused where %s', async (_, proxy, said, status) => {
    const visitor = await start({ proxy, secure: true })
    expect((await visitor.fetch('/', { headers: { 'x-forwarded-proto': said } })).status).toBe(status)
  })

  it.each([0, -1, 1.5, Number.NaN, 'true', null])('the option proxy refuses %j', (proxy) => {
    const options = { keys: [KEY], store: memory(), proxy: proxy as never }
    expect(() => httpSessions(options)).toThrow(/^proxy must be true, false, or the number of proxies/)
  })

  it('a header of commas costs no more than its length', () => {
    const headers = { 'x-forwarded-for': ','.repeat(1_000_000) }
    const request = { headers, socket: { remoteAddress: '127.0.0.1' } }
    expect(originOf(request as never, 3)).toEqual({ secure: false, client: '127.0.0.1' })
  })
})
