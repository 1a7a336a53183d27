import type { Device } from '../contract/device.ts'
import { writeBound } from '../cookie/bound.ts'
import { hashOf } from '../cookie/credential.ts'
import { writeCookie } from '../cookie/header.ts'
import { type Keys, keygripOf } from '../cookie/keys.ts'
import type { Place } from '../cookie/places.ts'
import type { Binding } from '../settings/binding.ts'
import type { CookieSettings } from '../settings/settings.ts'

/** How much longer than the browser keeps it the short cookie is good for: clocks differ, and requests are on their way. */
const LEEWAY = 30_000

/**
 * The browser's name for the binding: another one for each key. So what is said of a binding that a log-in has ended can
 * never end the next one.
 */
export function identifierOf(id: string, { jwk }: Pick<Device, 'jwk'>): string {
  return hashOf(`${id}.${jwk.x}`)
}

/** What the browser is told to do, as the draft has it. */
export function instructions(
  identifier: string,
  { path, site, except }: Binding,
  name: string,
  attributes: string,
): object {
  return {
    session_identifier: identifier,
    refresh_url: path,
    scope: {
      include_site: site,
      scope_specification: except.map((path) => ({ type: 'exclude', domain: '*', path })),
    },
    credentials: [{ type: 'cookie', name, attributes }],
  }
}

/** The Set-Cookie of the short cookie, and the attributes by which the browser knows it. */
export function cookieOf(
  id: string,
  settings: CookieSettings,
  place: Place,
  age: number,
  keys: () => Keys,
): { readonly line: string; readonly attributes: string } {
  const until = Date.now() + age + Math.min(LEEWAY, age / 10)
  const value = writeBound(id, Math.round(until), settings.bound, keygripOf(keys()))
  const cookie = { name: settings.bound, sameSite: settings.sameSite }
  const line = writeCookie(cookie, place, value, age, true)
  const bare = writeCookie(cookie, place, value, undefined, true)
  return { line, attributes: bare.slice(bare.indexOf('; ') + 2) }
}
