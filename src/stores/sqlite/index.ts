/**
 * Sessions in a SQLite file, shared by the processes of one machine.
 *
 * @module koa-atomic-session/sqlite
 */
import { takes } from '../../algebra/index.ts'
import { pages } from '../../contract/pages.ts'
import { begin, completed, liveRecord, recordOf, type StoredSession } from '../../contract/record.ts'
import type {
  Access,
  Change,
  Held,
  IndexableStore,
  IndexedStore,
  IndexValue,
  InspectableStore,
  Loaded,
  NewSession,
  Notice,
  Notices,
  Page,
  SessionRecord,
  TellingStore,
  Updated,
} from '../../contract/store.ts'
import { FIRST_PAGE, LIST_BATCH } from '../../contract/store.ts'
import { loaded, mayDestroy, transition } from '../../contract/transition.ts'
import { SessionUsageError, StoreError } from '../../errors/index.ts'
import { assertNames } from '../../settings/names.ts'
import { driver, type File, fileOf, isReplaced, open, type SqliteDatabase } from './client.ts'
import { PATIENCE, patiently, transaction } from './lock.ts'
import { type Looking, looking, SqliteNotices } from './notices.ts'
import {
  addDevice,
  fromRow,
  hasDevice,
  ID_COLUMN,
  keyOf,
  markOf,
  restOf,
  type Statements,
  schema,
  sessionIn,
  statements,
  valuesOf,
} from './table.ts'

export type { SqliteDatabase, SqliteStatement, SqliteValue } from './client.ts'

/** Options of the SQLite store. */
export interface SqliteOptions {
  /**
   * The table's name; letters, digits and `_`.
   * @default 'sessions'
   */
  readonly table?: string
  /**
   * How long a call waits for other processes that are writing, in milliseconds. Then it fails, and is definitely not
   * applied.
   * @default 1500
   */
  readonly busyTimeout?: number
}

/**
 * A store in a SQLite file, or in a database that you pass; `close()` leaves that one open.
 *
 * A chain is one immediate transaction, which no other process interrupts. The table is created at the first use. A
 * commit is on the disk before it is acknowledged (`synchronous = FULL`, WAL).
 *
 * Throws a `SessionUsageError` for a file name if there is no driver; it says what to install.
 */
export function sqlite(
  database: string | SqliteDatabase,
  options: SqliteOptions = {},
): IndexableStore & InspectableStore {
  assertNames(options, ['table', 'busyTimeout'], 'The sqlite store')
  const { table = 'sessions', busyTimeout = 1500 } = options
  if (!/^\w{1,60}$/.test(table)) {
    throw new SessionUsageError(`'${table}' cannot be the name of the table: use letters, digits and '_'`)
  }
  return new SqliteStore(database, table, busyTimeout)
}

/** Over 300 lines, because a store is one object: each of its methods is a statement or two and what its answers mean. */
class SqliteStore implements IndexableStore, IndexedStore, InspectableStore, TellingStore {
  readonly name = 'sqlite'
  /** A session may have this size and then grow by a chain as large; both together fit into a row of 1 GB. */
  readonly largest = 400_000_000
  /** The file is opened, and closed, by the store. */
  readonly #own: boolean
  readonly #connect: () => SqliteDatabase
  readonly #table: string
  readonly #busyTimeout: number
  #fields: readonly string[] = []
  #opening: Promise<Opened> | undefined
  readonly #listening = new Set<SqliteNotices>()

  constructor(source: string | SqliteDatabase, table: string, busyTimeout: number) {
    const Driver = typeof source === 'string' ? driver() : undefined
    this.#own = Driver !== undefined
    this.#connect = Driver ? () => open(source as string, Driver) : () => source as SqliteDatabase
    this.#table = table
    this.#busyTimeout = busyTimeout
  }

