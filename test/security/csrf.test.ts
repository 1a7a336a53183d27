import { once } from 'node:events'
import { createServer, METHODS, request } from 'node:http'
import { type AddressInfo, connect } from 'node:net'
import { bodyParser } from '@koa/bodyparser'
import Koa from 'koa'
import { atomicSession } from 'koa-atomic-session'
import { httpSessions } from 'koa-atomic-session/http'
import { memory } from 'koa-atomic-session/memory'
import { afterEach, describe, expect, it, vi } from 'vitest'
import { newId, newSecret, writeCredential } from '../../src/cookie/credential.ts'
import { keygripOf } from '../../src/cookie/keys.ts'
import { isSafe } from '../../src/csrf/origin.ts'
import type { CsrfOptions, SessionEvent, SessionOptions } from '../../src/index.ts'
import { visitor as newSession } from '../../src/testing/harness.ts'
import { KEY, TestApp, type Visitor } from '../visitor.ts'
import { eventsOf, Shop } from './shop.ts'

/** What timingSafeEqual has answered, and whether it is made to say yes. */
const { compared, verdict } = vi.hoisted(() => ({ compared: [] as boolean[], verdict: { always: false } }))
vi.mock('node:crypto', async (original) => {
  const crypto = await original<typeof import('node:crypto')>()
  const timingSafeEqual = (a: NodeJS.ArrayBufferView, b: NodeJS.ArrayBufferView) => {
    compared.push(crypto.timingSafeEqual(a, b))
    return verdict.always || compared.at(-1)!
  }
  return { ...crypto, timingSafeEqual, default: { ...crypto, timingSafeEqual } }
})

const OWN = 'https://shop.example'

/** A shop whose every request goes through `csrf()`, and which counts what it changes. */
class GuardedShop extends Shop {
  constructor(options: SessionOptions = {}, csrf: CsrfOptions = {}) {
    super({ origin: OWN, ...options })
    const [...routes] = this.app.koa.middleware
    this.app.koa.use(this.sessions.csrf(csrf) as never)
    const guard = this.app.koa.middleware.pop()!
    // Before the routes, behind the middleware of the sessions themselves.
    this.app.koa.middleware.splice(routes.length - 1, 0, guard)
    this.routes['/save'] = (ctx) => void ctx.session().inc('saved')
  }
}

