import { Refusal } from './problem.ts'

/** A place in a session: the keys from its top, `cart.0.qty` as `['cart', '0', 'qty']`. Never empty. */
export type Path = readonly string[]

/** Deeper documents come from attackers, not from applications, and MongoDB itself ends at 100 levels. */
export const MAX_DEPTH = 32

/**
 * An index may lie this far past the end of a list, which is then padded with `null` as MongoDB does. Without a
 * bound, `set('list.999999999', 1)` would be a hundred bytes that make gigabytes.
 */
export const MAX_PADDING = 1024

const INDEX = /^(?:0|[1-9]\d{0,8})$/

/** The list index that a key stands for, or -1. */
export function indexOf(key: string): number {
  return INDEX.test(key) ? Number(key) : -1
}

/** Why a key can be used in no session, or undefined where it can. The verdict is the same on every store. */
export function keyFault(key: string): string | undefined {
  if (key === '') return 'an empty key'
  if (key[0] === '$') return "a key that begins with '$' (MongoDB would read an operator)"
  if (key.includes('.')) return "a key with '.' in it (it would be read as a path)"
  if (key.includes('\0')) return 'a NUL character in a key'
  if (key === '__proto__' || key === 'constructor' || key === 'prototype') return `the key '${key}'`
  if (key === '_bsontype') return "the key '_bsontype' (MongoDB's driver would take the object for one of its own)"
  if (!key.isWellFormed()) return 'a lone surrogate in a key'
  return undefined
}

/** Reads `a.b.0`; throws a {@link Refusal} that names what is wrong with it. */
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

/** True when two paths are the same place, or one lies inside the other. */
export function overlap(a: Path, b: Path): boolean {
  const length = Math.min(a.length, b.length)
  for (let i = 0; i < length; i++) if (a[i] !== b[i]) return false
  return true
}
