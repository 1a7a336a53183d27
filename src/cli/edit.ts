import { randomUUID } from 'node:crypto'
import {
  type Chain,
  type Command,
  type Condition,
  commands,
  EMPTY_CHAIN,
  extend,
  onlyIf,
  places,
  Refusal,
  weigh,
} from '../algebra/index.ts'
import { accessFromOutside } from '../contract/record.ts'
import type { Change, SessionRecord, Store } from '../contract/store.ts'
import { isReserved } from '../data/types.ts'
import { errorOf, isSessionError } from '../errors/index.ts'
import { milliseconds } from '../settings/duration.ts'
import { LONGEST_COOKIE } from '../settings/settings.ts'
import { UsageError } from './usage.ts'

/** What is done to each session. */
export interface Edit {
  readonly chain: Chain
  /** Its idle time from now on, in milliseconds; undefined leaves its expiry as it is. */
  readonly maxAge: number | undefined
}

/** The largest value that can be written: the default of the option `maxBytes`. */
const MAX_BYTES = 65_536
/** The inspector does not know how large an application lets its sessions grow. */
const ANY_SIZE = 2 ** 30

/** @throws {@link UsageError} */
export function editOf(command: 'set' | 'unset' | 'touch', words: readonly string[]): Edit {
  try {
    if (command === 'touch') return { chain: EMPTY_CHAIN, maxAge: durationOf(words) }
    return { chain: chainOf(command === 'set' ? [assignmentOf(words)] : removals(words)), maxAge: undefined }
  } catch (error) {
    if (error instanceof Refusal) throw new UsageError(errorOf(error.problem).message)
    if (isSessionError(error)) throw new UsageError(error.message)
    throw error
  }
}

/**
 * Applies an edit to the session that was found, and to no other that has taken its id. With `condition` only while that
 * holds. Answers whether it was applied: the session may be gone by now.
 */
export async function applyEdit(
  store: Store,
  { id, created }: Pick<SessionRecord, 'id' | 'created'>,
  { chain, maxAge }: Edit,
  condition: Condition | undefined,
): Promise<boolean> {
  const change: Change = {
    op: randomUUID(),
    chain: condition ? onlyIf(chain, condition) : chain,
    held: undefined,
    answer: false,
    // The visitor has not used the session, so its expiry stays unless that is what is asked for.
    slide:
      maxAge === undefined
        ? { idle: LONGEST_COOKIE, atLeast: Number.MAX_SAFE_INTEGER }
        : { idle: maxAge, maxAge, atLeast: 0 },
    maxBytes: Math.min(store.largest ?? ANY_SIZE, ANY_SIZE),
  }
  const updated = await store.update(accessFromOutside({ id, created }), change)
  if (updated.outcome === 'refused' && updated.problem.kind !== 'condition') throw errorOf(updated.problem)
  return updated.outcome === 'changed' || updated.outcome === 'done'
}

function chainOf(list: readonly Command[]): Chain {
  const own = list.flatMap(places).find(([key]) => isReserved(key!))
  if (own) throw new UsageError(`'${own[0]}' belongs to the session itself and is not a field`)
  const chain = extend(EMPTY_CHAIN, list)
  const bytes = weigh(chain)
  if (bytes > MAX_BYTES) throw new Refusal({ kind: 'size', bytes, limit: MAX_BYTES })
  return chain
}

function assignmentOf([path, text, ...more]: readonly string[]): Command {
  if (path === undefined || text === undefined || more.length > 0) {
    throw new UsageError('set takes a path and a value: set ID role user, set ID cart.0.qty 2, set ID tags \'["a"]\'')
  }
  return commands.set(path, parsed(text))
}

/** A shell knows texts only. What is JSON is that, so a text that looks like a number is written `'"42"'`. */
function parsed(text: string): unknown {
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch {
    return text
  }
  if (Number.isInteger(value) && !Number.isSafeInteger(value)) {
    throw new UsageError(`${text} is not a number that JavaScript can keep: write '"${text}"' for a text`)
  }
  return value
}

function removals(paths: readonly string[]): Command[] {
  if (paths.length === 0) throw new UsageError('unset takes the paths of fields: unset ID role cart.0')
  return paths.map((path) => commands.unset(path))
}

function durationOf([text, ...more]: readonly string[]): number {
  if (text === undefined || more.length > 0) {
    throw new UsageError("touch takes one duration, because it does not know the application's: touch ID '30 days'")
  }
  const maxAge = milliseconds(/^\d+$/.test(text) ? Number(text) : text, 'The duration of touch')
  if (maxAge > 0 && maxAge <= LONGEST_COOKIE) return maxAge
  throw new UsageError('The duration of touch must be longer than 0, and at most 400 days')
}
