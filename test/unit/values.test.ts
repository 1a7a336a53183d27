import { runInNewContext } from 'node:vm'
import { Binary, Long, ObjectId, UUID } from 'mongodb'
import { describe, expect, it } from 'vitest'
import { canonical } from '../../src/algebra/canonical.ts'
import { copyValue, equal, isBson, keyFault, parsePath, sizeOf, type Value } from '../../src/algebra/index.ts'
import { problemOf } from './problem.ts'

/** A class of the driver's, by what it has. */
const bsonClass = (_bsontype: unknown, has: object = {}) =>
  Object.assign(Object.create({ _bsontype, [Symbol.for('@@mdb.bson.version')]: 7 }), has)

const id = new ObjectId('0'.repeat(24))
const uuid = new UUID(`${'0'.repeat(8)}-0000-4000-8000-${'0'.repeat(12)}`)

describe('a value of a session', () => {
  it.each<[string, unknown, unknown]>([
    ['minus zero, as zero', -0, 0],
    ['minus zero within', { a: [-0] }, { a: [0] }],
    ['a Date of another realm, as one of this', runInNewContext('new Date(5)'), new Date(5)],
    ['an object of another realm', runInNewContext('({ a: [1] })'), { a: [1] }],
    ['an object without a prototype', Object.assign(Object.create(null), { a: 1 }), { a: 1 }],
    ['an object without what can not be enumerated', Object.defineProperty({ a: 1 }, 'b', { value: 2 }), { a: 1 }],
    ['an object without keys that are not there', new Proxy({}, { ownKeys: () => ['a'] }), {}],
  ])('may be %s', (_, given, kept) => {
    const value = copyValue(given, 'v')
    expect(value).toStrictEqual(kept)
    if (typeof value === 'object') expect(value).not.toBe(given)
  })

  // Older drivers have a class of its own for a UUID.
  it.each([id, uuid, new Binary(uuid.buffer, 4), bsonClass('UUID', { n: 1 })])(
    'may be the BSON value %j, as it is',
    (value) => {
      expect(copyValue(value, 'v')).toBe(value)
      expect(sizeOf(value)).toBe(JSON.stringify(value).length + 16)
    },
  )

  it.each<[string, string, unknown]>([
    ['v', 'undefined; use unset() to remove a value', undefined],
    ['v', 'a BigInt; pass a number, or a string', 10n],
    ['v', 'a function', () => 1],
    ['v', 'a symbol', Symbol('x')],
    ['v', 'NaN is no JSON number', Number.NaN],
    ['v', '-Infinity is no JSON number', Number.NEGATIVE_INFINITY],
    ['v', 'a NUL character, which PostgreSQL cannot keep', 'a\0'],
    ['v', 'a lone surrogate; pass the text through toWellFormed()', '\ud800'],
    ['v', 'an invalid Date', new Date(Number.NaN)],
    ['v', 'a BSON Long; pass a number, a string or a Date', Long.fromNumber(1)],
    ['v.1.b.1', 'undefined; use unset() to remove a value', [1, { b: ['x', undefined] }]],
    ['v.0', 'a hole in a list', new Array(2)],
    ['v', 'a Map instance; pass a plain object', new Map()],
    ['v', 'a Object instance; pass a plain object', Object.create(Object.create({}))],
    ['v', 'a class instance; pass a plain object', Object.create({ constructor: { name: 'sent' } })],
    ['v', 'a class instance; pass a plain object', Object.create({ constructor: (() => class {})() })],
    ['v', 'a symbol as a key', { [Symbol.toStringTag]: 'Date' }],
    ['v.a', "a key that begins with '$' (MongoDB would read an operator)", { a: { $b: 1 } }],
    ['v.a.b', 'a getter; pass its value', { a: Object.defineProperty({}, 'b', { get: () => 1, enumerable: true }) }],
    ['v.b', 'a getter; pass its value', Object.defineProperty({}, 'b', { set: () => {}, enumerable: true })],
  ])('is refused at %s: %s', (path, reason, value) => {
    expect(problemOf(() => copyValue(value, 'v'))).toEqual({ kind: 'value', path, reason })
  })

  it('is a BSON value only by a class of the driver, never by what was sent', () => {
    expect([id, uuid, bsonClass('ObjectId')].map(isBson)).toEqual([true, true, true])
    const pretends = [
      { _bsontype: 'ObjectId' },
      { _bsontype: 'ObjectId', [Symbol.for('@@mdb.bson.version')]: 7 },
      Object.create({ _bsontype: 'ObjectId' }),
      bsonClass(7),
      bsonClass('ObjectId', { _bsontype: 'ObjectId' }),
      'ObjectId',
      null,
      undefined,
    ]
    expect(pretends.map(isBson)).toEqual(pretends.map(() => false))
  })
})

