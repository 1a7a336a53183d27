/**
 * Sessions in a SQLite file, shared by the processes of one machine.
 *
 * @module koa-atomic-session/sqlite
 */
import { equal, parsePath, type Value, valueAt } from '../../algebra/index.ts'
import type {
  Access,
  Change,
  IndexableStore,
  IndexedStore,
  IndexValue,
  InspectableStore,
  Loaded,
  NewSession,
  SessionRecord,
  Updated,
} from '../../contract/store.ts'
import { LIST_BATCH } from '../../contract/store.ts'
import { begin, loaded, mayDestroy, recordOf, type StoredSession, transition } from '../../contract/transition.ts'
import { SessionUsageError, StoreError } from '../../errors/index.ts'
import { decode, encode } from '../shared/json.ts'
import { driver, type SqliteDatabase, type SqliteStatement } from './client.ts'

export type { SqliteDatabase, SqliteStatement, SqliteValue } from './client.ts'

/** Where in the database sessions are kept, and how long a call waits for it. */
export interface SqliteOptions {
  /**
   * The table's name; letters, digits and `_`.
   * @default 'sessions'
   */
  readonly table?: string
  /**
   * How long a call waits for other processes that are writing, in milliseconds; then it fails, surely not applied.
   * @default 1500
   */
  readonly busyTimeout?: number
}

/**
 * A store in a SQLite file, or in a database handed in, which then stays open on `close()`.
 *
 * A chain is one immediate transaction: what any process reads and writes in it, no other interrupts. The table is
 * made at the first use. A commit is on the disk before it is acknowledged (`synchronous = FULL`, WAL).
 *
 * Throws a `SessionUsageError` for a file name where there is no driver: it says what to install.
 */
export function sqlite(
  database: string | SqliteDatabase,
  options: SqliteOptions = {},
): IndexableStore & InspectableStore {
  const { table = 'sessions', busyTimeout = 1500 } = options
  if (!/^\w{1,60}$/.test(table)) {
    throw new SessionUsageError(`'${table}' cannot be the name of the table: use letters, digits and '_'`)
  }
  return new SqliteStore(database, table, busyTimeout)
}

type Statements = Record<
  'begin' | 'commit' | 'rollback' | 'get' | 'page' | 'insert' | 'save' | 'remove' | 'prune',
  SqliteStatement
>

/**
 * SQLite's own waiting stops the whole process and is unfair: its pauses grow, so that who has waited longest asks
 * least often. So SQLite waits for a moment only, and the rest is done here.
 */
const PATIENCE = 10

class SqliteStore implements IndexableStore, IndexedStore, InspectableStore {
  readonly name = 'sqlite'
  /** The file is opened, and closed, by the store. */
  readonly #own: boolean
  readonly #connect: () => SqliteDatabase
  readonly #table: string
  readonly #busyTimeout: number
  #fields: readonly string[] = []
  #opening: Promise<Opened> | undefined

  constructor(source: string | SqliteDatabase, table: string, busyTimeout: number) {
    const Driver = typeof source === 'string' ? driver() : undefined
    this.#own = Driver !== undefined
    this.#connect = Driver ? () => new Driver(source as string) : () => source as SqliteDatabase
    this.#table = table
    this.#busyTimeout = busyTimeout
  }

