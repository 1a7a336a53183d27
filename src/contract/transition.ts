import { type Applied, apply, type Chain, canGrow, type Data, sizeOf } from '../algebra/index.ts'
import {
  type Absent,
  type Access,
  type Change,
  type Loaded,
  type NewSession,
  REMEMBERED_OPS,
  type SessionRecord,
  type Updated,
} from './store.ts'

/** All that a store keeps of a session. */
export interface StoredSession extends SessionRecord {
  readonly hash: string
  /** The secret before the last rotation, and when its grace ends. */
  readonly previous: { readonly hash: string; readonly until: number } | null
  /** The last operations, oldest first, as {@link remember} writes them. */
  readonly ops: readonly string[]
}

/**
 * What a first chain makes of a new session's data. The times that it asks for are the store's to say: their commands are
 * `dates`, to be applied once more by its clock. They may come last, because no two of a chain touch the same place.
 */
export function initial(data: Data, chain: Chain): Applied & { readonly dates?: Chain } {
  const result = apply(data, chain, Date.now())
  const dates = chain.commands.filter(({ kind }) => kind === 'currentDate')
  return dates.length > 0 ? { ...result, dates: { conditions: [], commands: dates } } : result
}

/** The stored form of a new session. */
export function begin(session: NewSession, now: number): StoredSession {
  const dated = session.dates && apply(session.data, session.dates, now)
  return {
    id: session.id,
    hash: session.hash,
    previous: null,
    data: dated?.ok ? dated.data : session.data,
    version: 1,
    created: session.created ?? now,
    expires: now + (session.maxAge ?? session.idle),
    maxAge: session.maxAge,
    authAt: session.authenticated ? now : null,
    rotated: now,
    epoch: '',
    ops: [],
  }
}

/** The stored session that an access opens, `grace` when by the secret before the last rotation; or why it opens none. */
export type Verdict =
  | { readonly live: true; readonly stored: StoredSession; readonly grace: boolean }
  | { readonly live: false; readonly answer: Absent }

/** Whether this access opens what is stored under its id, by the store's clock. */
export function judge(stored: StoredSession | undefined, access: Access, now: number): Verdict {
  const no = (outcome: 'absent' | 'expired' | 'mismatch'): Verdict => ({ live: false, answer: { outcome } })
  if (!stored) return no('absent')
  if (stored.expires <= now || stored.created + access.maxLifetime <= now) return no('expired')
  if ('created' in access.proof) {
    return stored.created === access.proof.created ? { live: true, stored, grace: false } : no('absent')
  }
  if (stored.hash === access.proof.hash) return { live: true, stored, grace: false }
  if (stored.previous?.hash !== access.proof.hash) return no('mismatch')
  const ago = now - stored.previous.until
  return ago < 0
    ? { live: true, stored, grace: true }
    : { live: false, answer: { outcome: 'reused', ago, created: stored.created } }
}

/** The answer of `Store.destroy`, for stores that run in this process: whether to remove it. */
export function mayDestroy(stored: StoredSession | undefined, access: Access, now: number): boolean {
  const verdict = judge(stored, access, now)
  return verdict.live || verdict.answer.outcome === 'reused'
}

/** The answer of `Store.load`. */
export function loaded(stored: StoredSession | undefined, access: Access, now: number): Loaded {
  const verdict = judge(stored, access, now)
  if (!verdict.live) return verdict.answer
  return { outcome: 'live', record: recordOf(verdict.stored), grace: verdict.grace, now }
}

/**
 * The meaning of `Store.update`, as `apply` is the meaning of a chain: what the store must keep afterwards
 * (undefined: nothing changes) and what it answers. Stores that run in this process execute it, the others are
 * tested against it.
 */
