import { once } from 'node:events'
import { request } from 'node:http'
import type { SessionOptions } from 'koa-atomic-session'
import { memory } from 'koa-atomic-session/memory'
import { afterEach, describe, expect, it } from 'vitest'
import type { Store } from '../../src/contract/store.ts'
import { eventsOf, Shop } from './shop.ts'

const HOST = 'www.example.org'

interface Kept {
  readonly name: string
  readonly value: string
  readonly domain: string
  readonly hostOnly: boolean
  readonly path: string
}

/** A browser that keeps each cookie in its place, and sends all that match (RFC 6265bis, 5.7 and 5.8.3). */
class Browser {
  #kept: Kept[] = []

  keep(line: string, host = HOST): void {
    const [pair, ...attributes] = line.split('; ')
    const of = (name: string) =>
      attributes.find((one) => one.toLowerCase().startsWith(`${name}=`))?.slice(name.length + 1)
    const domain = of('domain') ?? host
    if (host !== domain && !host.endsWith(`.${domain}`)) return
    const [name, value] = [pair!.split('=')[0]!, pair!.slice(pair!.indexOf('=') + 1)]
    const cookie = { name, value, domain, hostOnly: of('domain') === undefined, path: of('path') ?? '/' }
    const place = ({ value: _, ...one }: Kept) => JSON.stringify(one)
    this.#kept = this.#kept.filter((one) => place(one) !== place(cookie))
    if (of('max-age') !== '0') this.#kept.push(cookie)
  }

  cookies(path: string, host = HOST): string[] {
    return this.#kept
      .filter((one) => (one.hostOnly ? one.domain === host : host === one.domain || host.endsWith(`.${one.domain}`)))
      .filter((one) => path === one.path || path.startsWith(one.path.replace(/\/?$/, '/')))
      .sort((a, b) => b.path.length - a.path.length)
      .map((one) => `${one.name}=${one.value}`)
  }

  async go(shop: Shop, path: string, headers: Record<string, string> = {}) {
    const cookie = this.cookies(path.split('?')[0]!, headers.host).join('; ')
    const { port } = new URL(shop.app.base)
    const all = { host: HOST, ...(cookie && { cookie }), ...headers }
    const [response] = await once(request({ port, host: '127.0.0.1', path, headers: all }).end(), 'response')
    let text = ''
    for await (const chunk of response) text += chunk
    const set: string[] = response.headers['set-cookie'] ?? []
    for (const line of set) this.keep(line, headers.host)
    return { status: response.statusCode, text, set }
  }
}

