import type { Buffer } from 'node:buffer'
import { SessionUsageError } from '../../errors/index.ts'
import type { PgClient, PgQuery, PgResult } from './client.ts'

/** The part of a `sql` of postgres.js that the store uses. */
export interface PostgresJsClient {
  // biome-ignore lint/suspicious/noExplicitAny: its own types say which values it takes; the store gives texts, numbers, booleans and null
  unsafe(text: string, values?: any[], options?: { prepare?: boolean }): PostgresJsQuery
  typed: (value: string, oid: number) => unknown
}

/** A query of postgres.js before it is sent. */
export interface PostgresJsQuery {
  raw(): PromiseLike<unknown> & { cancel(): unknown }
}

/** The part of a PGlite that the store uses. */
export interface PgliteClient {
  // biome-ignore lint/suspicious/noExplicitAny: rows of any shape, as the driver has them
  query(text: string, values?: any[], options?: PgliteOptions): Promise<{ rows: any[]; affectedRows?: number }>
  exec(text: string): Promise<unknown>
}

/** How a PGlite reads and writes values for one query. */
export interface PgliteOptions {
  readonly parsers?: Record<number, (text: string) => unknown>
  readonly serializers?: Record<number, (value: unknown) => string>
  readonly rowMode?: 'object'
}

/** What `postgres()` takes. Their methods show which is which. */
export type PostgresClient = PgClient | PostgresJsClient | PgliteClient

/** The client as the store asks it, whichever it is. */
export function adapted(client: PostgresClient): PgClient {
  if (typeof client === 'function' && typeof (client as PostgresJsClient).unsafe === 'function')
    return postgresJs(client)
  if (typeof (client as PgClient | undefined)?.query !== 'function') {
    throw new SessionUsageError(
      'The postgres store takes a Pool or Client of pg, a sql of postgres.js, or a PGlite: postgres(new Pool())',
    )
  }
  return 'exec' in client ? pglite(client) : (client as PgClient)
}

const TEXT = 25
const JSON_TYPE = 114
const JSONB = 3802

/** Parameters that a statement reads as JSON. */
const AS_JSON = /\$(\d+)::jsonb\b/g

function postgresJs(sql: PostgresJsClient): PgClient {
  const { transform } = (sql as { options?: { transform?: { row?: { from?: unknown } } } }).options ?? {}
  if (transform?.row?.from) {
    throw new SessionUsageError(
      'The postgres store needs a sql without transform.row, which changes its rows too: give it its own sql',
    )
  }
  return {
    async query({ text, values = [], name, query_timeout }): Promise<PgResult> {
      if (values.length === 0) return resultOf(await inTime(sql.unsafe(text).raw(), query_timeout))
      const json = new Set([...text.matchAll(AS_JSON)].map(([, n]) => Number(n) - 1))
      // It would write a JSON text as JSON once more, and it reads the types of lists only if it may ask for them.
      const written = values.map((value, i) => {
        if (json.has(i) && typeof value === 'string') return sql.typed(value, TEXT)
        return Array.isArray(value) ? listOf(value) : value
      })
      const query = sql.unsafe(text, written, { prepare: name !== undefined }).raw()
      return resultOf(await inTime(query, query_timeout))
    },
  }
}

/** Rows come as bytes, whatever parsers the application has set. */
function resultOf(result: unknown): PgResult {
  const rows = result as Buffer[][] & { readonly count: number | null }
  return { rows: rows.map(([answer]) => ({ answer: answer?.toString() })), rowCount: rows.count }
}

/** postgres.js has no time-out for a query. It can ask the server to end it, by another connection. */
async function inTime<T>(query: PromiseLike<T> & { cancel(): unknown }, milliseconds: number | undefined): Promise<T> {
  if (milliseconds === undefined) return query
  let waiting: NodeJS.Timeout | undefined
  const late = new Promise<never>((_, reject) => {
    waiting = setTimeout(() => {
      reject(new Error('no answer in time'))
      Promise.resolve(query.cancel()).catch(() => {})
    }, milliseconds)
  })
  try {
    return await Promise.race([query, late])
  } finally {
    clearTimeout(waiting)
  }
}

function pglite(database: PgliteClient): PgClient {
  return {
    async query({ text, values }: PgQuery): Promise<PgResult> {
      if (!values) {
        await database.exec(text)
        return { rows: [], rowCount: null }
      }
      const { rows, affectedRows = null } = await database.query(text, [...values], PLAIN)
      return { rows, rowCount: affectedRows }
    },
  }
}

/** The JSON is the store's own, in both directions. */
const PLAIN: PgliteOptions = {
  rowMode: 'object',
  parsers: { [JSON_TYPE]: (text) => text },
  serializers: { [JSONB]: String },
}

/** A list as PostgreSQL writes one. */
function listOf(values: readonly unknown[]): string {
  return `{${values.map((value) => `"${String(value).replace(/["\\]/g, '\\$&')}"`).join(',')}}`
}
