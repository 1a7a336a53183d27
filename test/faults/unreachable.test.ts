import { Redis } from 'ioredis'
import { mongodb } from 'koa-atomic-session/mongodb'
import { mysql } from 'koa-atomic-session/mysql'
import { postgres } from 'koa-atomic-session/postgres'
import { redis } from 'koa-atomic-session/redis'
import { MongoClient } from 'mongodb'
import { createPool } from 'mysql2'
import pg from 'pg'
import { createClientPool } from 'redis'
import { describe, expect, inject, it } from 'vitest'
import { commands } from '../../src/algebra/index.ts'
import type { Access, Store } from '../../src/contract/store.ts'
import { ReliableStore } from '../../src/delivery/reliable.ts'
import { StoreError } from '../../src/errors/index.ts'
import { chainOf, changeOf, dataOf, visitor } from '../../src/testing/harness.ts'
import { untilItWorks } from '../servers/child.ts'
import { database } from '../servers/database.ts'
import { TcpProxy } from '../servers/proxy.ts'
import { KINDS, type Kind, OPEN, type Opened, SERVERS, serverOf } from '../stores/clients.ts'

const push = (text: string) => changeOf(chainOf([commands.push('list', [text]), commands.inc('n')]))
const ABSENT: Access = { id: 'x'.repeat(22), proof: { hash: 'h' }, maxLifetime: Number.POSITIVE_INFINITY }

/** What a change that fails says of itself. */
async function verdict(store: Pick<Store, 'update'>, access = ABSENT): Promise<unknown> {
  const error = await store.update(access, push('x')).then(
    (answer) => expect.fail(`it did not fail: ${answer.outcome}`),
    (reason) => reason,
  )
  expect(error).toBeInstanceOf(StoreError)
  return error.applied
}

/** ioredis, told not to queue what it can't send. */
async function unqueued(url: string): Promise<Opened> {
  const client = new Redis(url, { enableOfflineQueue: false, lazyConnect: true })
  client.on('error', () => {})
  await client.connect()
  return { store: redis(client) as Opened['store'], close: async () => client.disconnect() }
}

async function impatient(url: string): Promise<Opened> {
  const client = await MongoClient.connect(url, { serverSelectionTimeoutMS: 1000 })
  return { store: mongodb(client.db(database('unreachable')).collection('sessions')), close: () => client.close() }
}

/** The driver's own second try says the same, whatever the first one did: of MongoDB nobody can know. */
const SURELY = { mongodb: 'unknown', postgres: false, redis: false, ioredis: false, mysql: false } as const

/** Drivers that must be told not to wait. */
const IMPATIENT: Partial<Record<Kind, (url: string) => Promise<Opened>>> = { mongodb: impatient, ioredis: unqueued }

for (const kind of KINDS) {
  const { variable, start } = SERVERS[kind]
  const open = IMPATIENT[kind] ?? ((url: string) => OPEN[kind](url, 'unreachable', 1000))
  const left = process.env[variable] || 'missing' in serverOf(kind)
  const what = SURELY[kind] === false ? 'surely not applied' : 'not known to be applied'
  it.skipIf(left)(`${kind}: nobody listens, and a change is ${what}`, async () => {
    const server = await start()
    if ('missing' in server) throw new Error(server.missing)
    const { store, close } = await open(server.url)
    const { access } = await visitor(store, { n: 0, list: [] })
    await server.kill()
    // What a dead connection swallows first nobody knows.
    await untilItWorks(async () => expect(await verdict(store, access)).toBe(SURELY[kind]))
    expect(await verdict(new ReliableStore(store, 60_000), access)).toBe(SURELY[kind])
    await close()
    await server.stop()
  })
}

describe('a host that has no address', () => {
  it('postgres: a change is surely not applied', async () => {
    const pool = new pg.Pool({ host: 'nobody.invalid', connectionTimeoutMillis: 5000 })
    expect(await verdict(postgres(pool))).toBe(false)
    await pool.end()
  })

  it('mongodb: a change is not known to be applied', async () => {
    const client = new MongoClient('mongodb://nobody.invalid', { serverSelectionTimeoutMS: 500 })
    expect(await verdict(mongodb(client.db('none').collection('none')))).toBe(SURELY.mongodb)
    await client.close()
  })
})

