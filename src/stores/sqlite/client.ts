import { closeSync, openSync, statSync } from 'node:fs'
import { createRequire } from 'node:module'
import { SessionUsageError } from '../../errors/index.ts'

/** The part of a SQLite database that the store uses: `better-sqlite3`, `node:sqlite` and `libsql` have it. */
export interface SqliteDatabase {
  exec(sql: string): unknown
  prepare(sql: string): SqliteStatement
  close(): unknown
}

/** The part of a prepared statement that the store uses. */
export interface SqliteStatement {
  get(...values: SqliteValue[]): unknown
  all(...values: SqliteValue[]): unknown[]
  run(...values: SqliteValue[]): { changes: number | bigint }
}

export type SqliteValue = string | number | null

/** What a driver calls its database. */
export type Driver = new (file: string) => SqliteDatabase

/**
 * The first driver at hand: `node:sqlite` where Node has it, else `better-sqlite3`, else `libsql`. Throws a
 * `SessionUsageError` that says what to install when there is none.
 */
export function driver(): Driver {
  const builtin = process.getBuiltinModule?.('node:sqlite') as { DatabaseSync: Driver } | undefined
  const found = builtin?.DatabaseSync ?? installed('better-sqlite3') ?? installed('libsql')
  if (found) return found
  // The newest better-sqlite3 needs Node.js 22, and ends an older one without a word.
  throw new SessionUsageError(
    'The sqlite store needs a driver on this version of Node.js: npm install libsql (or better-sqlite3@12, or Node.js 22.13)',
  )
}

/** Makes an empty file before the driver does. SQLite gives its log and its shared memory (-wal, -shm) the same mode. */
function makePrivate(file: string): void {
  if (file === '' || file === ':memory:' || file.startsWith('file:')) return
  try {
    closeSync(openSync(file, 'wx', 0o600))
  } catch {
    // It is there, or it can't be made, and then the driver says why.
  }
}

/** Opens a file with the first driver at hand. A file that it makes can be read by its owner only. */
export function open(file: string, Driver: Driver = driver()): SqliteDatabase {
  makePrivate(file)
  return new Driver(file)
}

/** The file below a database, as the system knows it; undefined for one in memory. */
export interface File {
  readonly name: string
  readonly identity: string
}

export function fileOf(database: SqliteDatabase): File | undefined {
  // In this order, also where the handle is set to give rows as lists.
  const [main] = database.prepare('PRAGMA database_list').all() as ({ file?: string } | string[])[]
  const name = Array.isArray(main) ? main[2] : main?.file
  const identity = name ? identityOf(name) : undefined
  return name && identity ? { name, identity } : undefined
}

/**
 * Whether another file has taken the name, or none has it. A database that is open goes on with the file that it had, so
 * what is written then is lost.
 */
export function isReplaced(file: File | undefined): boolean {
  return file !== undefined && identityOf(file.name) !== file.identity
}

function identityOf(name: string): string | undefined {
  const found = statSync(name, { throwIfNoEntry: false })
  return found && `${found.dev} ${found.ino}`
}

const require = createRequire(import.meta.url)

/** The driver, or undefined if it is not installed. Throws if it is installed but broken. */
function installed(name: string): Driver | undefined {
  try {
    return require(name) as Driver
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException
    if (code === 'MODULE_NOT_FOUND' && message.includes(`'${name}'`)) return undefined
    throw error
  }
}
