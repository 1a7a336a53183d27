import { randomBytes } from 'node:crypto'
import type { IncomingHttpHeaders } from 'node:http'
import type { Signer } from '../cookie/credential.ts'
import { CsrfError } from '../errors/index.ts'

/** What a CSRF token is bound to: it is worth nothing in another session, under another cookie, or after `rotate()`. */
export interface Binding {
  readonly cookie: string
  readonly id: string
  readonly epoch: string
}

const TOKEN = /^([A-Za-z0-9_-]{16})\.([A-Za-z0-9_-]{27,128})$/

/** A token for a form. Each one differs, so that compression can't reveal it (BREACH), and all stay valid. */
export function createToken(binding: Binding, keygrip: Signer): string {
  const nonce = randomBytes(12).toString('base64url')
  return `${nonce}.${keygrip.sign(message(binding, nonce))}`
}

/** Throws a {@link CsrfError} unless these keys made the token for this binding. Takes any value and compares in constant time. */
export function assertToken(token: unknown, binding: Binding, keygrip: Signer): void {
  const match = typeof token === 'string' ? TOKEN.exec(token) : null
  if (!match || keygrip.index(message(binding, match[1]!), match[2]!) < 0) throw new CsrfError('token')
}

/**
 * Throws a {@link CsrfError} when the browser says that the request came from elsewhere: by Sec-Fetch-Site, which
 * scripts can't set (https://www.w3.org/TR/fetch-metadata/), else by Origin. Values that are not known are refused, whatever the Origin.
 * Answers whether the browser has said that the request comes from here; where it says nothing, a token must decide.
 */
export function assertSite(headers: IncomingHttpHeaders, origins: readonly string[]): boolean {
  const { origin, 'sec-fetch-site': site } = headers
  const trusted = origin !== undefined && origins.includes(origin)
  if (site !== undefined) {
    const here = SITES.get(String(site))
    // A word that is not in the standard is no browser's, so that the Origin beside it is not believed either.
    if (here === undefined || !(here || trusted)) throw new CsrfError('site')
    return true
  }
  if (trusted) return true
  // Without configured origins there is nothing to compare with: the Host header is the client's own word.
  if (origin !== undefined && (origins.length > 0 || origin === 'null')) throw new CsrfError('origin')
  return false
}

/** All that a browser can say, and whether it means that the request comes from here. */
const SITES: ReadonlyMap<string, boolean> = new Map([
  ['same-origin', true],
  ['none', true],
  ['same-site', false],
  ['cross-site', false],
])

/** RFC 9110, 9.2.1, but for TRACE, which echoes. */
const SAFE: ReadonlySet<string | undefined> = new Set(['GET', 'HEAD', 'OPTIONS'])

/** A request with this method changes nothing, so that it may come from anywhere. */
export function isSafe(method: string | undefined): boolean {
  return SAFE.has(method)
}

function message({ cookie, id, epoch }: Binding, nonce: string): string {
  return `csrf:${cookie}:${id}:${epoch}:${nonce}`
}
