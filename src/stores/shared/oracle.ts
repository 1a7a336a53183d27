import { type Chain, type Command, commands, type Data, EMPTY_CHAIN, extend, places } from '../../algebra/index.ts'
import type { Change, Updated } from '../../contract/store.ts'

/** What the servers' own code was first written for. One that learns another command adds it to what it knows. */
export const NATIVE: readonly Command['kind'][] = [
  'set',
  'unset',
  'take',
  'inc',
  'mul',
  'min',
  'max',
  'rename',
  'push',
  'addToSet',
  'pull',
  'pullAll',
  'pop',
  'currentDate',
]

/** Does what its chain says and nothing besides: no rotation, no log-in, no idle time of its own, sent for the first time. */
export function isPlain({ slide, rotation, authenticated, repeatedSince }: Change): boolean {
  return !rotation && !authenticated && slide.maxAge === undefined && repeatedSince === undefined
}

const NO_LIMIT = Number.MAX_SAFE_INTEGER

/**
 * A change of data that are known, in words that every store has: what the oracle has made of each top-level field that
 * the chain touches, as `set` or `unset` of the whole field. Sound only for the version that the data are of, about
 * whose size and conditions the oracle has judged already.
 */
export function resultOf(change: Change, after: Data): Change {
  return { ...change, chain: resultChain(change.chain, after), held: undefined, answer: false, maxBytes: NO_LIMIT }
}

/** The same answer with another expiry. */
export function expiring(updated: Updated, expires: number): Updated {
  if (updated.outcome === 'changed') return { ...updated, record: { ...updated.record, expires } }
  return updated.outcome === 'held' || updated.outcome === 'done' ? { ...updated, expires } : updated
}

/** Between two tries of a change that met another one: ever longer and at random, so that of many one gets through. */
export function pause(tries: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, Math.random() * Math.min(tries, 20)))
}

function resultChain(chain: Chain, after: Data): Chain {
  const keys = new Set(chain.commands.flatMap((command) => places(command).map(([key]) => key!)))
  const results = [...keys].map(
    (key): Command => (Object.hasOwn(after, key) ? commands.set(key, after[key]) : commands.unset(key)),
  )
  return extend(EMPTY_CHAIN, results)
}
