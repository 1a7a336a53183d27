/**
 * Sessions in a PostgreSQL table, through a Pool, Client or PoolClient of `pg`, a `sql` of postgres.js, or a PGlite.
 *
 * @module koa-atomic-session/postgres
 */
import { Buffer } from 'node:buffer'
import { takes } from '../../algebra/index.ts'
import { pages } from '../../contract/pages.ts'
import { liveRecord, recordOf } from '../../contract/record.ts'
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
  Notice,
  Notices,
  Page,
  SessionRecord,
  TellingStore,
  Updated,
} from '../../contract/store.ts'
import { FIRST_PAGE, LIST_BATCH } from '../../contract/store.ts'
import { loaded } from '../../contract/transition.ts'
import { SessionUsageError, StoreError } from '../../errors/index.ts'
import { assertNames } from '../../settings/names.ts'
import { PRUNE_BATCH, pruned } from '../shared/batches.ts'
import { retried } from '../shared/conflicts.ts'
import { holding } from '../shared/holding.ts'
import { encode } from '../shared/json.ts'
import { compareAndRemove, compareAndSet, isPlain, knows, type Reading } from '../shared/oracle.ts'
import { type Candidates, liveOf, pageOf, Readings, removed } from '../shared/readings.ts'
import { adapted, type PostgresClient } from './adapters.ts'
import { adviceFor } from './advice.ts'
import { markOf, problemOf, storedOf, updatedOf } from './answers.ts'
import { outcomeOf, type PgClient, type PgResult } from './client.ts'
import { directOf } from './direct.ts'
import { assertListener, channelOf, noticesOf, type PostgresListener } from './listener.ts'
import {
  accessParameters,
  createParameters,
  lifetimeParameters,
  type Parameters,
  updateParameters,
  writeParameters,
} from './parameters.ts'
import { assertOurs, type Needs, questions, schemaSql, setupSql } from './schema.ts'
import { type Statement, type Statements, statements } from './statements.ts'

export type { PgliteClient, PgliteOptions, PostgresClient, PostgresJsClient, PostgresJsQuery } from './adapters.ts'
export type { PgClient, PgQuery, PgResult } from './client.ts'
export type { ChannelListener, PgListener, PostgresListener } from './listener.ts'

/** Options of the PostgreSQL store. */
export interface PostgresOptions {
  /**
   * The table's name; any text of 1 to 50 bytes.
   * @default 'sessions'
   */
  readonly table?: string
  /**
   * The schema of the table and the function.
   * @default 'public'
   */
  readonly schema?: string
  /**
   * Statements are named, so each connection parses and plans them once. Use false with a pooler in transaction mode that
   * keeps no prepared statements (PgBouncer before 1.21).
   * @default true
   */
  readonly prepared?: boolean
  /**
   * After this many milliseconds the driver gives up a query and the pool closes its connection, so a connection that
   * hangs is not used again. It should be longer than the application's `timeout`, after which the request is answered.
   * @default 5000
   */
  readonly queryTimeout?: number
  /**
   * A connected `Client` of `pg` that does nothing else, or the `sql` of postgres.js or the PGlite itself. It listens
   * for the ends of watched sessions, so `ended` learns at once what other processes do. Every process needs one, even
   * if it watches nothing, because the statements send notifications only with a listener. It stays yours, too.
   * @default none: nothing is notified
   */
  readonly listener?: PostgresListener
  /**
   * With `listener`: also reports changes of the data, for `sessions.watch()`. PostgreSQL commits transactions that
   * notify one after another, so this slows down many simultaneous changes.
   * @default false: `sessions.watch()` learns within `recheck` what other processes change
   */
  readonly tellChanges?: boolean
}

/**
 * A store in a table. `setup()` creates the table, its indexes and one function; if you create them yourself,
 * `postgresSchema()` gives you the SQL. The pool stays yours: `close()` leaves it open.
 *
 * A chain is one `UPDATE … RETURNING` by primary key. Connect to the primary server, never to a replica, where a
 * destroyed session would live on for a while.
 */
export function postgres(client: PostgresClient, options: PostgresOptions = {}): IndexableStore & InspectableStore {
  assertNames(options, ['table', 'schema', 'prepared', 'queryTimeout', 'listener', 'tellChanges'], 'The postgres store')
  const { table = 'sessions', schema = 'public', prepared = true, queryTimeout = 5000 } = options
  const { listener, tellChanges = false } = options
  if (listener !== undefined) assertListener(listener)
  else if (tellChanges)
    throw new SessionUsageError('tellChanges needs a listener: postgres(pool, { listener, tellChanges: true })')
  for (const [option, name] of Object.entries({ table, schema })) {
    if (typeof name !== 'string' || name === '' || name.includes('\0') || Buffer.byteLength(name) > 50) {
      throw new SessionUsageError(`The ${option}'s name must be a text of 1 to 50 bytes`)
    }
  }
  return new PostgresStore(adapted(client), { table, schema, prepared, queryTimeout }, listener, tellChanges)
}

