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
export const OPEN: Record<'mongodb' | 'postgres' | 'redis', (url: string, name: string) => Promise<Opened>> = {
  async mongodb(url, name) {
    const client = await MongoClient.connect(url, { heartbeatFrequencyMS: 60_000 })
    const store = mongodb(client.db('stores').collection(name))
    return { store, close: () => client.close() }
  },
  async postgres(url, name) {
    const pool = new pg.Pool({ connectionString: url })
    pool.on('error', () => {})
    const store = postgres(pool, { table: name })
    await store.setup()
    return { store, close: () => pool.end() }
  },
  async redis(url, name) {
    const client = createClient({ url })
    client.on('error', () => {})
    await client.connect()
    return { store: redis(client, { prefix: `${name}:` }), close: async () => client.destroy() }
  },
}
