import * as v from 'valibot'
import { describe, expect, it } from 'vitest'
import { z } from 'zod'
import { type Command, commands, printPath } from '../../src/algebra/index.ts'
import { conform, type StandardSchema } from '../../src/data/schema.ts'

// biome-ignore lint/suspicious/noExplicitAny: schemas of several libraries, and values of any kind
type Any = any

/** A schema of a library that nobody knows: it says this of a whole value. */
const foreign = (validate: (whole: Any) => object) =>
  ({ '~standard': { version: 1, vendor: 'foreign', validate } }) as StandardSchema

/** What the schema makes of one command; what it says where it refuses it. */
function outcome(command: Command, schema: StandardSchema): unknown {
  try {
    return conform([command], schema)
  } catch (error) {
    const { code, path, issue } = error as Any
    expect([code, path]).toEqual(['ERR_SESSION_VALUE', printPath(command.path)])
    return issue
  }
}

describe('a command whose place the schema shows', () => {
  const text = (text: string) => text.trim()
  const schema = z.object({
    name: z.string().transform(text),
    least: z.coerce.number().min(0),
    tags: z.array(z.string().transform(text)),
  })

  it.each<[string, Command, readonly Command[]]>([
    ['set', commands.set('name', ' Ada '), [commands.set('name', 'Ada')]],
    ['min', commands.min('least', new Date(5)), [commands.min('least', 5)]],
    ['max', commands.max('least', new Date(5)), [commands.max('least', 5)]],
    ['push', commands.push('tags', [' a'], -3), [commands.push('tags', ['a'], -3)]],
    ['addToSet', commands.addToSet('tags', [' a']), [commands.addToSet('tags', ['a'])]],
  ])('%s brings what the schema makes of its value', (_, command, made) => {
    expect(outcome(command, schema)).toEqual(made)
  })

  it.each([
    commands.unset('other'),
    commands.pop('other'),
    commands.pull('other', 1),
    commands.pullAll('other', [1]),
    commands.take('other'),
    commands.inc('least'),
    commands.mul('least', 2),
    commands.currentDate('name'),
    commands.rename('other', 'name'),
  ])('stays as it is where it brings no value: %j', (command) => {
    expect(outcome(command, schema)).toEqual([command])
  })

  it.each([
    commands.set('other', 1),
    commands.min('other', 1),
    commands.push('other', [1]),
    commands.addToSet('other', [1]),
    commands.inc('other'),
    commands.currentDate('other.at'),
  ])('is left out where the schema strips what is there: %j', (command) => {
    expect(outcome(command, schema)).toEqual([])
  })

  it('is refused where the schema refuses its value, whatever it gives for a reason', () => {
    expect(outcome(commands.min('least', -1), schema)).toContain('>=0')
    const shape = { a: foreign(() => ({ issues: [] })) }
    const silent = { '~standard': { vendor: 'zod' }, _zod: { def: { type: 'object', shape } } }
    expect(outcome(commands.set('a', 1), silent as Any)).toBe('refused')
  })

  it('can not be moved to where the schema strips what is there', () => {
    expect(() => conform([commands.rename('name', 'other')], schema)).toThrow(
      expect.objectContaining({ path: 'other', issue: 'unknown key' }),
    )
  })
})

