import pg from 'pg'
import { createClient, createSentinel } from 'redis'
import { afterEach, expect, inject, it } from 'vitest'
import { type Missing, type Server, untilItWorks } from './child.ts'
import { pgbouncer } from './pgbouncer.ts'
import { redisSentinel, redisServer, startRedisCluster } from './redis.ts'

const running: Server[] = []
afterEach(async () => {
  await Promise.all(running.splice(0).map((server) => server.stop()))
})

async function up(server: Promise<Server | Missing>): Promise<Server> {
  const started = await server
  if ('missing' in started) throw new Error(started.missing)
  running.push(started)
  return started
}

it.skipIf('missing' in inject('redis') || process.env.REDIS_URL)(
  'a Redis Sentinel leads to the replica when its master has died',
  async () => {
    const master = await up(redisServer())
    const { port } = new URL(master.url)
    const replica = await up(redisServer(['--replicaof', '127.0.0.1', port]))
    const client = await createClient({ url: master.url }).connect()
    await untilItWorks(async () => expect(await client.info('replication')).toMatch(/slave0:.*state=online/))
    client.destroy()
    const sentinel = await up(redisSentinel(master.url))
    const { hostname: host, port: at } = new URL(sentinel.url)
    await master.kill()
    await untilItWorks(async () => {
      const asked = await createClient({ url: sentinel.url }).connect()
      const answer = await asked.sendCommand(['SENTINEL', 'GET-MASTER-ADDR-BY-NAME', 'tests'])
      asked.destroy()
      expect(answer).toEqual(['127.0.0.1', new URL(replica.url).port])
    })
    const followed = createSentinel({ name: 'tests', sentinelRootNodes: [{ host, port: Number(at) }] })
    followed.on('error', () => {})
    await followed.connect()
    expect(await followed.set('k', 'v')).toBe('OK')
    followed.destroy()
  },
)

it.skipIf('missing' in inject('redisCluster'))('a Redis cluster has the replicas that it is asked for', async () => {
  const cluster = await up(startRedisCluster({ replicas: 1 }))
  const client = await createClient({ url: cluster.url }).connect()
  const nodes = String(await client.sendCommand(['CLUSTER', 'NODES']))
  client.destroy()
  expect(
    nodes
      .match(/\b(master|slave)\b/g)!
      .sort()
      .join(),
  ).toBe('master,master,master,slave,slave,slave')
})

const postgres = inject('postgres')
it.skipIf('missing' in postgres)('a PgBouncer hands its one connection to two clients', async (context) => {
  const bouncer = await pgbouncer((postgres as { url: string }).url, { default_pool_size: 1 })
  // PostgreSQL comes with npm, PgBouncer does not.
  if ('missing' in bouncer) return context.skip(bouncer.missing)
  running.push(bouncer)
  const backends = []
  const clients = [new pg.Client(bouncer.url), new pg.Client(bouncer.url)]
  for (const client of clients) {
    await client.connect()
    backends.push((await client.query('SELECT pg_backend_pid() AS pid')).rows[0].pid)
  }
  await Promise.all(clients.map((client) => client.end()))
  expect(backends[0]).toBe(backends[1])
})
