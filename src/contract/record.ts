import { apply, type Data } from '../algebra/index.ts'
import type { Bytes } from './bytes.ts'
import type { Access, Held, NewSession, Outline, SessionRecord } from './store.ts'

/** Everything that a store keeps of a session. */
export interface StoredSession extends Omit<SessionRecord, 'last'> {
  readonly hash: string
  /** The secret before the last rotation. */
  readonly previous: PreviousSecret | null
  /** The last operations, oldest first, each as its id, `@` and the time when it was applied. */
  readonly ops: readonly string[]
  /** Of its data, where the store has just read it: see {@link Bytes}. */
  readonly bytes?: Bytes
}

/** A secret that was rotated away. */
export interface PreviousSecret {
  readonly hash: string
  /** When its grace ends. */
  readonly until: number
  /**
   * How it was replaced: by an explicit rotation, or by an automatic one whose new secret is still `unused` or has been
   * `used`. Only the last tells a theft from a lost reply.
   */
  readonly kind: 'explicit' | 'unused' | 'used'
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
    authAt: session.authenticated ? (session.authAt ?? now) : null,
    rotated: now,
    epoch: '',
    ops: [],
  }
}

/** The record without what proves access to it. */
export function recordOf(stored: StoredSession): SessionRecord {
  const { id, data, version, created, expires, maxAge, authAt, rotated, epoch, ops, device } = stored
  // Not by way of the outline: to spread an object costs more than to name what is in it.
  const record = { id, data, version, created, expires, maxAge, authAt, rotated, epoch, last: lastOf(ops) }
  return device ? { ...record, device } : record
}

/** The record that an outline is of, with its names in the same order as above: V8 runs code for two orders more slowly. */
export function withData(outline: Outline, data: Data): SessionRecord {
  const { id, version, created, expires, maxAge, authAt, rotated, epoch, last, device } = outline
  const record = { id, data, version, created, expires, maxAge, authAt, rotated, epoch, last }
  return device ? { ...record, device } : record
}

/** The record without its data. */
export function outlineOf(stored: StoredSession): Outline {
  const { id, version, created, expires, maxAge, authAt, rotated, epoch, ops, device } = stored
  const outline = { id, version, created, expires, maxAge, authAt, rotated, epoch, last: lastOf(ops) }
  return device ? { ...outline, device } : outline
}

/** In place of data that were left out because the caller holds them. */
export const UNREAD: Data = Object.freeze({})

/** The session with the data that the caller holds where they were left out, and as it is where they were not. */
export function completed(stored: StoredSession, held: SessionRecord): StoredSession {
  if (stored.data !== UNREAD) return stored
  if (!isHeld(held, stored)) throw new TypeError('the store has left out data that the caller does not hold')
  return { ...stored, data: held.data }
}

/** Whether these are the data that the caller holds. */
export function isHeld(held: Held, { created, version, ops }: StoredSession): boolean {
  return isSame(held, { created, version, last: lastOf(ops) })
}

/** Whether both name the same data of one session. */
export function isSame(a: Held, b: Held): boolean {
  return a.version === b.version && a.created === b.created && a.last === b.last
}

/** The id of the last operation; `''` if none is remembered. */
export function lastOf(ops: readonly string[]): string {
  return ops.at(-1)?.split('@', 1)[0] ?? ''
}

/** The record of a session that is live; undefined for any other, and for none. */
export function liveRecord(
  stored: StoredSession | undefined,
  now: number,
  maxLifetime?: number,
): SessionRecord | undefined {
  return stored && isLive(stored, now, maxLifetime) ? recordOf(stored) : undefined
}

/** Whether a session's time has not run out: neither its idle time nor the longest lifetime, if there is one. */
export function isLive(
  { expires, created }: Pick<SessionRecord, 'expires' | 'created'>,
  now: number,
  maxLifetime = Number.POSITIVE_INFINITY,
): boolean {
  return expires > now && created + maxLifetime > now
}

/**
 * How a session is named by whoever is not its visitor, and has no secret: by its id and when it began, because another
 * session may take the same id later.
 */
export function accessFromOutside(
  { id, created }: Pick<SessionRecord, 'id' | 'created'>,
  maxLifetime: number = Number.POSITIVE_INFINITY,
): Access {
  return { id, proof: { created }, maxLifetime }
}
