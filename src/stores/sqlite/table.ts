import { type StoredSession, UNREAD } from '../../contract/record.ts'
import { type Held, type IndexValue, LIST_BATCH } from '../../contract/store.ts'
import { decode, encode } from '../shared/json.ts'
import type { SqliteDatabase, SqliteStatement, SqliteValue } from './client.ts'

/** The columns and their types, in the order in which a statement takes their values; `id` is last for `UPDATE`. */
const COLUMNS = {
  hash: 'TEXT NOT NULL',
  previous: 'TEXT',
  data: 'TEXT NOT NULL',
  version: 'INTEGER NOT NULL',
  created: 'INTEGER NOT NULL',
  expires: 'INTEGER NOT NULL',
  max_age: 'INTEGER',
  auth_at: 'INTEGER',
  rotated: 'INTEGER NOT NULL',
  epoch: 'TEXT NOT NULL',
  ops: 'TEXT NOT NULL',
  device: 'TEXT',
  id: 'TEXT PRIMARY KEY',
}

type Column = keyof typeof COLUMNS
type Row = Record<Column, SqliteValue>
const NAMES = Object.keys(COLUMNS) as Column[]
const WITHOUT_DATA = NAMES.filter((name): name is Exclude<Column, 'data'> => name !== 'data')
/** Of the last operation, what comes after its `@` is digits: see {@link markOf}. */
const LAST = "' ' || rtrim(ops, '0123456789') GLOB ?"
const UNLESS_HELD = `CASE WHEN version = ? AND created = ? AND ${LAST} THEN NULL ELSE data END AS data`
/** Where a row that is a list has the id. */
export const ID_COLUMN = NAMES.indexOf('id')

export function schema(table: string, fields: readonly string[]): string {
  const columns = Object.entries(COLUMNS).map(([name, type]) => `${name} ${type}`)
  return [
    `CREATE TABLE IF NOT EXISTS ${table} (${columns}) WITHOUT ROWID`,
    `CREATE INDEX IF NOT EXISTS ${table}_expires ON ${table} (expires)`,
    ...fields.map((field) => `CREATE INDEX IF NOT EXISTS "${table}_by_${field}" ON ${table} (${extract(field)})`),
  ].join(';')
}

/** Answers a row where the table has the column that an early version did not have. */
export function hasDevice(table: string): string {
  return `SELECT 1 FROM pragma_table_info('${table}') WHERE name = 'device'`
}

export function addDevice(table: string): string {
  return `ALTER TABLE ${table} ADD COLUMN device TEXT`
}

/** What SQLite compares for a field of `index`. */
function extract(field: string): string {
  return `json_extract(data, ${jsonPath(field)})`
}

/** Its name holds only letters, digits, `_` and `-`, so it can stand in SQL. */
function jsonPath(field: string): string {
  const path = field.split('.').map((key) => (/^\d+$/.test(key) ? `[${key}]` : `."${key}"`))
  return `'$${path.join('')}'`
}

/** What SQLite calls the types of a value that is looked up. It extracts `true` as 1, and an object as its text. */
const TYPES: Readonly<Record<string, string>> = {
  string: "'text'",
  number: "'integer', 'real'",
  boolean: "'true', 'false'",
}

/** A value that is looked up, as SQLite extracts it. */
export function keyOf(value: IndexValue): string | number {
  return typeof value === 'boolean' ? Number(value) : (value as string | number)
}

export type Statements = ReturnType<typeof statements>

