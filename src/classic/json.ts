import { type Data, isBson, isDate, isList, isObject, type List, type Value } from '../algebra/index.ts'
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
    for (const key of Object.keys(value)) assign(copy, textOf(key), copyOut((value as Data)[key]!, origins))
  }
  origins.set(copy, value)
  return copy
}

/** As `own`, for an object that has no setters but `__proto__`: an ordinary assignment is several times as fast. */
export function assign(object: object, key: string, value: unknown): void {
  if (key === '__proto__') own(object, key, value)
  else (object as Record<string, unknown>)[key] = value
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

/** What the values that were changed or assigned have been made of. */
export type Kept = [made: object, of: Value][]

/**
 * What JSON there and back makes of a value: `toJSON` is asked, what is no JSON is left out, a class becomes its fields.
 * Two things are more exact: a Date or a BSON value that was read from the session stays one, and what was not changed is
 * the very object that was read. Undefined for what JSON leaves out.
 *
 * @throws `InvalidValueError` (400) for what JSON refuses or no store can keep; its `path` is where it stands.
 */
export function kept(value: unknown, path: string[], origins: Origins, all: Kept): Value | undefined {
  return new Keeper(path, origins, all).keep(value)
}

/** One walk through a value. Where it stands is kept here, because a path for each value would cost more than the rest. */
class Keeper {
  readonly #path: (string | number)[]
  readonly #origins: Origins
  readonly #all: Kept
  readonly #within: object[] = []

  constructor(path: string[], origins: Origins, all: Kept) {
    this.#path = [...path]
    this.#origins = origins
    this.#all = all
  }

  keep(input: unknown): Value | undefined {
    let value = input
    if (typeof value === 'object' && value !== null) {
      const origin = this.#origins.get(value)
      if (isDate(origin) && isDate(value) && !Number.isNaN(value.getTime())) {
        if (value.getTime() === origin.getTime()) return origin
        return this.#made(value, new Date(value))
      }
      if (isBson(origin)) return origin
    }
    if ((typeof value === 'object' && value !== null) || typeof value === 'bigint') {
      const { toJSON } = value as { toJSON?: unknown }
      if (typeof toJSON === 'function') value = toJSON.call(value, String(this.#path.at(-1) ?? ''))
    }
    if (value instanceof Number || value instanceof String || value instanceof Boolean) value = value.valueOf()
    switch (typeof value) {
      case 'boolean':
        return value
      case 'number':
        return Number.isFinite(value) ? value + 0 : null
      case 'string':
        if (value.includes('\0')) this.#refuse('a NUL character, which PostgreSQL cannot keep')
        if (!value.isWellFormed()) this.#refuse('a lone surrogate; pass the text through toWellFormed()')
        return value
      case 'bigint':
        return this.#refuse('a BigInt; pass a number, or a string')
      case 'object':
        return value === null ? null : this.#object(value)
      default:
        return undefined
    }
  }

  #object(object: object): Value {
    if (this.#within.includes(object)) this.#refuse('a cycle, which JSON cannot write either')
    if (this.#within.length >= DEEPEST) this.#refuse(`more than ${DEEPEST} levels`)
    this.#within.push(object)
    const origin = this.#origins.get(object)
    const value = Array.isArray(object)
      ? this.#list(object, isList(origin) ? origin : undefined)
      : this.#data(object as Record<string, unknown>, isObject(origin) ? origin : undefined)
    this.#within.pop()
    return value === origin ? value : this.#made(object, value)
  }

  #list(list: unknown[], origin: List | undefined): List {
    const made: Value[] = []
    let same = origin?.length === list.length
    for (let i = 0; i < list.length; i++) {
      const value = this.#part(list[i], i) ?? null
      made.push(value)
      same &&= value === origin![i]
    }
    return same ? origin! : made
  }

  #data(object: Record<string, unknown>, origin: Data | undefined): Data {
    const made: Record<string, Value> = {}
    let same = origin !== undefined
    let count = 0
    for (const name of Object.keys(object)) {
      const value = this.#part(object[name], name)
      if (value === undefined) continue
      const key = keyOf(name, origin, false)
      made[key] = value
      same &&= Object.hasOwn(origin!, key) && origin![key] === value
      count++
    }
    return same && count === Object.keys(origin!).length ? origin! : made
  }

  #part(value: unknown, name: string | number): Value | undefined {
    this.#path.push(name)
    const part = this.keep(value)
    this.#path.pop()
    return part
  }

  #made<T extends Value>(object: object, value: T): T {
    this.#all.push([object, value])
    return value
  }

  #refuse(reason: string): never {
    throw new InvalidValueError(this.#path.join('.').toWellFormed(), reason)
  }
}
