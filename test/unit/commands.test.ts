import { ObjectId } from 'mongodb'
import { describe, expect, it } from 'vitest'
import {
  apply,
  type Command,
  commands,
  comparison,
  EMPTY_CHAIN,
  extend,
  printPath,
  sizeOf,
  takes,
  type Value,
  weigh,
} from '../../src/algebra/index.ts'
import { chainOf } from '../../src/testing/harness.ts'
import { problemOf } from './problem.ts'

// biome-ignore lint/suspicious/noExplicitAny: what is refused has no type
type Any = any

describe('a command', () => {
  const { inc, mul, min, max, push, addToSet, pullAll, pop, rename, set } = commands as Any

  it.each<[string, () => unknown, string]>([
    ...[Number.NaN, Number.POSITIVE_INFINITY, '5', 5n, null, new Date(0)].flatMap<[string, () => unknown, string]>(
      (by) => [
        [`inc by ${String(by)}`, () => inc('a', by), 'inc takes a finite number'],
        [`mul by ${String(by)}`, () => mul('a', by), 'mul takes a finite number'],
      ],
    ),
    ...['5', null, [5], { a: 1 }].flatMap<[string, () => unknown, string]>((value) => [
      [`min with ${JSON.stringify(value)}`, () => min('a', value), 'min takes a number or a Date'],
      [`max with ${JSON.stringify(value)}`, () => max('a', value), 'max takes a number or a Date'],
    ]),
    ...[1.5, '3', null, Number.NaN, 2 ** 53].map<[string, () => unknown, string]>((slice) => [
      `push with slice ${slice}`,
      () => push('a', [1], slice),
      'slice must be an integer, such as -10 for the last ten',
    ]),
    ...[0, 2, '1', null, true].map<[string, () => unknown, string]>((end) => [
      `pop of end ${end}`,
      () => pop('a', end),
      'pop takes 1 (the last element) or -1 (the first)',
    ]),
    ...[undefined, 'ab', 7, { length: 1, 0: 1 }, new Set([1])].flatMap<[string, () => unknown, string]>((values) => [
      [`push of ${String(values)}`, () => push('a', values), 'the values must come as a list'],
      [`addToSet of ${String(values)}`, () => addToSet('a', values), 'the values must come as a list'],
      [`pullAll of ${String(values)}`, () => pullAll('a', values), 'the values must come as a list'],
    ]),
    [
      'if with undefined',
      () => comparison('a', undefined, 'if'),
      'if() got undefined to compare with; ifMissing() asks for nothing being there',
    ],
    [
      'takeIf with undefined',
      () => comparison('a', undefined, 'takeIf'),
      'takeIf() got undefined to compare with; ifMissing() asks for nothing being there',
    ],
    [
      'takeIf with null',
      () => comparison('a', null, 'takeIf'),
      'takeIf() got null to compare with, which proves nothing',
    ],
  ])('can not be %s', (_, make, reason) => {
    expect(problemOf(make)).toEqual({ kind: 'value', path: 'a', reason })
  })

  it('may compare with null where it takes nothing', () => {
    expect(comparison('a', null, 'if')).toEqual({ path: ['a'], value: null })
  })

  it('takes what it is given by default, and minus zero as zero', () => {
    expect([inc('a'), inc('a', -0), mul('a', -0), pop('a'), pop('a', -1)]).toStrictEqual([
      { kind: 'inc', path: ['a'], by: 1 },
      { kind: 'inc', path: ['a'], by: 0 },
      { kind: 'mul', path: ['a'], by: 0 },
      { kind: 'pop', path: ['a'], end: 1 },
      { kind: 'pop', path: ['a'], end: -1 },
    ])
    expect(push('a', [1], -3)).toStrictEqual({ kind: 'push', path: ['a'], values: [1], slice: -3 })
    expect(min('a', new Date(5)).value).toEqual(new Date(5))
  })

  it('can not be in a chain with another that touches the same place', () => {
    const overlaps = (...list: Command[]) => problemOf(() => extend(EMPTY_CHAIN, list))
    const overlap = (path: string, other: string) => ({ kind: 'overlap', path, other })
    expect(overlaps(set('a', 1), set('a.b', 1))).toEqual(overlap('a.b', 'a'))
    expect(overlaps(set('a.b', 1), set('a', 1))).toEqual(overlap('a', 'a.b'))
    expect(overlaps(set('a', 1), rename('b', 'a.c'))).toEqual(overlap('a.c', 'a'))
    expect(overlaps(rename('b', 'a'), set('a.c', 1))).toEqual(overlap('a.c', 'a'))
    expect(overlaps(rename('a', 'a.b'))).toEqual(overlap('a', 'a.b'))
    expect(overlaps(rename('a', 'a'))).toEqual(overlap('a', 'a'))
    expect(extend(EMPTY_CHAIN, [set('a.b', 1), set('a.c', 1), rename('d', 'a.d')]).commands).toHaveLength(3)
  })

  it('has its turn as it was written, but for the indexes of one list, of which the lower comes first', () => {
    const turns = (...paths: string[]) =>
      extend(
        EMPTY_CHAIN,
        paths.map((path) => set(path, 1)),
      ).commands.map(({ path }) => printPath(path))
    expect(turns('l.5', 'l.0', 'l.3')).toEqual(['l.0', 'l.3', 'l.5'])
    expect(turns('l.5.n', 'l.3.n', 'a', 'l.4')).toEqual(['l.3.n', 'l.4', 'l.5.n', 'a'])
    expect(turns('o.5', 'o.x', 'o.01')).toEqual(['o.5', 'o.x', 'o.01'])
    expect(turns('l.5', 'm.0')).toEqual(['l.5', 'm.0'])
  })

  it('answers what take() has removed, and nothing else', () => {
    const { take } = commands
    expect(takes(chainOf([set('b', 1), take('a')]))).toBe(true)
    expect([takes(chainOf(set('b', 1))), takes(EMPTY_CHAIN)]).toEqual([false, false])
    expect(apply({ a: 1, b: 2 }, chainOf([take('a'), set('b', 3)]), 0)).toMatchObject({ taken: 1, data: { b: 3 } })
    expect(apply({ a: 1, b: 2 }, chainOf(set('b', 3)), 0)).toMatchObject({ taken: undefined })
  })

  it('weighs what fills a list up to its index, where the key is one', () => {
    const filling = (key: string) => weigh(chainOf(set(`l.${key}`, 1))) - sizeOf(`l.${key}`) - sizeOf(1)
    expect(['7', '12', '1024', '12345', 'a12', '12a', 'a'].map(filling)).toEqual([35, 60, 5120, 0, 0, 0, 0])
  })

  it('works on the places of a list that there are, and leaves its length', () => {
    const { unset } = commands
    const after = (path: string, list: Value[]) => {
      const result = apply({ list }, chainOf(unset(path)), 0)
      return result.ok && result.data.list
    }
    expect(after('list.0', [1, 2])).toEqual([null, 2])
    expect(after('list.2', [1, 2])).toEqual([1, 2])
    expect(after('list.0.a.b', [{ a: { b: 1, c: 2 } }])).toEqual([{ a: { c: 2 } }])
  })

  it('tells what it has met: a BSON value', () => {
    const problem = { kind: 'type', command: 'push', path: 'a', found: 'bson' }
    expect(apply({ a: new ObjectId() }, chainOf(push('a', [1])), 0)).toEqual({ ok: false, problem })
  })

  it('hides no fault that is no refusal', () => {
    const data = new Proxy(
      {},
      {
        ownKeys: () => {
          throw new Error('a fault')
        },
      },
    )
    expect(() => apply(data, chainOf(set('a', 1)), 0)).toThrow('a fault')
  })
})
