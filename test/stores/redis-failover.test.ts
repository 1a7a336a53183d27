import { once } from 'node:events'
import net, { type AddressInfo } from 'node:net'
import { Cluster, Redis } from 'ioredis'
import { type RedisClient, redis } from 'koa-atomic-session/redis'
import { createClient, createClientPool, createCluster } from 'redis'
import { createClient as createClient4 } from 'redis4'
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest'
import { commands } from '../../src/algebra/index.ts'
import { chainOf, changed, changeOf, dataOf, visitor } from '../../src/testing/harness.ts'
import { type Server, untilItWorks } from '../servers/child.ts'
import { redisServer, startRedisCluster } from '../servers/redis.ts'

/** The settings of docs/stores/redis.md. */
const SETTINGS = {
  disableOfflineQueue: true,
  pingInterval: 500,
  socket: { socketTimeout: 1000, reconnectStrategy: (retries: number) => Math.min(50 * 2 ** retries, 2000) },
}

const KINDS: [string, (url: string) => Promise<{ client: RedisClient; close: () => unknown }>][] = [
  ['node-redis with the settings of its page', (url) => nodeRedis(createClient({ url, ...SETTINGS }))],
  ['node-redis as it comes', (url) => nodeRedis(createClient({ url }))],
  ['a pool of node-redis', (url) => nodeRedis(createClientPool({ url }))],
  [
    'node-redis 4',
    async (url) => {
      const client = createClient4({ url })
      client.on('error', () => {})
      await client.connect()
      return { client, close: () => client.disconnect() }
    },
  ],
  [
    'ioredis',
    async (url) => {
      const client = new Redis(url, { socketTimeout: 1000 })
      client.on('error', () => {})
      await once(client, 'ready')
      return { client, close: () => client.disconnect() }
    },
  ],
]

async function nodeRedis<C extends RedisClient & { on(name: string, listener: () => void): unknown }>(
  client: C & { connect(): Promise<unknown>; destroy(): void },
) {
  client.on('error', () => {})
  await client.connect()
  return { client, close: () => client.destroy() }
}

describe.skipIf('missing' in inject('redis'))('Redis, when a replica has taken over', () => {
  let servers: [Server, Server]
  let name: net.Server
  let primary = 0
  beforeAll(async () => {
    servers = [(await redisServer()) as Server, (await redisServer()) as Server]
    // A name that leads to the primary, as hosts of databases have it. Connections to the other server stay open.
    name = net.createServer((from) => {
      const to = net.connect(Number(new URL(servers[primary]!.url).port), '127.0.0.1')
      const end = () => {
        from.destroy()
        to.destroy()
      }
      for (const side of [from, to]) side.on('error', end).on('close', end)
      from.pipe(to).pipe(from)
    })
    await once(name.listen(0, '127.0.0.1'), 'listening')
    await lead(0)
  })
  afterAll(async () => {
    name?.close()
    await Promise.all((servers ?? []).map((server) => server.stop()))
  })

  /** Makes this server the primary, and the other one its replica. */
  async function lead(which: 0 | 1) {
    const [next, other] = [servers[which], servers[1 - which]!]
    const clients = [createClient({ url: next.url }), createClient({ url: other.url })]
    await Promise.all(clients.map((client) => client.connect()))
    await clients[0]!.sendCommand(['REPLICAOF', 'NO', 'ONE'])
    primary = which
    await clients[1]!.sendCommand(['REPLICAOF', '127.0.0.1', new URL(next.url).port])
    await untilItWorks(async () => {
      const info = await clients[1]!.info('replication')
      if (!/master_link_status:up/.test(info)) throw new Error('no replica yet')
    })
    for (const client of clients) client.destroy()
  }

  it.each(KINDS)('heals by itself: %s', async (_, open) => {
    const { client, close } = await open(`redis://127.0.0.1:${(name.address() as AddressInfo).port}`)
    const store = redis(client)
    const { access } = await visitor(store, { n: 0 })
    await lead(primary === 0 ? 1 : 0)
    const inc = () => store.update(access, changeOf(chainOf(commands.inc('n'))))
    await expect(inc()).rejects.toMatchObject({ applied: false, message: expect.stringMatching(/READONLY.*replica/) })
    await untilItWorks(async () => expect(changed(await inc()).data).toEqual({ n: 1 }))
    close()
  })
})

describe.skipIf('missing' in inject('redisCluster'))('a cluster of Redis, when a replica has taken over', () => {
  let cluster: Server
  beforeAll(async () => {
    cluster = (await startRedisCluster({ replicas: 1 })) as Server
  })
  afterAll(() => cluster?.stop())

  const CLUSTERS: [string, (url: string) => Promise<{ client: RedisClient; close: () => unknown }>][] = [
    ['node-redis', (url) => nodeRedis(createCluster({ rootNodes: [{ url }] }))],
    [
      'ioredis',
      async (url) => {
        const client = new Cluster([{ host: '127.0.0.1', port: Number(new URL(url).port) }])
        client.on('error', () => {})
        await once(client, 'ready')
        return { client, close: () => client.disconnect() }
      },
    ],
  ]

  it.each(CLUSTERS)('is found again by its client: %s', async (name, open) => {
    const { client, close } = await open(cluster.url)
    const store = redis(client, { prefix: `${name}:` })
    // On every node.
    const visitors = await Promise.all(Array.from({ length: 30 }, () => visitor(store, { n: 0 })))
    const { client: any } = await nodeRedis(createClient({ url: cluster.url }))
    const asked = any as ReturnType<typeof createClient>
    const nodes = String(await asked.sendCommand(['CLUSTER', 'NODES'])).split('\n')
    const [line, of] = nodes.map((node) => [node, /slave (\w+)/.exec(node)?.[1]]).find(([, of]) => of)!
    const [, port] = /:(\d+)@/.exec(line!)!
    const replica = await createClient({ url: `redis://127.0.0.1:${port}` })
      .on('error', () => {})
      .connect()
    // The replica gives up after five seconds, which a busy machine may need; and it refuses while it still tries.
    await untilItWorks(async () => {
      await replica.sendCommand(['CLUSTER', 'FAILOVER'])
      await untilItWorks(async () => expect(await replica.info('replication')).toMatch(/role:master/), 6_000)
    })
    expect(of).toBeDefined()
    for (const { access } of visitors) {
      await untilItWorks(async () => changed(await store.update(access, changeOf(chainOf(commands.inc('n'))))))
      expect(await dataOf(store, access)).toEqual({ n: 1 })
    }
    for (const one of [replica, asked]) one.destroy()
    close()
  })
})
