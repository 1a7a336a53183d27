import { isIP } from 'node:net'

/** Where a browser keeps a cookie of one name: each of these is a cookie of its own, and all that match are sent. */
export interface Place {
  /** Undefined: the host alone. */
  readonly domain: string | undefined
  readonly path: string
  readonly partitioned: boolean
}

/** A host name without anything that could end an attribute of a cookie. */
const HOST = /^(?!.*\.\.)[a-z\d](?:[a-z\d.-]{0,251}[a-z\d])?$/i
/** A path in the characters that a request's path may have, without those that end an attribute. */
const PATH = /^\/[^\0-\x20\x7f-\uffff;,]{0,255}$/
/** Of the domains above a host: more labels than that have few. */
const DOMAINS = 4

/**
 * The other places from which a cookie of this name may have come with a request, the most likely ones first: each parent
 * of the path, for the host alone and for the domains above it. Host and URL come from the visitor: what is not a host name
 * or no path names no place.
 */
export function* otherPlaces(
  name: string,
  own: Place,
  host: string | undefined,
  url: string | undefined,
): Generator<Place> {
  // Partitioned cookies are kept apart, which an application may have begun or ceased to ask for.
  if (name.startsWith('__')) yield { ...own, partitioned: !own.partitioned }
  // Such a name has no other place.
  if (/^__host-/i.test(name)) return
  const domains = new Set([undefined, ...domainsOf(host), own.domain])
  for (const path of new Set(['/', ...parentsOf(own.path), ...parentsOf(pathOf(url))])) {
    for (const domain of domains) {
      if (path !== own.path || domain !== own.domain) yield { domain, path, partitioned: own.partitioned }
    }
  }
}

/** A host and the domains above it, but for the last label, which is nobody's: www.example.org, example.org. */
function domainsOf(header: string | undefined): string[] {
  const host = header?.replace(/:\d{1,5}$/, '').toLowerCase() ?? ''
  if (!HOST.test(host) || isIP(host)) return []
  const labels = host.split('.')
  return labels
    .slice(0, -1)
    .map((_, i) => labels.slice(i).join('.'))
    .slice(-DOMAINS)
}

function pathOf(url: string | undefined): string | undefined {
  return url?.split(/[?#]/, 1)[0]
}

/** A path and those above it, with and without a slash at the end: /a, /a/, /a/b, /a/b/. */
function* parentsOf(path: string | undefined): Generator<string> {
  if (path === undefined || !PATH.test(path)) return
  for (let at = path.indexOf('/', 1); at > 0; at = path.indexOf('/', at + 1)) {
    yield path.slice(0, at)
    yield path.slice(0, at + 1)
  }
  yield path
  if (!path.endsWith('/')) yield `${path}/`
}
