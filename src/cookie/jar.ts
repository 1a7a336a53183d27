import type { IncomingHttpHeaders } from 'node:http'
import { SessionUsageError } from '../errors/index.ts'
import { type CookieSettings, domainOf } from '../settings/settings.ts'
import { type Credential, readCredential, writeCredential } from './credential.ts'
import type { ResponseHead } from './head.ts'
import { clearing, readCookie, writeCookie } from './header.ts'
import { type Keys, keygripOf } from './keys.ts'
import type { OldCookie } from './old.ts'
import { otherPlaces, type Place } from './places.ts'
import { vary } from './vary.ts'

/** What a cookie needs of a request and its response. */
export interface Responding {
  readonly headers: IncomingHttpHeaders
  /** Absent where nothing can be answered in headers: a WebSocket's upgrade. */
  readonly response: ResponseHead | undefined
  /** Calls `write` once, in the moment before the response's headers leave. Not asked without a response. */
  onHead(write: () => void): void
  /** The request came over TLS, as far as the application trusts its proxies. */
  readonly secure: boolean
  /** The request's path and query as they arrived. */
  readonly url: string | undefined
  /** What the option `domain` is given. */
  readonly context: unknown
}

interface Pending {
  readonly value: string
  readonly maxAge: number | undefined
  /** The cookie that the request came with, written for its new Max-Age only. */
  readonly slides?: boolean
  /** The credential is the one that the request came with. */
  readonly came?: boolean
}

/** What clearing every place may cost: many proxies take no more than 4 KiB of headers. */
const MOST_BYTES = 2048

/**
 * One response's cookie. There is at most one Set-Cookie that sets it, and the last state wins.
 *
 * A browser that sends two cookies of the name keeps them in different places, and would go on for as long as they live:
 * the option `domain` or `path` was changed, or a sister domain has planted one. This request believes neither, and its
 * response removes every one that is not where ours is written. What is there stays, and the next request judges it alone.
 *
 * It is written when the headers are, not before, because Koa removes every header that was set before an error; a
 * `rotate()` followed by an error would otherwise leave the visitor with a secret that is dead.
 */
export class CookieJar {
  /** What the request's cookie says, if it is one cookie and these keys have signed it. */
  readonly credential: Credential | undefined
  /** Why the request has a cookie but no credential. */
  readonly refused: 'forged' | 'duplicate' | undefined
  readonly #exchange: Responding
  readonly #settings: CookieSettings
  readonly #keys: () => Keys
  /** Where this response may write the cookie. */
  readonly #place: Place
  /** The request has a cookie of this name, whatever it says. */
  readonly present: boolean
  readonly #outdated: boolean
  #pending: Pending | undefined
  /** What is pending may be written if the headers leave now: the store has just said that it still counts. */
  #verified: 'in this turn' | 'to the end' | undefined
  /** The cookie has left with a new Max-Age. */
  #slid = false
  #siteData: string | undefined
  readonly #removed: OldCookie[] = []