const servers = {
  mongodb: inject('mongodb'),
  postgres: inject('postgres'),
  redis: inject('redis'),
  mysql: inject('mariadb'),
}
const urlOf = (kind: keyof typeof servers) => ('url' in servers[kind] ? servers[kind].url : '')

describe('a server that takes connections and never says a word', () => {
  it.skipIf('missing' in servers.postgres)('postgres: a change is surely not applied', async () => {
    const proxy = await TcpProxy.before(urlOf('postgres'))
    proxy.request = () => 'vanish'
    const pool = new pg.Pool({ connectionString: proxy.through(urlOf('postgres')), connectionTimeoutMillis: 500 })
    expect(await verdict(postgres(pool))).toBe(false)
    await proxy.close()
    await pool.end()
  })

  it.skipIf('missing' in servers.mysql)('mysql: a change is surely not applied', async () => {
    const proxy = await TcpProxy.before(urlOf('mysql'))
    proxy.request = () => 'vanish'
    const pool = createPool({ uri: proxy.through(urlOf('mysql')) })
    expect(await verdict(mysql(pool, { queryTimeout: 500 }))).toBe(false)
    await proxy.close()
    await pool
      .promise()
      .end()
      .catch(() => {})
  })

  it.skipIf('missing' in servers.mongodb)('mongodb: a change is not known to be applied', async () => {
    const proxy = await TcpProxy.before(urlOf('mongodb'))
    proxy.request = () => 'vanish'
    const client = new MongoClient(proxy.through(urlOf('mongodb')), { serverSelectionTimeoutMS: 500 })
    expect(await verdict(mongodb(client.db('none').collection('none')))).toBe(SURELY.mongodb)
    await proxy.close()
    await client.close()
  })
})

describe('a pool without a free connection', () => {
  /** The one connection waits for an answer: the next change is given up, and then all goes on. */
  async function exhausted(store: Store, proxy: TcpProxy, surely: false | 'unknown'): Promise<void> {
    const { access } = await visitor(store, { n: 0, list: [] })
    await store.update(access, push('a'))
    const sent = new Promise<void>((resolve) => {
      proxy.reply = () => {
        resolve()
        return 'hold'
      }
    })
    const first = store.update(access, push('b'))
    await sent
    expect(await verdict(store, access)).toBe(surely)
    proxy.reply = () => 'pass'
    proxy.release()
    await first
    await store.update(access, push('c'))
    expect(await dataOf(store, access)).toEqual({ n: 3, list: ['a', 'b', 'c'] })
  }

  it.skipIf('missing' in servers.mongodb)('mongodb', async () => {
    const proxy = await TcpProxy.before(urlOf('mongodb'))
    const options = { maxPoolSize: 1, waitQueueTimeoutMS: 500 }
    const client = new MongoClient(proxy.through(urlOf('mongodb')), options)
    await exhausted(mongodb(client.db(database('unreachable')).collection('pool')), proxy, SURELY.mongodb)
    await client.close()
    await proxy.close()
  })

  it.skipIf('missing' in servers.redis)('node-redis', async () => {
    const proxy = await TcpProxy.before(urlOf('redis'))
    const pool = createClientPool(
      { url: proxy.through(urlOf('redis')) },
      { minimum: 1, maximum: 1, acquireTimeout: 500 },
    )
    pool.on('error', () => {})
    await pool.connect()
    await exhausted(redis(pool as never, { prefix: 'pool:' }), proxy, SURELY.redis)
    await pool.close()
    await proxy.close()
  })

  it.skipIf('missing' in servers.mysql)('mysql', async () => {
    const proxy = await TcpProxy.before(urlOf('mysql'))
    // As long as nothing is lost, the connection that waits is not given up.
    const pool = createPool({ uri: proxy.through(urlOf('mysql')), connectionLimit: 1, waitForConnections: false })
    const store = mysql(pool, { table: 'exhausted' })
    await store.setup()
    await exhausted(store, proxy, SURELY.mysql)
    await pool.promise().end()
    await proxy.close()
  })
})