  create(session: NewSession): Promise<SessionRecord | undefined> {
    return this.#transaction(({ sql }) => {
      const stored = begin(session, Date.now())
      return Number(sql.insert.run(stored.id, ...columnsOf(stored)).changes) === 1 ? recordOf(stored) : undefined
    })
  }

  async load(access: Access): Promise<Loaded> {
    const { sql } = await this.#open()
    const stored = await this.#patiently(() => fromRow(sql.get.get(access.id)))
    return loaded(stored, access, Date.now())
  }

  update(access: Access, change: Change): Promise<Updated> {
    return this.#transaction(({ sql }) => {
      const { next, answer } = transition(fromRow(sql.get.get(access.id)), access, change, Date.now())
      if (next) sql.save.run(...columnsOf(next), next.id)
      return answer
    })
  }

  destroy(access: Access): Promise<boolean> {
    return this.#transaction(({ sql }) => {
      const may = mayDestroy(fromRow(sql.get.get(access.id)), access, Date.now())
      return may && Number(sql.remove.run(access.id).changes) === 1
    })
  }

  indexed(fields: readonly string[]): IndexedStore {
    this.#fields = fields
    return this
  }

  async find(field: string, value: IndexValue, maxLifetime: number): Promise<SessionRecord[]> {
    const opened = await this.#open()
    const now = Date.now()
    return (await this.#patiently(() => this.#having(opened, field, value)))
      .filter(({ expires, created }) => expires > now && created + maxLifetime > now)
      .map(recordOf)
  }

  destroyAll(field: string, value: IndexValue, except: string | undefined): Promise<number> {
    return this.#transaction((opened) => {
      const doomed = this.#having(opened, field, value).filter(({ id }) => id !== except)
      for (const { id } of doomed) opened.sql.remove.run(id)
      return doomed.length
    })
  }

  async *list(): AsyncIterable<SessionRecord> {
    const { sql } = await this.#open()
    for (let last = ''; ; ) {
      const rows = await this.#patiently(() => sql.page.all(last, Date.now()))
      const page = rows.map((row) => recordOf(fromRow(row)!))
      yield* page
      if (page.length < LIST_BATCH) return
      last = page.at(-1)!.id
    }
  }

  async get(id: string): Promise<SessionRecord | undefined> {
    const { sql } = await this.#open()
    const stored = await this.#patiently(() => fromRow(sql.get.get(id)))
    return stored && stored.expires > Date.now() ? recordOf(stored) : undefined
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

  #open(): Promise<Opened> {
    this.#opening ??= this.#patiently(() => this.#prepare()).catch((error) => {
      // The next request tries again: the disk may have room by then.
      this.#opening = undefined
      throw error
    })
    return this.#opening
  }

  #prepare(): Opened {
    const database = this.#connect()
    const table = this.#table
    try {
      database.exec(`PRAGMA busy_timeout = ${PATIENCE}`)
      database.exec('PRAGMA journal_mode = WAL')
      database.exec('PRAGMA synchronous = FULL')
      database.exec(schema(table, this.#fields))
      return { database, sql: statements(database, table), having: new Map() }
    } catch (error) {
      // Every try opens the file anew.
      if (this.#own) database.close()
      throw error
    }
  }

  #having({ database, having }: Opened, field: string, value: IndexValue): StoredSession[] {
    const path = parsePath(field)
    let statement = having.get(field)
    if (!statement) {
      statement = database.prepare(`SELECT ${COLUMNS} FROM ${this.#table} WHERE ${extract(field)} = ?`)
      having.set(field, statement)
    }
    const key = typeof value === 'boolean' ? Number(value) : (value as string | number)
    // SQLite knows no booleans in JSON: true is found as 1 and told apart here.
    return statement
      .all(key)
      .map((row) => fromRow(row)!)
      .filter(({ data }) => equal(valueAt(data, path), value as Value))
  }

  /**
   * Runs synchronously between BEGIN IMMEDIATE and COMMIT, so that nothing of this process comes between, and
   * nothing of another one either, because an immediate transaction holds the write lock from its first moment.
   */
  async #transaction<T>(work: (opened: Opened) => T): Promise<T> {
    const opened = await this.#open()
    const { begin, commit } = opened.sql
    return this.#patiently(() => {
      begin.run()
      try {
        const result = work(opened)
        commit.run()
        return result
      } catch (error) {
        // What fails before the commit has changed nothing, and so has a commit that SQLite itself refuses.
        const applied = isIoError(error) ? 'unknown' : false
        try {
          opened.sql.rollback.run()
        } catch {
          // SQLite has rolled back by itself, as it does when the disk is full.
        }
        throw isBusy(error) ? error : new StoreError(this.name, 'failed', applied, error)
      }
    })
  }

  /** Tries again while another process is in the way: SQLite says so before it has changed anything. */
  async #patiently<T>(work: () => T): Promise<T> {
    for (const end = performance.now() + this.#busyTimeout; ; ) {
      try {
        return work()
      } catch (error) {
        if (error instanceof StoreError || error instanceof SessionUsageError) throw error
        if (!isBusy(error)) throw new StoreError(this.name, 'failed', false, error)
        if (performance.now() > end)
          throw new StoreError(this.name, 'waited too long for another process', false, error)
      }
      await new Promise((resolve) => setTimeout(resolve, Math.random() * PATIENCE))
    }
  }
}