  create(session: NewSession): Promise<SessionRecord | undefined> {
    return this.#transaction(({ sql }) => {
      const stored = begin(session, Date.now())
      return Number(sql.insert.run(...valuesOf(stored)).changes) === 1 ? recordOf(stored) : undefined
    })
  }

  async load(access: Access, held?: Held): Promise<Loaded> {
    const stored = await this.#read(access.id, held)
    return loaded(stored, access, Date.now(), held)
  }

  async update(access: Access, change: Change): Promise<Updated> {
    const { next, answer } = await this.#transaction(({ sql }) => {
      const held = heldIn(access, change)
      const read = find(sql, access.id, held)
      const found = read && held ? completed(read, held) : read
      const made = transition(found, access, change, Date.now())
      if (made.next && made.next.data === found?.data) sql.note.run(...restOf(made.next))
      else if (made.next) sql.save.run(...valuesOf(made.next))
      return made
    })
    if (next) for (const one of this.#listening) one.made(access.id, next)
    return answer
  }

  async destroy(access: Access): Promise<boolean> {
    const removed = await this.#transaction(({ sql }) => {
      const may = mayDestroy(fromRow(sql.get.get(access.id)), access, Date.now())
      return may && Number(sql.remove.run(access.id).changes) === 1
    })
    if (removed) for (const one of this.#listening) one.made(access.id, undefined)
    return removed
  }

  indexed(fields: readonly string[]): IndexedStore {
    this.#fields = fields
    return this
  }

  async find(field: string, value: IndexValue, maxLifetime: number, page = FIRST_PAGE): Promise<SessionRecord[]> {
    const { sql } = await this.#open()
    const now = Date.now()
    const { find } = sql.having(field, value)
    const born = Math.max(now - maxLifetime, 0)
    const rows = await this.#patiently(() => find.all(keyOf(value), page.after, now, born, page.limit))
    return rows.flatMap((row) => sessionIn(row) ?? []).map(recordOf)
  }

  async destroyAll(
    field: string,
    value: IndexValue,
    except: string | undefined,
    limit: number = LIST_BATCH,
  ): Promise<number> {
    const count = await this.#transaction(({ sql }) => {
      const { remove } = sql.having(field, value)
      return Number(remove.run(keyOf(value), except ?? '', limit).changes)
    })
    // Which ones it has removed, the file knows.
    if (this.#listening.size > 0) {
      const look = await this.#look()
      for (const one of this.#listening) one.compare(look)
    }
    return count
  }

  notices(hear: (notice: Notice) => void): Notices {
    const notices = new SqliteNotices(hear, () => this.#look())
    this.#listening.add(notices)
    return {
      follow: (id) => notices.follow(id),
      unfollow: (id) => notices.unfollow(id),
      close: () => {
        notices.close()
        this.#listening.delete(notices)
      },
    }
  }

  async *list(passOver?: () => void): AsyncIterable<SessionRecord> {
    const { sql } = await this.#open()
    const read = async ({ after }: Page) => {
      const rows = await this.#patiently(() => sql.page.all(after, Date.now()))
      return rows.map((row) => ({ id: idIn(row), stored: sessionIn(row) }))
    }
    for await (const page of pages(read, { ...FIRST_PAGE, limit: LIST_BATCH })) {
      for (const { stored } of page) {
        if (stored) yield recordOf(stored)
        else passOver?.()
      }
    }
  }

  async get(id: string): Promise<SessionRecord | undefined> {
    const stored = await this.#read(id)
    return liveRecord(stored, Date.now())
  }

  async setup(): Promise<void> {
    await this.#open()
  }

  prune(): Promise<number> {
    return this.#transaction(({ sql }) => Number(sql.prune.run(Date.now()).changes))
  }

  async close(): Promise<void> {
    const opening = this.#opening
    this.#opening = undefined
    if (opening && this.#own) (await opening).database.close()
  }

  async #open(): Promise<Opened> {
    this.#opening ??= patiently(this.name, this.#busyTimeout, () => this.#prepare(), 'could not be set up').catch(
      (error) => {
        // The next request tries again: by then the disk may have room, or the driver may be installed.
        this.#opening = undefined
        throw error
      },
    )
    return this.#opening
  }

  #prepare(): Opened {
    const database = this.#connect()
    const table = this.#table
    try {
      database.exec(`PRAGMA busy_timeout = ${PATIENCE}`)
      // Where the application has a transaction open on its handle, this waits for its end: what is made within one may be
      // rolled back.
      database.exec('BEGIN IMMEDIATE')
      database.exec('COMMIT')
      database.exec('PRAGMA journal_mode = WAL')
      database.exec('PRAGMA synchronous = FULL')
      database.exec(schema(table, this.#fields))
      migrate(database, table)
      return { database, sql: statements(database, table), file: fileOf(database) }
    } catch (error) {
      // Every try opens the file again.
      if (this.#own) database.close()
      throw error
    }
  }

  async #look(): Promise<Looking> {
    const opened = await this.#open()
    opened.looking ??= looking(opened.database, this.#table)
    return opened.looking
  }

  async #read(id: string, held?: Held): Promise<StoredSession | undefined> {
    const { sql } = await this.#open()
    return this.#patiently(() => find(sql, id, held))
  }

  async #transaction<T>(work: (opened: Opened) => T): Promise<T> {
    const opened = await this.#open()
    return this.#patiently(() => transaction(this.name, opened.sql, () => work(opened)))
  }

  async #patiently<T>(work: () => T): Promise<T> {
    const { file } = await this.#open()
    return patiently(this.name, this.#busyTimeout, () => {
      if (isReplaced(file)) {
        const advice = 'end the processes that use it, remove what is left of its -wal and -shm, and start again'
        throw new StoreError(this.name, "can't go on: its file was replaced or removed", false, undefined, { advice })
      }
      return work()
    })
  }
}

/**
 * What the caller holds, if the change can begin from that: then the data need be neither read nor parsed. Before the first
 * operation, its time alone tells a session from a later one with the same id, and that is not enough to write. Whoever
 * takes a value away is sent all that is left, and its size.
 */
function heldIn({ id }: Access, { held, chain }: Change): SessionRecord | undefined {
  return held?.id === id && held.last !== '' && !takes(chain) ? held : undefined
}

/** The session; without its data if they are those that are held. */
function find(sql: Statements, id: string, held: Held | undefined): StoredSession | undefined {
  return fromRow(held ? sql.held.get(...markOf(held), id) : sql.get.get(id))
}

/** Another process may do it at the same time, so it is looked for once more by whoever holds the write lock. */
function migrate(database: SqliteDatabase, table: string): void {
  const isThere = () => database.prepare(hasDevice(table)).get()
  if (isThere()) return
  database.exec('BEGIN IMMEDIATE')
  try {
    if (!isThere()) database.exec(addDevice(table))
    database.exec('COMMIT')
  } catch (error) {
    database.exec('ROLLBACK')
    throw error
  }
}

/** The id of a row, whatever else stands there. */
function idIn(row: unknown): string {
  return Array.isArray(row) ? row[ID_COLUMN] : (row as { id: string }).id
}

interface Opened {
  /** Undefined for a database in memory. */
  readonly file: File | undefined
  readonly database: SqliteDatabase
  readonly sql: Statements
  /** Prepared when somebody listens. */
  looking?: Looking
}
