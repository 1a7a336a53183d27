/** The part of a `pg` Pool, Client or PoolClient that the store uses. */
export interface PgClient {
  query(query: PgQuery): Promise<PgResult>
}

/** A query as the store gives it to the driver. */
export interface PgQuery {
  readonly text: string
  readonly values?: unknown[]
  /** A named statement is parsed and planned once for each connection. */
  readonly name?: string
  /** Columns come as the text that the server sent, whatever parsers the application has set. */
  readonly types?: { getTypeParser(): (text: string) => string }
  /** After this time the driver gives up the query, and a pool closes its connection. */
  readonly query_timeout?: number
}

/** The part of a result that the store uses. */
export interface PgResult {
  // biome-ignore lint/suspicious/noExplicitAny: rows of any shape, as the driver has them
  readonly rows: any[]
  readonly rowCount: number | null
}

/** The SQLSTATE that the server-side function raises, with the problem as JSON in its detail. */
export const REFUSED = 'KAS01'

/** Before `setup()` has run: undefined_table, invalid_schema_name, undefined_function. */
const NOT_SET_UP = /^(?:42P01|3F000|42883 (?!operator))/

/** Classes of SQLSTATE that say that the server has rolled the statement back. 40003 says that the server does not know. */
const ROLLED_BACK = /^(?:0A|22|23|25|26|28|2D|2F|34|3D|3F|40(?!003)|42|44|53|54|55|57014$|KAS|P0)/

/** Failures to open a connection. */
const NOT_CONNECTED = new Set([
  'ECONNREFUSED',
  'ENOTFOUND',
  'EAI_AGAIN',
  'EHOSTUNREACH',
  'ENETUNREACH',
  // Of postgres.js.
  'CONNECT_TIMEOUT',
])

/** pg-pool has no codes for these: no connection was free or could be made in time, so nothing was sent. */
const NEVER_CONNECTED = /^(timeout exceeded when trying to connect|Connection terminated due to connection timeout)/

export type PgOutcome = 'refused' | 'conflict' | 'not set up' | 'failed' | 'unknown'

/**
 * What became of a statement that failed. `conflict`: the server asks to send it again. If only the connection has failed,
 * nobody knows whether the server went on; that includes 57P01 to 57P03 and 08006.
 */
export function outcomeOf(error: unknown): PgOutcome {
  const { code, message } = error as { code?: string; message?: string }
  if (code === REFUSED) return 'refused'
  if (code === '40001' || code === '40P01') return 'conflict'
  if (NOT_SET_UP.test(`${code} ${message}`)) return 'not set up'
  if (code && (ROLLED_BACK.test(code) || NOT_CONNECTED.has(code))) return 'failed'
  if (message && NEVER_CONNECTED.test(message)) return 'failed'
  return 'unknown'
}
