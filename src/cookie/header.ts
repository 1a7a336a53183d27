import type { CookieSettings } from '../settings/settings.ts'
import type { Place } from './places.ts'

/**
 * Every value that a Cookie header gives to exactly this name. Nothing is decoded, unquoted or compared without case,
 * so no other cookie can pass for this one (CVE-2020-8184, CVE-2023-23934).
 */
export function readCookie(header: string | undefined, name: string): string[] {
  if (!header?.includes(name)) return []
  const values: string[] = []
  for (const pair of header.split(';')) {
    const at = pair.indexOf('=')
    const start = at - name.length
    if (start >= 0 && pair.startsWith(name, start) && isBlank(pair, start)) values.push(withoutEnd(pair.slice(at + 1)))
  }
  return values
}

/** Nothing but spaces and tabs stands before this place. */
function isBlank(text: string, end: number): boolean {
  for (let i = 0; i < end; i++) if (text[i] !== ' ' && text[i] !== '\t') return false
  return true
}

/** A loop, because `/[ \t]+$/` starts again at each space: a header of spaces would cost quadratic time. */
function withoutEnd(value: string): string {
  let end = value.length
  while (value[end - 1] === ' ' || value[end - 1] === '\t') end--
  return value.slice(0, end)
}

/** A Set-Cookie header. `maxAge` in milliseconds; undefined makes a cookie that ends with the browser, 0 removes it. */
export function writeCookie(
  settings: Pick<CookieSettings, 'name' | 'sameSite'>,
  { domain, path, partitioned }: Place,
  value: string,
  maxAge: number | undefined,
  secure: boolean,
): string {
  const parts = [`${settings.name}=${value}`, `Path=${path}`]
  if (domain !== undefined) parts.push(`Domain=${domain}`)
  if (maxAge !== undefined) {
    const seconds = Math.ceil(maxAge / 1000)
    parts.push(`Max-Age=${seconds}`, `Expires=${new Date(seconds && Date.now() + seconds * 1000).toUTCString()}`)
  }
  if (secure) parts.push('Secure')
  parts.push('HttpOnly', `SameSite=${settings.sameSite}`)
  if (partitioned) parts.push('Partitioned')
  return parts.join('; ')
}

/** Removes another library's cookie. A name with a prefix is one that browsers touch only with Secure. */
export function clearing(name: string, place: Place, secure: boolean): string {
  return writeCookie({ name, sameSite: 'Lax' }, place, '', 0, secure || name.startsWith('__'))
}