describe('CSRF defence', () => {
  let shop: Shop
  afterEach(() => {
    verdict.always = false
    return shop?.app.close()
  })
  const start = async (options?: SessionOptions, csrf?: CsrfOptions) => {
    shop = await new GuardedShop(options, csrf).open()
    return shop.app.visitor()
  }
  const post = async (visitor: Visitor, headers: Record<string, string> = {}, method = 'POST') =>
    (await visitor.fetch('/save', { method, headers })).status
  /** As no fetch would send it: with any method and a Host of its own. */
  async function send(method: string, headers: Record<string, string>, path = '/save'): Promise<number> {
    const { hostname, port } = new URL(shop.app.base)
    const sent = request({ hostname, port, path, method, headers, setHost: headers.host === undefined })
    const [response] = await once(sent.end(), 'response')
    response.resume()
    return response.statusCode
  }
  const withToken = async (visitor: Visitor) => ({ 'x-csrf-token': await visitor.text('/form') })

  it('CF-1: a request that changes something needs a token that cannot be guessed; one refused writes nothing', async () => {
    const visitor = await start()
    await visitor.fetch('/inc')
    const good = await withToken(visitor)
    const forged = good['x-csrf-token'].replace(/\.(.)/, (_, first) => (first === 'A' ? '.B' : '.A'))
    shop.store.calls.length = 0
    expect(await post(visitor)).toBe(403)
    expect(await post(visitor, { 'x-csrf-token': forged })).toBe(403)
    expect(shop.store.calls.filter((call) => call !== 'load')).toEqual([])
    expect(await post(visitor, good)).toBe(200)
    expect(good['x-csrf-token']).toMatch(/^[\w-]{16}\.[\w-]{43}$/)
  })

  it('CF-1: a refused request neither slides the session nor renews its secret, though both are due', async () => {
    const visitor = await start({ maxAge: '1 hour', touchAfter: 0, rotateEvery: 1 })
    await visitor.fetch('/inc')
    shop.routes['/own'] = async (ctx) => (await ctx.session()).assertCSRF('wrong')
    // The first two are refused by a token, for which the session is read; the last by what the browser says.
    for (const [path, method, headers] of [
      ['/save', 'POST', { 'x-csrf-token': 'wrong' }],
      ['/own', 'GET', {}],
      ['/save', 'POST', { 'sec-fetch-site': 'cross-site' }],
    ] as const) {
      shop.store.calls.length = 0
      const response = await visitor.fetch(path, { method, headers })
      expect([path, response.status, response.headers.getSetCookie()]).toEqual([path, 403, []])
      expect(shop.store.calls.filter((call) => call !== 'load')).toEqual([])
    }
    expect((await visitor.fetch('/read')).headers.getSetCookie()).toHaveLength(1)
    expect(shop.store.calls).toContain('update')
  })

  it('CF-1: with a token reader even the page’s own requests need one', async () => {
    const visitor = await start({}, { token: (ctx) => ctx.get('x-my-token') })
    const { 'x-csrf-token': token } = await withToken(visitor)
    expect(await post(visitor, { 'sec-fetch-site': 'same-origin' })).toBe(403)
    expect(await post(visitor, { 'sec-fetch-site': 'same-origin', 'x-my-token': token })).toBe(200)
  })

  it('CF-2: only GET, HEAD and OPTIONS pass', async () => {
    await start()
    const foreign = { 'sec-fetch-site': 'cross-site' }
    for (const method of ['GET', 'HEAD', 'OPTIONS'])
      expect([method, await send(method, foreign)]).toEqual([method, 200])
    const known = METHODS.filter((method) => !['GET', 'HEAD', 'OPTIONS', 'CONNECT'].includes(method))
    expect(known).toContain('TRACE')
    for (const method of known) expect([method, await send(method, foreign)]).toEqual([method, 403])
    // Node's parser decides which of these arrive; the check must not depend on that.
    for (const method of ['TRACE', 'QUERY', 'get', 'Get', '', 'GET ', undefined]) expect(isSafe(method)).toBe(false)
  })

  it.each(['before', 'behind'])('CF-2: no override %s the sessions makes a safe request of another', async (where) => {
    const app = new TestApp()
    const override: Koa.Middleware = (ctx, next) => {
      ctx.method = ctx.get('x-http-method-override') || ctx.method
      return next()
    }
    if (where === 'before') app.koa.use(override)
    const sessions = atomicSession(app.koa, { store: memory(), origin: OWN })
    if (where === 'behind') app.koa.use(override)
    app.koa.use(sessions.csrf())
    app.koa.use((ctx) => {
      ctx.body = ctx.method
    })
    await app.listen()
    for (const [method, as, status] of [
      ['POST', 'GET', 403],
      ['POST', '', 403],
      ['GET', '', 200],
    ] as const) {
      const headers = { 'sec-fetch-site': 'cross-site', 'x-http-method-override': as }
      expect([method, as, (await fetch(app.base, { method, headers })).status]).toEqual([method, as, status])
    }
    await app.close()
  })

  it('CF-3 csurf CVE-2021-29624 CVE-2023-27495: a token in the URL or in a cookie is no token', async () => {
    const visitor = await start()
    const { 'x-csrf-token': token } = await withToken(visitor)
    const cookie = `${visitor.header}; _csrf=${token}; x-csrf-token=${token}; csrf=${token}`
    const response = await visitor.fetch(`/save?_csrf=${token}&csrf=${token}`, { method: 'POST', headers: { cookie } })
    expect(response.status).toBe(403)
  })

  it('CF-4: a token of any type and size is compared, never thrown over', async () => {
    shop = await new Shop().open()
    const visitor = shop.app.visitor()
    let given: unknown
    shop.routes['/check'] = async (ctx) => (await ctx.session()).assertCSRF(given)
    const token = await visitor.text('/form')
    const values = [
      undefined,
      null,
      '',
      0,
      1n,
      true,
      [],
      [token],
      {},
      { toString: () => token },
      Symbol('x'),
      () => token,
      'é'.repeat(59),
      'x'.repeat(1_000_000),
      `${token} `,
      token.toUpperCase(),
      new String(token),
    ]
    for (given of values) expect((await visitor.fetch('/check')).status).toBe(403)
    given = token
    expect((await visitor.fetch('/check')).status).toBe(200)
  })

  it('CF-4 express-session 1.5.2: MACs of tokens and cookies are compared in constant time, and nowhere else', async () => {
    shop = await new Shop().open()
    const visitor = shop.app.visitor()
    const token = await visitor.text('/form')
    const [nonce, mac] = token.split('.')
    const given = { headers: { 'x-token': token } }
    compared.length = 0
    expect((await visitor.fetch('/check', given)).status).toBe(200)
    // The cookie's, then the token's; each with what these keys make of the same text.
    expect(compared).toEqual([true, true])
    compared.length = 0
    const wrong = { headers: { 'x-token': `${nonce}.${mac!.replace(/^./, (first) => (first === 'A' ? 'B' : 'A'))}` } }
    expect((await visitor.fetch('/check', wrong)).status).toBe(403)
    expect(compared).toEqual([true, false])
    // A comparison that is constant in time and always says yes is what decides.
    verdict.always = true
    expect((await visitor.fetch('/check', wrong)).status).toBe(200)
  })

  it('CF-5 CVE-2023-29020: a token belongs to one session, and dies with log-in and log-out', async () => {
    const visitor = await start()
    const other = shop.app.visitor()
    await other.fetch('/inc')
    expect(await post(other, await withToken(visitor))).toBe(403)
    for (const path of ['/login', '/regenerate', '/rotate', '/logout']) {
      await visitor.fetch('/inc')
      const before = await withToken(visitor)
      expect(await post(visitor, before)).toBe(200)
      await visitor.fetch(path)
      expect([path, await post(visitor, before)]).toEqual([path, 403])
    }
  })

  it('CF-5 csurf: a token planted together with a visitor cookie before log-in is void after it', async () => {
    const attacker = await start()
    const planted = await withToken(attacker)
    const victim = shop.app.visitor()
    victim.cookies.set('sid', attacker.cookies.get('sid')!)
    await victim.fetch('/login')
    expect(await post(victim, planted)).toBe(403)
    // And the attacker, who knows the visitor cookie, has nothing of the victim's session.
    expect(await attacker.json('/read')).toEqual({})
  })

  it('CF-6: no two tokens are alike, and each is good', async () => {
    const visitor = await start()
    const tokens = [await withToken(visitor), await withToken(visitor)]
    expect(tokens[0]).not.toEqual(tokens[1])
    for (const token of tokens) expect(await post(visitor, token)).toBe(200)
  })

  it('CF-7: forms work before log-in, and leave nothing in the store', async () => {
    const visitor = await start()
    const token = await withToken(visitor)
    expect(shop.store.calls).toEqual([])
    expect((await visitor.fetch('/read', { method: 'POST', headers: token })).status).toBe(200)
    expect(shop.store.calls).toEqual([])
  })

  it('CF-7: a visitor cookie that an older key has signed is written anew, and its forms stay valid', async () => {
    const visitor = await start()
    const token = await withToken(visitor)
    const before = visitor.header
    shop.app.koa.keys = ['a newer key that nobody can guess', KEY]
    expect((await visitor.fetch('/form')).headers.getSetCookie()).toEqual([expect.stringMatching(/^sid=n\./)])
    expect(visitor.header.split('.')[1]).toBe(before.split('.')[1])
    expect(await post(visitor, token)).toBe(200)
    shop.app.koa.keys = ['a newer key that nobody can guess']
    expect((await visitor.fetch('/form')).headers.getSetCookie()).toEqual([])
  })

  it.each([
    ['same-origin', 200],
    ['none', 200],
    ['same-site', 403],
    ['cross-site', 403],
  ])('CF-8: Sec-Fetch-Site: %s is answered with %i', async (site, status) => {
    const visitor = await start()
    expect(await post(visitor, { 'sec-fetch-site': site })).toBe(status)
  })

  it('CF-8: origins that the application trusts override it', async () => {
    const visitor = await start({ origin: [OWN, 'https://partner.example'] })
    expect(await post(visitor, { 'sec-fetch-site': 'cross-site', origin: 'https://partner.example' })).toBe(200)
    expect(await post(visitor, { 'sec-fetch-site': 'cross-site', origin: 'https://other.example' })).toBe(403)
  })

  it.each(['foo', '', 'Same-Origin', 'same-origin, none', ' '])(
    'CF-9: the unknown Sec-Fetch-Site %j is refused, whatever stands beside it',
    async (site) => {
      const visitor = await start()
      const token = await withToken(visitor)
      expect(await post(visitor, { 'sec-fetch-site': site, ...token })).toBe(403)
      expect(await post(visitor, { 'sec-fetch-site': site, origin: OWN, ...token })).toBe(403)
    },
  )

  it.each([
    [OWN, 200],
    ['null', 403],
    ['https://shop.example.attacker.com', 403],
    ['http://shop.example', 403],
    ['https://shop.example:444', 403],
    ['https://user@shop.example', 403],
    ['https://SHOP.example', 403],
    ['https://shop.example.', 403],
    ['https://shop.example/', 403],
  ])('CF-10: without Sec-Fetch-Site the Origin %s is answered with %i', async (origin, status) => {
    const visitor = await start()
    expect(await post(visitor, { origin, ...(await withToken(visitor)) })).toBe(status)
  })

  it('CF-10: the own Origin needs no token, with a token reader it does', async () => {
    const visitor = await start()
    expect(await post(visitor, { origin: OWN })).toBe(200)
    await shop.app.close()
    const strict = await start({}, { token: (ctx) => ctx.get('x-my-token') })
    expect(await post(strict, { origin: OWN })).toBe(403)
  })

  it('CF-10: without either a token is required', async () => {
    const visitor = await start()
    expect(await post(visitor)).toBe(403)
    expect(await post(visitor, await withToken(visitor))).toBe(200)
  })

  it('CF-11 CVE-2026-27959: what the Host header says is no origin', async () => {
    await start()
    const { host: real } = new URL(shop.app.base)
    for (const host of ['evil.com', 'evil.com:x@shop.example', 'shop.example', real]) {
      for (const origin of ['https://evil.com', 'http://evil.com', `http://${host}`, `https://${host}`]) {
        if (origin === OWN) continue
        const status = await send('POST', { origin, host, 'x-forwarded-host': host })
        expect([host, origin, status]).toEqual([host, origin, 403])
      }
      expect(await send('POST', { origin: OWN, host })).toBe(200)
    }
    await shop.app.close()
    // Without an origin in the options none is trusted either.
    shop = await new GuardedShop({ origin: [] }).open()
    const { host, origin } = new URL(shop.app.base)
    expect(await send('POST', { origin, host })).toBe(403)
    expect(await send('POST', { origin: 'http://evil.com', host: 'evil.com' })).toBe(403)
  })

  it.each([
    'text/plain',
    'TEXT/PLAIN',
    'multipart/form-data; boundary=x',
    'application/json',
    'application/x-www-form-urlencoded',
    'x',
  ])(
    'CF-12 GHSA-2234-fmw7-43wr GHSA-vm6g-8r4h-22x8 CVE-2022-41919 CVE-2024-43787 CVE-2023-29003 CVE-2023-29008: the content type %s changes nothing',
    async (type) => {
      const visitor = await start()
      expect(await post(visitor, { 'content-type': type, 'sec-fetch-site': 'cross-site' })).toBe(403)
      expect(await post(visitor, { 'content-type': type })).toBe(403)
      expect(await post(visitor, { 'content-type': type, ...(await withToken(visitor)) })).toBe(200)
    },
  )

  it('CF-13: responses vary by what decides, and a report-only run refuses nothing', async () => {
    const reports: string[] = []
    const visitor = await start({}, { reportOnly: (error, ctx) => reports.push(`${ctx.method} ${error.reason}`) })
    const response = await visitor.fetch('/save', { method: 'POST', headers: { 'sec-fetch-site': 'cross-site' } })
    expect(response.status).toBe(200)
    expect(response.headers.get('vary')).toBe('Sec-Fetch-Site, Origin, Cookie')
    expect(reports).toEqual(['POST site'])
  })

  it('vertx-web #1613: an empty token is no token, whatever the session holds', async () => {
    const visitor = await start()
    await visitor.fetch('/inc')
    expect(await post(visitor, { 'x-csrf-token': '' })).toBe(403)
  })

  it('CF-10: where the browser says nothing, a valid token in the parsed body is enough, each visitor their own', async () => {
    shop = new GuardedShop()
    // In front of everything, as an application has it.
    shop.app.koa.middleware.unshift(bodyParser() as never)
    await shop.open()
    const [alice, bob] = [shop.app.visitor(), shop.app.visitor()]
    const form = (csrf: string) => ({ method: 'POST', body: new URLSearchParams({ csrf }) })
    const json = (body: unknown) => ({
      method: 'POST',
      body: JSON.stringify(body),
      headers: { 'content-type': 'application/json' },
    })
    for (const visitor of [alice, bob]) await visitor.fetch('/inc')
    const tokens = await Promise.all([alice, bob].map((visitor) => visitor.text('/form')))
    expect((await alice.fetch('/save', form(tokens[0]!))).status).toBe(200)
    expect((await bob.fetch('/save', json({ csrf: tokens[1] }))).status).toBe(200)
    expect((await bob.fetch('/save', form(tokens[0]!))).status).toBe(403)
    for (const body of [{}, { csrf: '' }, { csrf: null }, { csrf: [tokens[0]] }, { csrf: { length: 44 } }, [], ['x']]) {
      expect([body, (await alice.fetch('/save', json(body))).status]).toEqual([body, 403])
    }
    // What the browser says still has the last word.
    const foreign = { ...form(tokens[0]!), headers: { 'sec-fetch-site': 'cross-site' } }
    expect((await alice.fetch('/save', foreign)).status).toBe(403)
    expect(await alice.json('/read')).toMatchObject({ saved: 1 })
    expect(await bob.json('/read')).toMatchObject({ saved: 1 })
  })

  const EVIL = `https://evil.com/\u202e${'x'.repeat(1000)}`
  it.each<[string, SessionOptions, Record<string, string>, string[]]>([
    [
      'another site',
      {},
      { 'sec-fetch-site': 'cross-site', origin: 'https://evil.com' },
      ['another origin', "Sec-Fetch-Site: 'cross-site', Origin: 'https://evil.com'", 'option origin'],
    ],
    ['an unknown word', {}, { 'sec-fetch-site': 'foo' }, ['the standard does not define', "'foo'", 'proxy']],
    [
      'an origin that is not configured',
      {},
      { origin: 'http://x.example' },
      [`not come from '${OWN}'`, "'http://x.example'"],
    ],
    ['a page that hides its origin', {}, { origin: 'null' }, ['hides its origin', "Origin: 'null'", 'Referrer-Policy']],
    ['no token', {}, {}, ['no token', 'neither Sec-Fetch-Site nor Origin', 'X-CSRF-Token', 'field csrf']],
    ['a token without a session', {}, { cookie: 'a=b', 'x-csrf-token': 'x' }, ['without the cookie', 'neither']],
    ['what is no token', {}, { 'x-csrf-token': 'x' }, ['does not look like one']],
    [
      'the token of somebody else',
      {},
      { 'x-csrf-token': `${'a'.repeat(16)}.${'b'.repeat(27)}` },
      ['for another session, or before a log-in'],
    ],
    ['a long Origin', { origin: [] }, { origin: 'null', 'sec-fetch-site': EVIL.slice(20) }, ['xxx…']],
  ])(
    'CF-13: who develops is told why %s is refused: which check, what the browser said, what to do',
    async (_, options, headers, parts) => {
      const visitor = await start(options)
      await visitor.fetch('/inc')
      const secrets = [...visitor.cookies.values()]
        .flatMap((value) => value.split('.'))
        .concat(KEY)
        .filter((part) => part.length > 10)
      const send = async () => (await visitor.fetch('/save', { method: 'POST', headers })).text()
      const events = await eventsOf(async () => {
        const body = await send()
        for (const part of parts) expect(body).toContain(part)
        expect(body).toMatch(/^This form is no longer valid; please open it again \((site|origin|token): /)
        expect(body.length).toBeLessThan(600)
      })
      const [{ detail }] = events as [SessionEvent]
      for (const part of parts) expect(detail).toContain(part)
      vi.stubEnv('NODE_ENV', 'production')
      // A visitor can do nothing with it, and need not know.
      expect(await send()).toBe('This form is no longer valid; please open it again')
      const [{ detail: again }] = (await eventsOf(send)) as [SessionEvent]
      expect(again).toBe(detail)
      vi.unstubAllEnvs()
      const { 'x-csrf-token': token } = headers
      for (const secret of token && token.length > 1 ? [...secrets, token] : secrets)
        expect(detail).not.toContain(secret)
    },
  )

  it('LG-2: each refusal is told once, with its reason', async () => {
    const visitor = await start()
    await visitor.fetch('/inc')
    const events = await eventsOf(async () => {
      await post(visitor)
      await post(visitor, { 'sec-fetch-site': 'cross-site' })
      await post(visitor, { origin: 'https://evil.com' })
    })
    expect(events.map(({ type, reason }) => `${type} ${reason}`)).toEqual(['csrf token', 'csrf site', 'csrf origin'])
  })

  /** The status that a WebSocket's upgrade with these headers is answered with, and what it saw of the session. */
  async function upgraded(
    kind: 'Koa' | 'node:http',
    options: SessionOptions,
    { host = 'shop.example', ...headers }: Record<string, string>,
  ): Promise<unknown[]> {
    const store = memory()
    const keys = [KEY]
    const credential = newSecret(newId())
    await newSession(store, { user: 1 }, credential)
    const name = options.secure ? '__Host-Http-sid' : 'sid'
    const value = writeCredential(credential, name, keygripOf(keys))
    const app = Object.assign(new Koa(), { keys, proxy: true })
    const sessions =
      kind === 'Koa'
        ? atomicSession<{ user: number }>(app, { store, ...options })
        : httpSessions<{ user: number }>({ store, keys, proxy: true, ...options })
    const server = createServer().listen(0, '127.0.0.1')
    await once(server, 'listening')
    let seen: unknown
    server.once('upgrade', async (request, socket) => {
      try {
        seen = (await sessions.upgrade(request)).user
        socket.end('HTTP/1.1 101 Switching Protocols\r\n\r\n')
      } catch (error) {
        socket.end(`HTTP/1.1 ${(error as { status: number }).status} Refused\r\n\r\n`)
      }
    })
    const { port } = server.address() as AddressInfo
    const socket = connect(port, '127.0.0.1')
    const lines = Object.entries({ cookie: `${name}=${value}`, 'x-forwarded-proto': 'https', ...headers })
    socket.write(
      `GET / HTTP/1.1\r\nHost: ${host}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n${lines.map(([key, value]) => `${key}: ${value}\r\n`).join('')}\r\n`,
    )
    const [answer] = await once(socket, 'data')
    socket.destroy()
    server.close()
    return [Number(String(answer).split(' ')[1]), seen]
  }

  const NONE = { sameSite: 'none', secure: true } as const
  const PLAIN = { 'x-forwarded-proto': 'http' }
  describe.each(['Koa', 'node:http'] as const)('of a WebSocket on %s', (kind) => {
    it.each<[string, SessionOptions, Record<string, string>, number]>([
      ['its own page', { origin: OWN }, { origin: OWN }, 101],
      ['its own page, as the browser says', {}, { origin: OWN, 'sec-fetch-site': 'same-origin' }, 101],
      ['its own page, where no origin is configured', {}, { origin: OWN }, 101],
      ['its own page, by the port that all know', {}, { origin: OWN, host: 'shop.example:443' }, 101],
      ['its own page on a port', {}, { origin: `${OWN}:8443`, host: 'shop.example:8443' }, 101],
      ['its own page, whose TLS nobody has told of', {}, { origin: OWN, ...PLAIN }, 101],
      ['its own page without TLS', {}, { origin: 'http://shop.example', ...PLAIN }, 101],
      ['its own page by address', {}, { origin: 'http://[::1]:3000', host: '[::1]:3000', ...PLAIN }, 101],
      ['no page', { origin: OWN }, {}, 101],
      ['no page, where no origin is configured', {}, {}, 101],
      ['another site', {}, { origin: 'https://evil.com', 'sec-fetch-site': 'cross-site' }, 403],
      ['a sister domain', { origin: OWN }, { origin: 'https://blog.shop.example', 'sec-fetch-site': 'same-site' }, 403],
      ['a sister domain, in Chromium', {}, { origin: 'https://blog.shop.example' }, 403],
      ['a parent domain', {}, { origin: OWN, host: 'app.shop.example' }, 403],
      ['another port', {}, { origin: `${OWN}:8443` }, 403],
      ['its own host without TLS', {}, { origin: 'http://shop.example' }, 403],
      ['another site, in an old browser', { origin: OWN }, { origin: 'https://evil.com' }, 403],
      ['another site, where no origin is configured', {}, { origin: 'https://evil.com' }, 403],
      ['its own host, where another origin is configured', { origin: 'https://x.example' }, { origin: OWN }, 403],
      ['the Host that it names itself', { origin: OWN }, { origin: 'http://shop.example' }, 403],
      ['a Host that hides another', {}, { origin: 'https://evil.com', host: 'shop.example@evil.com' }, 403],
      ['a Host with a path', {}, { origin: 'https://evil.com', host: 'evil.com/x' }, 403],
      ['an Origin with more than an origin', {}, { origin: `${OWN}/x` }, 403],
      ['an Origin that is none', {}, { origin: 'shop.example' }, 403],
      ['a sandboxed page', {}, { origin: 'null' }, 403],
      ['another site, where SameSite lets it in', NONE, { origin: 'https://evil.com' }, 403],
      ['a trusted page', { ...NONE, origin: OWN }, { origin: OWN }, 101],
    ])('CF-14: %s is answered with its session or refused', async (_, options, headers, status) => {
      expect(await upgraded(kind, options, headers)).toEqual([status, status === 101 ? 1 : undefined])
    })
  })
})
