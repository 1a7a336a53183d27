import { keyFault, MAX_DEPTH } from './path.ts'
import { type Found, Refusal } from './problem.ts'

/** A BSON value of the MongoDB driver, such as an `ObjectId`. It is kept as it is and compared as a whole. */
export interface BsonValue {
  readonly _bsontype: string
}

/** What a session can hold: JSON, `Date`, and on MongoDB some BSON values. */
export type Value = null | boolean | number | string | Date | BsonValue | List | Data
export type List = readonly Value[]
/** A session's data, or an object within them. */
export type Data = { readonly [key: string]: Value }

/**
 * BSON values that mean the same to the oracle and to MongoDB. The classes of numbers don't: MongoDB compares and adds
 * them as numbers, and the driver reads most of them as numbers.
 */
const BSON_TYPES = new Set(['ObjectId', 'Binary', 'UUID'])

export function isDate(value: unknown): value is Date {
  return value instanceof Date
}

/** The time of a real Date, also of one from another realm; undefined for anything that only looks like a Date. */
function timeOf(value: object): number | undefined {
  if (Object.prototype.toString.call(value) !== '[object Date]') return undefined
  try {
    return Date.prototype.getTime.call(value)
  } catch {
    return undefined
  }
}

/** The classes of the driver's bson, 5 and later, have this. Parsed text can't. */
const BSON_CLASS = Symbol.for('@@mdb.bson.version')

/**
 * A real BSON value inherits its type from a class of the driver. An own `_bsontype`, or one of a prototype that a visitor's
 * JSON was merged into, is data that only pretends.
 */
export function isBson(value: unknown): value is BsonValue {
  return (
    typeof value === 'object' &&
    value !== null &&
    '_bsontype' in value &&
    !Object.hasOwn(value, '_bsontype') &&
    typeof value._bsontype === 'string' &&
    BSON_CLASS in value
  )
}

/** The name of the first BSON type within a value. */
export function findBson(value: Value | undefined): string | undefined {
  if (typeof value !== 'object' || value === null || isDate(value)) return undefined
  if (isBson(value)) return value._bsontype
  for (const key of Object.keys(value)) {
    const found = findBson((value as Record<string, Value>)[key])
    if (found) return found
  }
  return undefined
}

export function isList(value: unknown): value is List {
  return Array.isArray(value)
}

/** Whether it is an object with keys, and not a list, a date, a BSON value or null. */
export function isObject(value: unknown): value is Data {
  return typeof value === 'object' && value !== null && !Array.isArray(value) && !isDate(value) && !isBson(value)
}

/** The word for a value in messages. */
export function typeOf(value: Value): Found {
  if (value === null) return 'null'
  if (isList(value)) return 'list'
  if (isDate(value)) return 'date'
  if (isBson(value)) return 'bson'
  return typeof value as 'boolean' | 'number' | 'string' | 'object'
}

/**
 * Deep equality: the order of keys does not count, dates are equal by their time, -0 is 0. How long it takes does not
 * tell where two texts of one length differ, because one of them may be a code that a visitor guesses.
 */
export function equal(a: Value | undefined, b: Value | undefined): boolean {
  if (typeof a === 'string' && typeof b === 'string') return sameText(a, b)
  if (a === b) return true
  if (typeof a !== 'object' || typeof b !== 'object' || a === null || b === null) return false
  if (isList(a)) return isList(b) && a.length === b.length && a.every((value, i) => equal(value, b[i]))
  if (isList(b)) return false
  if (isDate(a)) return isDate(b) && a.getTime() === b.getTime()
  if (isBson(a)) return isBson(b) && bsonText(a) === bsonText(b)
  if (isDate(b) || isBson(b)) return false
  const keys = Object.keys(a)
  return keys.length === Object.keys(b).length && keys.every((key) => Object.hasOwn(b, key) && equal(a[key], b[key]))
}

/** The part of the driver's `Binary`, and of `UUID`, which is one, that tells what it holds. */
interface Binary extends BsonValue {
  readonly sub_type: number
  readonly buffer: Uint8Array
  /** How many bytes of the buffer are in use. */
  readonly position: number
}