describe('a place that the schema does not show, for what is computed there', () => {
  it.each<[string, boolean, readonly object[] | undefined]>([
    ['nothing is refused', true, undefined],
    ['no issue is named', true, []],
    ['the whole is refused', false, [{}]],
    ['the whole is refused, by its path', false, [{ path: [] }]],
    ['the object above is refused', false, [{ path: ['a'] }]],
    ['the object above is refused, by keys as valibot tells them', false, [{ path: [{ key: 'a' }] }]],
    ['the object above is refused, after others', false, [{ path: ['z'] }, { path: ['a'] }]],
    ['others are missing', true, [{ path: ['z'] }, { path: ['z', 'b'] }, { path: ['a', 'z'] }]],
    ['others are missing, by keys as valibot tells them', true, [{ path: [{ key: 'z' }] }]],
    ['the value that stands for what is not known is refused', true, [{ path: ['a', 'b'], expected: 'number' }]],
    ['valibot knows no such key', false, [{ path: ['a', 'b'], expected: 'never' }]],
    ['arktype knows no such key', false, [{ path: ['a', 'b'], expected: 'removed' }]],
    ['a key below is not known', true, [{ path: ['a', 'b', 'c'], expected: 'never' }]],
    ['a key below is not known, by that name', true, [{ path: ['a', 'b', 'undefined'], expected: 'never' }]],
    ['another key is not known', true, [{ path: ['a', 'z'], expected: 'never' }]],
  ])('%s: it is taken %s', (_, taken, issues) => {
    const schema = foreign(() => ({ value: {}, issues: issues?.map((issue) => ({ message: 'why', ...issue })) }))
    expect(outcome(commands.inc('a.b'), schema)).toEqual(taken ? [commands.inc('a.b')] : 'why')
  })

  it('is asked for as if there were null, and nothing else', () => {
    const asked: unknown[] = []
    const schema = foreign((whole) => {
      asked.push(whole)
      return { value: whole }
    })
    conform([commands.inc('a.b'), commands.rename('x', 'c')], schema)
    expect(asked).toEqual([{ a: { b: null } }, { c: null }])
  })

  it.each<[string, StandardSchema]>([
    ['zod', z.strictObject({ n: z.number(), needed: z.string() }).transform((whole) => whole)],
    [
      'valibot',
      v.pipe(
        v.strictObject({ n: v.number(), needed: v.string() }),
        v.transform((whole) => whole),
      ),
    ],
  ])('is none in a strict object of %s that is transformed, but for its keys', (_, schema) => {
    expect(outcome(commands.inc('n'), schema)).toEqual([commands.inc('n')])
    expect(outcome(commands.inc('other'), schema)).toEqual(expect.any(String))
  })
})

describe('a place that the schema does not show, for a value', () => {
  const MISSING = "it can't be validated while other fields are missing: "

  it.each<[string, string, readonly object[]]>([
    ['the reason is that of the value', 'mine', [{ path: ['z'] }, { path: ['a', 'b'], message: 'mine' }]],
    ['or of what is within it', 'mine', [{ path: ['z'] }, { path: ['a', 'b', 0], message: 'mine' }]],
    ['or of an object above', 'mine', [{ path: ['z'] }, { path: ['a'], message: 'mine' }]],
    ['or of the whole', 'mine', [{ path: ['z'] }, { message: 'mine' }]],
    ['or that others are missing', `${MISSING}theirs`, [{ path: ['a', 'z'], message: 'theirs' }, { path: ['z'] }]],
  ])('where it is refused, %s', (_, reason, issues) => {
    const schema = foreign(() => ({ issues: issues.map((issue) => ({ message: 'another', ...issue })) }))
    expect(outcome(commands.set('a.b', [1]), schema)).toBe(reason)
  })

  /** A schema that makes this of a whole with the value, and that of one without. */
  const making = (whole: unknown, without: object = { value: {} }) =>
    foreign((given) => (given.a && 'b' in given.a ? { value: whole } : without))

  it.each<[string, unknown, object?]>([
    ['alone', { a: { b: 2 } }],
    ['beside what is there without it', { a: { b: 2 }, role: 'guest' }, { value: { role: 'guest' } }],
    ['beside what is there without it, within', { a: { b: 2, c: 1 }, d: 1 }, { value: { a: { c: 1 }, d: 1 } }],
    ['alone, though nothing is valid without it', { a: { b: 2 } }, { issues: [{ message: 'b is missing' }] }],
  ])('what the whole has there is taken: %s', (_, whole, without) => {
    expect(outcome(commands.set('a.b', 1), making(whole, without))).toEqual([commands.set('a.b', 2)])
  })

  it.each<[string, unknown, object?]>([
    ['beside it', { a: { b: 2 }, c: 1 }],
    ['beside it, within', { a: { b: 2, c: 1 } }],
    ['of what is there without it', { a: { b: 2 }, role: 'admin' }, { value: { role: 'guest' } }],
    ['where nothing is valid without it', { a: { b: 2 }, c: 1 }, { issues: [{ message: 'b is missing' }] }],
  ])('it is refused where it changes something %s', (_, whole, without) => {
    expect(outcome(commands.set('a.b', 1), making(whole, without))).toBe('it changes more than this path')
  })

  it.each([null, undefined, 'a text', 5, {}, { a: null }, { a: 'a text' }, { a: {} }, { a: { c: 1 } }])(
    'it is left out where the whole has nothing there: %j',
    (whole) => {
      expect(outcome(commands.set('a.b', 1), making(whole))).toEqual([])
    },
  )

  it('it is left out where the whole has a text there, whatever a text has', () => {
    const schema = foreign(() => ({ value: { a: 'a text' } }))
    for (const path of ['a.length', 'a.0']) expect(outcome(commands.set(path, 1), schema)).toEqual([])
  })
})