export function statements(database: SqliteDatabase, table: string) {
  const having = new Map<string, Having>()
  const update = (names: readonly Column[]) =>
    database.prepare(`UPDATE ${table} SET ${names.slice(0, -1).map((name) => `${name} = ?`)} WHERE id = ?`)
  return {
    begin: database.prepare('BEGIN IMMEDIATE'),
    commit: database.prepare('COMMIT'),
    rollback: database.prepare('ROLLBACK'),
    get: database.prepare(`SELECT ${NAMES} FROM ${table} WHERE id = ?`),
    /** The same, but for the data that the caller holds. Takes {@link markOf} them, and the id. */
    held: database.prepare(
      `SELECT ${NAMES.map((name) => (name === 'data' ? UNLESS_HELD : name))} FROM ${table} WHERE id = ?`,
    ),
    page: database.prepare(
      `SELECT ${NAMES} FROM ${table} WHERE id > ? AND expires > ? ORDER BY id LIMIT ${LIST_BATCH}`,
    ),
    /** Takes {@link valuesOf} a session, as `save` does. */
    insert: database.prepare(`INSERT INTO ${table} (${NAMES}) VALUES (${NAMES.map(() => '?')}) ON CONFLICT DO NOTHING`),
    save: update(NAMES),
    /** The same where the data stay as they are; takes {@link restOf} a session. */
    note: update(WITHOUT_DATA),
    remove: database.prepare(`DELETE FROM ${table} WHERE id = ?`),
    prune: database.prepare(`DELETE FROM ${table} WHERE expires <= ?`),
    /** For the sessions that hold such a value at this field. */
    having: (field: string, value: IndexValue): Having => {
      const types = TYPES[typeof value]
      const holds = `${extract(field)} = ? AND json_type(data, ${jsonPath(field)}) IN (${types})`
      const known = having.get(holds)
      if (known) return known
      const prepared = {
        find: database.prepare(
          `SELECT ${NAMES} FROM ${table} WHERE ${holds} AND id > ? AND expires > ? AND created > ? ORDER BY id LIMIT ?`,
        ),
        remove: database.prepare(
          `DELETE FROM ${table} WHERE id IN (SELECT id FROM ${table} WHERE ${holds} AND id <> ? LIMIT ?)`,
        ),
      }
      having.set(holds, prepared)
      return prepared
    },
  }
}

/** What is asked of the sessions that hold a value. Both statements take its {@link keyOf} first. */
interface Having {
  /** Then an id after which they come, the time, the time before which they began too early, and how many. */
  readonly find: SqliteStatement
  /** Then the id of the one that stays, and how many. */
  readonly remove: SqliteStatement
}

/** What names the data that a caller holds. The id of an operation has no sign that means something to GLOB. */
export function markOf({ version, created, last }: Held): SqliteValue[] {
  return [version, created, last === '' ? ' ' : `* ${last}@`]
}

export function valuesOf(stored: StoredSession): SqliteValue[] {
  const row: Row = { ...rowOf(stored), data: encode(stored.data) }
  return NAMES.map((name) => row[name])
}

/** The values of all columns but the data. */
export function restOf(stored: StoredSession): SqliteValue[] {
  const row = rowOf(stored)
  return WITHOUT_DATA.map((name) => row[name])
}

function rowOf(stored: StoredSession): Omit<Row, 'data'> {
  return {
    id: stored.id,
    hash: stored.hash,
    previous: stored.previous && JSON.stringify(stored.previous),
    version: stored.version,
    created: stored.created,
    expires: stored.expires,
    max_age: stored.maxAge,
    auth_at: stored.authAt,
    rotated: stored.rotated,
    epoch: stored.epoch,
    ops: stored.ops.join(' '),
    device: stored.device ? JSON.stringify(stored.device) : null,
  }
}

/**
 * The session of a row. A handle of the application's may be set to give integers as BigInt, or rows as lists. Throws a
 * SyntaxError where what stands there was not written by this store.
 */
// biome-ignore lint/suspicious/noExplicitAny: a row as the driver has it; read by name, because libsql adds a property
export function fromRow(found: any): StoredSession | undefined {
  if (!found) return undefined
  const row = Array.isArray(found) ? Object.fromEntries(NAMES.map((name, i) => [name, found[i]])) : found
  const numberOrNull = (value: unknown) => (value === null ? null : Number(value))
  // None were asked for: the column itself is never null.
  const data = row.data === null ? UNREAD : decode(row.data)
  if (typeof data !== 'object' || data === null || typeof row.ops !== 'string') throw new SyntaxError('no session')
  return {
    id: row.id,
    hash: row.hash,
    previous: row.previous && JSON.parse(row.previous),
    data,
    version: Number(row.version),
    created: Number(row.created),
    expires: Number(row.expires),
    maxAge: numberOrNull(row.max_age),
    authAt: numberOrNull(row.auth_at),
    rotated: Number(row.rotated),
    epoch: row.epoch,
    ops: row.ops === '' ? [] : row.ops.split(' '),
    bytes: row.data?.length,
    ...(row.device && { device: JSON.parse(row.device) }),
  }
}

/** The same where many rows are looked at: undefined for one that is no session of this store. */
export function sessionIn(found: unknown): StoredSession | undefined {
  try {
    return fromRow(found)
  } catch {
    return undefined
  }
}
