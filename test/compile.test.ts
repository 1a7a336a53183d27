import { EXAMPLES } from 'koa-atomic-session/testing'
import { describe, expect, it } from 'vitest'
import { type Chain, type Command, commands, condition, EMPTY_CHAIN, extend, onlyIf } from '../src/algebra/index.ts'
import { compile as mongodb } from '../src/stores/mongodb/compile.ts'
import { compile as postgres } from '../src/stores/postgres/compile.ts'
import { compile as redis } from '../src/stores/redis/compile.ts'
import { knows } from '../src/stores/shared/oracle.ts'

/**
 * What each command becomes on each store. MongoDB takes operators (and a filter that guards them, shown once below);
 * PostgreSQL and Redis take conditions and commands as one bound parameter of their own function (PostgreSQL with the
 * place of each command in the chain): values are JSON for
 * PostgreSQL, and JSON texts for Redis. SQLite and memory run the oracle. A
 * command without a row is new: every store computes it by the oracle.
 */
/** A rename is two commands of PostgreSQL's function: what is taken at one path is put at another. */
const several = (words: readonly unknown[]) => (Array.isArray(words[0]) ? words : [words]) as unknown[][]

interface Row {
  readonly command: Command
  readonly mongodb: unknown
  readonly postgres: readonly unknown[]
  readonly redis: readonly unknown[]
}

const { set, unset, inc, mul, min, max, rename, push, addToSet, pull, pullAll, pop, currentDate, take } = commands
const date = new Date(5)

const TABLE: Record<string, Row> = {
  "set('a.b', [])": {
    command: set('a.b', []),
    mongodb: { $set: { 'data.a.b': [] } },
    postgres: ['set', ['a', 'b'], []],
    redis: ['set', '"a"', '["b"]', '[]', ''],
  },
  'set(date)': {
    command: set('a', date),
    mongodb: { $set: { 'data.a': date } },
    postgres: ['set', ['a'], { $date: 5 }],
    redis: ['set', '"a"', '', '{"$date":5}', ''],
  },
  unset: {
    command: unset('a.0'),
    mongodb: { $unset: { 'data.a.0': 1 } },
    postgres: ['unset', ['a', '0']],
    redis: ['unset', '"a"', '["0"]', '', ''],
  },
  inc: {
    command: inc('a'),
    mongodb: { $inc: { 'data.a': 1 } },
    postgres: ['inc', ['a'], 1],
    redis: ['inc', '"a"', '', '1', ''],
  },
  mul: {
    command: mul('a', 0.1),
    mongodb: { $mul: { 'data.a': 0.1 } },
    postgres: ['mul', ['a'], 0.1],
    redis: ['mul', '"a"', '', '0.1', ''],
  },
  min: {
    command: min('a', 3),
    mongodb: { $min: { 'data.a': 3 } },
    postgres: ['min', ['a'], 3],
    redis: ['min', '"a"', '', '3', ''],
  },
  max: {
    command: max('a', date),
    mongodb: { $max: { 'data.a': date } },
    postgres: ['max', ['a'], { $date: 5 }],
    redis: ['max', '"a"', '', '{"$date":5}', ''],
  },
  rename: {
    command: rename('a.b', 'c'),
    mongodb: { $rename: { 'data.a.b': 'data.c' } },
    postgres: [
      ['unset', ['a', 'b']],
      ['rename', ['c'], ['a', 'b']],
    ],
    redis: ['rename', '"a"', '["b"]', '"c"', '[]'],
  },
  push: {
    command: push('a', [1, 'x']),
    mongodb: { $push: { 'data.a': { $each: [1, 'x'] } } },
    postgres: ['push', ['a'], [1, 'x']],
    redis: ['push', '"a"', '', '[1,"x"]', ''],
  },
  'pushAll with slice': {
    command: push('a', [1], -10),
    mongodb: { $push: { 'data.a': { $each: [1], $slice: -10 } } },
    postgres: ['push', ['a'], [1], -10],
    redis: ['push', '"a"', '', '[1]', '-10'],
  },
  addToSet: {
    command: addToSet('a', ['x']),
    mongodb: { $addToSet: { 'data.a': { $each: ['x'] } } },
    postgres: ['addToSet', ['a'], ['x']],
    redis: ['addToSet', '"a"', '', '["x"]', ''],
  },
  'addToSet of an object, whose keys MongoDB compares in order': {
    command: addToSet('a', [{ x: 1, y: 2 }]),
    mongodb: undefined,
    postgres: ['addToSet', ['a'], [{ x: 1, y: 2 }]],
    redis: ['addToSet', '"a"', '', '[{"x":1,"y":2}]', ''],
  },
  pull: {
    command: pull('a', 'x'),
    mongodb: { $pull: { 'data.a': { $in: ['x'], $not: { $type: 4 } } } },
    postgres: ['pullAll', ['a'], ['x']],
    redis: ['pullAll', '"a"', '', '["x"]', ''],
  },
  'pull by fields': {
    command: pull('a', { sku: 7 }),
    mongodb: { $pull: { 'data.a': { sku: { $eq: 7, $not: { $type: 4 } } } } },
    postgres: ['pullFields', ['a'], { sku: 7 }],
    redis: ['pullFields', '"a"', '', '{"sku":7}', ''],
  },
  pullAll: {
    command: pullAll('a', [1, 2]),
    mongodb: { $pull: { 'data.a': { $in: [1, 2], $not: { $type: 4 } } } },
    postgres: ['pullAll', ['a'], [1, 2]],
    redis: ['pullAll', '"a"', '', '[1,2]', ''],
  },
  pop: {
    command: pop('a', -1),
    mongodb: { $pop: { 'data.a': -1 } },
    postgres: ['pop', ['a'], -1],
    redis: ['pop', '"a"', '', '-1', ''],
  },
  currentDate: {
    command: currentDate('a'),
    mongodb: { $currentDate: { 'data.a': true } },
    postgres: ['currentDate', ['a']],
    redis: ['currentDate', '"a"', '', '', ''],
  },
  take: {
    command: take('a'),
    mongodb: { $unset: { 'data.a': 1 } },
    postgres: ['unset', ['a']],
    redis: ['take', '"a"', '', '', ''],
  },
}

