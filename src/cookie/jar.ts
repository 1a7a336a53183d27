import type { ServerResponse } from 'node:http'
import onHeaders from 'on-headers'
import { SessionUsageError } from '../errors/index.ts'
import type { CookieSettings } from '../settings/options.ts'
import type { Exchange } from '../visit/visit.ts'
import { type Credential, keygripOf, readCredential, writeCredential } from './credential.ts'
import { readCookie, writeCookie } from './header.ts'

/**
 * One response's cookie: at most one Set-Cookie, the last state wins.
 *
 * It is written when the headers are, not before, because Koa removes every header that was set before an error; a
 * `rotate()` followed by an error would otherwise leave the visitor with a secret that is dead.
 */
export class CookieJar {
  /** What the request's cookie says, if it is one cookie and these keys have signed it. */
  readonly credential: Credential | undefined
  /** Why a cookie that was there says nothing. */
  readonly refused: 'forged' | 'duplicate' | undefined
  readonly #exchange: Exchange
  readonly #settings: CookieSettings
  /** The request has a cookie of this name, whatever it says. */
  readonly present: boolean
  readonly #outdated: boolean
  #pending: { readonly value: string; readonly maxAge: number | undefined } | undefined

  constructor(exchange: Exchange, settings: CookieSettings) {
    this.#exchange = exchange
    this.#settings = settings
    const values = readCookie(exchange.headers.cookie, settings.name)
    // Which of several cookies of one name is ours can't be told: one may have been planted by a sister domain.
    const read = values.length === 1 ? readCredential(values[0]!, settings.name, keygripOf(exchange.keys())) : undefined
    this.credential = read?.credential
    this.refused = read || values.length === 0 ? undefined : values.length > 1 ? 'duplicate' : 'forged'
    this.#outdated = read?.renew ?? false
    this.present = values.length > 0
    const { response } = exchange
    if (response) onHeaders(response, () => this.#write(response))
  }

  /** The response will carry this credential. */
  keep(credential: Credential, maxAge: number | undefined): void {
    const value = writeCredential(credential, this.#settings.name, keygripOf(this.#exchange.keys()))
    this.#pending = { value, maxAge }
  }

  /** Writes the cookie again, with all its attributes, when an older key has signed it. */
  renew(credential: Credential, maxAge: number | undefined, grace: boolean): void {
    if (this.#outdated && !grace && !this.#pending) this.keep(credential, maxAge)
  }

  /** The response will remove the cookie, if there is one. */
  clear(): void {
    this.#pending = this.present ? { value: '', maxAge: 0 } : undefined
  }

  /** A new session is worth nothing without its cookie, so that it must still be possible to send one. */
  assertWritable(): void {
    const { response, keys } = this.#exchange
    keygripOf(keys())
    if (!response) {
      throw new SessionUsageError(
        'An upgrade can set no cookie, so that no session can begin or rotate in it: do that in a request before',
      )
    }
    if (response.headersSent) {
      throw new SessionUsageError(
        'The response has begun, so that a new secret cannot reach the visitor: begin or rotate a session before the body',
      )
    }
  }

  #write(response: ServerResponse): void {
    vary(response, 'Cookie')
    if (!this.#pending) return
    const { value, maxAge } = this.#pending
    const cookie = writeCookie(this.#settings, value, maxAge, this.#settings.secure ?? this.#exchange.secure)
    const others = [response.getHeader('Set-Cookie') ?? []].flat().map(String)
    response.setHeader('Set-Cookie', [...others, cookie])
    // A shared cache must not hand one visitor's cookie to another.
    response.setHeader('Cache-Control', 'no-store')
  }
}

/** Adds a field to the Vary header, once. */
export function vary(response: ServerResponse, field: string): void {
  const before = response.getHeader('Vary')
  if (before === undefined) {
    response.setHeader('Vary', field)
    return
  }
  const fields = String(before)
    .split(',')
    .map((one) => one.trim())
    .filter(Boolean)
  const has = fields.some((one) => one === '*' || one.toLowerCase() === field.toLowerCase())
  if (!has) response.setHeader('Vary', [...fields, field].join(', '))
}
