/**
 * Opens the store that a URL names: `memory:`, a SQLite file, `mongodb://…`, `postgres://…`, `redis://…` or
 * `redis-cluster://…`. `close` also ends the connection.
 */
export async function openStore(url) {
  const kind = /^([a-z]+)(?:[+-][a-z]+)?:/.exec(url)?.[1] ?? 'sqlite'
  const open = KINDS[kind]
  if (!open) throw new Error(`no store is called '${kind}': use ${Object.keys(KINDS).join(', ')}`)
  return open(url)
}

const KINDS = {
  async sqlite(url) {
    const { sqlite } = await import('koa-atomic-session/sqlite')
    const store = sqlite(url.replace(/^sqlite:/, ''))
    return { store, close: () => store.close() }
  },

  async mongodb(url) {
    const { MongoClient } = await import('mongodb')
    const { mongodb } = await import('koa-atomic-session/mongodb')
    const client = await MongoClient.connect(url, { serverSelectionTimeoutMS: 3000 })
    return { store: mongodb(client.db().collection('sessions')), close: () => client.close() }
  },

  async postgres(url) {
    const { default: pg } = await import('pg')
    const { postgres } = await import('koa-atomic-session/postgres')
    const pool = new pg.Pool({ connectionString: url, connectionTimeoutMillis: 3000 })
    // A connection that breaks while it rests would otherwise end the process.
    pool.on('error', () => {})
    return { store: postgres(pool), close: () => pool.end() }
  },

  async redis(url) {
    const { createClient, createCluster } = await import('redis')
    const { redis } = await import('koa-atomic-session/redis')
    const client = url.startsWith('redis-cluster:')
      ? createCluster({ rootNodes: [{ url: url.replace('redis-cluster:', 'redis:') }] })
      : createClient({ url, socket: { connectTimeout: 3000 } })
    let failure
    client.on('error', (error) => {
      failure = error
    })
    // The client itself would try for ever: at the start somebody is waiting to hear that it can't.
    const connected = client.connect()
    await Promise.race([
      connected,
      new Promise((_, reject) => setTimeout(() => reject(failure ?? new Error('no answer')), 3000).unref()),
    ]).catch((error) => {
      client.destroy()
      throw error
    })
    return { store: redis(client), close: async () => client.destroy() }
  },

  async memory() {
    const { memory } = await import('koa-atomic-session/memory')
    return { store: memory(), close: async () => {} }
  },
}
KINDS.postgresql = KINDS.postgres
KINDS.rediss = KINDS.redis