const chainOf = (...list: Command[]): Chain => extend(EMPTY_CHAIN, list)

describe('compile', () => {
  it('shows every command for which a store has an operation of its own', () => {
    const shown = new Set(Object.values(TABLE).map(({ command }) => command.kind))
    const computed = EXAMPLES.map(({ command }) => command).filter(({ kind }) => !shown.has(kind))
    for (const command of computed) {
      const chain = chainOf(command)
      const natively = [mongodb(chain) !== undefined, knows(chain)]
      expect([command.kind, ...natively]).toEqual([command.kind, false, false])
    }
    const all = new Set([...shown, ...computed.map(({ kind }) => kind)])
    expect([...all].sort()).toEqual(Object.keys(commands).sort())
  })

  for (const [name, row] of Object.entries(TABLE)) {
    it(name, () => {
      const chain = chainOf(row.command)
      expect(mongodb(chain)?.update).toEqual(row.mongodb)
      expect(JSON.parse(postgres(chain))).toEqual([[], several(row.postgres).map((words) => [0, ...words])])
      expect(redis(chain)).toEqual(row.redis)
    })
  }

  it('a condition', () => {
    const chain = onlyIf(onlyIf(chainOf(unset('code')), condition('code', 'x')), condition('b', undefined))
    expect(mongodb(chain)?.filter).toMatchObject({
      $and: [{ 'data.code': { $eq: 'x' } }, { 'data.b': { $exists: false } }],
    })
    expect(JSON.parse(postgres(chain))[0]).toEqual([[['code'], 'x'], [['b']]])
    expect(redis(chain).slice(0, 10)).toEqual(['if', '"code"', '', '"x"', '', 'if', '"b"', '', '', ''])
  })

  it('a chain of several commands is one operation', () => {
    const chain = chainOf(inc('views'), push('seen', ['/']), unset('flash'))
    expect(mongodb(chain)?.update).toEqual({
      $inc: { 'data.views': 1 },
      $push: { 'data.seen': { $each: ['/'] } },
      $unset: { 'data.flash': 1 },
    })
    expect(JSON.parse(postgres(chain))[1]).toHaveLength(3)
    expect(redis(chain)).toHaveLength(3 * 5)
  })

  it('guards MongoDB where an operator would do more than the command means', () => {
    // An increment of a missing counter or a number passes, a counter that MongoDB would carry on as a 64-bit integer not.
    expect(mongodb(chainOf(inc('views')))?.filter).toEqual({
      $nor: [
        { 'data.views': { $type: [2, 3, 4, 5, 7, 8, 9, 10] } },
        { 'data.views': { $gt: 2 ** 53 - 1 } },
        { 'data.views': { $lt: -(2 ** 53 - 1) } },
      ],
    })
  })
})
