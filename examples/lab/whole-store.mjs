import { createRequire } from 'node:module'

/** koa-session's `get`, `set` and `destroy` on the database that a URL names, as its users write them. */
export async function openWholeStore(url) {
  const kind = /^([a-z]+)(?:[+-][a-z]+)?:/.exec(url)?.[1]
  const { get, set, destroy, close } = await (KINDS[kind] ?? KINDS.sqlite)(url)
  const store = {
    get: async (key) => JSON.parse((await get(key)) ?? 'null'),
    set: (key, session) => set(key, JSON.stringify(session)),
    destroy,
  }
  return { store, close }
}

const KINDS = {
  async memory() {
    const sessions = new Map()
    return {
      get: async (key) => sessions.get(key),
      set: async (key, text) => void sessions.set(key, text),
      destroy: async (key) => void sessions.delete(key),
      close: async () => {},
    }
  },

  async sqlite(url) {
    const Database = createRequire(import.meta.url)('libsql')
    const database = new Database(url.replace(/^sqlite:/, ''))
    database.exec('PRAGMA journal_mode = WAL; PRAGMA busy_timeout = 1000')
    database.exec('CREATE TABLE IF NOT EXISTS whole (key TEXT PRIMARY KEY, text TEXT)')
    const select = database.prepare('SELECT text FROM whole WHERE key = ?')
    const replace = database.prepare('INSERT OR REPLACE INTO whole VALUES (?, ?)')
    const remove = database.prepare('DELETE FROM whole WHERE key = ?')
    return {
      get: async (key) => select.get(key)?.text,
      set: async (key, text) => void replace.run(key, text),
      destroy: async (key) => void remove.run(key),
      close: async () => database.close(),
    }
  },

  async redis(url) {
    const { createClient, createCluster } = await import('redis')
    const client = url.startsWith('redis-cluster:')
      ? createCluster({ rootNodes: [{ url: url.replace('redis-cluster:', 'redis:') }] })
      : createClient({ url })
    client.on('error', () => {})
    await client.connect()
    return {
      get: (key) => client.get(`whole:${key}`),
      set: (key, text) => client.set(`whole:${key}`, text, { EX: 86_400 }),
      destroy: (key) => client.del(`whole:${key}`),
      close: async () => client.destroy(),
    }
  },

  async postgres(url) {
    const { default: pg } = await import('pg')
    const pool = new pg.Pool({ connectionString: url })
    pool.on('error', () => {})
    await pool.query('CREATE TABLE IF NOT EXISTS whole (key text PRIMARY KEY, text text)')
    return {
      get: async (key) => (await pool.query('SELECT text FROM whole WHERE key = $1', [key])).rows[0]?.text,
      set: (key, text) =>
        pool.query('INSERT INTO whole VALUES ($1, $2) ON CONFLICT (key) DO UPDATE SET text = $2', [key, text]),
      destroy: (key) => pool.query('DELETE FROM whole WHERE key = $1', [key]),
      close: () => pool.end(),
    }
  },

  async mysql(url) {
    const { default: mysql } = await import('mysql2/promise')
    const pool = mysql.createPool({ uri: url })
    await pool.query('CREATE TABLE IF NOT EXISTS whole (name varchar(100) PRIMARY KEY, text longtext)')
    return {
      get: async (key) => (await pool.execute('SELECT text FROM whole WHERE name = ?', [key]))[0][0]?.text,
      set: (key, text) => pool.execute('REPLACE INTO whole VALUES (?, ?)', [key, text]),
      destroy: (key) => pool.execute('DELETE FROM whole WHERE name = ?', [key]),
      close: () => pool.end(),
    }
  },

  async mongodb(url) {
    const { MongoClient } = await import('mongodb')
    const client = await MongoClient.connect(url)
    const whole = client.db().collection('whole')
    return {
      get: async (_id) => (await whole.findOne({ _id }))?.text,
      set: (_id, text) => whole.updateOne({ _id }, { $set: { text } }, { upsert: true }),
      destroy: (_id) => whole.deleteOne({ _id }),
      close: () => client.close(),
    }
  },
}
KINDS.postgresql = KINDS.postgres
KINDS.rediss = KINDS.redis
KINDS.mariadb = KINDS.mysql
