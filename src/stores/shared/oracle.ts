import { type Chain, type Command, commands, type Data, EMPTY_CHAIN, extend, places } from '../../algebra/index.ts'
import type { StoredSession } from '../../contract/record.ts'
import type { Access, Change, Outline, SessionRecord, Updated } from '../../contract/store.ts'
import { isTouch, mayDestroy, transition } from '../../contract/transition.ts'
import { StoreError } from '../../errors/index.ts'
import { MAX_TRIES, pause } from './conflicts.ts'

/** The session that a store has found under an id, and the time of its clock when it looked. */
export interface Reading {
  readonly stored: StoredSession | undefined
  readonly now: number
}

/**
 * Applies a change that the database can't compute by itself: reads the session, asks the oracle for the result, and writes
 * that result for the version that was read. `write` answers undefined if the session has changed since; then everything
 * begins again after a pause. If the change does not apply, the answer says why.
 */
export async function compareAndSet(
  store: string,
  access: Access,
  change: Change,
  read: () => Promise<Reading>,
  write: (next: StoredSession, answer: Updated, found: StoredSession) => Promise<Updated | undefined>,
): Promise<Updated> {
  for (let tries = 1; tries <= MAX_TRIES; tries++) {
    const { stored, now } = await read()
    const { next, answer } = transition(stored, access, change, now)
    if (!stored || !next) return answer
    const written = await write(next, answer, stored)
    if (written) return written
    await pause(tries)
  }
  throw new StoreError(store, 'saw too many other changes of one session', false)
}

/**
 * Removes a session for whoever comes with another secret than the live one: reads it, asks whether that secret may still
 * log out, and removes what was read. `remove` answers false if the session has changed since; then everything begins again
 * after a pause.
 */
export async function compareAndRemove(
  store: string,
  access: Access,
  read: () => Promise<Reading>,
  remove: (found: StoredSession) => Promise<boolean>,
): Promise<boolean> {
  for (let tries = 1; tries <= MAX_TRIES; tries++) {
    const { stored, now } = await read()
    if (!stored || !mayDestroy(stored, access, now)) return false
    if (await remove(stored)) return true
    await pause(tries)
  }
  throw new StoreError(store, 'saw too many other changes of one session', false)
}

/** The commands that the code on the servers of PostgreSQL and Redis knows. */
const NATIVE: ReadonlySet<Command['kind']> = new Set([
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
])

/** Whether such a server can compute the chain; if not, the oracle does, and its result is written. */
export function knows({ commands }: Chain): boolean {
  return commands.every(({ kind }) => NATIVE.has(kind))
}

/** Whether a change only does what its chain says, and is sent for the first time: no rotation, log-in, device or new idle time. */
export function isPlain({ slide, rotation, authenticated, repeatedSince, device }: Change): boolean {
  return !rotation && !authenticated && !device && slide.maxAge === undefined && repeatedSince === undefined
}

/** What a session is, its data aside, once a change was applied to all of what the caller holds, and it ends at `expires`. */
export function outlineAfter(held: SessionRecord, change: Change, expires: number, now: number): Outline {
  const { data: _, device, ...rest } = held
  const { chain, op, slide, rotation, authenticated } = change
  return {
    ...rest,
    version: held.version + (chain.commands.length > 0 ? 1 : 0),
    expires,
    ...(slide.maxAge !== undefined && { maxAge: slide.maxAge }),
    ...(authenticated && { authAt: now }),
    ...(rotation && { rotated: now, epoch: rotation.epoch ?? held.epoch }),
    ...(!isTouch(change) && { last: op }),
    // Whoever logs in may do so on another device.
    ...(device && !authenticated && { device }),
  }
}

const NO_LIMIT = Number.MAX_SAFE_INTEGER

/**
 * A change of known data in commands that every server knows: `set` or `unset` of each top-level field that the chain
 * touches, as the oracle has computed it. Sound only for the version of these data, because the oracle has already judged
 * their size and the conditions.
 */
export function resultOf(change: Change, after: Data): Change {
  return { ...change, chain: resultChain(change.chain, after), held: undefined, answer: false, maxBytes: NO_LIMIT }
}

/** The same answer with another expiry. */
export function expiring(updated: Updated, expires: number): Updated {
  return 'record' in updated ? ({ ...updated, record: { ...updated.record, expires } } as Updated) : updated
}

function resultChain(chain: Chain, after: Data): Chain {
  const keys = new Set(chain.commands.flatMap((command) => places(command).map(([key]) => key!)))
  const results = [...keys].map(
    (key): Command => (Object.hasOwn(after, key) ? commands.set(key, after[key]) : commands.unset(key)),
  )
  return extend(EMPTY_CHAIN, results)
}
