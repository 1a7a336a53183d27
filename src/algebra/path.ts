import { Refusal } from './problem.ts'

/** The keys that lead to a value in a session: `cart.0.qty` is `['cart', '0', 'qty']`. Never empty. */
export type Path = readonly string[]

/** Deeper documents come from attackers, not from applications. MongoDB itself allows 100 levels. */
export const MAX_DEPTH = 32

/**
 * An index may be this far past the end of a list, which is then padded with `null`, as MongoDB does. Without a bound,
 * the few bytes of `set('list.999999999', 1)` would make gigabytes.
 */
export const MAX_PADDING = 1024

const INDEX = /^(?:0|[1-9]\d{0,8})$/

/** The list index that a key stands for, or -1. */
export function indexOf(key: string): number {
  return INDEX.test(key) ? Number(key) : -1
}

/** Why no session can have this key, or undefined if it can. The answer is the same for every store. */
export function keyFault(key: string): string | undefined {
  if (key === '') return 'an empty key'
  if (key[0] === '$') return "a key that begins with '$' (MongoDB would read an operator)"
  if (key.includes('.')) return "a key with '.' in it (it would be read as a path)"
  if (key.includes('\0')) return 'a NUL character in a key'
  // Beside prototype pollution: the MongoDB driver looks such a key up in a plain object of its options, finds what every
  // object inherits, and gives back raw bytes instead of a list of objects.
  if (key === 'prototype' || key in Object.prototype)
    return `the key '${key}' (every JavaScript object has something there)`
  if (key === '_bsontype') return "the key '_bsontype' (MongoDB's driver would take the object for one of its own)"
  if (!key.isWellFormed()) return 'a lone surrogate in a key'
  return undefined
}

/** Reads a path such as `a.b.0`. Throws a {@link Refusal} that says what is wrong with it. */
export function parsePath(path: unknown): Path {
  if (typeof path !== 'string') {
    throw new Refusal({ kind: 'path', path: `(${typeof path})`, reason: 'a path is a string, such as cart.0.qty' })
  }
  const keys = path.split('.')
  if (keys.length > MAX_DEPTH) throw new Refusal({ kind: 'path', path, reason: `more than ${MAX_DEPTH} keys` })
  for (const key of keys) {
    const fault = keyFault(key)
    if (fault) throw new Refusal({ kind: 'path', path, reason: fault })
  }
  return Object.freeze(keys)
}

/** The inverse of {@link parsePath}. */
export function printPath(path: Path): string {
  return path.join('.')
}

/** Whether two paths are the same, or one leads into the value of the other. */
export function overlap(a: Path, b: Path): boolean {
  const length = Math.min(a.length, b.length)
  for (let i = 0; i < length; i++) if (a[i] !== b[i]) return false
  return true
}
