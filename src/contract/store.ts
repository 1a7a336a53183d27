import type { BsonValue, Chain, Data, Problem, Value } from '../algebra/index.ts'

/**
 * A database adapter. It turns each call into one native, atomic operation by primary key and knows nothing of
 * cookies, requests or retries.
 *
 * - Times are milliseconds of the **store's own clock**; durations are milliseconds.
 * - A session whose `expires` has come, or that is older than `maxLifetime`, is treated as absent by every method,
 *   whether or not it has been removed yet.
 * - A failure of the database is thrown as a `StoreError` that says whether the change can have been applied.
 *   Everything else that can happen is an answer, not an exception.
 */
export interface Store {
  /** The word for this store in messages: `sqlite`. */
  readonly name: string
  /** Keeps BSON values such as `ObjectId`; on other stores the core refuses them before any I/O. */
  readonly bson?: boolean
  /** The largest `maxBytes` with which its database can keep every session; absent: any. */
  readonly largest?: number

  /** Inserts a session. Never replaces one: answers undefined when the id is taken, by a live session or a dead one. */
  create(session: NewSession): Promise<SessionRecord | undefined>

  /** The session, or why there is none for this visitor. Changes nothing. */
  load(access: Access): Promise<Loaded>

  /** Applies a change if the session is live and the access is proven, all of it or nothing. Never inserts. */
  update(access: Access, change: Change): Promise<Updated>

  /**
   * Removes the session if the access is proven; removing nothing is no error. Answers whether one was removed. The
   * secret before the last rotation may do this also after its grace: a log-out must never be too late.
   */
  destroy(access: Access): Promise<boolean>

  /** Creates what the store needs (tables, indexes, functions). Can be repeated, also by several processes at once. */
  setup(): Promise<void>

  /** Removes sessions that have expired and answers how many; 0 where the database does it by itself. */
  prune(): Promise<number>

  /** Releases what the store itself has opened. Idempotent; what was handed in stays open. */
  close(): Promise<void>
}

/** The ability to show what it holds, for operators: whoever has the database needs no visitor's secret. */
export interface InspectableStore extends Store {
  /**
   * Every live session once, in no order, fetched in batches. One that comes or goes meanwhile may be missing. A record
   * that is no session of this library is passed over: `passOver` is called for each.
   */
  list(passOver?: () => void): AsyncIterable<SessionRecord>
  /** The live session with this id. */
  get(id: string): Promise<SessionRecord | undefined>
}

/** The ability to keep an index of some fields; dotted paths, letters, digits, `_` and `-` only. */
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

/** What can be looked up through an index; a BSON value, such as an `ObjectId`, on MongoDB only. */
export type IndexValue = string | number | boolean | BsonValue

/** A session that begins. */
export interface NewSession {
  readonly id: string
  readonly hash: string
  readonly data: Data
  /** Commands of `currentDate`, which put the store's time into the data; absent where there are none. */
  readonly dates?: Chain
  /** This session's own idle time; null follows the application's `idle`. */
  readonly maxAge: number | null
  /** The application's idle time. */
  readonly idle: number
  /** When its lifetime began, where it continues an earlier session's; absent: now. */
  readonly created?: number
  /** Sets `authAt` to now. */
  readonly authenticated: boolean
}

/** Which session, and by what right. */
export interface Access {
  readonly id: string
  /**
   * The SHA-256 of the secret that the visitor's cookie holds, or the `created` of the record that this request has
   * loaded: it has proven its secret then, and a `rotate` beside it must not fail it. `created` tells the session
   * from a later one that took the same id.
   */
  readonly proof: { readonly hash: string } | { readonly created: number }
  /** Sessions older than this are over; Infinity where the application sets no limit. */
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
   * Unique to this change, the same when it is sent again: a store answers a repeated one without applying it twice.
   * Letters, digits, `_` and `-`.
   */
  readonly op: string
  /**
   * Sent again: the first time was not before this, by the store's clock. A store that has not remembered every
   * operation since then answers `forgotten`, because this one may have been among those. A moment instead of a
   * duration, so that it stays true however late a driver sends it.
   */
  readonly repeatedSince?: number
  readonly chain: Chain
  /**
   * The version of the data that the caller holds. When the store still has it, the store may answer `held` and
   * send no data back.
   */
  readonly held: SessionRecord | undefined
  /** False when nobody waits for the data: the store may answer `done` and send none of them back. */
  readonly answer: boolean
  readonly slide: Slide
  readonly rotation?: Rotation | undefined
  /** Sets `authAt` to now. */
  readonly authenticated?: boolean | undefined
  /** A session larger than this may not grow. */
  readonly maxBytes: number
}

/** The new expiry is now plus the session's idle time, and is written when it is due. */
export interface Slide {
  /** The application's idle time, for sessions without one of their own. */
  readonly idle: number
  /** Gives this session an idle time of its own, or with null takes it away; undefined keeps what it has. */
  readonly maxAge?: number | null | undefined
  /** The expiry is moved only by at least this much, so that parallel requests write it once. */
  readonly atLeast: number
}

/** A new secret, if the one with the hash `from` is still the current one. */
export interface Rotation {
  readonly from: string
  readonly to: string
  /** For how long `from` still opens the session. */
  readonly grace: number
  /** The new CSRF epoch; absent: CSRF tokens stay valid. */
  readonly epoch?: string
}

/**
 * Why a session can't be had: no such id, its time ran out, another secret; or the secret before the last rotation,
 * whose grace ended `ago` milliseconds before now. `created` lets who came too late still destroy it.
 */
export type Absent =
  | { readonly outcome: 'absent' | 'expired' | 'mismatch' }
  | { readonly outcome: 'reused'; readonly ago: number; readonly created: number }

export type Loaded =
  /** `grace`: the secret is the one before the last rotation, and still allowed. */
  { readonly outcome: 'live'; readonly record: SessionRecord; readonly grace: boolean; readonly now: number } | Absent

export type Updated =
  /** Applied; the record after it. `taken` is present when the chain has a `take` and this is the first answer to it. */
  | {
      readonly outcome: 'changed'
      readonly record: SessionRecord
      readonly grace: boolean
      readonly now: number
      readonly taken?: Value | undefined
    }
  /** Applied to the version the caller holds: its copy plus the chain is the result. */
  | { readonly outcome: 'held'; readonly version: number; readonly expires: number; readonly now: number }
  /** Applied, and nobody asked for the data: only what the cookie needs. */
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
  /** Sent again, and so much else was applied meanwhile that the store can't tell whether this was. */
  | { readonly outcome: 'forgotten' }
  | Absent

/** How many sessions are fetched at a time where all of them are listed. */
export const LIST_BATCH = 500

/** How many operation ids a record remembers, each with the time when it was applied. */
export const REMEMBERED_OPS = 16
