import assert from 'node:assert/strict'
import fc from 'fast-check'
import { apply, type Chain, type Data, isDate, places, printPath, valueAt } from '../algebra/index.ts'
import type { Store } from '../contract/store.ts'
import { afterHeld } from '../contract/transition.ts'
import { document } from './arbitraries.ts'
import { chain } from './chains.ts'
import { changeOf, dataOf, type MakeStore, MINUTE, type Runner, visitor } from './harness.ts'

/** How the store and the oracle are compared. */
export interface DifferentialOptions {
  /**
   * How many random documents and chains.
   * @default 2000
   */
  readonly cases?: number
  /** Repeats the run that printed this seed. */
  readonly seed?: number
}

/** Random documents and chains: what the store keeps and answers is what the oracle says, errors included. */
export function differential({ describe, it }: Runner, make: MakeStore, options: DifferentialOptions = {}): void {
  const { cases = 2000, seed = Date.now() % 0x7fffffff } = options
  describe('differential', () => {
    it(`agrees with the oracle on ${cases} random documents and chains (seed ${seed})`, async () => {
      const store = await make()
      const property = fc.asyncProperty(
        document,
        fc.array(chain, { minLength: 1, maxLength: 3 }),
        fc.boolean(),
        (data, chains, hold) => compare(store, data, chains, hold),
      )
      await fc.assert(property, { numRuns: cases, seed, endOnFailure: false })
    })
  })
}

/** Runs the chains one after another on one session, and the oracle beside it. */
export async function compare(store: Store, before: Data, chains: readonly Chain[], hold: boolean): Promise<void> {
  const { access, record } = await visitor(store, before)
  let held = record
  for (const chain of chains) {
    const change = changeOf(chain, { held: hold ? held : undefined })
    const answer = await store.update(access, change)
    if (answer.outcome === 'refused') {
      const expected = apply(held.data, chain, 0)
      assert.deepEqual(answer.problem, expected.ok ? 'the oracle applies it' : expected.problem)
    } else {
      assert.ok(answer.outcome === 'changed' || answer.outcome === 'held', answer.outcome)
      const result = answer.outcome === 'held' ? afterHeld(held, change, answer) : answer.record
      const expected = apply(held.data, chain, answer.now)
      assert.ok(expected.ok, `the oracle refuses it: ${JSON.stringify(expected)}`)
      assert.deepEqual(atRest(result.data, chain), atRest(expected.data, chain))
      if (answer.outcome === 'changed') assert.deepEqual(answer.taken, expected.taken)
      held = result
    }
    assert.deepEqual(await dataOf(store, access), held.data)
  }
}

/** The data with the store's clock readings, which nobody can foresee, made equal; they must be near ours. */
function atRest(data: Data, chain: Chain): Data {
  for (const command of chain.commands) {
    if (command.kind !== 'currentDate') continue
    const [path] = places(command)
    const date = valueAt(data, path!)
    assert.ok(isDate(date) && Math.abs(date.getTime() - Date.now()) < MINUTE, `${printPath(path!)} is now`)
    const still = apply(data, { conditions: [], commands: [{ kind: 'set', path: path!, value: 'now' }] }, 0)
    if (still.ok) data = still.data
  }
  return data
}