/**
 * The SQL of everything that `setup()` creates, to read and to run by hand, for applications that may not create
 * tables. `fields` are those of the option `index`.
 */
export function postgresSchema(
  { table = 'sessions', schema = 'public' }: PostgresOptions = {},
  fields: readonly string[] = [],
): string {
  return schemaSql({ schema, table, fields })
}

const SET_UP = 'could not be set up'

/** Over 300 lines, because a store is one object: each of its methods is a statement or two and what its answers mean. */
class PostgresStore implements IndexableStore, IndexedStore, InspectableStore, TellingStore {
  readonly name = 'postgres'
  /** A session may have this size and then grow by a chain as large; both together fit into a jsonb of 256 MB. */
  readonly largest = 100_000_000
  readonly #client: PgClient
  readonly #options: Sending
  readonly #listener: PostgresListener | undefined
  readonly #channel: string
  readonly #sql: Statements
  readonly #readings = new Readings()
  #fields: readonly string[] = []

  constructor(client: PgClient, options: Sending, listener: PostgresListener | undefined, changes: boolean) {
    this.#client = client
    this.#options = options
    this.#listener = listener
    this.#channel = channelOf(options.schema, options.table)
    this.#sql = statements(options.schema, options.table, listener && { channel: this.#channel, changes })
  }

  async create(session: NewSession): Promise<SessionRecord | undefined> {
    const [row] = await this.#rows(this.#sql.create, createParameters(session))
    return row && recordOf(storedOf(row).stored)
  }

  async load(access: Access, held?: Held): Promise<Loaded> {
    const { stored, now } = await this.#find(access.id, held && this.#sql.held, held && markOf(held))
    return loaded(stored, access, now, held)
  }

  async update(access: Access, change: Change): Promise<Updated> {
    if (access.proof.hash === undefined || change.device || !knows(change.chain)) return this.#compute(access, change)
    const wanted = change.answer || takes(change.chain)
    const { statement, parameters } = this.#updating(change)
    const all = { ...updateParameters(access, change, wanted), ...parameters }
    const result = await this.#attempt(statement, all, change)
    if ('outcome' in result) return result
    const [row] = result
    if (row) return updatedOf(row, access, change, wanted)
    // It did not apply: not by the live secret, or sent again, or nothing to do. What the row says now tells which.
    return this.#compute(access, change)
  }

