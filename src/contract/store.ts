import { type BsonValue, type Chain, type Data, isBson, type Problem, type Value } from '../algebra/index.ts'
import type { Bytes } from './bytes.ts'
import type { Device, DeviceStep } from './device.ts'

/**
 * A database adapter. It turns each call into one native, atomic operation by primary key. It does not know cookies,
 * requests or retries.
 *
 * - Times are milliseconds of the **store's own clock**; durations are milliseconds.
 * - Every method treats a session as absent when its `expires` has come or it is older than `maxLifetime`, whether or
 *   not it has been removed yet.
 * - If the database fails, the method throws a `StoreError` that says whether the change may have been applied.
 *   Everything else that can happen is an answer, not an exception.
 *
 * Over 300 lines, nearly all of them comments: read this if you write a store.
 */
export interface Store {
  /** The name of this store in messages: `sqlite`. */
  readonly name: string
  /** Whether it keeps BSON values such as `ObjectId`; for other stores the core refuses them before any I/O. */
  readonly bson?: boolean
  /** The largest `maxBytes` with which its database can keep every session; absent: any. */
  readonly largest?: number

  /** Inserts a session. Never replaces one: answers undefined if the id is taken, by a live session or a dead one. */
  create(session: NewSession): Promise<SessionRecord | undefined>

  /**
   * The session, or why this visitor has none. Changes nothing. `held`: the data that the caller has. If the store has just
   * these, it may answer `held` and send none. A store that does not know of it sends them, which is as right.
   */
  load(access: Access, held?: Held): Promise<Loaded>

  /** Applies all of a change or nothing, if the session is live and the access is proven. Never inserts. */
  update(access: Access, change: Change): Promise<Updated>

  /**
   * Removes the session if the access is proven; removing nothing is no error. Answers whether one was removed. A secret
   * that was rotated away may still do this for {@link LOG_OUT_GRACE}: a log-out that was on its way is not too late.
   */
  destroy(access: Access): Promise<boolean>

  /** Creates what the store needs (tables, indexes, functions). It can be repeated, even by several processes at once. */
  setup(): Promise<void>

  /** Removes expired sessions and answers how many; 0 if the database removes them by itself. */
  prune(): Promise<number>

  /** Releases what the store itself has opened, and leaves open what it was given. Can be repeated. */
  close(): Promise<void>
}

/** A store that can show its sessions to operators: anyone with access to the database needs no visitor's secret. */
export interface InspectableStore extends Store {
  /**
   * Every live session once, in no order, fetched in batches. One that comes or goes meanwhile may be missing. A record
   * that is not a session of this library is skipped: `passOver` is called for each.
   */
  list(passOver?: () => void): AsyncIterable<SessionRecord>
  /** The live session with this id. */
  get(id: string): Promise<SessionRecord | undefined>
}

/** A store that can report at once what happens to sessions, whichever process does it. */
export interface TellingStore extends Store {
  /** Begins to report to `hear`. Undefined if the store was given nothing to listen with. */
  notices(hear: (notice: Notice) => void): Notices | undefined
}

/** What a store reports. A notice may be lost, come late or come twice, so don't rely on it alone. */
export interface Notices {
  /** Tells of this session too, from the moment when this resolves. Rejects if the store can't listen now. */
  follow(id: string): Promise<void>
  unfollow(id: string): void
  close(): void
}

/** What has become of a session. It holds no data and no secret. */
export interface Notice {
  readonly id: string
  /** Tells the session from a later one that took the same id. */
  readonly created: number
  /** It is gone; or its secret was rotated on purpose, so it has another epoch; or its data has this version. */
  readonly what: 'gone' | 'rotated' | number
}

/** A store that can keep an index of some fields: dotted paths of letters, digits, `_` and `-`. */
export interface IndexableStore extends Store {
  /** This store, which from now on maintains an index of these fields. Called once, before any other method. */
  indexed(fields: readonly string[]): IndexedStore
}

/** A store that finds sessions by the fields it indexes. */
export interface IndexedStore extends Store {
  /**
   * One page of the live sessions whose data has this value at the indexed field, in the order of their ids. Fewer than
   * `page.limit` say that no more come after them. Never loads more sessions than a page at a time.
   */
  find(field: string, value: IndexValue, maxLifetime: number, page?: Page): Promise<SessionRecord[]>
  /**
   * Removes at most `limit` of those sessions, of which none is the one with the id `except`, and loads no data. Answers
   * how many. Fewer than `limit` say that none is left. `reading`: see {@link Page}.
   */
  destroyAll(
    field: string,
    value: IndexValue,
    except: string | undefined,
    limit?: number,
    reading?: object,
  ): Promise<number>
}

