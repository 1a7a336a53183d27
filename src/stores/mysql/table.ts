import { Buffer } from 'node:buffer'
import { createHash } from 'node:crypto'
import { type Data, parsePath, valueAt } from '../../algebra/index.ts'
import { type StoredSession, UNREAD } from '../../contract/record.ts'
import type { Held, IndexValue } from '../../contract/store.ts'
import { decode, encode } from '../shared/json.ts'
import type { MysqlRow } from './client.ts'

/**
 * The columns and their types. The data are bytes: they come and go as they are, whatever character set a connection has.
 * Times are milliseconds. Nothing is stored as an empty text, because a `sql_mode` of MariaDB makes null of it.
 */
const COLUMNS = {
  id: 'varchar(64) NOT NULL PRIMARY KEY',
  hash: 'varchar(64) NOT NULL',
  previous: 'varchar(64)',
  previous_until: 'bigint',
  previous_kind: 'varchar(8)',
  data: 'longblob NOT NULL',
  version: 'bigint NOT NULL',
  created: 'bigint NOT NULL',
  expires: 'bigint NOT NULL',
  max_age: 'double',
  auth_at: 'bigint',
  rotated: 'bigint NOT NULL',
  epoch: 'varchar(64)',
  ops: 'text NOT NULL',
  applied: 'bigint NOT NULL',
  device: 'text',
  fields: 'varchar(43) NOT NULL',
}

export type Column = keyof typeof COLUMNS
export const NAMES = Object.keys(COLUMNS) as Column[]

/** The statement that makes the table, and for each column of a field the one that adds it. */
export function schema(table: string): string {
  const columns = Object.entries(COLUMNS).map(([name, type]) => `  ${name} ${type}`)
  const keys = ['expires', 'fields'].map((name) => `  KEY ${name} (${name})`)
  const end = 'ENGINE=InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin'
  return `CREATE TABLE IF NOT EXISTS ${quote(table)} (\n${[...columns, ...keys].join(',\n')}\n) ${end}`
}

/** MariaDB waits three seconds for the table at most: all sessions wait behind it. MySQL takes this for a comment. */
const PATIENTLY = '/*M! WAIT 3 */'

/** For a table of a version that did not know it yet. */
export function deviceSchema(table: string): string {
  return `ALTER TABLE ${quote(table)} ${PATIENTLY} ADD COLUMN device ${COLUMNS.device}`
}

export function fieldSchema(table: string, field: string): string {
  const name = quote(columnOf(field))
  return `ALTER TABLE ${quote(table)} ${PATIENTLY} ADD COLUMN ${name} varchar(43), ADD KEY ${name} (${name})`
}

export function quote(name: string): string {
  return `\`${name.replaceAll('`', '``')}\``
}

/** The column of a field of `index`. A name has at most 64 characters, and their case does not count. */
export function columnOf(field: string): string {
  return /^[a-z\d_.-]{1,60}$/.test(field) ? `by_${field}` : `by_${field.slice(0, 40)}_${sha256(field).slice(0, 12)}`
}

/**
 * Which fields the process that wrote a row knew. A row of a process that knew others is found by looking into its data,
 * so a field that is new is found at once, also while old processes go on writing.
 */
export function fieldsMark(fields: readonly string[]): string {
  return fields.length === 0 ? '-' : sha256([...fields].sort().join(' '))
}

/** What the column of a field holds for these data: a hash, because a value can have any length. */
export function indexed(data: Data, field: string): string | null {
  const value = valueAt(data, parsePath(field))
  return typeof value === 'object' || value === undefined ? null : hashOf(value)
}

export function hashOf(value: IndexValue): string {
  return sha256(JSON.stringify(value))
}

function sha256(text: string): string {
  return createHash('sha256').update(text).digest('base64url')
}

/** The values of parameters by their names. A statement takes those that it has. */
export type Parameters = Readonly<Record<string, string | number | Buffer | null>>

/** What is stored of a session, by the names of the columns, without its data and the columns of fields. */
export function valuesOf(stored: StoredSession): Record<Exclude<Column, 'data' | 'fields'>, Parameters[string]> {
  const { previous, ops } = stored
  return {
    id: stored.id,
    hash: stored.hash,
    previous: previous?.hash ?? null,
    previous_until: previous && Math.round(previous.until),
    previous_kind: previous?.kind ?? null,
    version: stored.version,
    created: stored.created,
    expires: Math.round(stored.expires),
    max_age: stored.maxAge,
    auth_at: stored.authAt,
    rotated: stored.rotated,
    epoch: stored.epoch || null,
    ops: joined(ops),
    applied: Number(ops.at(-1)?.split('@')[1] ?? 0),
    device: stored.device ? JSON.stringify(stored.device) : null,
  }
}

/** What `AS_READ` in statements.ts compares. */
export function asRead(found: StoredSession): Parameters {
  const { version, hash, previous_kind, expires, max_age, ops } = valuesOf(found)
  return {
    ...{ was_version: version, was_hash: hash, was_previous_kind: previous_kind },
    ...{ was_expires: expires, was_max_age: max_age, was_ops: ops },
  }
}

export function bytesOf(data: Data): Buffer {
  return Buffer.from(encode(data))
}

/** What the statement `held` compares. The space: see `LAST` in statements.ts. */
export function markOf({ version, last, created }: Held): Parameters {
  return { version, last: last || ' ', created }
}

/** Each with a space before and behind it, so it can be looked for. */
function joined(ops: readonly string[]): string {
  return ` ${ops.map((op) => `${op} `).join('')}`
}

/** What a row is read by: these columns as the lines of one text, and the others by themselves. */
const LINES = [
  'hash',
  'previous',
  'previous_until',
  'previous_kind',
  'version',
  'created',
  'expires',
  'auth_at',
  'rotated',
  'epoch',
  'ops',
  'fields',
] satisfies Column[]

/** Stands for null in such a text: an empty one is null to a `sql_mode` of MariaDB. */
const NONE = '-'

/**
 * The columns that `fromRow` takes. An answer describes each of its columns, which is longer than what stands in most of
 * them, so those of plain words and whole numbers come as one.
 */
export function selected(now: string, data = 'data'): string {
  const lines = LINES.map((name) => `COALESCE(${name}, '${NONE}')`)
  return `id, CONCAT_WS('\n', ${now}, ${lines}) AS record, max_age, device, ${data}`
}

/** The session of a row, the server's time, and which fields the process knew that wrote it. */
export function fromRow(row: MysqlRow): {
  readonly stored: StoredSession
  readonly now: number
  readonly fields: string
} {
  const [now, hash, previous, until, kind, version, created, expires, authAt, rotated, epoch, ops, fields] =
    row.record.split('\n')
  const stored = {
    id: row.id,
    hash,
    previous: previous === NONE ? null : { hash: previous, until: Number(until), kind },
    data: row.data === null ? UNREAD : decode(row.data.toString()),
    version: Number(version),
    created: Number(created),
    expires: Number(expires),
    maxAge: row.max_age,
    authAt: authAt === NONE ? null : Number(authAt),
    rotated: Number(rotated),
    epoch: epoch === NONE ? '' : epoch,
    ops: ops.split(' ').filter(Boolean),
    bytes: row.data?.length,
    ...(row.device && { device: JSON.parse(row.device) }),
  }
  return { stored, now: Number(now), fields }
}

/** The longest lifetime, null where there is none. */
export function limitOf(maxLifetime: number): number | null {
  return maxLifetime === Number.POSITIVE_INFINITY ? null : Math.round(maxLifetime)
}
