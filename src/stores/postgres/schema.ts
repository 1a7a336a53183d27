import { StoreError } from '../../errors/index.ts'
import type { Parameters } from './parameters.ts'
import { APPLY_SQL } from './sql/apply.sql.ts'
import { DEVICE_SQL } from './sql/device.sql.ts'
import { EXPIRES_INDEX_SQL } from './sql/expires-index.sql.ts'
import { FIELD_INDEX_SQL } from './sql/field-index.sql.ts'
import { LOCK_SQL } from './sql/lock.sql.ts'
import { PREVIOUS_KIND_SQL } from './sql/previous-kind.sql.ts'
import { TABLE_SQL } from './sql/table.sql.ts'
import { functionName, indexed, quote, tableName } from './statements.ts'

/** What the store needs in the database, and where. */
export interface Needs {
  readonly schema: string
  readonly table: string
  readonly fields: readonly string[]
}

/** What is there of it. */
export interface Found {
  /** As in pg_class: `r` is a table, `p` a partitioned one. */
  readonly kind: string | null
  /** Types by name. */
  readonly columns: Readonly<Record<string, string>> | null
  readonly indexes: readonly string[]
  readonly hasFunction: boolean
}

/** Columns that early versions did not have: `setup()` adds them. */
const LATER = { previous_kind: PREVIOUS_KIND_SQL, device: DEVICE_SQL }

const NOTHING: Found = { kind: null, columns: null, indexes: [], hasFunction: false }

/** The statements that make what is missing, in their order. */
export function missing(needs: Needs, { columns, indexes, hasFunction }: Found = NOTHING): string[] {
  const { schema, table, fields } = needs
  const SESSIONS = tableName(schema, table)
  const index = (name: string, i: number) => {
    const parts = { SESSIONS, INDEX_NAME: quote(name) }
    return i === 0 ? EXPIRES_INDEX_SQL(parts) : FIELD_INDEX_SQL({ ...parts, FIELD: indexed(fields[i - 1]!) })
  }
  return [
    !columns && TABLE_SQL({ SESSIONS }),
    ...Object.entries(LATER).map(([name, sql]) => columns && !(name in columns) && sql({ SESSIONS })),
    ...names(table, fields).map((name, i) => !indexes.includes(name) && index(name, i)),
    !hasFunction && APPLY_SQL({ APPLY: functionName(schema) }),
  ].flatMap((sql) => (sql ? [sql.trim()] : []))
}

/** Everything that a role with the right to create runs once, for people to read. It may run again. */
export function schemaSql(needs: Needs): string {
  return missing(needs).join('\n\n')
}

/** The same for `setup()`, which may run in several processes at once: only what is missing, empty if nothing is. */
export function setupSql(needs: Needs, found: Found): string {
  const statements = missing(needs, found)
  return statements.length === 0 ? '' : [LOCK_SQL.trim(), ...statements].join('\n')
}

/** The parameters of the question what is there (sql/complete.sql). */
export function questions({ schema, table, fields }: Needs): Parameters {
  return {
    table: tableName(schema, table),
    function: `${functionName(schema)}(jsonb,jsonb,bigint,integer)`,
    indexes: names(table, fields),
    body: APPLY_SQL({ APPLY: '' }).split('$function$')[1],
  }
}

/** The index on `expires` comes first, then one for each field. */
function names(table: string, fields: readonly string[]): string[] {
  return [`${table}_expires`, ...fields.map((field) => `${table}_by_${field}`)]
}

/** The columns whose type decides what a statement means, with that type. */
const TYPES: Readonly<Record<string, string>> = {
  data: 'jsonb',
  previous_until: 'timestamp with time zone',
  created: 'timestamp with time zone',
  expires: 'timestamp with time zone',
  auth_at: 'timestamp with time zone',
  rotated: 'timestamp with time zone',
}
const COLUMNS = [...TABLE_SQL({ SESSIONS: '' }).matchAll(/^ {2}(\w+) /gm)].map(([, name]) => name!)

/** Refuses what has the table's name and is something else: another library's table, a view, columns of other types. */
export function assertOurs({ schema, table }: Needs, { kind, columns }: Found): void {
  const refuse = (what: string): never => {
    throw new StoreError('postgres', `can't use ${tableName(schema, table)}: ${what}`, false)
  }
  const another = "choose another name, postgres(pool, { table: 'app_sessions' })"
  if (kind !== null && kind !== 'r' && kind !== 'p') refuse(`it is not a table; ${another}`)
  if (!columns) return
  const absent = COLUMNS.filter((name) => !(name in LATER) && !(name in columns))
  if (absent.length > 0) refuse(`it is a table of something else, without the columns ${absent.join(', ')}; ${another}`)
  for (const [name, type] of Object.entries(TYPES)) {
    if (columns[name] === type) continue
    refuse(`its column ${name} is ${columns[name]} and must be ${type}: ALTER TABLE … ALTER ${name} TYPE ${type}`)
  }
}
