/**
 * Sessions in a table of MariaDB or MySQL, through a Pool or Connection of `mysql2`.
 *
 * @module koa-atomic-session/mysql
 */
import { pages } from '../../contract/pages.ts'
import { begin, liveRecord, recordOf, type StoredSession } from '../../contract/record.ts'
import type {
  Access,
  Change,
  Held,
  IndexableStore,
  IndexedStore,
  IndexValue,
  InspectableStore,
  Loaded,
  NewSession,
  Page,
  SessionRecord,
  Updated,
} from '../../contract/store.ts'
import { FIRST_PAGE, LIST_BATCH } from '../../contract/store.ts'
import { loaded } from '../../contract/transition.ts'
import { SessionUsageError, StoreError } from '../../errors/index.ts'
import { assertNames } from '../../settings/names.ts'
import { pruned } from '../shared/batches.ts'
import { retried } from '../shared/conflicts.ts'
import { holding } from '../shared/holding.ts'
import { compareAndRemove, compareAndSet, type Reading } from '../shared/oracle.ts'
import { liveOf, pageOf, Readings, removed } from '../shared/readings.ts'
import { aheadOf } from './ahead.ts'
import { Connections, type MysqlClient, type MysqlResult } from './client.ts'
import { causeOf, isHarmless, isThere, outcomeOf, unlessTaken } from './outcome.ts'
import { COLUMNS, type Statement, type Statements, statements, TOGETHER } from './statements.ts'
import {
  asRead,
  bytesOf,
  columnOf,
  deviceSchema,
  fieldSchema,
  fieldsMark,
  fromRow,
  hashOf,
  indexed,
  limitOf,
  markOf,
  type Parameters,
  schema,
  valuesOf,
} from './table.ts'
import { Turns } from './turns.ts'

export type { MysqlClient } from './client.ts'

/** Options of the MariaDB and MySQL store. */
export interface MysqlOptions {
  /**
   * The table's name, in the database of the connections: letters, digits, `_`, `$` and `-`, 64 at most.
   * @default 'sessions'
   */
  readonly table?: string
  /**
   * After this many milliseconds a connection of a pool that does not answer is closed, so it is not used again. It
   * should be longer than the application's `timeout`, after which the request is answered.
   * @default 5000
   */
  readonly queryTimeout?: number
}

/**
 * A store in a table of MariaDB 10.6 or later, or of MySQL 8.0 or later. `setup()` creates the table; if you create it
 * yourself, `mysqlSchema()` gives you the SQL. The pool stays yours: `close()` leaves it open.
 *
 * A chain is one `UPDATE` by primary key, which applies only if the row has not changed meanwhile. It takes one round
 * trip for a session that the request has loaded, and two for any other. Connect to one server that accepts writes,
 * never to a replica, where a destroyed session would live on for a while.
 */
export function mysql(client: MysqlClient, options: MysqlOptions = {}): IndexableStore & InspectableStore {
  assertNames(options, ['table', 'queryTimeout'], 'The mysql store')
  const { table = 'sessions', queryTimeout = 5000 } = options
  assertTable(table)
  return new MysqlStore(new Connections(client, queryTimeout), new Turns(queryTimeout), table)
}

/** The SQL that `setup()` runs, for applications that may not create tables. `fields` are those of the option `index`. */
export function mysqlSchema({ table = 'sessions' }: MysqlOptions = {}, fields: readonly string[] = []): string {
  assertTable(table)
  return [schema(table), ...fields.map((field) => fieldSchema(table, field))].map((sql) => `${sql};\n`).join('')
}

function assertTable(table: string): void {
  if (/^[\w$-]{1,64}$/.test(table)) return
  throw new SessionUsageError("The table's name must be 1 to 64 letters, digits, '_', '$' or '-'")
}

/** Comes before every id. An empty text is null to a `sql_mode` of MariaDB. */
const BEFORE_ALL = ' '

/** Over 300 lines, because a store is one object: each of its methods is a statement or two and what its answers mean. */
class MysqlStore implements IndexableStore, IndexedStore, InspectableStore {
  readonly name = 'mysql'
  readonly #connections: Connections
  readonly #table: string
  readonly #turns: Turns
  readonly #readings = new Readings()
  #fields: readonly string[] = []
  #sql: Statements

  constructor(connections: Connections, turns: Turns, table: string) {
    this.#connections = connections
    this.#turns = turns
    this.#table = table
    this.#sql = statements(table, [])
  }

