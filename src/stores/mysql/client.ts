import { SessionUsageError } from '../../errors/index.ts'
import { isReadOnly, NotSent, Unanswered } from './outcome.ts'

/**
 * A Pool or a Connection of `mysql2` or of `mysql2/promise`. The store itself uses what is beneath the promises, with
 * callbacks: both have it.
 */
// biome-ignore lint/suspicious/noExplicitAny: what any of the four kinds takes; the store asks for one form only
export type MysqlClient = { execute(...parameters: any[]): unknown }

/** What is asked of a connection. Each call says all of it, whatever the pool is set to. */
interface MysqlQuery {
  readonly sql: string
  readonly values: readonly unknown[]
  readonly rowsAsArray: false
  readonly nestTables: false
  readonly namedPlaceholders: false
  readonly typeCast: TypeCast
}

type TypeCast = boolean | ((field: unknown, next: () => unknown) => unknown)

/** What the server answered: the rows, or what a change did. */
export type MysqlResult = MysqlRow[] & { readonly affectedRows: number; readonly insertId: number | string }

// biome-ignore lint/suspicious/noExplicitAny: columns of any type, as the driver has them
export type MysqlRow = Record<string, any>

interface Connection {
  readonly config?: { readonly typeCast?: unknown }
  execute(query: MysqlQuery, callback: (error: unknown, result: MysqlResult) => void): unknown
}

interface Pooled extends Connection {
  release(): void
  destroy(): void
}

interface Pool {
  getConnection(callback: (error: unknown, connection: Pooled) => void): unknown
}

/** Sends statements by connections of the application's client. Each one ends in time, or its connection is given up. */
export class Connections {
  readonly #client: Pool | Connection
  readonly #timeout: number
  /** Connections that commit each statement by themselves. */
  readonly #committing = new WeakSet<Connection>()

  constructor(client: MysqlClient, timeout: number) {
    this.#client = beneath(client)
    this.#timeout = timeout
  }

  async execute(sql: string, values: readonly unknown[], timeout = this.#timeout): Promise<MysqlResult> {
    if (!('getConnection' in this.#client)) return this.#send(this.#client, sql, values, timeout)
    const connection = await this.#acquire(this.#client)
    try {
      const result = await this.#send(connection, sql, values, timeout)
      connection.release()
      return result
    } catch (error) {
      // What was not answered in time still waits for its answer, and a server that became a replica stays one.
      if (error instanceof Unanswered || isReadOnly(error)) connection.destroy()
      else connection.release()
      throw error
    }
  }

  /** Without its own commit a change would be undone when the connection ends, after it has been acknowledged. */
  async #send(connection: Connection, sql: string, values: readonly unknown[], timeout: number): Promise<MysqlResult> {
    if (!this.#committing.has(connection)) {
      const [row] = await this.#ask(connection, 'SELECT @@autocommit AS autocommit', [], timeout)
      if (Number(row?.autocommit) !== 1) {
        throw new SessionUsageError(
          'The mysql store needs connections that commit each statement: SET autocommit = 1, or give it its own pool',
        )
      }
      this.#committing.add(connection)
    }
    return this.#ask(connection, sql, values, timeout)
  }

  #ask(connection: Connection, sql: string, values: readonly unknown[], timeout: number): Promise<MysqlResult> {
    return new Promise((resolve, reject) => {
      const late = () => reject(new Unanswered('no answer in time'))
      const waiting = timeout === Number.POSITIVE_INFINITY ? undefined : setTimeout(late, timeout)
      connection.execute({ sql, values, ...PLAIN, typeCast: typeCastOn(connection) }, (error, result) => {
        clearTimeout(waiting)
        if (error) reject(error)
        else resolve(result)
      })
    })
  }

  #acquire(pool: Pool): Promise<Pooled> {
    return new Promise((resolve, reject) => {
      let late = false
      const waiting = setTimeout(() => {
        late = true
        reject(new NotSent(new Error('no connection was free in time')))
      }, this.#timeout)
      pool.getConnection((error, connection) => {
        clearTimeout(waiting)
        // Nobody waits for this any more, so nothing is sent.
        if (late) connection?.release()
        else if (error) reject(new NotSent(error))
        else resolve(connection)
      })
    })
  }
}

const PLAIN = {
  rowsAsArray: false,
  nestTables: false,
  namedPlaceholders: false,
} as const

/** Only a function keeps the connection's own one away, and makes the driver wrap each field; so there is none without one. */
function typeCastOn({ config }: Connection): TypeCast {
  return typeof config?.typeCast === 'boolean' || ((_, next) => next())
}

/** The promises of `mysql2/promise` stand around a Pool or a Connection with callbacks. */
function beneath(client: MysqlClient): Pool | Connection {
  const { pool, connection } = (client ?? {}) as { pool?: MysqlClient; connection?: MysqlClient }
  const core = pool ?? connection ?? client
  // The package mysql has no prepared statements, and mariadb takes no callbacks.
  if (typeof core?.execute !== 'function' || 'importFile' in core) {
    throw new SessionUsageError(
      "The mysql store takes a Pool or Connection of mysql2: mysql(createPool({ uri: 'mysql://…' }))",
    )
  }
  return core
}
