import fc from 'fast-check'
import { chain as anyChain, document as anyDocument } from 'koa-atomic-session/testing'
import { Query, update } from 'mingo'
import { describe, expect, it } from 'vitest'
import {
  apply,
  type Chain,
  type Command,
  type Data,
  equal,
  isList,
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

const COUNT = process.env.CI ? 20_000 : 4000
const seed = Number(process.env.SEED ?? Date.now() % 0x7fffffff)

describe('what is sent to MongoDB, as mingo runs it', () => {
  it(`does what the oracle does wherever its filter matches: ${COUNT} random chains (SEED=${seed})`, () => {
    const documents = fc.sample(anyDocument, { numRuns: 2000, seed })
    const chains = fc.sample(anyChain, { numRuns: COUNT, seed })
    const seen = { excluded: 0, matched: 0, applied: 0, refused: 0, known: 0 }
    const check = (holds: boolean, what: string, before: Data, chain: Chain, sent: unknown) => {
      if (!holds) expect.fail(`${what}: ${JSON.stringify({ before, chain, sent })}`)
    }
    chains.forEach((chain, i) => {
      const before = documents[i % documents.length]!
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
