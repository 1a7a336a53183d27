import { type } from 'arktype'
import * as v from 'valibot'
import { describe, expect, it } from 'vitest'
import { z } from 'zod'
import { within } from '../../src/data/within.ts'

// biome-ignore lint/suspicious/noExplicitAny: schemas of three libraries
type Any = any

const at = (schema: Any, path: string) => within(schema, path.split('.'))
const text = z.string()
const number = z.number()

describe('what a schema of zod has at a place', () => {
  const object = z.object({ a: text, list: z.array(number), deep: z.object({ a: number }) })
  const other = z.object({ b: number })
  const getter = z.lazy(() => object)

  it.each<[string, Any, string, unknown]>([
    ['an object', object, 'a', text],
    ['an object within', object, 'deep.a', number],
    ['an object, elsewhere', object, 'b', 'dropped'],
    ['an object, and below', object, 'b.c', 'dropped'],
    ['an object, by a name of every object', object, 'toString', 'dropped'],
    ['a strict object', z.strictObject({ a: text }), 'a', text],
    ['a strict object, elsewhere', z.strictObject({ a: text }), 'b', 'nothing'],
    ['a strict object, and below', z.strictObject({ a: text }), 'b.c', 'nothing'],
    ['a loose object, below', z.looseObject({ a: text }), 'b.c', 'anything'],
    ['an object with a catchall', object.catchall(number), 'b', number],
    ['a list', object, 'list.0', number],
    ['a list, at no index', object, 'list.x', 'nothing'],
    ['a record', z.record(text, number), 'a', number],
    ['a record of some keys', z.record(z.enum(['a']), number), 'a', number],
    ['a record of other keys', z.record(z.enum(['a']), number), 'b', 'nothing'],
    ['a record of numbers', z.record(z.coerce.number(), text), '7', text],
    ['a record of numbers, by a word', z.record(z.coerce.number(), text), 'seven', 'nothing'],
    [
      'a record of keys that are changed',
      z.record(
        text.transform((key) => `${key}!`),
        text,
      ),
      'a',
      'nothing',
    ],
    ...[
      z.optional(object),
      z.nullable(object),
      z.nonoptional(z.optional(object)),
      object.default({} as Any),
      object.prefault({} as Any),
      object.readonly(),
      getter,
    ].map<[string, Any, string, unknown]>((schema) => [schema._zod.def.type, schema, 'a', text]),
    ['one of two, of which one has it', z.union([object, text]), 'a', text],
    ['one of two that strip it', z.union([other, text]), 'a', 'dropped'],
    ['one of two that have it', z.union([object, z.object({ a: number })]), 'a', undefined],
    ['one of two that have none', z.union([text, number]), 'a', 'nothing'],
    ['one of none', z.union([] as Any), 'a', 'nothing'],
    [
      'one of several kinds',
      z.discriminatedUnion('k', [z.strictObject({ k: z.literal(1), a: text }), z.strictObject({ k: z.literal(2) })]),
      'a',
      text,
    ],
    ['two together, of which one has it', z.intersection(object, other), 'a', text],
    ['two together, of which the other has it', z.intersection(object, other), 'b', number],
    ['two together that have it', z.intersection(object, z.object({ a: text })), 'a', undefined],
    ['two together that strip it', z.intersection(object, other), 'c', 'dropped'],
    ['anything', z.any(), 'a', 'anything'],
    ['anything, below', z.unknown(), 'a.b', 'anything'],
    ...[text, number, z.boolean(), z.date(), z.null(), z.never(), z.literal('x'), z.enum(['x'])].map<
      [string, Any, string, unknown]
    >((schema) => [schema._zod.def.type, schema, 'a', 'nothing']),
    ['what is transformed as a whole', object.transform((x) => x), 'a', undefined],
    ['a map', z.map(text, text), 'a', undefined],
    ['a tuple', z.tuple([text]), '0', undefined],
  ])('%s', (_, schema, path, is) => expect(at(schema, path)).toBe(is))
})