/** Which part of the result is wanted. */
export interface Page {
  readonly limit: number
  /** Only sessions whose ids come after this one; `''` for the first page. */
  readonly after: string
  /**
   * The same object for all pages of one reading; absent for a page by itself. With it a store may keep the result of
   * the first page, so a session that begins meanwhile may be missing in the later ones.
   */
  readonly reading?: object
}

/** A value that an index can find. BSON values, such as an `ObjectId`, only on MongoDB. */
export type IndexValue = string | number | boolean | BsonValue

export function isIndexValue(value: unknown): value is IndexValue {
  return ['string', 'number', 'boolean'].includes(typeof value) || isBson(value)
}

/** A session that begins. */
export interface NewSession {
  readonly id: string
  readonly hash: string
  readonly data: Data
  /** Commands of `currentDate`, which put the store's time into the data; absent if there are none. */
  readonly dates?: Chain | undefined
  /** This session's own idle time; null follows the application's `idle`. */
  readonly maxAge: number | null
  /** The application's idle time. */
  readonly idle: number
  /** When its lifetime began, if it continues that of an earlier session; absent: now. */
  readonly created?: number | undefined
  /** Sets `authAt` to now. */
  readonly authenticated: boolean
  /** Where `authenticated` is true: when the visitor logged in; absent or null: now. */
  readonly authAt?: number | null
}

/** Which session, and by what right. */
export interface Access {
  readonly id: string
  readonly proof: Proof
  /** Sessions older than this are over; Infinity if the application sets no limit. */
  readonly maxLifetime: number
  /**
   * The request has shown that it comes from the session's device. One that has not is `unbound` if there is a device.
   * `destroy` does not ask: a thief gains nothing by it, and a log-out must not fail. An operator, who has no secret,
   * is not asked either.
   */
  readonly bound?: boolean
}

/**
 * By what right. A request that has not loaded the session comes with `hash` alone. One that has loaded it adds what it
 * saw, so an automatic rotation beside it does not fail it: that keeps the epoch. An explicit rotation renews the
 * epoch, and so it ends what was opened before it. An operator has no secret and comes with `created` alone.
 */
export interface Proof {
  /** The SHA-256 of the secret that the request holds: the one of its cookie, or the one that it has set itself. */
  readonly hash?: string | undefined
  /** The `created` of the record that was seen. It tells the session from a later one that took the same id. */
  readonly created?: number | undefined
  /** The epoch of the record that was seen with a secret that was not within the grace of an explicit rotation. */
  readonly epoch?: string | undefined
}

/**
 * What the secret is worth by which a request was let in. Only `first` and `current` are live: a response may write a
 * cookie with them, and never with another.
 *
 * - `first`: the live one, and nothing has noted yet that it arrived after an automatic rotation. Every update notes it,
 *   so only `load` answers this.
 * - `current`: the live one.
 * - `superseded`: an automatic rotation replaced it, or several did. The request may go on.
 * - `lost`: an automatic rotation replaced it, its grace is over, and the new secret has never been used: the response
 *   that carried it was lost. It may rotate once more.
 * - `grace`: an explicit rotation replaced it and still lets it in for a moment.
 */
export type Standing = 'first' | 'current' | 'superseded' | 'lost' | 'grace'

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
  /**
   * The last operation that was applied, `''` before the first. A version is a counter: a store that was restored, or that
   * lost its newest changes with a server, comes to the same one with other data. With its operation it names the data.
   */
  readonly last: string
  /** Absent for a session that is bound to none, which most are. */
  readonly device?: Device | undefined
}

/** A record without its data. */
export type Outline = Omit<SessionRecord, 'data'>

/** What names a session's data. All of it: a version is a counter, and another session may have had the same id. */
export type Held = Pick<SessionRecord, 'created' | 'version' | 'last'>

