import fc from 'fast-check'
import { chain as anyChain, document as anyDocument, EXAMPLES } from 'koa-atomic-session/testing'
import { update as mingo } from 'mingo'
import { describe, expect, it } from 'vitest'
import { Draft } from '../../src/algebra/draft.ts'
import {
  apply,
  type Command,
  commands,
  condition,
  type Data,
  EMPTY_CHAIN,
  extend,
  isList,
  onlyIf,
  parsePath,
  printPath,
  type Value,
  valueAt,
} from '../../src/algebra/index.ts'

/** Fewer where they run for each rule that was broken. */
const RUNS = process.env.MUTATE_TESTS ? 500 : 5000

const chainOf = (...list: Command[]) => extend(EMPTY_CHAIN, list)

describe('a chain', () => {
  it('holds 256 commands and 256 conditions, and refuses more', () => {
    const fields = Array.from({ length: 256 }, (_, i) => `f${i}`)
    const full = chainOf(...fields.map((field) => commands.set(field, 1)))
    const tooMany = { problem: { kind: 'size', bytes: 257, limit: 256 } }
    expect(() => extend(full, [commands.unset('one')])).toThrow(expect.objectContaining(tooMany))
    const asking = fields.reduce((chain, field) => onlyIf(chain, condition(field, 1)), full)
    expect(() => onlyIf(asking, condition('one', 1))).toThrow(expect.objectContaining(tooMany))
  })
})

describe("the oracle and MongoDB's documented examples", () => {
  for (const { says, before, command, after } of EXAMPLES) {
    it(says, () => {
      const result = apply(before, chainOf(command), 0)
      if ('refused' in after && 'found' in after) {
        const { refused, path, found } = after
        expect(result).toEqual({ ok: false, problem: { kind: 'type', command: refused, path, found } })
      } else expect(result).toMatchObject({ ok: true, data: after })
    })
  }
})

/** The command in MongoDB's words; undefined where mingo is known to say otherwise than MongoDB's manual. */
function wordsOf(command: Command): Record<string, unknown> | undefined {
  const at = printPath(command.path)
  switch (command.kind) {
    case 'set':
      return { $set: { [at]: command.value } }
    case 'unset':
    case 'take':
      return { $unset: { [at]: 1 } }
    case 'inc':
    case 'mul':
      return { [`$${command.kind}`]: { [at]: command.by } }
    case 'min':
    case 'max':
      return { [`$${command.kind}`]: { [at]: command.value } }
    case 'rename':
      return { $rename: { [at]: printPath(command.to) } }
    case 'push':
      return command.slice === undefined ? { $push: { [at]: { $each: command.values } } } : undefined
    case 'pop':
      return { $pop: { [at]: command.end } }
    case 'addToSet':
      return { $addToSet: { [at]: { $each: command.values } } }
    case 'pullAll':
      return { $pullAll: { [at]: command.values } }
    default:
      return undefined
  }
}

/** mingo's $addToSet removes duplicates that were there before and keeps new ones, the other way round than MongoDB's. */
function repeats(data: Data, command: Command): boolean {
  if (command.kind !== 'addToSet') return false
  const had = valueAt(data, command.path)
  return [had, command.values].some((list) => isList(list) && new Set(list).size < list.length)
}

