import { Redis } from 'ioredis'
import { mongodb } from 'koa-atomic-session/mongodb'
import { postgres } from 'koa-atomic-session/postgres'
import { redis } from 'koa-atomic-session/redis'
import { MongoClient } from 'mongodb'
import pg from 'pg'
import { createClient } from 'redis'
import type { IndexableStore } from '../../src/store.ts'

/** A store over a connection of its own. */
export interface Opened {
  readonly store: IndexableStore
  readonly close: () => Promise<unknown>
}

/** Opens each kind of store at a URL, as an application would. `name` sets its sessions apart from those of others. */
export type Kind = 'mongodb' | 'postgres' | 'redis' | 'ioredis'

export const OPEN: Record<Kind, (url: string, name: string) => Promise<Opened>> = {
  async mongodb(url, name) {
    const options = { serverSelectionTimeoutMS: 5000, connectTimeoutMS: 1000, socketTimeoutMS: 1000 }
    const client = await MongoClient.connect(url, options)
    const store = mongodb(client.db('stores').collection(name))
    return { store, close: () => client.close() }
  },
  async postgres(url, name) {
    const pool = new pg.Pool({ connectionString: url, connectionTimeoutMillis: 1000 })
    pool.on('error', () => {})
    const store = postgres(pool, { table: name, queryTimeout: 1000 })
    await store.setup()
    return { store, close: () => pool.end() }
  },
  async redis(url, name) {
    const reconnectStrategy = () => 50
    const client = createClient({ url, disableOfflineQueue: true, socket: { socketTimeout: 1000, reconnectStrategy } })
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
