import { closeSync, openSync } from 'node:fs'
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

/**
 * Opens a file with the first driver that is there: `node:sqlite`, `better-sqlite3` or `libsql`. If there is none, throws a
 * `SessionUsageError` that says what to install. A file that it makes can be
 * read by its owner only; the mode of one that is there stays.
 */
export function open(file: string): SqliteDatabase {
  makePrivate(file)
  const builtin = process.getBuiltinModule?.('node:sqlite') as { DatabaseSync: Driver } | undefined
  if (builtin) return new builtin.DatabaseSync(file)
  for (const name of ['better-sqlite3', 'libsql']) {
    const Database = installed(name)
    if (Database) return new Database(file)
  }
  throw new SessionUsageError(
    'The sqlite store needs a driver on this version of Node.js: npm install better-sqlite3 (or libsql, or Node.js 22)',
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

type Driver = new (file: string) => SqliteDatabase

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
