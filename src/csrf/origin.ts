import type { IncomingHttpHeaders } from 'node:http'
import { FOUND, REMEDY, refusal } from './refusal.ts'

/**
 * Throws a `CsrfError` when the browser says that the request came from another site. It says so in Sec-Fetch-Site,
 * which scripts can't set (https://www.w3.org/TR/fetch-metadata/), or else in Origin. An unknown value is refused,
 * whatever the Origin is. Returns whether the browser has said that the request comes from this site. If it has said
 * nothing, a token must decide.
 */
export function assertSite(headers: IncomingHttpHeaders, origins: readonly string[]): boolean {
  const { origin, 'sec-fetch-site': site } = headers
  const trusted = origins.some((one) => one === origin)
  if (site !== undefined) {
    const here = SITES.get(String(site))
    // No browser sends a word that is not in the standard, so the Origin next to it is not believed either.
    if (here === undefined) throw refusal('site', FOUND.unknownSite, headers, REMEDY.noBrowser)
    if (!(here || trusted)) throw refusal('site', FOUND.otherSite, headers, REMEDY.ownPage(origin))
    return true
  }
  if (trusted) return true
  // Without configured origins there is nothing to compare with: the Host header is the client's own word.
  if (origin === 'null') throw refusal('origin', FOUND.hidden, headers, REMEDY.hidden)
  if (origin !== undefined && origins.length > 0) {
    throw refusal('origin', FOUND.otherOrigin(origins), headers, REMEDY.ownPage(origin))
  }
  return false
}

/** A host and perhaps a port, without anything that a URL would read as something else. */
const HOST = /^(?:[\w.-]{1,253}|\[[\da-f:.]{2,45}\])(?::\d{1,5})?$/i

/**
 * Whether a page of this Origin is on the host to which its browser has sent the request. A page can't choose that Host
 * header, but a client that is no browser can, so only a browser's word may be judged by it. A page without TLS is not
 * the same as the one with TLS: whoever is on the line can have written it.
 */
export function isSameHost(origin: string, host: string | undefined, secure: boolean): boolean {
  if (host === undefined || !HOST.test(host) || !URL.canParse(origin)) return false
  const page = new URL(origin)
  const scheme = page.protocol === 'https:' || (page.protocol === 'http:' && !secure)
  const target = `${page.protocol}//${host}`
  return scheme && page.origin === origin && URL.canParse(target) && new URL(target).host === page.host
}

/** All that a browser can say, and whether it means that the request comes from here. */
const SITES: ReadonlyMap<string, boolean> = new Map([
  ['same-origin', true],
  ['none', true],
  ['same-site', false],
  ['cross-site', false],
])

/** RFC 9110, 9.2.1, without TRACE, which echoes the request. */
const SAFE: ReadonlySet<string | undefined> = new Set(['GET', 'HEAD', 'OPTIONS'])

/** A request with this method changes nothing, so it may come from anywhere. */
export function isSafe(method: string | undefined): boolean {
  return SAFE.has(method)
}
