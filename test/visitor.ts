import type { AddressInfo } from 'node:net'
import Koa from 'koa'
import type { Store } from 'koa-atomic-session'

/** A browser's share of a test: keeps one cookie of a name as RFC 6265 tells it to, and sends it back everywhere. */
export class Visitor {
  readonly #base: string
  readonly cookies = new Map<string, string>()
  /** Where each was set, because a cookie that is removed elsewhere is another one. */
  readonly #places = new Map<string, string>()

  constructor(base: string) {
    this.#base = base
  }

  async fetch(path: string, init: RequestInit = {}): Promise<Response> {
    const headers = new Headers(init.headers)
    if (this.cookies.size > 0 && !headers.has('cookie')) headers.set('cookie', this.header)
    const response = await fetch(this.#base + path, { redirect: 'manual', ...init, headers })
    for (const cookie of response.headers.getSetCookie()) this.keep(cookie)
    return response
  }

  async text(path: string, init: RequestInit = {}): Promise<string> {
    return (await this.fetch(path, init)).text()
  }

  // biome-ignore lint/suspicious/noExplicitAny: whatever the route answers
  async json(path: string, init: RequestInit = {}): Promise<any> {
    return (await this.fetch(path, init)).json()
  }

  get header(): string {
    return [...this.cookies].map(([name, value]) => `${name}=${value}`).join('; ')
  }

  keep(cookie: string): void {
    const [pair, ...attributes] = cookie.split(';').map((part) => part.trim())
    const [name, value] = [pair!.slice(0, pair!.indexOf('=')), pair!.slice(pair!.indexOf('=') + 1)]
    const attribute = (wanted: string) =>
      attributes.find((text) => text.toLowerCase().startsWith(wanted))?.slice(wanted.length)
    const [maxAge, expires] = [attribute('max-age='), attribute('expires=')]
    // RFC 6265, 5.3: Max-Age has precedence, so that a server's wrong clock ends no cookie.
    const ended = maxAge === undefined ? Date.parse(expires ?? '') < Date.now() : Number(maxAge) <= 0
    const place = `${attribute('domain=')} ${attribute('path=')}`
    if (!ended) {
      this.cookies.set(name, value)
      this.#places.set(name, place)
    } else if (place === (this.#places.get(name) ?? place)) this.cookies.delete(name)
  }
}

export const KEY = 'a key that nobody can guess, 1'

/** A Koa application on a free port. Errors that a request ends with are kept instead of printed. */
export class TestApp {
  readonly koa: Koa = new Koa()
  readonly errors: (Error & { code?: string })[] = []
  #close: (() => Promise<void>) | undefined
  #base = ''

  constructor(KoaClass: typeof Koa = Koa) {
    this.koa = new KoaClass()
    this.koa.keys = [KEY]
    this.koa.on('error', (error) => this.errors.push(error))
  }

  async listen(): Promise<this> {
    const server = this.koa.listen(0, '127.0.0.1')
    await new Promise((resolve) => server.once('listening', resolve))
    this.#base = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
    this.#close = () =>
      new Promise((resolve) => {
        server.close(() => resolve())
        server.closeAllConnections()
      })
    return this
  }

  get base(): string {
    return this.#base
  }

  visitor(): Visitor {
    return new Visitor(this.#base)
  }

  async close(): Promise<void> {
    await this.#close?.()
  }
}

/** Counts the calls that reach a store. */
export function counting<S extends Store>(store: S): S & { readonly calls: string[] } {
  const calls: string[] = []
  return new Proxy(store, {
    get(target, key) {
      if (key === 'calls') return calls
      const member = Reflect.get(target, key)
      if (typeof member !== 'function') return member
      return (...values: unknown[]) => {
        calls.push(String(key))
        return member.apply(target, values)
      }
    },
  }) as S & { readonly calls: string[] }
}