describe('the oracle and mingo, an independent implementation', () => {
  /** Flat objects of scalars and lists of scalars: within them mingo agrees with MongoDB's manual. */
  const scalar = fc.oneof(fc.integer({ min: -9, max: 9 }), fc.constantFrom('x', 'y', true))
  const plain = fc.dictionary(
    fc.constantFrom('a', 'b', 'c'),
    fc.oneof(
      scalar,
      fc.array(scalar, { maxLength: 4 }),
      fc.dictionary(fc.constantFrom('a', 'b'), fc.oneof(scalar, fc.array(scalar, { maxLength: 3 })), {
        noNullPrototype: true,
      }),
    ),
    { noNullPrototype: true },
  ) as fc.Arbitrary<Data>
  const path = fc.constantFrom('a', 'b', 'c', 'a.a', 'b.b', 'c.a')
  const values = fc.array(scalar, { maxLength: 3 })
  const command: fc.Arbitrary<Command> = fc.oneof(
    fc.tuple(path, scalar).map(([at, v]) => commands.set(at, v)),
    path.map((at) => commands.unset(at)),
    fc.tuple(path, fc.integer({ min: -9, max: 9 })).map(([at, n]) => commands.inc(at, n)),
    fc.tuple(path, fc.integer({ min: -9, max: 9 })).map(([at, n]) => commands.mul(at, n)),
    fc.tuple(path, fc.integer({ min: -9, max: 9 })).map(([at, n]) => commands.min(at, n)),
    fc.tuple(path, fc.integer({ min: -9, max: 9 })).map(([at, n]) => commands.max(at, n)),
    fc.tuple(path, values).map(([at, vs]) => commands.push(at, vs)),
    fc.tuple(path, values).map(([at, vs]) => commands.addToSet(at, vs)),
    fc.tuple(path, values).map(([at, vs]) => commands.pullAll(at, vs)),
    fc.tuple(path, fc.constantFrom(1, -1)).map(([at, end]) => commands.pop(at, end)),
  )

  it('agree on every command that the oracle applies', () => {
    let compared = 0
    fc.assert(
      fc.property(plain, command, (before, one) => {
        const expected = apply(before, chainOf(one), 0)
        const words = wordsOf(one)
        if (!expected.ok || !words || repeats(before, one)) return
        compared++
        const copy = structuredClone(before) as Record<string, Value>
        mingo(copy, words as never)
        // As JSON, which has no -0: a session keeps 0 in its place.
        expect(JSON.parse(JSON.stringify(copy))).toEqual(expected.data)
      }),
      { numRuns: RUNS },
    )
    expect(compared).toBeGreaterThan(0.4 * RUNS)
  })
})

describe('the oracle', () => {
  it('never changes what it is given, and freezes nothing of it', () => {
    fc.assert(
      fc.property(anyDocument, anyChain, (data, chain) => {
        const before = structuredClone(data)
        apply(data, chain, 0)
        expect(data).toEqual(before)
      }),
    )
  })

  it('applies all of a chain or nothing: commands in another order give the same', () => {
    fc.assert(
      fc.property(anyDocument, anyChain, (data, chain) => {
        const forward = apply(data, chain, 0)
        const backward = apply(data, extend({ ...chain, commands: [] }, [...chain.commands].reverse()), 0)
        expect(backward.ok).toBe(forward.ok)
        if (forward.ok && backward.ok) expect(backward.data).toEqual(forward.data)
      }),
    )
  })

  it('fills a list from its lower index, in whatever order a chain names them', () => {
    const written = [commands.inc('list.10.n', 1), commands.inc('list.2', 1), commands.push('list.3', ['x'])]
    for (const order of [written, [...written].reverse()]) {
      expect(apply({ list: [] }, chainOf(...order), 0)).toMatchObject({
        ok: true,
        data: { list: [null, null, 1, ['x'], null, null, null, null, null, null, { n: 1 }] },
      })
    }
  })

  it('leaves alone every place that a chain does not name', () => {
    fc.assert(
      fc.property(anyDocument, anyChain, (data, chain) => {
        const result = apply(data, chain, 0)
        if (!result.ok) return
        const named = new Set(chain.commands.flatMap((c) => [c.path[0], ...(c.kind === 'rename' ? [c.to[0]] : [])]))
        for (const key of Object.keys(data)) if (!named.has(key)) expect(result.data[key]).toBe(data[key])
      }),
    )
  })
})

describe('many paths into one value', () => {
  it.each<[string, Data, string[]]>([
    ['an object', { large: { a: 1, b: 2 } }, ['large.a', 'large.b']],
    ['a list', { large: [1, 2] }, ['large.0', 'large.1']],
    ['a new object', {}, ['large.a', 'large.b']],
  ])('copy it once: %s', (_, data, [one, other]) => {
    const refused = () => expect.unreachable()
    const draft = new Draft(data).place(parsePath(one), () => 'x', refused)
    const { large } = draft.data
    expect(large).not.toBe(data.large)
    expect(draft.place(parsePath(other), () => 'x', refused).data.large).toBe(large)
    expect(draft.edit(parsePath(one), () => undefined).data.large).toBe(large)
  })

  it('give what its commands give one after another', () => {
    fc.assert(
      fc.property(anyDocument, anyChain, (data, { commands }) => {
        const whole = apply(data, { conditions: [], commands }, 0)
        let step = data
        for (const command of commands) {
          const result = apply(step, { conditions: [], commands: [command] }, 0)
          if (!result.ok) return void expect(whole).toEqual(result)
          step = result.data
        }
        expect(whole).toMatchObject({ ok: true, data: step })
      }),
      { numRuns: 2000 },
    )
  })
})
