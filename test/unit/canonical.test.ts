import fc from 'fast-check'
import { Binary, ObjectId, UUID } from 'mongodb'
import { describe, expect, it } from 'vitest'
import { canonical } from '../../src/algebra/canonical.ts'
import {
  apply,
  bsonIn,
  type Command,
  type Condition,
  commands,
  type Data,
  equal,
  type Value,
} from '../../src/algebra/index.ts'
import { chainOf } from '../../src/testing/harness.ts'

const uuid = new UUID(`${'0'.repeat(8)}-0000-4000-8000-${'0'.repeat(12)}`)
const { value } = fc.letrec<{ value: Value }>((tie) => ({
  value: fc.oneof(
    { maxDepth: 3 },
    fc.constantFrom<Value>(
      null,
      true,
      0,
      -0,
      1,
      '',
      '1',
      'date 1',
      '[]',
      new Date(1),
      new ObjectId('0'.repeat(24)),
      new ObjectId('1'.repeat(24)),
      uuid,
      new Binary(uuid.buffer, 4),
      new Binary(uuid.buffer, 0),
    ),
    fc.array(tie('value'), { maxLength: 2 }),
    fc.dictionary(fc.constantFrom('a', 'b', 'a"', '__proto__'), tie('value'), { maxKeys: 2 }) as fc.Arbitrary<Value>,
  ),
}))

describe('the canonical text of a value', () => {
  it('is shared by equal values, and by no others', () => {
    fc.assert(
      fc.property(value, value, (a, b) => {
        expect(canonical(a) === canonical(b)).toBe(equal(a, b))
      }),
      { numRuns: process.env.MUTATE_TESTS ? 1000 : 20_000 },
    )
    expect(canonical({ a: 1, b: [new Date(1)] })).toBe(canonical({ b: [new Date(1)], a: 1 }))
  })
})

describe('a command that compares many values with many', () => {
  /** How often a command looks into the objects of a list, where the list and the command have this many values. */
  function looks(of: (values: Value[]) => Command, size: number): number {
    let count = 0
    const read = <T>(value: T): T => {
      count++
      return value
    }
    const counted = (i: number) =>
      new Proxy({ [`k${i}`]: i } as Data, {
        get: (...at) => read(Reflect.get(...at)),
        ownKeys: (...at) => read(Reflect.ownKeys(...at)),
        getOwnPropertyDescriptor: (...at) => read(Reflect.getOwnPropertyDescriptor(...at)),
      })
    const values = (from: number) => Array.from({ length: size }, (_, i) => counted(from + i))
    const result = apply({ list: values(0) }, chainOf(of(values(size))), 0)
    expect(result.ok).toBe(true)
    return count
  }

  it.each<[string, (values: Value[]) => Command]>([
    ['addToSet', (values) => commands.addToSet('list', values)],
    ['pullAll', (values) => commands.pullAll('list', values)],
    ['pull of a list', (values) => commands.pull('list', values)],
    ['pull of an object', (values) => commands.pull('list', Object.fromEntries(values.map((v, i) => [`k${i}`, v])))],
  ])('%s looks into each of them as often, however many there are', (_, of) => {
    expect(looks(of, 1000)).toBeLessThan(11 * looks(of, 100))
  })
})

describe('what a command or a condition brings', () => {
  const id = new ObjectId('0'.repeat(24))

  it.each<[string, object]>([
    ['a value', { value: id }],
    ['a field deep in a value', { value: { a: null, b: { at: new Date(0), c: [1, 'x', id] } } }],
    ['one of several values', { values: ['x', undefined, { owner: id }] }],
  ])('is known to hold a BSON value: %s', (_, part) => {
    expect(bsonIn(part as Condition)).toBe('ObjectId')
  })

  it.each<object>([
    { value: { a: null, b: [1, 'x', true, new Date(0)], c: { _bsontype: 'ObjectId' } } },
    { values: [{ a: 1 }, null] },
    { value: 'ObjectId' },
    { value: undefined },
    { kind: 'unset', path: ['a'] },
  ])('is known to hold none: %j', (part) => {
    expect(bsonIn(part as Condition)).toBeUndefined()
  })
})