describe('two cookies of one name', () => {
  const shops: Shop[] = []
  afterEach(() => Promise.all(shops.splice(0).map((shop) => shop.app.close())))

  async function open(options: SessionOptions, store: Store = memory(), prefix = ''): Promise<Shop> {
    const shop = new Shop(options, store)
    for (const [path, route] of Object.entries(shop.routes)) {
      // Each route under the path that has the session, too, and further below.
      for (const below of ['/app', '/app/deep/er', prefix]) shop.routes[below + path] = route
    }
    shops.push(await shop.open())
    return shop
  }

  it.each<[string, SessionOptions, SessionOptions, string]>([
    ['the domain was added', {}, { domain: 'example.org' }, ''],
    ['the domain was taken away', { domain: 'example.org' }, {}, ''],
    ['the domain was made narrower', { domain: 'example.org' }, { domain: HOST }, ''],
    ['the domain was made wider', { domain: HOST }, { domain: 'example.org' }, ''],
    ['the path was made narrower', {}, { path: '/app' }, '/app'],
    ['the path was made wider', { path: '/app' }, {}, '/app'],
    ['the path got a slash', { path: '/app' }, { path: '/app/' }, '/app'],
    ['the path was made narrower by far', {}, { path: '/app/deep/er' }, '/app/deep/er'],
    ['the domain came by request', {}, { domain: (ctx) => ctx.hostname.split('.').slice(-2).join('.') }, ''],
  ])('CK-7: where %s, one response leaves one of them, and every log-in holds', async (_, one, two, at) => {
    const store = memory()
    const times = { maxAge: '30 days', touchAfter: 0 }
    const before = await open({ ...times, ...one }, store)
    const after = await open({ ...times, ...two }, store)
    const browser = new Browser()
    await browser.go(before, `${at}/login`)
    // The cookie slides into its new place, beside the old one.
    await browser.go(after, `${at}/read`)
    expect(browser.cookies(`${at}/read`)).toHaveLength(2)
    expect((await browser.go(after, `${at}/read`)).text).toBe('{}')
    expect(browser.cookies(`${at}/read`)).toHaveLength(1)
    expect((await browser.go(after, `${at}/read`)).text).toBe('{"user":1}')
    for (let i = 0; i < 2; i++) {
      await browser.go(after, `${at}/logout`)
      expect((await browser.go(after, `${at}/read`)).text).toBe('{}')
      await browser.go(after, `${at}/login`)
      expect((await browser.go(after, `${at}/read`)).text).toBe('{"user":1}')
    }
  })

  it('CK-7: a log-in with both of them holds, and its cookie is the only one', async () => {
    const shop = await open({ maxAge: '1 day' })
    const browser = new Browser()
    browser.keep('sid=planted; Domain=example.org; Path=/')
    browser.keep('sid=other; Path=/login')
    const { set } = await browser.go(shop, '/login')
    expect(set.at(-1)).toMatch(/^sid=s\./)
    expect(browser.cookies('/login')).toHaveLength(1)
    expect((await browser.go(shop, '/read')).text).toBe('{"user":1}')
  })

  it('CK-7: one that a sister domain has planted is removed, and the visitor stays logged in', async () => {
    const shop = await open({})
    const browser = new Browser()
    await browser.go(shop, '/login')
    const [good] = browser.cookies('/read')
    browser.keep('sid=x; Domain=example.org; Path=/app')
    const events = await eventsOf(async () => {
      // A page with a form, which would set a cookie for a visitor without a session.
      const { set, status } = await browser.go(shop, '/app/form')
      expect(status).toBe(200)
      expect(set.filter((line) => !line.startsWith('sid=;'))).toEqual([])
    })
    expect(events.map(({ type }) => type)).toEqual(['duplicate'])
    expect(browser.cookies('/app/form')).toEqual([good])
    expect((await browser.go(shop, '/app/read')).text).toBe('{"user":1}')
  })

  it('CK-7: a response to two of them that comes after a log-in does not undo it', async () => {
    const shop = await open({})
    const browser = new Browser()
    const late = new Browser()
    for (const one of [browser, late]) one.keep('sid=x; Domain=example.org; Path=/')
    for (const one of [browser, late]) one.keep('sid=y; Path=/')
    const { set } = await late.go(shop, '/read')
    await browser.go(shop, '/login')
    for (const line of set) browser.keep(line)
    expect((await browser.go(shop, '/read')).text).toBe('{"user":1}')
  })

  it('CK-7: a log-out with both of them removes both', async () => {
    const shop = await open({})
    const browser = new Browser()
    browser.keep('sid=x; Domain=example.org; Path=/')
    browser.keep('sid=y; Path=/')
    await browser.go(shop, '/logout')
    expect(browser.cookies('/')).toEqual([])
  })

  it('CK-7: a name with __Host- has one place, but for partitioned cookies', async () => {
    const shop = await open({ secure: true })
    shop.app.koa.proxy = true
    const headers = { cookie: '__Host-Http-sid=x; __Host-Http-sid=y', 'x-forwarded-proto': 'https' }
    const { set } = await new Browser().go(shop, '/app/read', headers)
    expect(set).toEqual([expect.stringMatching(/^__Host-Http-sid=; Path=\/; Max-Age=0; .*Secure.*; Partitioned$/)])
  })

  it.each([
    'evil.com; Secure',
    'a,b.org',
    'example.org/x',
    'user@example.org',
    '127.0.0.1',
    '[::1]',
    'localhost',
    'a..b.org',
    `${'a.'.repeat(200)}org`,
    '-x.org',
  ])('CK-5: the Host %j names no domain', async (host) => {
    const shop = await open({})
    const { set } = await new Browser().go(shop, '/read', { host, cookie: 'sid=x; sid=y' })
    expect(set.length).toBeGreaterThan(0)
    for (const line of set)
      expect(line).toMatch(/^sid=; Path=\/[^;]*; Max-Age=0; Expires=[^;]+; HttpOnly; SameSite=Lax$/)
  })

  it('CK-5: no path writes an attribute, and what is removed stays within 2 KiB', async () => {
    const shop = await open({})
    const deep = `/a;Domain=evil.com/b,c/${'d/'.repeat(500)}`
    const browser = new Browser()
    const host = `${'a.'.repeat(50)}example.org`
    for (const path of [deep, `/${'p/'.repeat(100)}`, `/read?${'q/'.repeat(500)};x`, '/%3b%0d%0a/x']) {
      shop.routes[path.split('?')[0]!] = shop.routes['/read']!
      const { set } = await browser.go(shop, path, { host, cookie: 'sid=x; sid=y' })
      expect(set.length).toBeGreaterThanOrEqual(4)
      expect(set.join('')).not.toContain('evil.com')
      expect(set.join('').length).toBeLessThanOrEqual(2048)
      for (const line of set) {
        const attributes = line.split('; ').map((one) => one.split('=')[0])
        const allowed = ['sid', 'Path', 'Domain', 'Max-Age', 'Expires', 'HttpOnly', 'SameSite']
        expect(attributes.filter((one) => !allowed.includes(one!))).toEqual([])
      }
    }
  })
})

