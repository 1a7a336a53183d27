import { createHash } from 'node:crypto'
import { apply, canGrow, type Data, sizeOf, takes } from '../../algebra/index.ts'
import type { Access, Change, Updated } from '../../contract/store.ts'
import { isPlain, outlineAfter } from '../shared/oracle.ts'
import { bytesOf, limitOf, type Parameters } from './table.ts'

/** A change whose result is known before the server is asked. */
interface Ahead {
  readonly data: Data
  /** All of what was held, which the server must still have, and what becomes of it. */
  readonly parameters: Parameters
  /** What follows if the server has applied it, at this time of its clock. */
  readonly answer: (now: number) => Updated
}

/**
 * The change of a session whose data the caller holds: the oracle computes the result here, and the server writes it if
 * it still has all that was held. Undefined if the result depends on what only the server knows.
 */
export function aheadOf({ id, proof, maxLifetime, bound }: Access, change: Change): Ahead | undefined {
  const { held, chain, slide, op } = change
  const isKnown = held && proof.hash !== undefined && (proof.created ?? held.created) === held.created
  if (!isKnown || !isPlain(change) || chain.commands.length === 0 || takes(chain)) return undefined
  if (chain.commands.some(({ kind }) => kind === 'currentDate')) return undefined
  const result = apply(held.data, chain, 0)
  // Whether it is refused depends on what the server has.
  if (!result.ok || (canGrow(chain) && sizeOf(held.data) > change.maxBytes)) return undefined
  const { version, created, expires, maxAge, last } = held
  const idle = Math.round(maxAge ?? slide.idle)
  const atLeast = Math.round(slide.atLeast)
  return {
    data: result.data,
    parameters: {
      ...{ id, hash: proof.hash!, lifetime: limitOf(maxLifetime), bound: bound ? 1 : 0, data: bytesOf(result.data) },
      ...{ version, created, expires, max_age: maxAge, idle, atLeast },
      // What else a session has changes only with an operation. The space: see `LAST` in statements.ts.
      last: last || ' ',
      // Texts of the connection's collation are not put together before they meet a column: it may differ from theirs.
      ...{ operation: `${op}@`, applied_before: ` ${op}@` },
      // A version is a counter: after a failover the same number may stand for other data, and these would be written over.
      held: createHash('sha256').update(bytesOf(held.data)).digest(),
    },
    answer: (now) => {
      const slid = now + idle - expires >= atLeast ? now + idle : expires
      return { outcome: 'held', record: outlineAfter(held, change, slid, now), secret: 'current', now }
    },
  }
}