describe('two values', () => {
  const bytes = (...given: number[]) => new Binary(Buffer.from(given))
  /** The same bytes, with room for more. */
  const roomy = new Binary(Buffer.from([1, 2, 3]))
  roomy.position = 2

  it.each<[Value, Value]>([
    [-0, 0],
    [
      { a: 1, b: 2 },
      { b: 2, a: 1 },
    ],
    [[{ a: 1, b: 2 }], [{ b: 2, a: 1 }]],
    [new Date(5), new Date(5)],
    [id, new ObjectId('0'.repeat(24))],
    [uuid, new Binary(uuid.buffer, 4)],
    [bytes(1, 2), roomy],
  ])('are equal: %j and %j', (a, b) => {
    for (const [one, other] of [
      [a, b],
      [b, a],
    ] as const) {
      expect(equal(one, other)).toBe(true)
      expect(canonical(one)).toBe(canonical(other))
    }
  })

  it.each<[Value, Value]>([
    [[1, 1], [11]],
    [[new Date(5)], ['1970-01-01T00:00:00.005Z']],
    [new Date(5), 'date 5'],
    ['ab', 'abc'],
    ['ab', 'ax'],
    [id, new ObjectId('1'.repeat(24))],
    [uuid, new Binary(uuid.buffer, 0)],
    [bytes(1, 2), bytes(1, 3)],
    [bytes(1, 2), bytes(12)],
    [bytes(1, 2), bytes(1, 2, 3)],
    // They have some of what a Binary has.
    ...['sub_type', 'buffer', 'position'].map<[Value, Value]>((missing) => {
      const has = { sub_type: 0, buffer: Buffer.from([1]), position: 1, [missing]: undefined }
      const { [missing]: _, ...without } = has as Record<string, unknown>
      return [bsonClass('UUID', { ...without, n: 1 }), bsonClass('UUID', { ...without, n: 2 })]
    }),
  ])('are not equal: %j and %j', (a, b) => {
    for (const [one, other] of [
      [a, b],
      [b, a],
    ] as const) {
      expect(equal(one, other)).toBe(false)
      expect(canonical(one)).not.toBe(canonical(other))
    }
  })
})

describe('a path', () => {
  it.each([
    ['', 'an empty key'],
    ['$a', "a key that begins with '$' (MongoDB would read an operator)"],
    ['a.b', "a key with '.' in it (it would be read as a path)"],
    ['a\0b', 'a NUL character in a key'],
    ['prototype', "the key 'prototype' (every JavaScript object has something there)"],
    ['__proto__', "the key '__proto__' (every JavaScript object has something there)"],
    ['toString', "the key 'toString' (every JavaScript object has something there)"],
    ['_bsontype', "the key '_bsontype' (MongoDB's driver would take the object for one of its own)"],
    ['\udfff', 'a lone surrogate in a key'],
  ])('has no key %j', (key, reason) => {
    expect(keyFault(key)).toBe(reason)
    if (key.includes('.')) return
    for (const path of [key, `a.${key}`, `a.${key}.b`])
      expect(problemOf(() => parsePath(path))).toEqual({ kind: 'path', path, reason })
  })

  it('has any other key', () => {
    for (const key of ['a', '0', ' ', 'a$', 'Prototype', '_bson', 'é', '😀', 'a b'])
      expect(keyFault(key)).toBeUndefined()
  })

  it.each([undefined, null, 7, ['a'], {}])('is a text, not %j', (path) => {
    const reason = 'a path is a string, such as cart.0.qty'
    expect(problemOf(() => parsePath(path))).toEqual({ kind: 'path', path: `(${typeof path})`, reason })
  })
})
