import { LIST_BATCH, REMEMBERED_OPS } from '../../contract/store.ts'
import { PRUNE_BATCH } from '../shared/batches.ts'
import { inOrder } from '../shared/named.ts'
import { type Column, columnOf, NAMES, type Parameters, quote, selected } from './table.ts'

/** A prepared statement. Names are quoted; everything of a visitor's is a parameter. */
export interface Statement {
  readonly sql: string
  /** The parameters in the order of the text's `?`; throws if one is missing. */
  readonly valuesOf: (parameters: Parameters) => Parameters[string][]
}

export type Statements = ReturnType<typeof statements>

/** The server's time in milliseconds when the statement began, whatever time zone the connection has. */
const NOW = "CAST(TIMESTAMPDIFF(MICROSECOND, '1970-01-01', UTC_TIMESTAMP(3)) DIV 1000 AS SIGNED)"

/** The same, told as the statement's `insertId`: the only number that a change can answer in one round trip. */
const TOLD_NOW = `CAST(LAST_INSERT_ID(${NOW}) AS SIGNED)`

const integer = (name: string) => `CAST(:${name} AS SIGNED)`

/** The longest lifetime, if there is one, is not over. */
const YOUNG = `(:lifetime IS NULL OR created + ${integer('lifetime')} > ${NOW})`

/** How many sessions are read at a time by their ids. */
export const TOGETHER = 100

/** Rows of processes that knew other fields. */
const STRANGE = ['fields < :fields', 'fields > :fields']

/** One snapshot of several parts, each by an index of its own. In one statement, so none slips from one part to another. */
function ordered(parts: readonly string[], select: (which: string) => string): string {
  const end = 'ORDER BY id LIMIT :limit'
  return `SELECT * FROM (${parts.map((which) => `(${select(which)} ${end})`).join(' UNION ALL ')}) AS s ${end}`
}

/** The statements of one table. `set` and `where` never read a column that was assigned before: MySQL gives the new value. */
export function statements(table: string, fields: readonly string[]) {
  const sessions = quote(table)
  const byFields: [name: string, parameter: string][] = [
    ['fields', ':fields'],
    ...fields.map((field, i): [string, string] => [quote(columnOf(field)), `:field${i}`]),
  ]
  const assigned = (columns: readonly Column[]) =>
    [...columns.map((name) => [name, `:${name}`] as const), ...byFields].map(([name, value]) => `${name} = ${value}`)
  const change = (columns: readonly Column[]) =>
    statement(`UPDATE ${sessions} SET ${assigned(columns)} WHERE id = :id AND expires > ${NOW} AND ${AS_READ}`)
  const withoutId = NAMES.filter((name) => name !== 'id' && name !== 'fields' && name !== 'created')
  const stored = NAMES.filter((name) => name !== 'fields')
  const select = `SELECT ${selected(NOW)} FROM ${sessions}`
  const orStrange = STRANGE.map((which) => `UNION ALL SELECT id FROM ${sessions} WHERE ${which}`).join(' ')
  return {
    now: statement(`SELECT ${NOW} AS now`),
    create: statement(
      `INSERT INTO ${sessions} (${[...stored, ...byFields.map(([name]) => name)]}) VALUES (${[
        ...stored.map((name) => BEGINNING[name] ?? `:${name}`),
        ...byFields.map(([, value]) => value),
      ]})`,
    ),
    load: statement(`${select} WHERE id = :id`),
    /** The same, but for the data that the caller holds. */
    held: statement(`SELECT ${selected(NOW, UNLESS_HELD)} FROM ${sessions} WHERE id = :id`),
    page: statement(`${select} WHERE id > :last AND expires > ${NOW} ORDER BY id LIMIT ${LIST_BATCH}`),
    /** What the oracle has made of a session that was read. */
    write: change(withoutId),
    /** The same where the data stay as they are. */
    note: change(withoutId.filter((name) => name !== 'data' && name !== 'version')),
    /** What the oracle has made of the data that the caller holds: one round trip. */
    ahead: statement(
      `UPDATE ${sessions} SET ${[...assigned(['data']), ...AHEAD]} WHERE id = :id AND hash = :hash AND expires > ${NOW} ` +
        `AND ${YOUNG} AND version = :version AND ${LAST} = :last ` +
        `AND created = :created AND expires = :expires AND max_age <=> :max_age ` +
        `AND LOCATE(:applied_before, ops) = 0 AND (device IS NULL OR :bound) AND UNHEX(SHA2(data, 256)) = :held`,
    ),
    destroy: statement(
      `DELETE FROM ${sessions} WHERE id = :id AND (hash = :hash OR :hash IS NULL AND created = :created) ` +
        `AND expires > ${NOW} AND ${YOUNG}`,
    ),
    /** The removal of a session that was read and judged. */
    remove: statement(`DELETE FROM ${sessions} WHERE id = :id AND hash = :hash AND previous_kind <=> :previous_kind`),
    /** In the order of their ids: live sessions that hold a value at a field, and all of processes that knew other fields. */
    find: (field: string) =>
      statement(
        ordered([`${quote(columnOf(field))} = :value AND fields = :fields`, ...STRANGE], (which) => {
          return `${select} WHERE ${which} AND id > :after AND expires > ${NOW} AND ${YOUNG}`
        }),
      ),
    destroyAll: (field: string) =>
      statement(
        `DELETE FROM ${sessions} WHERE ${quote(columnOf(field))} = :value AND fields = :fields ` +
          'AND (:except IS NULL OR id <> :except) ORDER BY id LIMIT :limit',
      ),
    /** The ids of the same. */
    candidates: (field: string) =>
      statement(
        `SELECT id FROM ${sessions} WHERE ${quote(columnOf(field))} = :value AND fields = :fields ${orStrange}`,
      ),
    /** The ids of sessions of processes that knew other fields. */
    strange: statement(`SELECT id FROM ${sessions} WHERE FALSE ${orStrange}`),
    these: statement(`${select} WHERE id IN (${Array.from({ length: TOGETHER }, (_, i) => `:id${i}`)}) ORDER BY id`),
    removeAsRead: statement(`DELETE FROM ${sessions} WHERE id = :id AND created = :created AND version = :version`),
    prune: statement(`DELETE FROM ${sessions} WHERE expires <= ${NOW} ORDER BY expires LIMIT ${PRUNE_BATCH}`),
  }
}