describe("the option domain as a function, which gives the cookie's Domain by request", () => {
  let shop: Shop
  afterEach(() => shop.app.close())
  const tenants = async (domain: NonNullable<SessionOptions['domain']>) => {
    shop = await new Shop({ domain }).open()
  }

  it('is asked with the context, and undefined means the host alone', async () => {
    await tenants((ctx) => (ctx.hostname === 'localhost' ? undefined : ctx.hostname.split('.').slice(1).join('.')))
    const domainOf = async (host: string) => (await new Browser().go(shop, '/inc', { host })).set[0]!.split('; ')[2]
    expect(await domainOf('main.a.example')).toBe('Domain=a.example')
    expect(await domainOf('main.b.example')).toBe('Domain=b.example')
    expect(await domainOf('localhost')).toBe('HttpOnly')
  })

  it('fails the request before any I/O where it returns no host name, and does not quote it', async () => {
    for (const wrong of ['a.example:3000', 'a.example; Path=/x', '', 7, null, '../x']) {
      await tenants(() => wrong as string)
      expect((await new Browser().go(shop, '/inc')).status).toBe(500)
      expect(shop.app.errors.map(({ code, message }) => [code, message])).toEqual([
        ['ERR_SESSION_USAGE', 'domain(ctx) must return a host name without a port, or undefined'],
      ])
      expect(shop.store.calls).toEqual([])
      await shop.app.close()
    }
  })
})

describe('the option persistent', () => {
  let shop: Shop
  afterEach(() => shop.app.close())
  it.each<[SessionOptions, boolean]>([
    [{}, false],
    [{ maxAge: '30 minutes' }, true],
    [{ maxAge: '30 minutes', persistent: false }, false],
    [{ persistent: true }, true],
  ])('of %j: the cookie outlives the browser: %j', async (options, persistent) => {
    shop = await new Shop(options).open()
    shop.routes['/remember'] = (ctx) => void ctx.session().touch('2 days')
    const browser = new Browser()
    expect(/Max-Age/.test((await browser.go(shop, '/inc')).set[0]!)).toBe(persistent)
    expect((await browser.go(shop, '/remember')).set[0]).toContain('Max-Age=172800')
  })

  it.each(['yes', 1, null])('refuses %j', async (persistent) => {
    shop = await new Shop().open()
    expect(() => new Shop({ persistent: persistent as never })).toThrow(/^persistent must be true or false/)
  })
})
