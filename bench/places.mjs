// Where capacity.mjs keeps sessions: each starts its own server, opens our store on it, and says how large it has become
// and how much processor time it has used. Nothing waits for a disk: that takes no processor time.
import { mkdtempSync, rmSync } from 'node:fs'
import { createRequire } from 'node:module'
import { freemem, tmpdir } from 'node:os'
import { join } from 'node:path'
import { openStore } from '../dist/stores/open.js'
import { sqlite } from '../dist/stores/sqlite/index.js'
import { servers } from './databases.mjs'
import { cpuOf } from './processes.mjs'

const require = createRequire(import.meta.url)
const portOf = (url) => new URL(url).port

/** A store on a server, by its URL. */
async function onServer(server, url, more) {
  const { store, close } = await openStore(url, more.options)
  const ports = more.ports ?? [portOf(url)]
  const stop = async () => {
    await close()
    await more.close?.()
    await server.stop()
  }
  return { what: server.what, store, cpu: () => cpuOf(ports), ...more, stop }
}

const redisClient = (url) => require('redis').createClient({ url }).connect()

async function redisAt(url) {
  const client = await redisClient(url)
  const info = async (section, name) => Number(new RegExp(`${name}:(\\d+)`).exec(await client.info(section))[1])
  return {
    bytes: () => info('memory', 'used_memory'),
    keys: () => client.dbSize(),
    copies: (one, count) => copyInRedis(client, one, count),
    set: (name, value) => client.configSet(name, value),
    close: () => client.close(),
  }
}

/** Sessions of the same data under other keys. */
async function copyInRedis(client, one, count) {
  const script = `for i = ARGV[1], ARGV[2] do redis.call('COPY', KEYS[1], string.format('session:%022d', i)) end`
  for (let from = 1; from <= count; from += 5000) {
    const to = Math.min(from + 4999, count)
    await client.eval(script, { keys: [`session:${one}`], arguments: [String(from), String(to)] })
  }
}

/** The same with other users and other times, so no index can store equal keys once. */
async function copyInPostgres(pool, one, count) {
  const columns = `SELECT column_name AS name FROM information_schema.columns WHERE table_name = 'sessions' ORDER BY ordinal_position`
  const { rows } = await pool.query(columns)
  const other = {
    id: `left(md5(i::text), 22)`,
    data: `jsonb_set(data, '{user_id}', to_jsonb(1000000 + i))`,
    expires: `expires + i * interval '1 millisecond'`,
  }
  const values = rows.map(({ name }) => other[name] ?? name).join(', ')
  await pool.query(
    `INSERT INTO sessions SELECT ${values} FROM sessions, generate_series(1, ${count}) AS i WHERE id = $1`,
    [one],
  )
}

const sum = (list) => list.reduce((total, one) => total + one, 0)

export const PLACES = {
  async redis() {
    const server = await (await servers('redis')).redisServer(['--save', ''], { asShipped: true })
    if ('missing' in server) return server
    const most = freemem() > 18 * 2 ** 30 ? 10_000_000 : 1_000_000
    return onServer(server, server.url, { ...(await redisAt(server.url)), most })
  },
  async 'redis, cluster of three'() {
    const server = await (await servers('redis')).startRedisCluster()
    if ('missing' in server) return server
    const client = await redisClient(server.url)
    const addresses = (await client.sendCommand(['CLUSTER', 'NODES'])).match(/127\.0\.0\.1:\d+/g)
    await client.close()
    const nodes = await Promise.all(addresses.map((address) => redisAt(`redis://${address}`)))
    for (const node of nodes) await node.set('appendonly', 'no')
    const over = (what) => async () => sum(await Promise.all(nodes.map((node) => node[what]())))
    return onServer(server, server.url.replace('redis:', 'redis-cluster:'), {
      ports: addresses.map((address) => address.split(':')[1]),
      bytes: over('bytes'),
      keys: over('keys'),
      close: over('close'),
    })
  },
  async postgres() {
    const server = await (await servers('postgres')).startPostgres()
    if ('missing' in server) return server
    const pool = new (require('pg').Pool)({ connectionString: server.url })
    return onServer(server, server.url, {
      options: { connections: 16 },
      bytes: async () => Number((await pool.query(`SELECT pg_total_relation_size('sessions') AS size`)).rows[0].size),
      compact: () => pool.query('VACUUM (FULL, ANALYZE) sessions'),
      copies: (one, count) => copyInPostgres(pool, one, count),
      most: 1_000_000,
      close: () => pool.end(),
    })
  },
  async mariadb() {
    const settings = ['--innodb-flush-log-at-trx-commit=0', '--innodb-buffer-pool-size=1G', '--innodb-doublewrite=0']
    const server = await (await servers('mariadb')).startMariadb(settings)
    if ('missing' in server) return server
    const pool = require('mysql2/promise').createPool({ uri: server.url })
    const size = `SELECT DATA_LENGTH + INDEX_LENGTH AS size FROM information_schema.TABLES WHERE TABLE_NAME = 'sessions'`
    return onServer(server, server.url, {
      options: { connections: 16 },
      compact: () => pool.query('OPTIMIZE TABLE sessions'),
      async bytes() {
        await pool.query('ANALYZE TABLE sessions')
        return Number((await pool.query(size))[0][0].size)
      },
      close: () => pool.end(),
    })
  },
  /** In this process: its own time is what counts, with that of the store around it. */
  async sqlite() {
    const folder = mkdtempSync(join(tmpdir(), 'capacity-'))
    const database = new (require('libsql'))(join(folder, 'sessions.db'))
    database.exec('PRAGMA journal_mode = WAL')
    const store = sqlite(database)
    const pragma = (name) => Object.values(database.prepare(`PRAGMA ${name}`).get())[0]
    return {
      what: `SQLite ${database.prepare('SELECT sqlite_version() AS v').get().v} by libsql, in the process`,
      store,
      // The store sets it when it sets up.
      ready: () => database.exec('PRAGMA synchronous = OFF'),
      cpu: () => sum(Object.values(process.cpuUsage())),
      compact: () => database.exec('VACUUM'),
      bytes: async () => (pragma('page_count') - pragma('freelist_count')) * pragma('page_size'),
      stop: async () => {
        database.close()
        rmSync(folder, { recursive: true })
      },
    }
  },
}
