import { type Applied, apply, type Chain, canGrow, type Data, equal, sizeOf, takes, weigh } from '../algebra/index.ts'
import type { Bytes } from './bytes.ts'
import { isGuarded, stepped } from './device.ts'
import { isHeld, isLive, outlineOf, recordOf, type StoredSession, UNREAD, withData } from './record.ts'
import {
  type Absent,
  type Access,
  type Change,
  type Held,
  LOG_OUT_GRACE,
  type Loaded,
  REMEMBERED_OPS,
  ROTATION_GRACE,
  type Rotation,
  type SessionRecord,
  type Standing,
  type Updated,
} from './store.ts'

/**
 * What a first chain makes of a new session's data. Only the store knows the time, so the commands that ask for it are given
 * as `dates` too, and the store applies them again by its own clock. They may come last, because no two commands of a chain
 * change the same value.
 */
export function initial(data: Data, chain: Chain): Applied & { readonly dates?: Chain } {
  const result = apply(data, chain, Date.now())
  const dates = chain.commands.filter(({ kind }) => kind === 'currentDate')
  return dates.length > 0 ? { ...result, dates: { conditions: [], commands: dates } } : result
}

/** The stored session that an access opens and what its secret is worth, or why it opens none. */
export type Verdict =
  | { readonly live: true; readonly stored: StoredSession; readonly secret: Standing }
  | { readonly live: false; readonly answer: Absent }

/** Whether this access opens what is stored under its id, by the store's clock. */
export function judge(stored: StoredSession | undefined, access: Access, now: number): Verdict {
  const no = (answer: Absent): Verdict => ({ live: false, answer })
  if (!stored) return no({ outcome: 'absent' })
  if (!isLive(stored, now, access.maxLifetime)) return no({ outcome: 'expired' })
  const ended = (outcome: 'stale' | 'rotated' | 'reused', since: number) =>
    no({ outcome, ago: now - since, created: stored.created })
  const { hash, created, epoch } = access.proof
  if (created !== undefined && created !== stored.created) return no({ outcome: 'absent' })
  if (hash === undefined) {
    return created === undefined ? ended('stale', stored.rotated) : { live: true, stored, secret: 'current' }
  }
  const yes = (secret: Standing): Verdict =>
    !access.bound && isGuarded(stored.device, now) ? no({ outcome: 'unbound' }) : { live: true, stored, secret }
  if (hash === stored.hash) return yes(stored.previous?.kind === 'unused' ? 'first' : 'current')
  const previous = stored.previous?.hash === hash ? stored.previous : undefined
  if (previous && now < previous.until) return yes(previous.kind === 'explicit' ? 'grace' : 'superseded')
  // Before the epoch is looked at: whoever has loaded the session with a secret whose successor was lost may rotate too.
  if (previous?.kind === 'unused') return yes('lost')
  if (epoch === stored.epoch) return yes('superseded')
  // A request that has loaded the session knew its secret once, however many rotations ago.
  if (!previous) return ended(created === undefined ? 'stale' : 'rotated', stored.rotated)
  return ended(previous.kind === 'explicit' ? 'rotated' : 'reused', previous.until)
}

/** The decision of `Store.destroy`, for stores that run in this process: whether to remove the session. */
export function mayDestroy(stored: StoredSession | undefined, access: Access, now: number): boolean {
  const verdict = judge(stored, { ...access, bound: true }, now)
  if (verdict.live) return true
  const { answer } = verdict
  return (answer.outcome === 'rotated' || answer.outcome === 'reused') && answer.ago < LOG_OUT_GRACE
}

/** The answer of `Store.load`. What the caller holds need not have been read: see {@link UNREAD}. */
export function loaded(stored: StoredSession | undefined, access: Access, now: number, held?: Held): Loaded {
  const verdict = judge(stored, access, now)
  if (!verdict.live) return verdict.answer
  const { secret, stored: live } = verdict
  if (held && isHeld(held, live)) return { outcome: 'held', record: outlineOf(live), secret, now }
  // Data that nobody has must not pass for an empty session.
  if (live.data === UNREAD) throw new TypeError('the store has left out data that the caller does not hold')
  return { outcome: 'live', record: recordOf(live), secret, now, bytes: live.bytes }
}

/**
 * The meaning of `Store.update`, as `apply` is the meaning of a chain: what the store must keep afterwards (undefined:
 * nothing changes) and what it answers. Stores that run in this process execute it; the others are tested against it.
 */
export function transition(
  found: StoredSession | undefined,
  access: Access,
  change: Change,
  now: number,
): { readonly next: StoredSession | undefined; readonly answer: Updated } {
  // Before the proof is judged, because a rotation that is sent again comes with the secret that it has itself made invalid.
  // Nobody else can know the id of an operation.
  if (found && isLive(found, now)) {
    const applied = `${change.op}@`
    if (found.ops.some((entry) => entry.startsWith(applied))) {
      const secret = holdsLive(found, access, change) ? 'current' : 'superseded'
      return {
        next: undefined,
        answer: { outcome: 'changed', record: recordOf(found), secret, now, bytes: found.bytes },
      }
    }
    if (change.repeatedSince !== undefined && !isTouch(change) && forgets(found.ops, change.repeatedSince)) {
      return { next: undefined, answer: { outcome: 'forgotten' } }
    }
  }
  const judged = judge(found, access, now)
  const again = isSameLogIn(found, judged, change)
  if (!judged.live && !again) return { next: undefined, answer: judged.answer }
  const stored = found!
  const secret = judged.live ? judged.secret : 'superseded'
  // As an automatic rotation: of two answers to one log-in either may be the last that the browser sees.
  const rotation = again ? { to: change.rotation!.to, grace: ROTATION_GRACE } : change.rotation
  const refusal = !again && rotation && refusalOf(rotation, secret, stored, now)
  if (refusal) return { next: undefined, answer: refusal }
  if (change.device && !stepped(stored.device, change.device, stored.epoch, now)) {
    return { next: undefined, answer: { outcome: 'unproven' } }
  }

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
  const next = advance(stored, { ...change, rotation }, result.data, secret, access, now)
  const worth = rotation || secret === 'first' ? 'current' : secret
  const answer: Updated = holds(change, stored)
    ? { outcome: 'held', record: outlineOf(next), secret: worth, now }
    : {
        outcome: 'changed',
        record: recordOf(next),
        secret: worth,
        now,
        taken: result.taken,
        bytes: sizeAfter(stored, change),
      }
  return { next: next === stored ? undefined : next, answer }
}