/**
 * What a store does to one session in one atomic update. A visit makes it from the `Step` that the application asked
 * for, and adds what only it knows: the operation's id, hashes of secrets, and what it holds of the session.
 */
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
   * What the caller holds. If the store still has this version from this operation, it may answer `held` and send no data
   * back.
   */
  readonly held: SessionRecord | undefined
  /** False if nobody waits for the data: the store may then answer `done` and send no data back. */
  readonly answer: boolean
  readonly slide: Slide
  readonly rotation?: Rotation | undefined
  /**
   * Sets `authAt` to now: the visitor has just proven who they are. With an explicit rotation that comes too late
   * (`rotated`, `grace`) and a chain that sets only what the session holds already, this is the same log-in sent again: the
   * store lets it in, and rotates once more as by itself. It ends the binding to a device: the next one may be another's.
   */
  readonly authenticated?: boolean | undefined
  /** What the session's device has proven: a change without a chain and a rotation. `unproven` if that does not hold. */
  readonly device?: DeviceStep | undefined
  /** A session larger than this may not grow. */
  readonly maxBytes: number
}

/** How the expiry moves: to now plus the session's idle time, when that is due. */
export interface Slide {
  /** The application's idle time, for sessions without their own. */
  readonly idle: number
  /** Gives this session its own idle time; null removes it, undefined keeps it. */
  readonly maxAge?: number | null | undefined
  /** The expiry moves only if it moves by at least this much, so parallel requests write it once. */
  readonly atLeast: number
}

/**
 * A new secret. An explicit rotation has an `epoch`: it needs the session's present epoch, so of several that race one
 * wins. An automatic one has none: it needs a secret that is `first`, `current` or `lost`; otherwise it is `outrun`.
 */
export interface Rotation {
  readonly to: string
  /** For how long the secret that it replaces still opens the session. */
  readonly grace: number
  /** The new CSRF epoch of an explicit rotation; absent: an automatic one, CSRF tokens stay valid. */
  readonly epoch?: string
}

/**
 * Why a session can't be had.
 *
 * - `absent`: no such id. `expired`: its time ran out.
 * - `stale`: the id lives, under a secret that is neither this one nor the one before. The last rotation was `ago`
 *   milliseconds before now.
 * - `rotated`: an explicit rotation ended this secret, `ago` milliseconds before now.
 * - `reused`: an automatic rotation replaced this secret, its grace ended `ago` milliseconds before now, and the new one
 *   has been used since: two parties hold the session's cookie.
 * - `unbound`: the secret would open it, but it is bound to a device, and the request has not shown that it comes from there.
 */
export type Absent =
  | { readonly outcome: 'absent' | 'expired' | 'unbound' }
  | { readonly outcome: 'stale' | 'rotated' | 'reused'; readonly ago: number; readonly created: number }

/** `secret` is what the request's secret is worth: after a change that rotates, its new one. `now`: by the store's clock. */
export interface Live {
  readonly secret: Standing
  readonly now: number
}

export type Loaded =
  | (Live & { readonly outcome: 'live'; readonly record: SessionRecord; readonly bytes?: Bytes })
  /** The data are those that the caller holds. */
  | (Live & { readonly outcome: 'held'; readonly record: Outline })
  | Absent

export type Updated =
  /** Applied; the record after it. `taken` is present if the chain has a `take` and this is the first answer to it. */
  | (Live & {
      readonly outcome: 'changed'
      readonly record: SessionRecord
      readonly taken?: Value | undefined
      readonly bytes?: Bytes
    })
  /**
   * Applied to the data that the caller holds: its copy plus the chain is the result. `record` is the rest of the session
   * after it, as the store has it and not as the caller knew it: others may have touched it, or logged in.
   */
  | (Live & { readonly outcome: 'held'; readonly record: Outline })
  /** Applied, and nobody asked for the data. */
  | (Live & { readonly outcome: 'done'; readonly record: Outline })
  | { readonly outcome: 'refused'; readonly problem: Problem }
  /** An automatic rotation came second. Nothing is applied. */
  | { readonly outcome: 'outrun' }
  /** What the device has proven is not, or no longer, what the session waits for. Nothing is applied. */
  | { readonly outcome: 'unproven' }
  /** Sent again, but so many other changes were applied meanwhile that the store can't tell whether this one was. */
  | { readonly outcome: 'forgotten' }
  | Absent

/** For how long a secret that was rotated away may still log out: as long as a request may be on its way. */
export const LOG_OUT_GRACE = 60_000

/** The grace of automatic rotations: longer than a page takes to send its requests. */
export const ROTATION_GRACE = 30_000

/** How many sessions are fetched, or removed, at a time where all of them are meant. */
export const LIST_BATCH = 500

/**
 * How many sessions `find` returns by default: a page of devices, and a few megabytes even if each is as large as may
 * be.
 */
export const FIRST_PAGE: Page = { limit: 100, after: '' }

/** How many operation ids a record remembers, each with the time when it was applied. */
export const REMEMBERED_OPS = 16
