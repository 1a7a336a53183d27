import type { BsonValue, Chain, Data, Problem, Value } from '../algebra/index.ts'

/**
 * A database adapter. It turns each call into one native, atomic operation by primary key. It does not know cookies, requests
 * or retries.
 *
 * - Times are milliseconds of the **store's own clock**; durations are milliseconds.
 * - Every method treats a session as absent when its `expires` has come or it is older than `maxLifetime`, whether or not
 *   it has been removed yet.
 * - If the database fails, the method throws a `StoreError` that says whether the change may have been applied. Everything
 *   else that can happen is an answer, not an exception.
 */
export interface Store {
  /** The word for this store in messages: `sqlite`. */
  readonly name: string
  /** Keeps BSON values such as `ObjectId`; on other stores the core refuses them before any I/O. */
  readonly bson?: boolean

  /** Inserts a session. Never replaces one: answers undefined if the id is taken, by a live session or a dead one. */
  create(session: NewSession): Promise<SessionRecord | undefined>

  /** The session, or why this visitor has none. Changes nothing. */
  load(access: Access): Promise<Loaded>

  /** Applies all of a change or nothing, if the session is live and the access is proven. Never inserts. */
  update(access: Access, change: Change): Promise<Updated>

  /**
   * Removes the session if the access is proven, and answers whether it removed one. It is no error if there is none. The
   * secret before the last rotation may do this even after its grace: a log-out must never be too late.
   */
  destroy(access: Access): Promise<boolean>

  /** Creates what the store needs (tables, indexes, functions). Can be repeated, also by several processes at once. */
  setup(): Promise<void>

  /** Removes sessions that have expired and answers how many; 0 if the database removes them by itself. */
  prune(): Promise<number>

  /** Releases what the store itself has opened, and leaves open what it was given. Can be repeated. */
  close(): Promise<void>
}

/** A store that can show its sessions to operators: whoever has the database needs no visitor's secret. */
export interface InspectableStore extends Store {
  /** Every live session once, in no order, fetched in batches. A session that comes or goes meanwhile may be missing. */
  list(): AsyncIterable<SessionRecord>
  /** The live session with this id. */
  get(id: string): Promise<SessionRecord | undefined>
}

/** A store that can keep an index of some fields: dotted paths of letters, digits, `_` and `-`. */
export interface IndexableStore extends Store {
  /** This store, which from now on maintains an index of these fields. Called once, before any other method. */
  indexed(fields: readonly string[]): IndexedStore
}

/** A store that finds sessions by the fields it indexes. */
export interface IndexedStore extends Store {
  /** Live sessions whose data hold this value at the indexed field, in no order. */
  find(field: string, value: IndexValue, maxLifetime: number): Promise<SessionRecord[]>
  /** Removes those sessions, but for the one with the id `except`; answers how many. */
  destroyAll(field: string, value: IndexValue, except: string | undefined): Promise<number>
}

/** A value that an index can find. BSON values, such as an `ObjectId`, only on MongoDB. */
export type IndexValue = string | number | boolean | BsonValue

/** A session that begins. */
export interface NewSession {
  readonly id: string
  readonly hash: string
  readonly data: Data
  /** Commands of `currentDate`, which put the store's time into the data; absent if there are none. */
  readonly dates?: Chain
  /** This session's own idle time; null follows the application's `idle`. */
  readonly maxAge: number | null
  /** The application's idle time. */
  readonly idle: number
  /** When its lifetime began, if it continues that of an earlier session; absent: now. */
  readonly created?: number
  /** Sets `authAt` to now. */
  readonly authenticated: boolean
}

/** Which session, and by what right. */
export interface Access {
  readonly id: string
  /**
   * The SHA-256 of the secret in the visitor's cookie, or the `created` of the record that this request has loaded: it has
   * proven its secret then, and must not fail because another request rotates. `created` distinguishes the session from a
   * later one with the same id.
   */
  readonly proof: { readonly hash: string } | { readonly created: number }
  /** Sessions older than this are over; Infinity if the application sets no limit. */
  readonly maxLifetime: number
}

