import { assertNames, fail } from '../settings/names.ts'
import type { OldPlace } from '../settings/options.ts'
import { ATTRIBUTE, isDomain, TOKEN } from '../settings/settings.ts'
import type { Place } from './places.ts'

/** A cookie of an earlier library, and where it was set. */
export interface OldCookie {
  readonly name: string
  readonly place: Place
}

/** Checks what is asked to be removed; throws a `SessionUsageError` for what no cookie can have. `of` says who asks. */
export function oldCookieOf(name: unknown, place: OldPlace = {}, of = 'clearCookie()'): OldCookie {
  if (typeof place !== 'object' || place === null) fail(`${of}: the place is an object: { domain: 'example.org' }`)
  assertNames(place, ['domain', 'path'], of)
  const { domain, path = '/' } = place
  if (typeof name !== 'string' || !TOKEN.test(name) || name.length > 256) fail(`${of}: no cookie has this name`)
  if (!isDomain(domain)) fail(`${of}: domain is a host name without a port, such as 'example.org'`)
  if (typeof path !== 'string' || !path.startsWith('/') || !ATTRIBUTE.test(path)) fail(`${of}: path begins with '/'`)
  return { name: name as string, place: { domain, path, partitioned: false } }
}