function isBinary(value: BsonValue): value is Binary {
  return 'sub_type' in value && 'buffer' in value && 'position' in value
}

/**
 * A text that two BSON values share if and only if MongoDB takes them for equal: binaries with one subtype and the same
 * bytes, whichever class holds them.
 */
export function bsonText(value: BsonValue): string {
  if (!isBinary(value)) return `${value._bsontype} ${JSON.stringify(value)}`
  return `binary ${value.sub_type} ${value.buffer.subarray(0, value.position).join(' ')}`
}

/** No early exit, on purpose. */
function sameText(a: string, b: string): boolean {
  if (a.length !== b.length) return false
  let difference = 0
  for (let i = 0; i < a.length; i++) difference |= a.charCodeAt(i) ^ b.charCodeAt(i)
  return difference === 0
}

/**
 * A frozen copy of a value. Throws a {@link Refusal} that names the path of what can't be kept. Every property is read
 * once, so a getter or a Proxy can't show one value to the check and another to the store.
 */
export function copyValue(input: unknown, path: string, depth = 0): Value {
  const refuse = (reason: string): never => {
    throw new Refusal({ kind: 'value', path, reason })
  }
  switch (typeof input) {
    case 'boolean':
      return input
    case 'number':
      if (!Number.isFinite(input)) refuse(`${input} is no JSON number`)
      return input === 0 ? 0 : input
    case 'string':
      if (input.includes('\0')) refuse('a NUL character, which PostgreSQL cannot keep')
      if (!input.isWellFormed()) refuse('a lone surrogate; pass the text through toWellFormed()')
      return input
    case 'undefined':
      return refuse('undefined; use unset() to remove a value')
    case 'bigint':
      return refuse('a BigInt; pass a number, or a string')
    case 'object':
      break
    default:
      return refuse(`a ${typeof input}`)
  }
  if (input === null) return null
  if (isBson(input)) {
    if (!BSON_TYPES.has(input._bsontype)) refuse(`a BSON ${input._bsontype}; pass a number, a string or a Date`)
    return input
  }
  const time = timeOf(input)
  if (time !== undefined) return Number.isNaN(time) ? refuse('an invalid Date') : new Date(time)
  if (depth >= MAX_DEPTH) refuse(`more than ${MAX_DEPTH} levels, or a cycle`)
  return Array.isArray(input) ? copyList(input, path, depth) : copyObject(input, path, depth)
}

function copyList(input: readonly unknown[], path: string, depth: number): List {
  const length = input.length
  const copy: Value[] = []
  for (let i = 0; i < length; i++) {
    if (!Object.hasOwn(input, i)) throw new Refusal({ kind: 'value', path: `${path}.${i}`, reason: 'a hole in a list' })
    copy.push(copyValue(input[i], `${path}.${i}`, depth + 1))
  }
  return Object.freeze(copy)
}

/** Quotes only a name that code has given: what was merged into a prototype can be a visitor's. */
function classOf(prototype: { constructor?: unknown }): string {
  return (typeof prototype.constructor === 'function' && prototype.constructor.name) || 'class'
}

function copyObject(input: object, path: string, depth: number): Data {
  const refuse = (at: string, reason: string): never => {
    throw new Refusal({ kind: 'value', path: at, reason })
  }
  // A plain object's prototype is null or has none itself. Asking this way accepts objects of another realm too.
  const prototype = Object.getPrototypeOf(input)
  if (prototype !== null && Object.getPrototypeOf(prototype) !== null) {
    refuse(path, `a ${classOf(prototype)} instance; pass a plain object`)
  }
  const copy: Record<string, Value> = {}
  for (const key of Reflect.ownKeys(input)) {
    if (typeof key === 'symbol') return refuse(path, 'a symbol as a key')
    const fault = keyFault(key)
    if (fault) refuse(path, fault)
    const property = Object.getOwnPropertyDescriptor(input, key)
    if (!property?.enumerable) continue
    if (property.get || property.set) refuse(`${path}.${key}`, 'a getter; pass its value')
    copy[key] = copyValue(property.value, `${path}.${key}`, depth + 1)
  }
  return Object.freeze(copy)
}
