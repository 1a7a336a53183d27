import type { CookieSettings } from '../settings/settings.ts'
import type { Place } from './places.ts'

/**
 * Every value that a Cookie header gives to exactly this name. Nothing is decoded, unquoted or compared without case,
 * so no other cookie can pass for this one (CVE-2020-8184, CVE-2023-23934).
 */
export function readCookie(header: string | undefined, name: string): string[] {
  const values: string[] = []
  const start = `${name}=`
  // Searched for, not split: most requests have one cookie of ours among many, or none.
  for (let at = header?.indexOf(start) ?? -1; at >= 0; at = header!.indexOf(start, at + start.length)) {
    const before = withoutEnd(header!.slice(0, at))
    if (before !== '' && !before.endsWith(';')) continue
    const end = header!.indexOf(';', at)
    values.push(withoutEnd(header!.slice(at + start.length, end < 0 ? undefined : end)))
  }
  return values
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