/** What the core knows of a session: the stored record without what proves access to it. */
export interface SessionRecord {
  readonly id: string
  readonly data: Data
  /** Counts the changes of `data`, from 1. */
  readonly version: number
  readonly created: number
  readonly expires: number
  readonly maxAge: number | null
  readonly authAt: number | null
  /** When the secret was last renewed. */
  readonly rotated: number
  /** Part of every CSRF token's MAC; `''` until the first explicit rotation. */
  readonly epoch: string
}

/** Everything that one atomic update of a session is to do. */
export interface Change {
  /**
   * Unique to this change, and the same when it is sent again: a store applies a repeated one only once, and answers it.
   * Letters, digits, `_` and `-`.
   */
  readonly op: string
  /**
   * Present if the change is sent again: it was first sent at this time or later, by the store's clock. A store that no longer
   * remembers every operation since then answers `forgotten`, because this one may have been among them. It is a moment and
   * not a duration, so it stays true however late a driver sends it.
   */
  readonly repeatedSince?: number
  readonly chain: Chain
  /**
   * The record that the caller holds. If the store still has this version of its data, it may answer `held` and send no data
   * back.
   */
  readonly held: SessionRecord | undefined
  /** False if nobody waits for the data: the store may then answer `done` and send no data back. */
  readonly answer: boolean
  readonly slide: Slide
  readonly rotation?: Rotation | undefined
  /** Sets `authAt` to now. */
  readonly authenticated?: boolean | undefined
  /** A session larger than this may not grow. */
  readonly maxBytes: number
}

/** How the expiry moves: to now plus the session's idle time, when that is due. */
export interface Slide {
  /** The application's idle time, for sessions without one of their own. */
  readonly idle: number
  /** Gives this session an idle time of its own; null removes it, undefined keeps it. */
  readonly maxAge?: number | null | undefined
  /** The expiry moves only if it moves by at least this much, so parallel requests write it once. */
  readonly atLeast: number
}

/** A new secret. It applies only if the secret with the hash `from` is still the current one. */
export interface Rotation {
  readonly from: string
  readonly to: string
  /** For how long `from` still opens the session. */
  readonly grace: number
  /** The new CSRF epoch; absent: CSRF tokens stay valid. */
  readonly epoch?: string
}

/**
 * Why there is no session: no such id, its time ran out, or another secret. `reused`: the secret before the last rotation,
 * whose grace ended `ago` milliseconds before now; with `created` it can still destroy the session.
 */
export type Absent =
  | { readonly outcome: 'absent' | 'expired' | 'mismatch' }
  | { readonly outcome: 'reused'; readonly ago: number; readonly created: number }

export type Loaded =
  /** `grace`: the secret is the one before the last rotation, and is still allowed. */
  { readonly outcome: 'live'; readonly record: SessionRecord; readonly grace: boolean; readonly now: number } | Absent

export type Updated =
  /** Applied; the record after it. `taken` is present if the chain has a `take` and this is the first answer to it. */
  | {
      readonly outcome: 'changed'
      readonly record: SessionRecord
      readonly grace: boolean
      readonly now: number
      readonly taken?: Value | undefined
    }
  /** Applied to the version that the caller holds: the caller's copy plus the chain is the result. */
  | { readonly outcome: 'held'; readonly version: number; readonly expires: number; readonly now: number }
  /** Applied. Nobody asked for the data, so this is only what the cookie needs. */
  | {
      readonly outcome: 'done'
      readonly expires: number
      readonly maxAge: number | null
      readonly grace: boolean
      readonly now: number
    }
  | { readonly outcome: 'refused'; readonly problem: Problem }
  /** `rotation.from` is not the current secret any more. */
  | { readonly outcome: 'outrun' }
  /** Sent again, but so many other changes were applied meanwhile that the store can't tell whether this one was. */
  | { readonly outcome: 'forgotten' }
  | Absent

/** How many sessions are fetched at a time when all of them are listed. */
export const LIST_BATCH = 500

/** How many operation ids a record remembers, each with the time when it was applied. */
export const REMEMBERED_OPS = 16
