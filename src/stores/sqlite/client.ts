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

/** Opens a file with the first driver at hand. */
export function open(file: string): SqliteDatabase {
  return new (driver())(file)
}

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
