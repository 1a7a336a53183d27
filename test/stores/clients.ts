import { Redis } from 'ioredis'
import { mongodb } from 'koa-atomic-session/mongodb'
import { mysql } from 'koa-atomic-session/mysql'
import { postgres } from 'koa-atomic-session/postgres'
import { redis } from 'koa-atomic-session/redis'
import { MongoClient } from 'mongodb'
import { createPool } from 'mysql2'
import pg from 'pg'
import { createClient } from 'redis'
import { inject } from 'vitest'
import type { IndexableStore } from '../../src/contract/store.ts'
import { type Missing, type Server, untilItWorks } from '../servers/child.ts'
import { database } from '../servers/database.ts'
import { startMariadb } from '../servers/mariadb.ts'
import { startMongo } from '../servers/mongodb.ts'
import { startPostgres } from '../servers/postgres.ts'
import { startRedis } from '../servers/redis.ts'

/** A store over a connection of its own. */
export interface Opened {
  readonly store: IndexableStore
  readonly close: () => Promise<unknown>
}

/** A store on a server, by one driver. */
export type Kind = 'mongodb' | 'postgres' | 'redis' | 'ioredis' | 'mysql'

/**
 * `patience`: how long a driver waits for a server, in milliseconds; short where a test makes faults that only the
 * driver can notice.
 */
type Open = (url: string, name: string, patience?: number) => Promise<Opened>

const PATIENCE = 30_000

/** Opens each kind of store at a URL, as an application would. `name` sets its sessions apart from those of others. */
export const OPEN: Record<Kind, Open> = {
  async mongodb(url, name, patience = PATIENCE) {
    const options = { serverSelectionTimeoutMS: 5 * patience, connectTimeoutMS: patience, socketTimeoutMS: patience }
    const client = await MongoClient.connect(url, options)
    const store = mongodb(client.db(database('stores')).collection(name))
    return { store, close: () => client.close() }
  },
  async postgres(url, name, patience = PATIENCE) {
    const pool = new pg.Pool({ connectionString: url, connectionTimeoutMillis: patience })
    pool.on('error', () => {})
    const store = postgres(pool, { table: name, queryTimeout: patience })
    await untilItWorks(() => store.setup())
    return { store, close: () => pool.end() }
  },
  async mysql(url, name, patience = PATIENCE) {
    const pool = createPool({ uri: url, connectTimeout: patience })
    const store = mysql(pool, { table: name, queryTimeout: patience })
    await untilItWorks(() => store.setup())
    return { store, close: () => pool.promise().end() }
  },
  async redis(url, name, patience = PATIENCE) {
    const client = createClient({
      url,
      disableOfflineQueue: true,
      // A connection that rests longer than its time-out is closed: the pings keep it.
      pingInterval: patience / 2,
      socket: { socketTimeout: patience, reconnectStrategy: () => 50 },
    })
    client.on('error', () => {})
    await client.connect()
    return { store: redis(client, { prefix: `${name}:` }), close: async () => client.destroy() }
  },
  /** As it comes: it sends again what was in flight when a connection broke, and queues while there is none. */
  async ioredis(url, name) {
    const client = new Redis(url, { retryStrategy: () => 50 })
    client.on('error', () => {})
    return { store: redis(client, { prefix: `${name}:` }), close: async () => client.disconnect() }
  },
}

/** The server of each kind: its name in the run, the variable that hands one in, and how another one is started. */
export const SERVERS: Record<Kind, ServerKind> = {
  mongodb: { name: 'mongodb', variable: 'MONGODB_URL', start: startMongo },
  postgres: { name: 'postgres', variable: 'DATABASE_URL', start: () => startPostgres() },
  redis: { name: 'redis', variable: 'REDIS_URL', start: () => startRedis() },
  ioredis: { name: 'redis', variable: 'REDIS_URL', start: () => startRedis() },
  mysql: { name: 'mariadb', variable: 'MARIADB_URL', start: () => startMariadb() },
}

interface ServerKind {
  readonly name: 'mongodb' | 'postgres' | 'redis' | 'mariadb'
  readonly variable: string
  readonly start: () => Promise<(Server & { real?: boolean }) | Missing>
}

/** Every kind: a test that goes through these holds for all stores on servers. */
export const KINDS = Object.keys(OPEN) as readonly Kind[]
/** The same, each store by one driver only. */
export const STORES = ['mongodb', 'postgres', 'redis', 'mysql'] as const satisfies Kind[]

/** The server of this run for a kind, or why there is none. */
export function serverOf(kind: Kind) {
  return inject(SERVERS[kind].name)
}
