import { createRequire } from 'node:module'
import { SessionUsageError } from '../../errors/index.ts'

/** The part of a SQLite database that the store uses; `better-sqlite3`, `node:sqlite` and `libsql` all have it. */
export interface SqliteDatabase {
  exec(sql: string): unknown
  prepare(sql: string): SqliteStatement
  close(): unknown
}

/** The part of a prepared statement that is used. */
export interface SqliteStatement {
  get(...values: SqliteValue[]): unknown
  all(...values: SqliteValue[]): unknown[]
  run(...values: SqliteValue[]): { changes: number | bigint }
}

export type SqliteValue = string | number | null

/**
 * Opens a file with the first driver at hand: `node:sqlite` where Node has it, else `better-sqlite3`, else `libsql`.
 * Throws a `SessionUsageError` that says what to install when there is none.
 */
export function open(file: string): SqliteDatabase {
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

type Driver = new (file: string) => SqliteDatabase

const require = createRequire(import.meta.url)

/** A driver that is installed but broken throws; only one that is not there is passed over. */
function installed(name: string): Driver | undefined {
  try {
    return require(name) as Driver
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException
    if (code === 'MODULE_NOT_FOUND' && message.includes(`'${name}'`)) return undefined
    throw error
  }
}
