import fc from 'fast-check'
import { chain as anyChain, document as anyDocument } from 'koa-atomic-session/testing'
import { Query, update } from 'mingo'
import { describe, expect, it } from 'vitest'
import {
  apply,
  type Chain,
  type Command,
  commands,
  condition,
  type Data,
  EMPTY_CHAIN,
  equal,
  extend,
  isList,
  isObject,
  onlyIf,
  type Value,
  valueAt,
} from '../../src/algebra/index.ts'
import type { Document } from '../../src/stores/mongodb/client.ts'
import { compile, compileKnown } from '../../src/stores/mongodb/compile.ts'

/** Where mingo says otherwise than MongoDB's manual, each by its name. */
const MINGO_DIFFERS: Record<string, (before: Data, command: Command) => boolean> = {
  'ignores $slice where there is no list yet': (before, command) =>
    command.kind === 'push' && command.slice !== undefined && valueAt(before, command.path) === undefined,
  'lets $addToSet keep a value that it is given twice, and drop one that was there twice': (before, command) =>
    command.kind === 'addToSet' && [command.values, valueAt(before, command.path)].some(repeats),
  'lets $pull by fields take an element that is no object': (before, command) => {
    const list = valueAt(before, command.path)
    return command.kind === 'pull' && isObject(command.value) && isList(list) && !list.every(isObject)
  },
}

function repeats(list: Value | undefined): boolean {
  return isList(list) && list.some((value, i) => list.slice(0, i).some((former) => equal(former, value)))
}

/** The update as mingo runs it, whose clock is none that a test can set. */
function run(before: Data, { $currentDate, ...rest }: Record<string, Document>): Data {
  const dates = Object.keys($currentDate ?? {}).map((at) => [at, new Date(0)])
  const $set = { ...rest.$set, ...Object.fromEntries(dates) }
  const document = structuredClone({ data: before })
  const options = { cloneMode: 'none' } as const
  update(
    document as never,
    { ...rest, ...(Object.keys($set).length > 0 && { $set }) } as never,
    [],
    {},
    options as never,
  )
  return document.data
}

/** Few values and few places, so that what is pulled, added or asked for is often there, or lies in a list or an object. */
const few = fc
  .constantFrom<unknown>(1, 2, 'x', null, [1], [], { a: 1 }, { a: 1, b: 2 }, { b: 2, a: 1 }, { a: [1] })
  .map((value) => structuredClone(value))
const lists = fc.array(few, { maxLength: 4 })
const place = fc.constantFrom('a', 'b', 'a.a', 'b.a', 'a.0')
const fewDocuments = fc.dictionary(
  fc.constantFrom('a', 'b', 'c'),
  fc.oneof(few, lists, fc.dictionary(fc.constantFrom('a', 'b'), fc.oneof(few, lists), { noNullPrototype: true })),
  { noNullPrototype: true },
) as fc.Arbitrary<Data>
const fewChains: fc.Arbitrary<Chain> = fc
  .tuple(
    fc.oneof(
      fc.tuple(place, few).map(([at, value]) => commands.pull(at, value)),
      fc.tuple(place, lists).map(([at, values]) => commands.pullAll(at, values)),
      fc.tuple(place, lists).map(([at, values]) => commands.addToSet(at, values)),
      fc.tuple(place, few).map(([at, value]) => commands.set(at, value)),
      place.map((at) => commands.take(at)),
    ),
    fc.option(fc.tuple(place, fc.oneof(few, fc.constant(undefined)))),
  )
  .map(([command, asked]) => {
    const chain = extend(EMPTY_CHAIN, [command])
    return asked ? onlyIf(chain, condition(...asked)) : chain
  })

const COUNT = process.env.CI ? 20_000 : 4000
const seed = Number(process.env.SEED ?? Date.now() % 0x7fffffff)

describe('what is sent to MongoDB, as mingo runs it', () => {
  it(`does what the oracle does wherever its filter matches: ${COUNT} random chains (SEED=${seed})`, () => {
    const both = <T>(any: fc.Arbitrary<T>, narrow: fc.Arbitrary<T>, numRuns: number) => [
      ...fc.sample(narrow, { numRuns, seed }),
      ...fc.sample(any, { numRuns, seed }),
    ]
    const documents = both(anyDocument, fewDocuments, 1000)
    const chains = both(anyChain, fewChains, COUNT / 2)
    const seen = { excluded: 0, matched: 0, applied: 0, refused: 0, known: 0 }
    const check = (holds: boolean, what: string, before: Data, chain: Chain, sent: unknown) => {
      if (!holds) expect.fail(`${what}: ${JSON.stringify({ before, chain, sent })}`)
    }
    chains.forEach((chain, i) => {
      const [of, from] = i < COUNT / 2 ? [i, 0] : [i - COUNT / 2, 1000]
      const before = documents[from + (of % 1000)]!
      const differs = Object.values(MINGO_DIFFERS)
      if (chain.commands.some((command) => differs.some((one) => one(before, command)))) {
        seen.excluded++
        return
      }
      const expected = apply(before, chain, 0)
      seen[expected.ok ? 'applied' : 'refused']++
      const native = compile(chain)
      if (native && new Query(native.filter).test({ data: before } as never)) {
        seen.matched++
        check(expected.ok, 'the oracle refuses it', before, chain, native)
        if (expected.ok) check(equal(run(before, native.update), expected.data), 'differs', before, chain, native)
      }
      if (!expected.ok || i % 4 > 0) return
      seen.known++
      const known = compileKnown(chain, before, expected.data)
      check(equal(run(before, known), expected.data), 'differs on the version held', before, chain, known)
    })
    // Nothing is proven by a filter that never matches, nor by exclusions that hold for everything.
    expect(seen.excluded).toBeLessThan(0.2 * COUNT)
    expect(seen.refused).toBeGreaterThan(0.05 * COUNT)
    expect(seen.known).toBeGreaterThan(0.1 * COUNT)
    expect(seen.matched).toBeGreaterThan(0.6 * seen.applied)
  })
})
