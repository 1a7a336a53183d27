/**
 * A store by its URL, for tools, tests and applications that name it in a variable.
 *
 * @module koa-atomic-session/open
 */
import { existsSync, statSync } from 'node:fs'
import { dirname } from 'node:path'
import type { IndexableStore, InspectableStore } from '../contract/store.ts'
import { SessionUsageError, StoreError } from '../errors/index.ts'
import { assertNames } from '../settings/names.ts'

/** A store with the connection that it was opened by. */
export interface OpenedStore {
  /** The store, for `atomicSession` or for looking after sessions. */
  readonly store: IndexableStore & InspectableStore
  /** Closes the store and the connection below it. Idempotent. */
  close(): Promise<void>
}

/** Options of `openStore`. */
export interface OpenOptions {
  /**
   * False refuses a SQLite file that does not exist or has no table of sessions, instead of creating them.
   * @default true
   */
  readonly create?: boolean
  /**
   * The table, or MongoDB's collection.
   * @default 'sessions'
   */
  readonly table?: string
  /**
   * PostgreSQL's schema.
   * @default 'public'
   */
  readonly schema?: string
  /**
   * The beginning of the keys in Redis.
   * @default 'session:'
   */
  readonly prefix?: string
  /** The maximum number of connections in the pool of PostgreSQL, MySQL or MongoDB. By default, the driver's. */
  readonly connections?: number
}

/** The options that only some kinds of stores have. */
const OPTIONS: Readonly<Record<string, readonly (keyof OpenOptions)[]>> = {
  sqlite: ['table'],
  mongodb: ['table', 'connections'],
  postgres: ['table', 'schema', 'connections'],
  postgresql: ['table', 'schema', 'connections'],
  mysql: ['table', 'connections'],
  mariadb: ['table', 'connections'],
  redis: ['prefix'],
  rediss: ['prefix'],
}

/** How long a server may take to answer before it counts as down. */
const PATIENCE = 3000

/**
 * Opens the store that a URL names: `redis://`, `rediss://`, `redis-cluster://`, `postgres://`, `mysql://`,
 * `mariadb://`, `mongodb://`, `mongodb+srv://`, `memory:`, `sqlite:` and a file's name, or the file's name alone. The driver must be installed.
 *
 * @throws `SessionUsageError` for a URL of another kind, or when the driver is missing.
 * @throws `StoreError` when the server can't be reached or refuses, within three seconds.
 */
export async function openStore(url: string, options: OpenOptions = {}): Promise<OpenedStore> {
  assertNames(options, ['create', 'table', 'schema', 'prefix', 'connections'], 'openStore()')
  if (typeof url !== 'string' || url === '') {
    const got = url === '' ? 'an empty text' : typeof url
    throw new SessionUsageError(`openStore() takes a URL or a file's name, but got ${got}: is its variable set?`)
  }
  const kind = /^([a-z][a-z0-9]+)(?:[+-][a-z]+)?:/i.exec(url)?.[1] ?? 'sqlite'
  const open = Object.hasOwn(KINDS, kind) ? KINDS[kind] : undefined
  if (!open) {
    throw new SessionUsageError(
      `No store is called '${kind}': use redis://…, postgres://…, mysql://…, mongodb://…, memory: or the name of a SQLite file`,
    )
  }
  assertNames(options, ['create', ...(OPTIONS[kind] ?? [])], `openStore('${kind}:…')`)
  const { connections } = options
  if (connections !== undefined && !(Number.isInteger(connections) && connections >= 1)) {
    throw new SessionUsageError('openStore() takes a whole number of connections, from 1')
  }
  try {
    return await open(url, options)
  } catch (error) {
    throw explained(kind, url, error)
  }
}

/**
 * The SQL that creates what PostgreSQL needs, for an administrator to run. It connects to no server. `fields` are those
 * of the option `index`.
 *
 * @throws `SessionUsageError` for a URL of another kind: other stores create what they need themselves.
 *
 * @example
 * ```ts
 * import { storeSchema } from 'koa-atomic-session/open'
 *
 * console.log(await storeSchema('postgres://', ['user_id'], { table: 'app_sessions' }))
 * ```
 */
export async function storeSchema(
  url: string,
  fields: readonly string[] = [],
  options: Pick<OpenOptions, 'table' | 'schema'> = {},
): Promise<string> {
  if (!/^postgres(?:ql)?:/.test(url)) {
    throw new SessionUsageError('The schema is SQL for PostgreSQL, postgres://…: other stores make what they need')
  }
  assertNames(options, ['table', 'schema'], 'storeSchema()')
  const { postgresSchema } = await import('./postgres/index.ts')
  return postgresSchema(options, fields)
}