export function transition(
  found: StoredSession | undefined,
  access: Access,
  change: Change,
  now: number,
): { readonly next: StoredSession | undefined; readonly answer: Updated } {
  // Before the proof is judged: a rotation sent again comes with the secret that it has itself made invalid. Nobody
  // else can know the id of an operation.
  if (found && found.expires > now) {
    if (found.ops.some((entry) => entry.startsWith(`${change.op}@`))) {
      return { next: undefined, answer: { outcome: 'changed', record: recordOf(found), grace: false, now } }
    }
    if (change.repeatedSince !== undefined && !isRepeatable(change) && forgets(found.ops, change.repeatedSince)) {
      return { next: undefined, answer: { outcome: 'forgotten' } }
    }
  }
  const verdict = judge(found, access, now)
  if (!verdict.live) return { next: undefined, answer: verdict.answer }
  const { stored, grace } = verdict
  if (change.rotation && change.rotation.from !== stored.hash) return { next: undefined, answer: { outcome: 'outrun' } }

  const result = apply(stored.data, change.chain, now)
  if (!result.ok) return { next: undefined, answer: { outcome: 'refused', problem: result.problem } }
  if (canGrow(change.chain)) {
    const bytes = sizeOf(stored.data)
    if (bytes > change.maxBytes) {
      return {
        next: undefined,
        answer: { outcome: 'refused', problem: { kind: 'size', bytes, limit: change.maxBytes } },
      }
    }
  }
  const next = advance(stored, change, result.data, now)
  const held = change.held?.version === stored.version && change.chain.commands.every(({ kind }) => kind !== 'take')
  const answer: Updated = held
    ? { outcome: 'held', version: next.version, expires: next.expires, now }
    : { outcome: 'changed', record: recordOf(next), grace, now, taken: result.taken }
  return { next: next === stored ? undefined : next, answer }
}

function advance(stored: StoredSession, change: Change, data: Data, now: number): StoredSession {
  const { slide, rotation, chain } = change
  const maxAge = slide.maxAge === undefined ? stored.maxAge : slide.maxAge
  const expires = now + (maxAge ?? slide.idle)
  const due = slide.maxAge !== undefined || expires - stored.expires >= slide.atLeast
  const repeatable = isRepeatable(change)
  if (repeatable && !due && !change.authenticated) return stored
  // Times that never decrease tell of what was forgotten too, whatever the clock does.
  const last = timeOf(stored.ops.at(-1))
  return {
    ...stored,
    data,
    version: stored.version + (chain.commands.length > 0 ? 1 : 0),
    maxAge,
    expires: due ? expires : stored.expires,
    authAt: change.authenticated ? now : stored.authAt,
    ops: repeatable ? stored.ops : [...stored.ops, remember(change.op, Math.max(now, last))].slice(-REMEMBERED_OPS),
    ...(rotation && {
      hash: rotation.to,
      previous: { hash: rotation.from, until: now + rotation.grace },
      rotated: now,
      epoch: rotation.epoch ?? stored.epoch,
    }),
  }
}

/** Sliding twice is sliding once, so that a touch needs no place among the remembered operations. */
function isRepeatable({ chain, rotation }: Change): boolean {
  return chain.commands.length === 0 && !rotation
}

/** An operation as a session remembers it: its id, and the time when it was applied. */
export function remember(op: string, now: number): string {
  return `${op}@${now}`
}

/** Operations that were applied since that time may have been dropped from the memory. */
function forgets(ops: readonly string[], since: number): boolean {
  return ops.length >= REMEMBERED_OPS && timeOf(ops[0]) >= since
}

function timeOf(entry = '@0'): number {
  return Number(entry.split('@')[1])
}

/** The record after a change that was answered with `held`: what the caller held, plus the change. */
export function afterHeld(held: SessionRecord, change: Change, answer: Updated & { outcome: 'held' }): SessionRecord {
  const { version, expires, now } = answer
  const result = apply(held.data, change.chain, now)
  // The store applied this chain to these very data, so the oracle can't refuse it.
  if (!result.ok) throw new TypeError(`the store applied what the oracle refuses: ${result.problem.kind}`)
  return {
    ...held,
    data: result.data,
    version,
    expires,
    maxAge: change.slide.maxAge === undefined ? held.maxAge : change.slide.maxAge,
    authAt: change.authenticated ? now : held.authAt,
    rotated: change.rotation ? now : held.rotated,
    epoch: change.rotation?.epoch ?? held.epoch,
  }
}

/** The record without what proves access to it. */
export function recordOf(stored: StoredSession): SessionRecord {
  const { id, data, version, created, expires, maxAge, authAt, rotated, epoch } = stored
  return { id, data, version, created, expires, maxAge, authAt, rotated, epoch }
}
