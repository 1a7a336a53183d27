/**
 * Sessions in a PostgreSQL table, by a `pg` Pool, Client or PoolClient.
 *
 * @module koa-atomic-session/postgres
 */
import { takes, type Value } from '../../algebra/index.ts'
import { isLive, recordOf } from '../../contract/record.ts'
import type {
  Access,
  Change,
  IndexableStore,
  IndexedStore,
  IndexValue,
  InspectableStore,
  Loaded,
  NewSession,
  SessionRecord,
  Updated,
} from '../../contract/store.ts'
import { LIST_BATCH } from '../../contract/store.ts'
import { loaded } from '../../contract/transition.ts'
import { SessionUsageError, StoreError } from '../../errors/index.ts'
import { assertNames } from '../../settings/names.ts'
import { encode, tag } from '../shared/json.ts'
import { compareAndSet, expiring, isPlain, knows, pause, type Reading, resultOf } from '../shared/oracle.ts'
import { answerOf, EXPIRES, problemOf, read, storedOf } from './answers.ts'
import { outcomeOf, type PgClient, type PgResult } from './client.ts'
import { compile } from './compile.ts'
import { directOf } from './direct.ts'
import { moreOf, proofOf, valuesOf } from './parameters.ts'
import { type Statement, type Statements, schemaSql, statements } from './statements.ts'

export type { PgClient, PgQuery, PgResult } from './client.ts'

/** Where in the database sessions are kept, and how it is spoken to. */
export interface PostgresOptions {
  /**
   * The table's name; any text of 1 to 50 bytes.
   * @default 'sessions'
   */
  readonly table?: string
  /**
   * The schema that the table and the function lie in.
   * @default 'public'
   */
  readonly schema?: string
  /**
   * Statements are named, so that each connection parses and plans them once. False for a pooler in transaction mode
   * that keeps no statements (PgBouncer before 1.21).
   * @default true
   */
  readonly prepared?: boolean
  /**
   * After this many milliseconds the driver gives a query up and the pool closes its connection, so that a connection
   * that hangs is not used again. Longer than the application's `timeout`, which answers the request.
   * @default 5000
   */
  readonly queryTimeout?: number
}

/**
 * A store in a table, which `setup()` creates together with its indexes and one function; they can be created by
 * hand instead: `postgresSchema()` gives their SQL. The pool stays the application's, `close()` leaves it open.
 *
 * A chain is one `UPDATE … RETURNING` by primary key. Give the primary server, never a replica: a session that was
 * destroyed would live on there for a while.
 */
export function postgres(client: PgClient, options: PostgresOptions = {}): IndexableStore & InspectableStore {
  assertNames(options, ['table', 'schema', 'prepared', 'queryTimeout'], 'The postgres store')
  const { table = 'sessions', schema = 'public', prepared = true, queryTimeout = 5000 } = options
  if (typeof client?.query !== 'function') {
    throw new SessionUsageError('The postgres store takes a Pool or Client of pg: postgres(new Pool())')
  }
  for (const [option, name] of Object.entries({ table, schema })) {
    if (typeof name !== 'string' || name === '' || name.includes('\0') || Buffer.byteLength(name) > 50) {
      throw new SessionUsageError(`The ${option}'s name must be a text of 1 to 50 bytes`)
    }
  }
  return new PostgresStore(client, { table, schema, prepared, queryTimeout })
}

/** The SQL that `setup()` runs, for those whose application may not create tables. `fields` are those of `index`. */
export function postgresSchema(
  { table = 'sessions', schema = 'public' }: PostgresOptions = {},
  fields: readonly string[] = [],
): string {
  return schemaSql(schema, table, fields)
}

/** Tries of a statement that the server asks to repeat. */
const MAX_TRIES = 100
const PRUNE_BATCH = 1000

class PostgresStore implements IndexableStore, IndexedStore, InspectableStore {
  readonly name = 'postgres'
  readonly #client: PgClient
  readonly #options: Required<PostgresOptions>
  readonly #sql: Statements
  #fields: readonly string[] = []

  constructor(client: PgClient, options: Required<PostgresOptions>) {
    this.#client = client
    this.#options = options
    this.#sql = statements(options.schema, options.table)
  }

  async create(session: NewSession): Promise<SessionRecord | undefined> {
    const { id, hash, data, dates, created, maxAge, idle, authenticated } = session
    const values = [id, hash, encode(data), created ?? null, maxAge, idle, authenticated, dates ? compile(dates) : null]
    const { rows } = await this.#run(this.#sql.create, values)
    return rows[0] && recordOf(storedOf(rows[0].answer).stored)
  }

  async load(access: Access): Promise<Loaded> {
    const { stored, now } = await this.#find(access.id)
    return loaded(stored, access, now)
  }

  async update(access: Access, change: Change): Promise<Updated> {
    if (!knows(change.chain)) return this.#compute(access, change)
    const taking = takes(change.chain)
    const wanted = change.answer || taking
    const { statement, values } = this.#updating(access, change, taking, wanted)
    const result = await this.#attempt(statement, values, change)
    if ('outcome' in result) return result
    if (result.rows[0]) return answerOf(read(result.rows[0].answer), access, change, wanted)
    // It did not apply: not live, or sent again, or nothing to do. What the row says now tells which.
    return this.#compute(access, change)
  }