const KINDS: Readonly<Record<string, (url: string, options: OpenOptions) => Promise<OpenedStore>>> = {
  async sqlite(url, { create = true, table }) {
    const { sqlite } = await import('./sqlite/index.ts')
    const { open } = await import('./sqlite/client.ts')
    const file = url.replace(/^sqlite:(\/\/(?=\/))?/, '')
    if (!create && !existsSync(file)) throw new Error('there is no such file')
    if (!existsSync(dirname(file))) throw new Error('there is no such folder')
    if (existsSync(file) && statSync(file).isDirectory()) throw new Error('it is a folder')
    const database = open(file)
    let isOpen = true
    const close = async () => {
      if (isOpen) database.close()
      isOpen = false
    }
    try {
      database.exec(`PRAGMA busy_timeout = ${PATIENCE}`)
      const known = database.prepare("SELECT name FROM pragma_table_info(?) WHERE name IN ('id', 'hash', 'ops')")
      // Only reads: a file of somebody else stays as it is.
      if (known.all(table ?? 'sessions').length < 3 && !create) throw new Error('it has no table of sessions')
    } catch (error) {
      await close()
      throw error
    }
    return { store: sqlite(database, { ...(table && { table }) }), close }
  },

  async mongodb(url, { table = 'sessions', connections }) {
    const { MongoClient } = await import('mongodb')
    const { mongodb } = await import('./mongodb/index.ts')
    // A connection in the making keeps the process alive for as long as it may take.
    const client = await MongoClient.connect(url, {
      serverSelectionTimeoutMS: PATIENCE,
      connectTimeoutMS: PATIENCE,
      waitQueueTimeoutMS: PATIENCE,
      ...(connections && { maxPoolSize: connections }),
    })
    return { store: mongodb(client.db().collection(table)), close: () => client.close() }
  },

  async postgres(url, { table, schema, connections }) {
    const { Pool } = (await import('pg')).default
    const { postgres } = await import('./postgres/index.ts')
    const pool = new Pool({
      connectionString: url,
      connectionTimeoutMillis: PATIENCE,
      keepAlive: true,
      ...(connections && { max: connections }),
    })
    // A connection that breaks while it rests would otherwise end the process.
    pool.on('error', () => {})
    try {
      await pool.query('SELECT 1')
    } catch (error) {
      await pool.end()
      throw error
    }
    let ending: Promise<void> | undefined
    const options = { ...(table && { table }), ...(schema && { schema }) }
    return { store: postgres(pool, options), close: () => (ending ??= pool.end()) }
  },

  async mysql(url, { table, connections }) {
    const { createPool } = (await import('mysql2')).default
    const { mysql } = await import('./mysql/index.ts')
    const pool = createPool({
      uri: url,
      connectTimeout: PATIENCE,
      ...(connections && { connectionLimit: connections }),
    })
    let ending: Promise<void> | undefined
    const close = () => (ending ??= pool.promise().end())
    try {
      await pool.promise().query('SELECT 1')
    } catch (error) {
      await close()
      throw error
    }
    return { store: mysql(pool, { ...(table && { table }) }), close }
  },

  async redis(url, { prefix }) {
    const { createClient, createCluster } = await import('redis')
    const { redis } = await import('./redis/index.ts')
    const options = { ...(prefix && { prefix }) }
    const nodeUrl = url.replace('redis-cluster:', 'redis:')
    const node = createClient({ url: nodeUrl, socket: { connectTimeout: PATIENCE } })
    await promptly(node)
    if (nodeUrl === url) return { store: redis(node, options), close: async () => void (node.isOpen && node.destroy()) }
    // Only now, because the client of a cluster can't be stopped while it waits for its first node.
    node.destroy()
    const cluster = createCluster({ rootNodes: [{ url: nodeUrl }] })
    await promptly(cluster)
    return { store: redis(cluster, options), close: async () => void (cluster.isOpen && cluster.destroy()) }
  },

  async memory() {
    const { memory } = await import('./memory/index.ts')
    return { store: memory(), close: async () => {} }
  },
}
Object.assign(KINDS, { postgresql: KINDS.postgres, rediss: KINDS.redis, mariadb: KINDS.mysql })

interface Connectable {
  connect(): Promise<unknown>
  destroy(): void
  on(event: 'error', listener: (error: unknown) => void): unknown
}

/** Connects a client of Redis, which itself would try forever: here somebody is waiting to hear that it can't. */
async function promptly(client: Connectable): Promise<void> {
  let failure: unknown
  client.on('error', (error) => {
    failure = error
  })
  let waiting: NodeJS.Timeout | undefined
  const late = new Promise<never>((_, reject) => {
    waiting = setTimeout(() => reject(failure ?? new Error('no answer')), PATIENCE)
  })
  try {
    await Promise.race([client.connect(), late])
  } catch (error) {
    client.destroy()
    throw error
  } finally {
    clearTimeout(waiting)
  }
}

/** One sentence: what can't be reached and why. The URL's user and password are not repeated. */
function explained(kind: string, url: string, error: unknown): unknown {
  if (error instanceof SessionUsageError || error instanceof StoreError) return error
  const { code, message } = error as { code?: string; message?: string }
  if (code === 'ERR_MODULE_NOT_FOUND') {
    const driver = /Cannot find package '([^']+)'/.exec(message ?? '')?.[1] ?? kind
    return new SessionUsageError(`${kind} needs its driver: npm install ${driver}`, { cause: error })
  }
  const where = kind === 'sqlite' ? url.replace(/^sqlite:/, '') : hostOf(url)
  // What a driver says of a URL that it has read wrongly repeats pieces of it, and so does its error.
  if (where === undefined || code === 'ERR_INVALID_URL') {
    const reason = code === undefined || code === 'ERR_INVALID_URL' ? "its URL can't be read" : code
    const hint = 'in a user or password write / as %2F, ? as %3F, # as %23, @ as %40, % as %25'
    return new StoreError(kind, `can't be opened: ${reason}; ${hint}`, false)
  }
  // Nothing of any session has been sent.
  return new StoreError(kind, `at ${where} can't be opened`, false, error, { whole: true })
}

/**
 * The host or hosts of a URL; undefined where a password that is not percent-encoded, with `/`, `?`, `#` or `@` in it,
 * may reach into what looks like them.
 */
function hostOf(url: string): string | undefined {
  const hosts = /^[^:]+:\/\/(?:[^@/?#]*@)?([^@/?#]+)(?:[/?#][^@]*)?$/.exec(url)?.[1]
  const isHost = (host: string) => /^(?:\[[\da-f:.]+\]|[\w.-]+)(?::\d+)?$/i.test(host)
  return hosts?.split(',').every(isHost) ? hosts : undefined
}