  async create({ dates, ...session }: NewSession): Promise<SessionRecord | undefined> {
    const now = dates && (await this.#now())
    const { created = now } = session
    const begun = now ? { ...session, created, data: begin({ ...session, dates }, now).data } : session
    const parameters = {
      ...this.#values(begin(begun, 0)),
      created: begun.created ?? null,
      idle: Math.round(begun.maxAge ?? begun.idle),
      authenticated: begun.authenticated ? 1 : 0,
      authAt: begun.authAt ?? null,
    }
    const result = await this.#try(() => this.#send(this.#sql.create, parameters).catch(unlessTaken))
    return result && recordOf(begin(begun, Number(result.insertId)))
  }

  async load(access: Access, held?: Held): Promise<Loaded> {
    const { stored, now } = await this.#find(access.id, held)
    return loaded(stored, access, now, held)
  }

  async update(access: Access, change: Change): Promise<Updated> {
    const ahead = await this.#ahead(access, change)
    if (ahead) return ahead
    const end = await this.#try(() => this.#turns.begin(access.id))
    try {
      return await this.#compute(access, change)
    } finally {
      end()
    }
  }

  async destroy(access: Access): Promise<boolean> {
    const { id, proof, maxLifetime } = access
    const parameters = { id, hash: proof.hash ?? null, created: proof.created ?? null, lifetime: limitOf(maxLifetime) }
    if ((await this.#count(this.#sql.destroy, parameters)) === 1) return true
    if (proof.hash === undefined) return false
    const read = () => this.#find(id)
    return compareAndRemove(this.name, access, read, async ({ hash, previous }) => {
      return (await this.#count(this.#sql.remove, { id, hash, previous_kind: previous?.kind ?? null })) === 1
    })
  }

  indexed(fields: readonly string[]): IndexedStore {
    this.#fields = fields
    this.#sql = statements(this.#table, fields)
    return this
  }

  async find(field: string, value: IndexValue, maxLifetime: number, page = FIRST_PAGE): Promise<SessionRecord[]> {
    const parameters = {
      value: hashOf(value),
      fields: this.#mark,
      lifetime: limitOf(maxLifetime),
      limit: `${page.limit}`,
    }
    const holds = holding(field, value)
    if (!this.#readings.has(page.reading)) {
      const rows = await this.#rows(this.#sql.find(field), { ...parameters, after: page.after || BEFORE_ALL })
      if (rows.every(({ fields }) => fields === this.#mark))
        return rows.map(({ stored }) => recordOf(stored)).filter(holds)
    }
    // Each session of processes with other fields has to be looked into: by their ids, so none of them twice.
    const ids = () => this.#ids(this.#sql.candidates(field), parameters)
    return pageOf(await this.#readings.candidates(page.reading, ids), page, async (ids) => {
      return liveOf(await this.#these(ids), maxLifetime, holds)
    })
  }

  async destroyAll(
    field: string,
    value: IndexValue,
    except: string | undefined,
    limit: number = LIST_BATCH,
    reading?: object,
  ): Promise<number> {
    const parameters = { value: hashOf(value), fields: this.#mark, except: except ?? null }
    const holds = holding(field, value)
    const strange = await this.#readings.candidates(reading, () => this.#ids(this.#sql.strange, parameters))
    const count = await removed(strange, limit, async (ids) => {
      let count = 0
      for (const { stored } of await this.#these(ids)) {
        if (stored.id !== except && (await this.#removeStrange(stored, holds))) count++
      }
      return count
    })
    if (count === limit) return count
    // After those: one that is written again meanwhile is then found by its index.
    return count + (await this.#count(this.#sql.destroyAll(field), { ...parameters, limit: `${limit - count}` }))
  }

  async *list(): AsyncIterable<SessionRecord> {
    const read = async ({ after }: Page) => {
      return (await this.#rows(this.#sql.page, { last: after })).map(({ stored }) => recordOf(stored))
    }
    for await (const page of pages(read, { limit: LIST_BATCH, after: BEFORE_ALL })) yield* page
  }

  async get(id: string): Promise<SessionRecord | undefined> {
    const { stored, now } = await this.#find(id)
    return liveRecord(stored, now)
  }

  async setup(): Promise<void> {
    // Every process asks at its start, and most find everything there: then nobody has to wait, and no right is needed.
    const columns = async () => (await this.#run(COLUMNS, { table: this.#table })).map(({ name }) => name as string)
    if ((await columns()).length === 0) await this.#create(schema(this.#table))
    const there = new Set(await columns())
    if (!there.has('device')) await this.#create(deviceSchema(this.#table))
    for (const field of this.#fields) {
      if (!there.has(columnOf(field))) await this.#create(fieldSchema(this.#table, field))
    }
  }

  /** In batches, so no request waits for it. */
  async prune(): Promise<number> {
    return pruned(() => this.#count(this.#sql.prune, {}))
  }

  async close(): Promise<void> {}

  /** A change that the caller knows the result of, if the server still has all that was held. Undefined if it does not. */
  async #ahead(access: Access, change: Change): Promise<Updated | undefined> {
    const known = aheadOf(access, change)
    if (!known) return undefined
    const { affectedRows, insertId } = await this.#run(this.#sql.ahead, {
      ...this.#columns(known.data),
      ...known.parameters,
    })
    return affectedRows === 1 ? known.answer(Number(insertId)) : undefined
  }

  /** The session is read, the oracle says what becomes of it, and that is written if the session is as it was read. */
  #compute(access: Access, change: Change): Promise<Updated> {
    const look = () => this.#find(access.id)
    return compareAndSet(this.name, access, change, look, async (next, answer, found) => {
      const statement = next.data === found.data ? this.#sql.note : this.#sql.write
      const written = await this.#count(statement, { ...asRead(found), ...this.#values(next) })
      return written === 1 ? answer : undefined
    })
  }

  /** Only as it was read: another process may give it to another user meanwhile. Then it is looked at again. */
  async #removeStrange(stored: StoredSession, holds: (session: StoredSession) => boolean): Promise<boolean> {
    for (let found: StoredSession | undefined = stored; found && holds(found); ) {
      if ((await this.#count(this.#sql.removeAsRead, valuesOf(found))) === 1) return true
      found = (await this.#find(stored.id)).stored
    }
    return false
  }

  get #mark(): string {
    return fieldsMark(this.#fields)
  }

  /** The parameters of a session's columns. */
  #values(stored: StoredSession): Parameters {
    return { ...valuesOf(stored), data: bytesOf(stored.data), ...this.#columns(stored.data) }
  }

  #columns(data: StoredSession['data']): Parameters {
    const columns = this.#fields.map((field, i) => [`field${i}`, indexed(data, field)] as const)
    return { fields: this.#mark, ...Object.fromEntries(columns) }
  }

  async #now(): Promise<number> {
    const [row] = await this.#run(this.#sql.now, {})
    return Number(row!.now)
  }

  /** The session; without its data if they are those that are held. */
  async #find(id: string, held?: Held): Promise<Reading> {
    const [found] = await this.#rows(held ? this.#sql.held : this.#sql.load, { id, ...(held && markOf(held)) })
    // A text is equal to another one with spaces behind it.
    return found?.stored.id === id ? found : { stored: undefined, now: 0 }
  }

  async #rows(statement: Statement, parameters: Parameters) {
    return (await this.#run(statement, parameters)).map(fromRow)
  }

  async #ids(statement: Statement, parameters: Parameters): Promise<string[]> {
    return (await this.#run(statement, parameters)).map(({ id }) => id as string).sort()
  }

  /** The sessions with these ids, in their order. A batch is filled up, so there is one statement for all. */
  async #these(ids: readonly string[]) {
    const found: { readonly stored: StoredSession; readonly now: number }[] = []
    for (let at = 0; at < ids.length; at += TOGETHER) {
      const batch = Array.from({ length: TOGETHER }, (_, i) => [`id${i}`, ids[Math.min(at + i, ids.length - 1)]!])
      found.push(...(await this.#rows(this.#sql.these, Object.fromEntries(batch))))
    }
    return found
  }

  /** How many sessions the statement has changed or removed. */
  async #count(statement: Statement, parameters: Parameters): Promise<number> {
    return (await this.#run(statement, parameters)).affectedRows
  }

  #run(statement: Statement, parameters: Parameters): Promise<MysqlResult> {
    return this.#try(() => this.#send(statement, parameters))
  }

  #send({ sql, valuesOf }: Statement, parameters: Parameters): Promise<MysqlResult> {
    return this.#connections.execute(sql, valuesOf(parameters))
  }

  /** May take as long as it takes to build an index. Another process may have been faster. */
  async #create(sql: string): Promise<void> {
    try {
      await this.#connections.execute(sql, [], Number.POSITIVE_INFINITY)
    } catch (error) {
      if (!isThere(error)) throw this.#failure(error, true)
    }
  }

  async #try<T>(send: () => Promise<T>): Promise<T> {
    try {
      return await retried(send, (error) => outcomeOf(error) === 'conflict')
    } catch (error) {
      throw this.#failure(error)
    }
  }

  #failure(error: unknown, whole = false): unknown {
    if (error instanceof SessionUsageError) return error
    const outcome = outcomeOf(error)
    const applied = outcome === 'unknown' ? 'unknown' : false
    const what = outcome === 'not set up' ? 'is not set up yet' : 'failed'
    const advice = outcome === 'not set up' ? 'call await sessions.ensureIndex() once' : undefined
    return new StoreError(this.name, what, applied, causeOf(error), { advice, whole, harmless: isHarmless(error) })
  }
}
