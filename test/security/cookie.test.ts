import { once } from 'node:events'
import { request } from 'node:http'
import { connect } from 'node:net'
import fc from 'fast-check'
import type { SessionOptions } from 'koa-atomic-session'
import { afterEach, describe, expect, it } from 'vitest'
import { readCookie } from '../../src/cookie/header.ts'
import { settingsOf } from '../../src/settings/settings.ts'
import { KEY } from '../visitor.ts'
import { eventsOf, Shop } from './shop.ts'

const TLS = { 'x-forwarded-proto': 'https' }

describe('the cookie', () => {
  let shop: Shop
  afterEach(() => shop?.app.close())
  async function start(options: SessionOptions = {}): Promise<Shop> {
    shop = new Shop(options)
    shop.app.koa.proxy = options.secure === true
    return shop.open()
  }
  const cookiesOf = async (path: string, headers: Record<string, string> = {}) =>
    (await fetch(shop.app.base + path, { headers })).headers.getSetCookie()
  const nameOf = (options: SessionOptions) => settingsOf(options).cookie.name

  it('CK-1: with secure: true it is __Host-Http-, for the whole host and for no other', async () => {
    await start({ secure: true })
    const [cookie] = await cookiesOf('/inc', TLS)
    expect(cookie).toMatch(/^__Host-Http-sid=[^;]+; Path=\/; Secure; HttpOnly; SameSite=Lax$/)
  })

  it('CK-1: it is __Secure- only where it is shared, and a prefix that browsers would drop is refused at set-up', () => {
    expect(nameOf({ secure: true, domain: 'example.org' })).toBe('__Secure-sid')
    expect(nameOf({ secure: true, path: '/app' })).toBe('__Secure-sid')
    const wrong: SessionOptions[] = [
      { key: '__Host-sid' },
      { key: '__host-sid', secure: false },
      { key: '__Host-sid', secure: true, domain: 'example.org' },
      { key: '__HOST-sid', secure: true, path: '/app' },
      { key: '__Secure-sid' },
      { key: 'Host__sid', secure: true },
      { key: '_Host-sid', secure: true },
      { key: '__Host_sid', secure: true },
    ]
    for (const options of wrong) expect(() => settingsOf(options)).toThrow(/^key '/)
  })

  it('CK-2: no script reads it, and nothing but Set-Cookie carries its secret', async () => {
    await start({ maxAge: '1 day' })
    const response = await fetch(`${shop.app.base}/inc`)
    const [cookie] = response.headers.getSetCookie()
    expect(cookie).toContain('; HttpOnly')
    const secret = cookie!.split('.')[2]!
    const others = [...response.headers].filter(([name]) => name !== 'set-cookie')
    expect(JSON.stringify(others) + (await response.text())).not.toContain(secret)
  })

  it('CK-3: SameSite always stands there, and none needs TLS', async () => {
    for (const [sameSite, text] of [
      [undefined, 'Lax'],
      ['lax', 'Lax'],
      ['strict', 'Strict'],
    ] as const) {
      await start(sameSite ? { sameSite } : {})
      expect((await cookiesOf('/inc'))[0]).toMatch(new RegExp(`; SameSite=${text}$`))
      await shop.app.close()
    }
    expect(() => settingsOf({ sameSite: 'none' })).toThrow(/needs secure: true/)
    expect(settingsOf({ sameSite: 'none', secure: true }).cookie.sameSite).toBe('None')
    expect(() => settingsOf({ partitioned: true })).toThrow(/needs secure: true/)
  })

  it('CK-4: it is never longer than browsers keep', async () => {
    expect(() => settingsOf({ key: 'k'.repeat(4096) })).toThrow(/browsers drop cookies/)
    expect(() => settingsOf({ path: `/${'p'.repeat(1024)}` })).toThrow(/not a cookie path/)
    await start({ key: 'k'.repeat(256) })
    expect((await cookiesOf('/inc'))[0]!.split(';')[0]!.length).toBeLessThan(1024)
  })

  it.each(['\r', '\n', '\0', '\x7f', ';', ',', ' ', 'é'])(
    'CK-5 CVE-2026-88038: no option can write %j into the header',
    (bad) => {
      expect(() => settingsOf({ key: `si${bad}d` })).toThrow(/cannot be a cookie's name/)
      expect(() => settingsOf({ domain: `a${bad}b.org` })).toThrow(/not a host name/)
      expect(() => settingsOf({ path: `/a${bad}b` })).toThrow(/not a cookie path/)
      expect(() => settingsOf({ key: '' })).toThrow(/cannot be a cookie's name/)
    },
  )

  it('CK-6: one response has one Set-Cookie of its name, which is the last state', async () => {
    await start({ maxAge: '1 day' })
    shop.routes['/all'] = async (ctx) => {
      const session = await ctx.session().set('a', 1)
      await session.rotate()
      await session.touch('2 days')
      await session.regenerate()
      await session.set('b', 1)
      if (ctx.query.end) await session.destroy()
    }
    const visitor = shop.app.visitor()
    const cookies = (await visitor.fetch('/all')).headers.getSetCookie()
    expect(cookies).toEqual([expect.stringMatching(/^sid=s\./)])
    expect(await visitor.json('/read')).toEqual({ b: 1 })
    const removed = (await visitor.fetch('/all?end=1')).headers.getSetCookie()
    expect(removed).toEqual([expect.stringMatching(/^sid=; Path=\/; Max-Age=0; Expires=Thu, 01 Jan 1970/)])
  })

  it('CK-7: of two cookies of its name neither is believed, and that is told', async () => {
    await start()
    const visitor = shop.app.visitor()
    await visitor.fetch('/inc')
    shop.store.calls.length = 0
    const cookie = `${visitor.header}; ${visitor.header}`
    const events = await eventsOf(async () => expect(await visitor.json('/read', { headers: { cookie } })).toEqual({}))
    expect(events).toMatchObject([{ type: 'duplicate', session: undefined }])
    expect(shop.store.calls).toEqual([])
  })

  it('CK-8: it is removed with the attributes that it was set with', async () => {
    await start({ secure: true, sameSite: 'strict', maxAge: '1 day' })
    const set = (await cookiesOf('/inc', TLS))[0]!
    const removed = (await cookiesOf('/logout', { ...TLS, cookie: set.split(';')[0]! }))[0]!
    const attributes = (cookie: string) =>
      cookie
        .split('; ')
        .slice(1)
        .filter((one) => !/^(Max-Age|Expires)=/.test(one))
    expect(attributes(removed)).toEqual(attributes(set))
    expect(removed).toMatch(/^__Host-Http-sid=; .*Max-Age=0/)
  })

  it('CHIPS: partitioned it says so, with all that browsers ask for besides', async () => {
    await start({ secure: true, sameSite: 'none', partitioned: true })
    expect((await cookiesOf('/inc', TLS))[0]).toMatch(
      /^__Host-Http-sid=[^;]+; Path=\/; Secure; HttpOnly; SameSite=None; Partitioned$/,
    )
  })

  it('CK-9: it ends with the browser unless asked otherwise, and lasts at most 400 days', async () => {
    await start()
    expect((await cookiesOf('/inc'))[0]).not.toMatch(/Max-Age|Expires/)
    expect(() => settingsOf({ maxAge: '401 days' })).toThrow(/400 days/)
    expect(settingsOf({ maxAge: '400 days' }).idle).toBe(400 * 86_400_000)
  })

  it('CK-10: without TLS it is not sent, whatever a header claims, and the error says what to do', async () => {
    await start({ secure: true })
    shop.app.koa.proxy = false
    const response = await fetch(`${shop.app.base}/inc`, { headers: TLS })
    expect([response.status, response.headers.getSetCookie()]).toEqual([500, []])
    expect(shop.app.errors[0]!.message).toContain('app.proxy = true')
    expect(shop.store.calls).toEqual([])
  })

  it('CK-10: nor does a session that began over TLS go on without it, whatever has fallen due', async () => {
    await start({ secure: true, maxAge: '1 hour', touchAfter: 0, rotateEvery: 1 })
    const cookie = (await cookiesOf('/inc', TLS))[0]!.split(';')[0]!
    // An older key has signed the cookie, so that it would be written again, too.
    shop.app.koa.keys = ['a newer key that nobody can guess', KEY]
    shop.store.calls.length = 0
    for (const path of ['/read', '/form', '/touch', '/logout', '/inc']) {
      const response = await fetch(shop.app.base + path, { headers: { cookie } })
      expect([path, response.status, response.headers.getSetCookie()]).toEqual([path, 500, []])
    }
    expect(shop.store.calls).toEqual([])
    for (const { message } of shop.app.errors) expect(message).toContain('app.proxy = true')
    expect(await cookiesOf('/read', { ...TLS, cookie })).toHaveLength(1)
  })

  it('CK-11: nothing but the cookie carries a session', async () => {
    await start()
    const visitor = shop.app.visitor()
    await visitor.fetch('/inc')
    const value = visitor.cookies.get('sid')!
    const response = await fetch(`${shop.app.base}/read?sid=${value}`, {
      method: 'POST',
      headers: { sid: value, authorization: `Bearer ${value}`, 'x-sid': value, 'content-type': 'application/json' },
      body: JSON.stringify({ sid: value }),
    })
    expect(await response.json()).toEqual({})
  })

  it('CK-12: no cache keeps a response with it, or one that was made from it', async () => {
    await start({ maxAge: '1 day', touchAfter: 0 })
    const visitor = shop.app.visitor()
    const first = await visitor.fetch('/inc')
    const touched = await visitor.fetch('/touch')
    for (const response of [first, touched]) {
      expect(response.headers.getSetCookie()).toHaveLength(1)
      expect(response.headers.get('cache-control')).toBe('no-store')
      expect(response.headers.get('vary')).toBe('Cookie')
    }
    const anonymous = await fetch(`${shop.app.base}/read`)
    expect(anonymous.headers.get('vary')).toBe('Cookie')
  })

  /** Sends a Cookie header byte by byte as it is, which no HTTP client would. */
  async function raw(cookie: string): Promise<string> {
    const socket = connect(Number(new URL(shop.app.base).port), '127.0.0.1')
    socket.write(
      Buffer.from(
        `GET /read HTTP/1.1\r\nHost: x\r\nX-Forwarded-Proto: https\r\nConnection: close\r\nCookie: ${cookie}\r\n\r\n`,
        'latin1',
      ),
    )
    let answer = ''
    socket.on('data', (chunk) => {
      answer += chunk
    })
    await once(socket, 'close')
    return answer.split('\r\n\r\n')[1] ?? ''
  }

  it('CK-13 CVE-2020-8184 CVE-2020-7070 CVE-2023-23934: no other spelling of its name is its name', async () => {
    await start({ secure: true })
    const visitor = shop.app.visitor()
    await visitor.fetch('/inc', { headers: TLS })
    const value = visitor.cookies.get('__Host-Http-sid')!
    expect(await raw(`__Host-Http-sid=${value}`)).toBe('{"n":1}')
    // Quotes mean nothing in a Cookie header: what stands between them is split like anything else.
    expect(await raw(`a="b; __Host-Http-sid=${value}; c="`)).toBe('{"n":1}')
    const spellings = [
      `%5F_Host-sid=${value}`,
      `=__Host-Http-sid=${value}`,
      `\xa0__Host-Http-sid=${value}`,
      `\x85__Host-Http-sid=${value}`,
      `\u00e2\u0080\u0080__Host-Http-sid=${value}`,
      `__HOST-sid=${value}`,
      `__Host-Http-sid =${value}`,
      `__Host-Http-sid[]=${value}`,
      `"__Host-Http-sid"=${value}`,
      `a="b; __Host-Http-sid=${value}"`,
      `__Host-Http-sid="${value}"`,
      `__Host-Http-sid=%73${value.slice(1)}`,
    ]
    for (const spelling of spellings) expect([spelling, await raw(spelling)]).toEqual([spelling, '{}'])
  })

  it('CK-13 ID-4: reading it takes time by its length, whatever it holds', () => {
    const took = (value: string) => {
      const begun = performance.now()
      expect(readCookie(`sid=${value}x`, 'sid')).toEqual([`${value}x`])
      return performance.now() - begun
    }
    const length = 60_000
    // A millisecond, where the square of the length would take many seconds.
    for (const filler of [' ', '\t', ' \t', 'x ', '=', ',', ' sid=', 'sid='])
      expect(took(filler.repeat(length / filler.length))).toBeLessThan(2000 + 100 * took('x'.repeat(length)))
    expect(readCookie('a=b; \t sid=v \t ', 'sid')).toEqual(['v'])
    expect(readCookie('sid=v\xa0', 'sid')).toEqual(['v\xa0'])
  })

  it('CK-13: it is found where splitting the header finds it, and nowhere else', () => {
    const pieces = fc.constantFrom('sid', 'sid=', 'sid-bound=', ';', '; ', '=', ' ', '\t', '\xa0', 'a', '"', 'x=')
    fc.assert(
      fc.property(fc.array(pieces, { maxLength: 12 }), (header) => {
        const found = header
          .join('')
          .split(';')
          .map((pair) => /^[ \t]*([^=]+)=(.*?)[ \t]*$/s.exec(pair))
          .flatMap((match) => (match?.[1] === 'sid' ? [match[2]] : []))
        expect(readCookie(header.join(''), 'sid')).toEqual(found)
      }),
      { numRuns: 5000 },
    )
    expect(readCookie(undefined, 'sid')).toEqual([])
  })

  it('CK-14: it is __Host-Http-, with all that this asks for, or __Host- where an application says so', async () => {
    for (const key of ['sid', '__Host-Http-sid', '__Host-sid']) {
      await start({ secure: true, key })
      const name = key === 'sid' ? '__Host-Http-sid' : key
      const [cookie] = await cookiesOf('/inc', TLS)
      expect(cookie).toMatch(new RegExp(`^${name}=[^;]+; Path=/; Secure; HttpOnly; SameSite=Lax$`))
      if (key !== '__Host-sid') await shop.app.close()
    }
    // A cookie that an older name has left behind is not read: whatever may set it could then begin a session.
    const visitor = shop.app.visitor()
    await visitor.fetch('/inc', { headers: TLS })
    const left = visitor.header
    await shop.app.close()
    await start({ secure: true })
    expect(await (await shop.app.visitor().fetch('/read', { headers: { ...TLS, cookie: left } })).json()).toEqual({})
    expect(() => settingsOf({ key: '__Host-Http-sid' })).toThrow(/needs secure/)
  })

  it('express-session 1.18.2, CVE-2025-7339: it survives a response whose headers are written as an array', async () => {
    await start()
    shop.routes['/raw'] = async (ctx) => {
      await ctx.session().set('a', 1)
      ctx.respond = false
      ctx.res.writeHead(200, ['X-One', '1', 'Set-Cookie', 'own=1', 'X-Two', '2'])
      ctx.res.end('{}')
    }
    const response = await fetch(`${shop.app.base}/raw`)
    expect(
      response.headers
        .getSetCookie()
        .map((cookie) => cookie.split('=')[0]!)
        .sort(),
    ).toEqual(['own', 'sid'])
    expect([response.headers.get('x-one'), response.headers.get('x-two')]).toEqual(['1', '2'])
  })

  it('CVE-2015-3982: an empty cookie opens nothing and is nobody’s key', async () => {
    await start()
    for (const cookie of ['sid=', 'sid', 'sid=s...', 'sid=s.', '=']) {
      const [first, second] = [shop.app.visitor(), shop.app.visitor()]
      await first.fetch('/inc', { headers: { cookie } })
      await second.fetch('/inc', { headers: { cookie } })
      expect(first.cookies.get('sid')).not.toBe(second.cookies.get('sid'))
    }
    expect(await (await fetch(`${shop.app.base}/read`, { headers: { cookie: 'sid=' } })).json()).toEqual({})
  })

  it('is refused above what a header may hold, by Node itself', async () => {
    await start()
    const { hostname, port } = new URL(shop.app.base)
    const sent = request({ hostname, port, path: '/read', headers: { cookie: `sid=${'x'.repeat(20_000)}` } })
    sent.end()
    const [response] = await once(sent, 'response')
    expect(response.statusCode).toBe(431)
    response.resume()
  })
})