  async destroy(access: Access): Promise<boolean> {
    return (await this.#run(this.#sql.destroy, proofOf(access))).rowCount === 1
  }

  indexed(fields: readonly string[]): IndexedStore {
    this.#fields = fields
    return this
  }

  async find(field: string, value: IndexValue, maxLifetime: number): Promise<SessionRecord[]> {
    const { rows } = await this.#run(this.#sql.find(field), [JSON.stringify(tag(value as Value))])
    return rows
      .map(({ answer }) => storedOf(answer))
      .filter(({ stored, now }) => isLive(stored, now, maxLifetime))
      .map(({ stored }) => recordOf(stored))
  }

  async destroyAll(field: string, value: IndexValue, except: string | undefined): Promise<number> {
    const values = [JSON.stringify(tag(value as Value)), except ?? null]
    return (await this.#run(this.#sql.destroyAll(field), values)).rowCount ?? 0
  }

  async *list(): AsyncIterable<SessionRecord> {
    for (let last = ''; ; ) {
      const { rows } = await this.#run(this.#sql.page, [last, LIST_BATCH])
      const page = rows.map(({ answer }) => recordOf(storedOf(answer).stored))
      yield* page
      if (page.length < LIST_BATCH) return
      last = page.at(-1)!.id
    }
  }

  async get(id: string): Promise<SessionRecord | undefined> {
    const { stored, now } = await this.#find(id)
    return stored && isLive(stored, now) ? recordOf(stored) : undefined
  }

  async setup(): Promise<void> {
    const { schema, table } = this.#options
    await this.#try(() => this.#client.query({ text: schemaSql(schema, table, this.#fields) }))
  }

  /** In batches, so that no request waits for it; rows that somebody else holds are left for the next time. */
  async prune(): Promise<number> {
    for (let total = 0; ; ) {
      const removed = (await this.#run(this.#sql.prune, [PRUNE_BATCH])).rowCount ?? 0
      total += removed
      if (removed < PRUNE_BATCH) return total
    }
  }

  async close(): Promise<void> {}

  /** The shortest statement that does it. */
  #updating(access: Access, change: Change, takes: boolean, wanted: boolean) {
    const values = valuesOf(access, change, takes, wanted)
    if (takes || change.chain.commands.length === 0 || !isPlain(change)) {
      return { statement: takes ? this.#sql.take : this.#sql.update, values: [...values, ...moreOf(change)] }
    }
    const direct = directOf(change.chain)
    return { statement: this.#sql.change(direct?.shape), values: direct ? [...values, ...direct.values] : values }
  }

  /**
   * A change with a command that the function does not know, or one that did not apply: the data are read, the oracle
   * says what becomes of them, and that is written to this version only.
   */
  #compute(access: Access, change: Change): Promise<Updated> {
    const look = () => this.#find(access.id, this.#sql.look)
    return compareAndSet(this.name, access, change, look, async (next, answer, found) => {
      const result = resultOf(change, next.data)
      const values = [...valuesOf(access, result, false, false), ...moreOf(result, found.version)]
      const [row] = (await this.#run(this.#sql.update, values)).rows
      return row && expiring(answer, read(row.answer)[EXPIRES])
    })
  }

  async #find(id: string, statement = this.#sql.load): Promise<Reading> {
    const { rows } = await this.#run(statement, [id])
    return rows[0] ? storedOf(rows[0].answer) : { stored: undefined, now: 0 }
  }

  /** A refusal by the server-side function is an answer, not a failure. */
  #attempt(statement: Statement, values: unknown[], change: Change): Promise<PgResult | Updated> {
    return this.#try<PgResult | Updated>(() =>
      this.#send(statement, values).catch((error) => {
        if (outcomeOf(error) !== 'refused') throw error
        return { outcome: 'refused', problem: problemOf(error.detail, change) }
      }),
    )
  }

  #run(statement: Statement, values: unknown[]): Promise<PgResult> {
    return this.#try(() => this.#send(statement, values))
  }

  #send({ name, text }: Statement, values: unknown[]): Promise<PgResult> {
    const { prepared, queryTimeout } = this.#options
    return this.#client.query({
      text,
      values,
      types: AS_TEXT,
      query_timeout: queryTimeout,
      ...(prepared && { name }),
    })
  }

  async #try<T>(send: () => Promise<T>): Promise<T> {
    for (let tries = 1; ; tries++) {
      try {
        return await send()
      } catch (error) {
        const outcome = outcomeOf(error)
        // Above READ COMMITTED the server refuses what it would otherwise put in order.
        if (outcome === 'conflict' && tries < MAX_TRIES) {
          await pause(tries)
          continue
        }
        const what = outcome === 'not set up' ? 'has no table yet: call await sessions.ensureIndex() once' : 'failed'
        throw new StoreError(this.name, what, outcome === 'unknown' ? 'unknown' : false, error)
      }
    }
  }
}

const AS_TEXT = { getTypeParser: () => (text: string) => text }