describe('what a schema of valibot has at a place', () => {
  const text = v.string()
  const number = v.number()
  const entries = { a: text, list: v.array(number), deep: v.object({ a: number }) }
  const object = v.object(entries)
  const other = v.object({ b: number })

  it.each<[string, Any, string, unknown]>([
    ['an object', object, 'a', text],
    ['an object within', object, 'deep.a', number],
    ['an object, elsewhere', object, 'b', 'dropped'],
    ['an object, by a name of every object', object, 'toString', 'dropped'],
    ['a strict object', v.strictObject(entries), 'a', text],
    ['a strict object, elsewhere', v.strictObject(entries), 'b', 'nothing'],
    ['a loose object, elsewhere', v.looseObject(entries), 'b', 'anything'],
    ['an object with a rest', v.objectWithRest(entries, number), 'b', number],
    ['a list', object, 'list.0', number],
    ['a list, at no index', object, 'list.x', 'nothing'],
    ['a record', v.record(text, number), 'a', number],
    ['a record of other keys', v.record(v.picklist(['a']), number), 'b', 'nothing'],
    ...[v.optional(object), v.nullable(object), v.nullish(object), v.nonOptional(v.optional(object))].map<
      [string, Any, string, unknown]
    >((schema) => [schema.type, schema, 'a', text]),
    ['what comes later', v.lazy(() => object), 'a', text],
    ['one of two, of which one has it', v.union([object, text]), 'a', text],
    ['one of two that have it', v.union([object, v.object({ a: number })]), 'a', undefined],
    ['one of two that have none', v.union([text, number]), 'a', 'nothing'],
    [
      'one of several kinds',
      v.variant('k', [v.strictObject({ k: v.literal(1), a: text }), v.strictObject({ k: v.literal(2) })]),
      'a',
      text,
    ],
    ['two together', v.intersect([object, other]), 'b', number],
    ['two together that have it', v.intersect([object, v.object({ a: text })]), 'a', undefined],
    ['two together that strip it', v.intersect([object, other]), 'c', 'dropped'],
    ['anything', v.any(), 'a', 'anything'],
    ['anything, below', v.unknown(), 'a.b', 'anything'],
    ...[text, number, v.boolean(), v.date(), v.null(), v.never(), v.literal('x'), v.picklist(['x'])].map<
      [string, Any, string, unknown]
    >((schema) => [schema.type, schema, 'a', 'nothing']),
    [
      'an object with a rule',
      v.pipe(
        object,
        v.check(() => true),
      ),
      'a',
      text,
    ],
    ['an object that is read only', v.pipe(object, v.readonly()), 'a', text],
    [
      'what is transformed as a whole',
      v.pipe(
        object,
        v.transform((x) => x),
      ),
      'a',
      undefined,
    ],
    ['an object and then another', v.pipe(object, other as Any), 'a', undefined],
    ['a map', v.map(text, text), 'a', undefined],
    ['a tuple', v.tuple([text]), '0', undefined],
  ])('%s', (_, schema, path, is) => expect(at(schema, path)).toBe(is))
})

describe('what a schema of arktype has at a place', () => {
  const said = (found: Any) => (typeof found === 'string' || found === undefined ? found : `= ${found.expression}`)
  const strict = { '+': 'reject', a: 'string', list: 'number[]', deep: { a: 'number' } } as const

  it.each<[string, Any, string, unknown]>([
    ['an object', type({ a: 'string' }), 'a', '= string'],
    ['an object within', type(strict), 'deep.a', '= number'],
    ['an object, elsewhere', type({ a: 'string' }), 'b', 'anything'],
    ['a strict object, elsewhere', type(strict), 'b', 'nothing'],
    ['an object that strips', type({ '+': 'delete', a: 'string' }), 'b', 'dropped'],
    ['a list', type(strict), 'list.0', '= number | undefined'],
    ['a list, at no index', type(strict), 'list.x', 'nothing'],
    ['a tuple, behind its end', type(['string']), '1', 'nothing'],
    ['one of two, of which one has it', type(strict).or('string'), 'a', '= string'],
    ['one of two that have none', type('string | number'), 'a', 'nothing'],
    ['anything', type('unknown'), 'a', 'anything'],
    ['any object', type('object'), 'a', 'anything'],
    ['a text', type('string'), 'a', 'nothing'],
    ['a date', type('Date'), 'a', 'nothing'],
    ['what is transformed as a whole', type({ a: 'string' }).pipe((x) => x), 'a', undefined],
  ])('%s', (_, schema, path, is) => expect(said(at(schema, path))).toBe(is))
})

it("a schema of another library can't be looked into", () => {
  const schema = { '~standard': { version: 1, vendor: 'test', validate: () => ({ value: 1 }) } }
  expect(at(schema, 'a')).toBeUndefined()
  expect(within(schema as Any, [])).toBe(schema)
  // zod 3 has its name, and describes itself otherwise.
  expect(at({ '~standard': { ...schema['~standard'], vendor: 'zod' }, _def: {} }, 'a')).toBeUndefined()
})
