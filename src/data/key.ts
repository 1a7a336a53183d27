import { keyFault } from '../algebra/index.ts'
import { InvalidPathError } from '../errors/index.ts'
import { isReserved } from './types.ts'

/** Where a text would be read as an escape, though nobody escaped anything. */
const AMBIGUOUS = /^%$|%(?=[0-9A-Fa-f]{2})/g
const SPECIAL = /[%.\0]/

/**
 * Makes a session key of any text, for a path. The text is percent-escaped if it contains a dot, begins with `$`, is
 * empty, or is a name that no key can have or that the session itself has. Ordinary texts stay as they are, so they can
 * be read in the database. Different texts make different keys.
 *
 * @example
 * ```js
 * // one counter for each address: attempts.alice@example%2Ecom
 * await ctx.session().inc(`attempts.${key(email)}`)
 * ```
 * @throws `InvalidPathError` (400) for what is no text, and for a lone surrogate: pass the text through
 * `toWellFormed()`.
 */
export function key(text: string): string {
  const part = innerKey(text)
  return isReserved(part) ? escapeFirst(part) : part
}

/** The text that {@link key} was given. What it has not made is a text already. */
export function textOf(escaped: string): string {
  if (!escaped.includes('%')) return escaped
  const text =
    escaped === '%' ? '' : escaped.replace(/%([0-9A-F]{2})/g, (_, hex) => String.fromCharCode(Number.parseInt(hex, 16)))
  return key(text) === escaped ? text : escaped
}

/**
 * As {@link key}, for a key within an object, where the session's own names are ordinary.
 *
 * @internal
 */
export function innerKey(text: string): string {
  if (typeof text !== 'string') throw new InvalidPathError(`(${typeof text})`, 'key() takes a text')
  if (text === '') return '%'
  const plain = SPECIAL.test(text)
    ? text.replace(AMBIGUOUS, '%25').replaceAll('.', '%2E').replaceAll('\0', '%00')
    : text
  const fault = keyFault(plain)
  if (!fault) return plain
  if (!plain.isWellFormed()) throw new InvalidPathError(plain.toWellFormed(), fault)
  return escapeFirst(plain)
}

function escapeFirst(key: string): string {
  return `%${key.charCodeAt(0).toString(16).toUpperCase()}${key.slice(1)}`
}