/** Nothing has changed since in what the oracle judged; nor was an operation applied, because these are compared too. */
const AS_READ =
  'version = :was_version AND hash = :was_hash AND previous_kind <=> :was_previous_kind ' +
  'AND expires = :was_expires AND max_age <=> :was_max_age AND ops = :was_ops'

/** Times of a new session are by the server's clock, and so are unknown until it answers. */
const BEGINNING: Partial<Record<Column, string>> = {
  created: `COALESCE(:created, ${NOW})`,
  expires: `${TOLD_NOW} + ${integer('idle')}`,
  auth_at: `IF(:authenticated, COALESCE(:authAt, ${NOW}), NULL)`,
  rotated: NOW,
}

/** The last operation, a space before the first one: nothing is an empty text, see table.ts. */
const LAST = "SUBSTRING_INDEX(SUBSTRING_INDEX(ops, ' ', -2), '@', 1)"

const UNLESS_HELD = `IF(version = :version AND ${LAST} = :last AND created = :created, NULL, data) AS data`

const FULL = `LENGTH(ops) - LENGTH(REPLACE(ops, ' ', '')) > ${REMEMBERED_OPS}`

const AHEAD = [
  'version = version + 1',
  // The last one can be later, if this statement waited for it.
  `ops = CONCAT(IF(${FULL}, SUBSTRING(ops, LOCATE(' ', ops, 2)), ops), :operation, GREATEST(${NOW}, applied), ' ')`,
  `applied = GREATEST(${NOW}, applied)`,
  "previous_kind = IF(previous_kind = 'unused', 'used', previous_kind)",
  `expires = IF(${TOLD_NOW} + ${integer('idle')} - expires >= ${integer('atLeast')}, ${NOW} + ${integer('idle')}, expires)`,
]

/** A quoted name or text, or a parameter. */
const TOKEN = /`(?:[^`]|``)*`|'[^']*'|:([A-Za-z]\w*)/g

/** One list of names makes both: the `?` of the text, and the order of the values. */
export function statement(text: string): Statement {
  const names: string[] = []
  const sql = text.replace(TOKEN, (token, name?: string) => {
    if (name === undefined) return token
    names.push(name)
    return '?'
  })
  return {
    sql,
    valuesOf: (parameters) => inOrder(names, parameters),
  }
}

/** The columns of a table: none if it is not there. */
export const COLUMNS = statement(
  'SELECT column_name AS name FROM information_schema.columns WHERE table_schema = DATABASE() AND table_name = :table',
)