/** The drivers have no error code in common, but SQLite's own words. */
function isBusy(error: unknown): boolean {
  return /database (\S+ )?is locked|SQLITE_BUSY/.test(String(error))
}

/** The disk failed at a commit, so that nobody knows what it holds. */
function isIoError(error: unknown): boolean {
  return /disk I\/O error|SQLITE_IOERR/.test(String(error))
}

interface Opened {
  readonly database: SqliteDatabase
  readonly sql: Statements
  readonly having: Map<string, SqliteStatement>
}

const COLUMNS = 'id, hash, previous, data, version, created, expires, max_age, auth_at, rotated, epoch, ops'

function schema(table: string, fields: readonly string[]): string {
  return [
    `CREATE TABLE IF NOT EXISTS ${table} (
      id TEXT PRIMARY KEY, hash TEXT NOT NULL, previous TEXT, data TEXT NOT NULL, version INTEGER NOT NULL,
      created INTEGER NOT NULL, expires INTEGER NOT NULL, max_age INTEGER, auth_at INTEGER,
      rotated INTEGER NOT NULL, epoch TEXT NOT NULL, ops TEXT NOT NULL
    ) WITHOUT ROWID`,
    `CREATE INDEX IF NOT EXISTS ${table}_expires ON ${table} (expires)`,
    ...fields.map((field) => `CREATE INDEX IF NOT EXISTS "${table}_by_${field}" ON ${table} (${extract(field)})`),
  ].join(';')
}

/** The names of indexed fields hold letters, digits, `_` and `-` only, so that they can stand in SQL. */
function extract(field: string): string {
  const path = field.split('.').map((key) => (/^\d+$/.test(key) ? `[${key}]` : `."${key}"`))
  return `json_extract(data, '$${path.join('')}')`
}

function statements(database: SqliteDatabase, table: string): Statements {
  const places = COLUMNS.split(', ').map(() => '?')
  const sets = COLUMNS.split(', ')
    .slice(1)
    .map((column) => `${column} = ?`)
  return {
    begin: database.prepare('BEGIN IMMEDIATE'),
    commit: database.prepare('COMMIT'),
    rollback: database.prepare('ROLLBACK'),
    get: database.prepare(`SELECT ${COLUMNS} FROM ${table} WHERE id = ?`),
    page: database.prepare(
      `SELECT ${COLUMNS} FROM ${table} WHERE id > ? AND expires > ? ORDER BY id LIMIT ${LIST_BATCH}`,
    ),
    insert: database.prepare(`INSERT INTO ${table} (${COLUMNS}) VALUES (${places}) ON CONFLICT DO NOTHING`),
    save: database.prepare(`UPDATE ${table} SET ${sets} WHERE id = ?`),
    remove: database.prepare(`DELETE FROM ${table} WHERE id = ?`),
    prune: database.prepare(`DELETE FROM ${table} WHERE expires <= ?`),
  }
}

function columnsOf(stored: StoredSession): (string | number | null)[] {
  return [
    stored.hash,
    stored.previous && JSON.stringify(stored.previous),
    encode(stored.data),
    stored.version,
    stored.created,
    stored.expires,
    stored.maxAge,
    stored.authAt,
    stored.rotated,
    stored.epoch,
    stored.ops.join(' '),
  ]
}

// biome-ignore lint/suspicious/noExplicitAny: a row of COLUMNS; picked by name, because libsql adds a property
function fromRow(row: any): StoredSession | undefined {
  if (!row) return undefined
  return {
    id: row.id,
    hash: row.hash,
    previous: row.previous && JSON.parse(row.previous),
    data: decode(row.data),
    version: row.version,
    created: row.created,
    expires: row.expires,
    maxAge: row.max_age,
    authAt: row.auth_at,
    rotated: row.rotated,
    epoch: row.epoch,
    ops: row.ops === '' ? [] : row.ops.split(' '),
  }
}
