import { type Data, isBson, isDate, isList, type Value } from '../algebra/index.ts'
import { innerKey, key as outerKey, textOf } from '../data/key.ts'
import { InvalidValueError } from '../errors/index.ts'

/** What each object that the application was given is in the session. */
export type Origins = Map<object, Value>

/** Deeper is no session, as everywhere in this package. */
const DEEPEST = 32

/** A copy that the application may change, with keys as they were before they were escaped. */
export function copyOut(value: Value, origins: Origins): unknown {
  if (typeof value !== 'object' || value === null) return value
  let copy: object
  if (isDate(value)) copy = new Date(value)
  // Compared as a whole and never changed in place.
  else if (isBson(value)) copy = value
  else if (isList(value)) copy = value.map((element) => copyOut(element, origins))
  else {
    copy = {}
    for (const key of Object.keys(value)) own(copy, textOf(key), copyOut((value as Data)[key]!, origins))
  }
  origins.set(copy, value)
  return copy
}

/** An own property, whatever its name: `__proto__`, too. */
export function own(object: object, key: string, value: unknown): void {
  Object.defineProperty(object, key, { value, enumerable: true, configurable: true, writable: true })
}

/** How a key is written in the session: as it stands there already, or escaped where that is necessary. */
export function keyOf(text: string, origin: Data | undefined, top: boolean): string {
  if (origin && Object.hasOwn(origin, text) && textOf(text) === text) return text
  const key = top ? outerKey(text) : innerKey(text)
  if (!origin || Object.hasOwn(origin, key)) return key
  return [text, outerKey(text)].find((other) => Object.hasOwn(origin, other) && textOf(other) === text) ?? key
}

/** What the values that were kept have been made of. */
export type Kept = [made: object, of: Value][]

/**
 * What JSON there and back makes of a value: `toJSON` is asked, what is no JSON is left out, a class becomes its fields.
 * Two things are more exact: a Date or a BSON value that was read from the session stays one, and what was not changed is
 * the very object that was read. Undefined for what JSON leaves out.
 *
 * @throws `InvalidValueError` (400) for what JSON refuses or no store can keep; its `path` is where it stands.
 */
export function kept(value: unknown, path: string[], origins: Origins, all: Kept): Value | undefined {
  return keep(value, path, origins, all, [])
}

function keep(input: unknown, path: string[], origins: Origins, all: Kept, within: object[]): Value | undefined {
  const refuse = (reason: string): never => {
    throw new InvalidValueError(path.join('.').toWellFormed(), reason)
  }
  let value = input
  if (typeof value === 'object' && value !== null) {
    const origin = origins.get(value)
    if (isDate(origin) && isDate(value) && !Number.isNaN(value.getTime())) {
      const date = value.getTime() === origin.getTime() ? origin : new Date(value)
      all.push([value, date])
      return date
    }
    if (isBson(origin)) return origin
  }
  if ((typeof value === 'object' && value !== null) || typeof value === 'bigint') {
    const { toJSON } = value as { toJSON?: unknown }
    if (typeof toJSON === 'function') value = toJSON.call(value, path.at(-1) ?? '')
  }
  if (value instanceof Number || value instanceof String || value instanceof Boolean) value = value.valueOf()
  switch (typeof value) {
    case 'boolean':
      return value
    case 'number':
      return Number.isFinite(value) ? value + 0 : null
    case 'string':
      if (value.includes('\0')) refuse('a NUL character, which PostgreSQL cannot keep')
      if (!value.isWellFormed()) refuse('a lone surrogate; pass the text through toWellFormed()')
      return value
    case 'bigint':
      return refuse('a BigInt; pass a number, or a string')
    case 'object':
      break
    default:
      return undefined
  }
  if (value === null) return null
  const object: object = value
  if (within.includes(object)) refuse('a cycle, which JSON cannot write either')
  if (within.length >= DEEPEST) refuse(`more than ${DEEPEST} levels`)
  const inside = [...within, object]
  const part = (element: unknown, name: string) => keep(element, [...path, name], origins, all, inside)
  const origin = origins.get(object)
  const made = Array.isArray(object)
    ? listOf(object, origin, (element, i) => part(element, String(i)) ?? null)
    : dataOf(object as Record<string, unknown>, origin, part)
  all.push([object, made])
  return made
}

function listOf(list: unknown[], origin: Value | undefined, part: (element: unknown, i: number) => Value): Value {
  const made = Array.from(list, part)
  return isList(origin) && made.length === origin.length && made.every((element, i) => element === origin[i])
    ? origin
    : made
}

function dataOf(
  object: Record<string, unknown>,
  origin: Value | undefined,
  part: (value: unknown, name: string) => Value | undefined,
): Value {
  const before = typeof origin === 'object' && origin !== null && !isList(origin) ? (origin as Data) : undefined
  const made: Record<string, Value> = {}
  let same = before !== undefined
  for (const name of Object.keys(object)) {
    const value = part(object[name], name)
    if (value === undefined) continue
    const key = keyOf(name, before, false)
    made[key] = value
    same &&= Object.hasOwn(before!, key) && before![key] === value
  }
  return same && Object.keys(made).length === Object.keys(before!).length ? before! : made
}