  constructor(exchange: Responding, settings: CookieSettings, keys: () => Keys) {
    this.#exchange = exchange
    this.#settings = settings
    this.#keys = keys
    const values = readCookie(exchange.headers.cookie, settings.name)
    // Of several cookies with one name we can't know which is ours: a sister domain may have planted one.
    const read = values.length === 1 ? readCredential(values[0]!, settings.name, keygripOf(keys())) : undefined
    this.credential = read?.credential
    this.refused = read || values.length === 0 ? undefined : values.length > 1 ? 'duplicate' : 'forged'
    this.#outdated = read?.renew ?? false
    this.present = values.length > 0
    const { response } = exchange
    this.#place = placeOf(settings, response && exchange.context)
    if (response) exchange.onHead(() => this.#write(response))
  }

  /** The response will carry this credential. */
  keep(credential: Credential, maxAge: number | undefined): void {
    // One of them may be the visitor's session, which is worth more than an open form: it is not written over.
    if (this.refused === 'duplicate' && credential.kind === 'visitor') return
    const value = writeCredential(credential, this.#settings.name, keygripOf(this.#keys()))
    this.#pending = { value, maxAge, came: nameOf(credential) === nameOf(this.credential) }
  }

  /** The response will carry the cookie with a new Max-Age, unless {@link stay} is called. */
  slide(credential: Credential, maxAge: number | undefined): void {
    // Signed once, though both the read and the end of the request say so.
    if (this.#pending && !(this.#pending.slides && this.#pending.maxAge !== maxAge)) return
    this.keep(credential, maxAge)
    this.#pending = { ...this.#pending!, slides: !this.#outdated }
  }

  /** The request does not count as use of the session: its cookie does not slide. */
  stay(): void {
    if (this.#pending?.slides) this.#pending = undefined
  }

  /** Writes the cookie again, with all its attributes, when an older key has signed it. */
  renew(credential: Credential, maxAge: number | undefined): void {
    if (this.#outdated && !this.#pending) this.keep(credential, maxAge)
  }

  /** The response will carry the secret that the request came with: only if it is {@link verify verified}. */
  get carries(): boolean {
    return this.#pending?.came === true && this.credential?.kind === 'session'
  }

  /**
   * The store has said that the secret which the request came with is the live one. That holds for this turn of the event
   * loop: in a later one another response may have set a better cookie. At the request's end it holds until the headers leave.
   */
  verify(atTheEnd = false): void {
    if (atTheEnd) this.#verified = 'to the end'
    if (!this.carries || this.#verified) return
    this.#verified = 'in this turn'
    setImmediate(() => {
      if (this.#verified === 'in this turn') this.#verified = undefined
    })
  }

  get verified(): boolean {
    return this.#verified !== undefined
  }

  /** The browser has got the new Max-Age. */
  get slid(): boolean {
    return this.#slid
  }

  /** What the request came with is not the live secret any more: it is not written, but a secret of its own is. */
  leave(): void {
    if (this.carries) this.#pending = undefined
  }

  /** The response will leave the browser's cookie as it is. */
  drop(): void {
    this.#pending = undefined
  }

  /** The response will remove the cookie, if there is one. */
  clear(): void {
    this.#pending = this.present ? { value: '', maxAge: 0 } : undefined
  }

  /** The response will tell the browser to forget more than a cookie: the value of Clear-Site-Data. */
  forgetSite(siteData: string): void {
    if (this.#exchange.response?.headersSent !== false) {
      throw new SessionUsageError(
        'Clear-Site-Data is a header, and this response has begun, or is an upgrade: call destroy() without clear',
      )
    }
    this.#siteData = siteData
  }

  /** The response will remove this cookie too. */
  remove(cookie: OldCookie): void {
    this.#removed.push(cookie)
  }

  /** Headers can still be sent: otherwise an earlier library's cookie would stay. */
  assertRemovable(): void {
    if (this.#exchange.response?.headersSent === false) return
    throw new SessionUsageError(
      'The response has begun, or is an upgrade, so it cannot remove a cookie: use the session in an earlier request',
    )
  }

  /** A new session is worth nothing without its cookie, so it must still be possible to send one. */
  assertWritable(): void {
    const { response } = this.#exchange
    keygripOf(this.#keys())
    if (!response) {
      throw new SessionUsageError(
        'An upgrade cannot set a cookie, so a session cannot begin or rotate in it: do that in an earlier request',
      )
    }
    if (response.headersSent) {
      throw new SessionUsageError(
        'The response has begun, so a new secret cannot reach the visitor: begin or rotate a session before the body',
      )
    }
  }

  #write(response: ResponseHead): void {
    vary(response, 'Cookie')
    if (this.#siteData !== undefined) response.appendHeader('Clear-Site-Data', this.#siteData)
    // Its request has done other things since it asked the store, or has not ended.
    if (this.carries && !this.verified) this.#pending = undefined
    this.#slid = this.#pending?.slides !== undefined
    const lines = this.refused === 'duplicate' ? this.#elsewhere() : []
    for (const { name, place } of this.#removed) lines.push(clearing(name, place, this.#exchange.secure))
    if (this.#pending) lines.push(this.#line(this.#place, this.#pending.value, this.#pending.maxAge))
    if (lines.length === 0) return
    const others = [response.getHeader('Set-Cookie') ?? []].flat().map(String)
    response.setHeader('Set-Cookie', [...others, ...lines])
    // A shared cache must not hand one visitor's cookie to another.
    response.setHeader('Cache-Control', 'no-store')
  }

  #line(place: Place, value: string, maxAge: number | undefined): string {
    return writeCookie(this.#settings, place, value, maxAge, this.#settings.secure ?? this.#exchange.secure)
  }

  /** Removes the cookie from every other place from which it may have come. */
  #elsewhere(): string[] {
    const lines: string[] = []
    let bytes = 0
    const { headers, url } = this.#exchange
    for (const place of otherPlaces(this.#settings.name, this.#place, headers.host, url)) {
      const line = this.#line(place, '', 0)
      bytes += line.length
      if (bytes > MOST_BYTES) break
      lines.push(line)
    }
    return lines
  }
}

function nameOf(credential: Credential | undefined): string | undefined {
  return credential?.kind === 'session' ? credential.secret : credential?.id
}

/** Without a response nothing is written, so no function is asked for the Domain. */
export function placeOf(settings: CookieSettings, context: unknown): Place {
  const { domain, path, partitioned } = settings
  if (typeof domain !== 'function') return settings as Place
  return { domain: context === undefined ? undefined : domainOf(domain, context), path, partitioned }
}
