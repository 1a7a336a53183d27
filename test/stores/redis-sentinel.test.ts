import { once } from 'node:events'
import { Redis } from 'ioredis'
import { Redis as Redis5 } from 'ioredis5'
import { Redis as Valkey } from 'iovalkey'
import { type RedisClient, redis } from 'koa-atomic-session/redis'
import { createClient, createSentinel } from 'redis'
import { createSentinel as createSentinel5 } from 'redis5'
import { afterEach, describe, expect, inject, it } from 'vitest'
import { commands } from '../../src/algebra/index.ts'
import type { IndexedStore } from '../../src/contract/store.ts'
import { chainOf, changed, changeOf, visitor } from '../../src/testing/harness.ts'
import { type Server, untilItWorks } from '../servers/child.ts'
import { redisSentinel, redisServer } from '../servers/redis.ts'

const NAME = 'tests'
type Opened = { client: RedisClient; close: () => unknown }
type Open = (sentinel: { host: string; port: number }) => Promise<Opened>

const ioRedis =
  (Client: typeof Redis, options: object): Open =>
  async (sentinel) => {
    const client = new Client({ sentinels: [sentinel], name: NAME, ...options })
    client.on('error', () => {})
    await once(client, 'ready')
    return { client, close: () => client.disconnect() }
  }
const nodeRedis =
  (create: typeof createSentinel): Open =>
  async (sentinel) => {
    const client = create({ name: NAME, sentinelRootNodes: [sentinel] })
    client.on('error', () => {})
    await client.connect()
    return { client: client as unknown as RedisClient, close: () => client.destroy() }
  }

/** With what docs/stores/redis.md says of Sentinels. */
const KINDS: [string, Open][] = [
  ['ioredis 6', ioRedis(Redis, { failoverDetector: true })],
  ['ioredis 5', ioRedis(Redis5 as unknown as typeof Redis, { failoverDetector: true })],
  ['iovalkey', ioRedis(Valkey as unknown as typeof Redis, { failoverDetector: true })],
  ['node-redis 6', nodeRedis(createSentinel)],
  ['node-redis 5', nodeRedis(createSentinel5 as unknown as typeof createSentinel)],
]

describe.skipIf('missing' in inject('redis'))('Redis behind a Sentinel, which lets a replica take over', () => {
  const closing: (() => unknown)[] = []
  afterEach(async () => {
    for (const close of closing.splice(0).reverse()) await close()
  })
  const started = async (server: ReturnType<typeof redisServer>) => {
    const up = (await server) as Server
    closing.push(() => up.stop())
    return up
  }
  const connected = async ({ url }: Server) => {
    const client = createClient({ url })
    client.on('error', () => {})
    await client.connect()
    closing.push(() => client.destroy())
    return client
  }

  /** A primary, its replica, their Sentinel, and a store by a client that asks the Sentinel. */
  async function setUp(open: Open, minReplicas = 0) {
    const first = await started(redisServer(['--min-replicas-to-write', `${minReplicas}`]))
    const { port } = new URL(first.url)
    const second = await started(redisServer(['--replicaof', '127.0.0.1', port]))
    const [old, next] = [await connected(first), await connected(second)]
    await untilItWorks(async () => expect(await old.info('replication')).toMatch(/state=online/))
    const watcher = await connected(await started(redisSentinel(first.url, { name: NAME })))
    const sentinel = { host: '127.0.0.1', port: Number(new URL(watcher.options!.url!).port) }
    const { client, close } = await open(sentinel)
    closing.push(close)
    const store = redis(client).indexed(['user_id'])
    await store.setup()
    const { id, access } = await visitor(store, { n: 0, user_id: 1 })
    await old.wait(1, 0)
    const inc = () => store.update(access, changeOf(chainOf(commands.inc('n'))))
    /** How often a server has counted. */
    const at = async (server: typeof old) => (await redis(server).get(id))?.data.n
    return { old, next, watcher, store, inc, at, id }
  }

  /** As soon as the Sentinel knows the replica, which it hears of from the primary. */
  const failOver = (watcher: Awaited<ReturnType<typeof connected>>) =>
    untilItWorks(() => watcher.sendCommand(['SENTINEL', 'FAILOVER', NAME]))

  const isPrimary = async (server: Awaited<ReturnType<typeof connected>>) =>
    /role:master/.test(await server.info('replication'))

  it.each(KINDS)('leads the client to the new primary at once, though the old one goes on: %s', async (_, open) => {
    const { old, next, watcher, store, inc, at, id } = await setUp(open)
    // As if nobody could reach it but this client: a Sentinel can't make a replica of it.
    await old.sendCommand(['ACL', 'SETUSER', 'default', '-slaveof', '-replicaof'])
    await failOver(watcher)
    await untilItWorks(async () => {
      // It hears nothing of the old one any more.
      expect(await isPrimary(next)).toBe(true)
      const before = (await at(next)) as number
      await inc()
      expect(await at(next)).toBe(before + 1)
    })
    expect(await isPrimary(old)).toBe(true)
    // From then on it stays there, and its index is made again.
    const n = (await at(next)) as number
    expect(changed(await inc()).data.n).toBe(n + 1)
    expect(await (store as IndexedStore).find('user_id', 1, Number.POSITIVE_INFINITY)).toMatchObject([{ id }])
  })

  it('loses what the old primary acknowledges, with ioredis as it comes', async () => {
    const { old, next, watcher, inc, at } = await setUp(ioRedis(Redis, {}))
    await old.sendCommand(['ACL', 'SETUSER', 'default', '-slaveof', '-replicaof'])
    await failOver(watcher)
    await untilItWorks(async () => {
      const [, port] = (await watcher.sendCommand(['SENTINEL', 'GET-MASTER-ADDR-BY-NAME', NAME])) as unknown as string[]
      expect(port).toBe(new URL(next.options!.url!).port)
    })
    expect(changed(await inc()).data.n).toBe(1)
    expect(await at(next)).toBe(0)
  })

  it('heals by itself as soon as the old primary is a replica, with ioredis as it comes', async () => {
    const { old, next, watcher, inc, at } = await setUp(ioRedis(Redis, {}))
    await failOver(watcher)
    await untilItWorks(async () => expect(await isPrimary(old)).toBe(false))
    await untilItWorks(async () => changed(await inc()))
    expect(await at(next)).toBe(1)
  })

  it.each(KINDS.filter(([name]) => / 6$/.test(name)))(
    'acknowledges nothing on the old primary, if it needs all of its replicas: %s',
    async (_, open) => {
      const { next, watcher, inc, at } = await setUp(open, 1)
      await failOver(watcher)
      await untilItWorks(async () => expect(await isPrimary(next)).toBe(true))
      let acknowledged = 0
      await untilItWorks(async () => {
        changed(await inc())
        acknowledged++
        expect(acknowledged).toBe(20)
      })
      expect(await at(next)).toBe(20)
    },
  )
})