  async destroy(access: Access): Promise<boolean> {
    if ((await this.#count(this.#sql.destroy, accessParameters(access))) === 1) return true
    if (access.proof.hash === undefined) return false
    const read = () => this.#find(access.id)
    return compareAndRemove(this.name, access, read, async ({ id, hash, previous }) => {
      return (await this.#count(this.#sql.remove, { id, hash, kind: previous?.kind ?? null })) === 1
    })
  }

  indexed(fields: readonly string[]): IndexedStore {
    this.#fields = fields
    return this
  }

  async find(field: string, value: IndexValue, maxLifetime: number, page = FIRST_PAGE): Promise<SessionRecord[]> {
    if (this.#readings.begins(page.reading)) {
      const parameters = { ...lifetimeParameters(maxLifetime), ...page, value: encode(value) }
      const rows = await this.#rows(this.#sql.find(field), parameters)
      return rows.map((row) => recordOf(storedOf(row).stored))
    }
    const holds = holding(field, value)
    return pageOf(await this.#candidates(field, value, page.reading), page, async (ids) => {
      return liveOf((await this.#rows(this.#sql.these, { ids })).map(storedOf), maxLifetime, holds)
    })
  }

  async destroyAll(
    field: string,
    value: IndexValue,
    except: string | undefined,
    limit: number = LIST_BATCH,
    reading?: object,
  ): Promise<number> {
    const parameters = { value: encode(value), except: except ?? null }
    if (this.#readings.begins(reading)) return this.#count(this.#sql.destroyAll(field), { ...parameters, limit })
    return removed(await this.#candidates(field, value, reading), limit, (ids) => {
      return this.#count(this.#sql.destroyThese(field), { ...parameters, ids, limit: ids.length })
    })
  }

  async *list(): AsyncIterable<SessionRecord> {
    const read = async ({ after, limit }: Page) => {
      const rows = await this.#rows(this.#sql.page, { last: after, limit })
      return rows.map((row) => recordOf(storedOf(row).stored))
    }
    for await (const page of pages(read, { ...FIRST_PAGE, limit: LIST_BATCH })) yield* page
  }

  async get(id: string): Promise<SessionRecord | undefined> {
    const { stored, now } = await this.#find(id)
    return liveRecord(stored, now)
  }

  async setup(): Promise<void> {
    const needs: Needs = { ...this.#options, fields: this.#fields }
    // Every process asks at its start, and most find everything there: then nobody has to wait, and no right is needed.
    const look = async () => {
      const [found] = await this.#try(async () => {
        return rowsOf(await this.#send(this.#sql.complete, questions(needs)), this.#sql.complete)
      }, SET_UP)
      assertOurs(needs, found!)
      return setupSql(needs, found!)
    }
    for (let text = await look(); text !== ''; ) {
      try {
        await this.#try(() => this.#client.query({ text }), SET_UP)
        return
      } catch (error) {
        // Another role may have made some of it meanwhile, which only its owner may make again.
        const rest = await look()
        if (rest === text) throw error
        text = rest
      }
    }
  }

  notices(hear: (notice: Notice) => void): Notices | undefined {
    return this.#listener && noticesOf(this.#listener, this.#channel, hear)
  }

  /** In batches, so no request waits for it. Rows that another transaction holds are left for the next time. */
  async prune(): Promise<number> {
    return pruned(() => this.#count(this.#sql.prune, { limit: PRUNE_BATCH }))
  }

  async close(): Promise<void> {}

  /** The shortest statement that can apply the change, and the parameters that only this statement has. */
  #updating(change: Change): { statement: Statement<keyof Row>; parameters?: Parameters } {
    const { chain } = change
    if (takes(chain)) return { statement: this.#sql.take }
    if (chain.commands.length === 0 || !isPlain(change)) return { statement: this.#sql.update }
    const direct = directOf(chain)
    if (!direct) return { statement: this.#sql.change }
    return { statement: this.#sql.direct[direct.shape], parameters: direct.parameters }
  }

  /**
   * A change by a secret that is not the live one, with a command that the function does not know, or one that did not
   * apply: the session is read, the oracle says what becomes of it, and that is written if the session is as it was read.
   */
  #compute(access: Access, change: Change): Promise<Updated> {
    const look = () => this.#find(access.id, this.#sql.look)
    return compareAndSet(this.name, access, change, look, async (next, answer, found) => {
      const written = await this.#count(this.#sql.write, writeParameters(found, next, change))
      return written === 1 ? answer : undefined
    })
  }

  #candidates(field: string, value: IndexValue, reading: object | undefined): Promise<Candidates> {
    return this.#readings.candidates(reading, async () => {
      const [row] = await this.#rows(this.#sql.candidates(field), { value: encode(value) })
      return row!.ids
    })
  }

  async #find(id: string, statement: Statements['load'] = this.#sql.load, held?: string): Promise<Reading> {
    const [row] = await this.#rows(statement, { id, held })
    return row ? storedOf(row) : { stored: undefined, now: 0 }
  }

  /** A refusal by the server-side function is an answer, not a failure. */
  #attempt(statement: Statement<keyof Row>, parameters: Parameters, change: Change): Promise<Row[] | Updated> {
    return this.#try<Row[] | Updated>(async () => {
      try {
        return rowsOf(await this.#send(statement, parameters), statement)
      } catch (error) {
        if (outcomeOf(error) !== 'refused') throw error
        return { outcome: 'refused', problem: problemOf((error as { detail: string }).detail, change) }
      }
    })
  }

  async #rows<Name extends string>(statement: Statement<Name>, parameters: Parameters) {
    return this.#try(async () => rowsOf(await this.#send(statement, parameters), statement))
  }

  /** How many sessions the statement has removed. */
  async #count(statement: Statement, parameters: Parameters): Promise<number> {
    return (await this.#try(() => this.#send(statement, parameters))).rowCount ?? 0
  }

  #send<Name extends string>({ name, text, valuesOf }: Statement<Name>, parameters: Parameters): Promise<PgResult> {
    const { prepared, queryTimeout } = this.#options
    return this.#client.query({
      text,
      values: valuesOf(parameters),
      types: AS_TEXT,
      query_timeout: queryTimeout,
      ...(prepared && { name }),
    })
  }

  /** Every failure becomes a `StoreError`; set-up sends nothing of any session, so there the whole sentence is told. */
  async #try<T>(send: () => Promise<T>, failed = 'failed'): Promise<T> {
    try {
      // Above READ COMMITTED the server refuses updates of one row that it would otherwise run one after another.
      return await retried(send, (error) => outcomeOf(error) === 'conflict')
    } catch (error) {
      const outcome = outcomeOf(error)
      const what = outcome === 'not set up' ? 'is not set up yet' : failed
      const applied = outcome === 'unknown' ? 'unknown' : false
      throw new StoreError(this.name, what, applied, error, { advice: adviceFor(error), whole: failed === SET_UP })
    }
  }
}

type Sending = Required<Pick<PostgresOptions, 'table' | 'schema' | 'prepared' | 'queryTimeout'>>
type Row = ReturnType<Statements['update']['read']>

function rowsOf<Name extends string>({ rows }: PgResult, { read }: Statement<Name>) {
  return rows.map(({ answer }) => read(answer))
}

const AS_TEXT = { getTypeParser: () => (text: string) => text }