/** Whether the caller holds the data as they are, and the chain is all that it needs to know of their change. */
function holds({ held, chain }: Change, stored: StoredSession): boolean {
  return held !== undefined && isHeld(held, stored) && !takes(chain)
}

/** No less than what the data take after a change, if that is known of those before it. */
export function sizeAfter({ bytes }: { readonly bytes?: Bytes }, { chain }: Change): Bytes {
  return bytes === undefined ? undefined : bytes + weigh(chain)
}

/** The secret that the request holds after this change is the live one. */
function holdsLive({ hash }: StoredSession, { proof }: Access, { rotation }: Change): boolean {
  return hash === (rotation?.to ?? proof.hash ?? hash)
}

/** Why a rotation is not allowed, although the request may go on. */
function refusalOf(
  { epoch }: Rotation,
  secret: Standing,
  { previous, created }: StoredSession,
  now: number,
): Updated | undefined {
  if (epoch === undefined) return secret === 'superseded' || secret === 'grace' ? { outcome: 'outrun' } : undefined
  return secret === 'grace' ? { outcome: 'rotated', ago: now - previous!.until, created } : undefined
}

/**
 * A log-in that comes a moment too late, because another one was faster or its answer was lost, and that sets only what
 * the session holds already. Its chain must say who it is: one that sets nothing says nothing about whose session this is.
 */
function isSameLogIn(found: StoredSession | undefined, judged: Verdict, change: Change): boolean {
  const late = judged.live
    ? judged.secret === 'grace'
    : judged.answer.outcome === 'rotated' && judged.answer.ago < LOG_OUT_GRACE
  const { commands, conditions } = change.chain
  if (!found || !late || !change.authenticated || change.rotation?.epoch === undefined) return false
  if (conditions.length > 0 || commands.length === 0 || commands.some(({ kind }) => kind !== 'set')) return false
  const result = apply(found.data, change.chain, 0)
  return result.ok && equal(result.data, found.data)
}

function advance(
  stored: StoredSession,
  change: Change,
  data: Data,
  secret: Standing,
  access: Access,
  now: number,
): StoredSession {
  const { slide, rotation, chain } = change
  const maxAge = slide.maxAge === undefined ? stored.maxAge : slide.maxAge
  const expires = now + (maxAge ?? slide.idle)
  const due = slide.maxAge !== undefined || expires - stored.expires >= slide.atLeast
  const touch = isTouch(change)
  if (touch && !due && secret !== 'first') return stored
  // Times that never decrease tell of what was forgotten too, whatever the clock does.
  const last = timeOf(stored.ops.at(-1))
  return {
    ...stored,
    data,
    version: stored.version + (chain.commands.length > 0 ? 1 : 0),
    maxAge,
    expires: due ? expires : stored.expires,
    authAt: change.authenticated ? now : stored.authAt,
    ops: touch ? stored.ops : [...stored.ops, remember(change.op, Math.max(now, last))].slice(-REMEMBERED_OPS),
    ...(change.device && { device: stepped(stored.device, change.device, stored.epoch, now) }),
    // Whoever logs in may do so on another device.
    ...(change.authenticated && stored.device && { device: undefined }),
    ...(secret === 'first' && { previous: { ...stored.previous!, kind: 'used' } }),
    ...(rotation && {
      hash: rotation.to,
      previous: {
        // What was lost was never in a browser: the secret that is replaced is the one which came.
        hash: secret === 'lost' ? access.proof.hash! : stored.hash,
        until: now + rotation.grace,
        kind: rotation.epoch === undefined ? 'unused' : 'explicit',
      },
      rotated: now,
      epoch: rotation.epoch ?? stored.epoch,
    }),
  }
}

/**
 * Whether a change moves the expiry and does nothing else. Sliding twice is sliding once, so a touch needs no place among
 * the remembered operations. A log-in needs one: `authAt` must not move when it is sent again.
 */
export function isTouch({ chain, rotation, authenticated, device }: Change): boolean {
  return chain.commands.length === 0 && !rotation && !authenticated && !device
}

/** An operation as a session remembers it: its id and the time when it was applied. */
export function remember(op: string, now: number): string {
  return `${op}@${now}`
}

/** Whether operations that were applied since that time may no longer be remembered. */
function forgets(ops: readonly string[], since: number): boolean {
  return ops.length >= REMEMBERED_OPS && timeOf(ops[0]) >= since
}

function timeOf(entry = '@0'): number {
  return Number(entry.slice(entry.indexOf('@') + 1))
}

/** The record after a change that was answered with `held`: the data that the caller held with the change, and the rest. */
export function afterHeld(held: SessionRecord, change: Change, answer: Updated & { outcome: 'held' }): SessionRecord {
  const result = apply(held.data, change.chain, answer.now)
  // The store applied this chain to these very data, so the oracle can't refuse it.
  if (!result.ok) throw new TypeError(`the store applied what the oracle refuses: ${result.problem.kind}`)
  return withData(answer.record, result.data)
}
