import { Redis } from 'ioredis'
import { mongodb } from 'koa-atomic-session/mongodb'
import { postgres } from 'koa-atomic-session/postgres'
import { redis } from 'koa-atomic-session/redis'
import { MongoClient } from 'mongodb'
import pg from 'pg'
import { createClient } from 'redis'
import type { IndexableStore } from '../../src/contract/store.ts'
import { untilItWorks } from '../servers/child.ts'
import { database } from '../servers/database.ts'

/** A store over a connection of its own. */
export interface Opened {
  readonly store: IndexableStore
  readonly close: () => Promise<unknown>
}

/** Opens each kind of store at a URL, as an application would. `name` sets its sessions apart from those of others. */
export type Kind = 'mongodb' | 'postgres' | 'redis' | 'ioredis'

/**
 * `patience`: how long a driver waits for a server, in milliseconds; short where a test makes faults that only the
 * driver can notice.
 */
type Open = (url: string, name: string, patience?: number) => Promise<Opened>

const PATIENCE = 30_000

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
