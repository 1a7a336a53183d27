import { Cluster, Redis } from 'ioredis'
import Redis4 from 'ioredis4'
import { Redis as Redis5 } from 'ioredis5'
import { Redis as Valkey } from 'iovalkey'
import { type RedisClient, type RedisSubscriber, redis } from 'koa-atomic-session/redis'
import { conformance, INDEXED_FIELDS, type Telling } from 'koa-atomic-session/testing'
import { createClient, createClientPool, createCluster } from 'redis'
import { createClient as createClient4 } from 'redis4'
import { createClient as createClient5 } from 'redis5'
import { afterAll, describe, inject, it } from 'vitest'

const server = inject('redis')
const cluster = inject('redisCluster')
const urlOf = (provided: typeof server) => ('url' in provided ? provided.url : 'redis://none')
const url = urlOf(server)
const nodes = [{ host: '127.0.0.1', port: Number(new URL(urlOf(cluster)).port) }]

interface Kind {
  readonly client: RedisClient
  readonly subscriber: RedisSubscriber
  readonly open: () => Promise<unknown>
  readonly close: () => unknown
}
type NodeRedis = RedisClient & { connect(): Promise<unknown>; close(): unknown }
const nodeRedis = <C extends NodeRedis, S extends NodeRedis & RedisSubscriber>(client: C, subscriber: S): Kind => ({
  client,
  subscriber,
  open: () => Promise.all([client.connect(), subscriber.connect()]),
  close: () => Promise.all([client.close(), subscriber.close()]),
})
type IoRedis = RedisClient & RedisSubscriber & { connect(): Promise<unknown>; quit(): unknown }
const ioRedis = <C extends IoRedis>(client: C, subscriber: C): Kind => ({
  client,
  subscriber,
  open: () => Promise.all([client.connect(), subscriber.connect()]),
  close: () => Promise.all([client.quit(), subscriber.quit()]),
})
const lazy = { lazyConnect: true }
const prefixed = { ...lazy, keyPrefix: 'app:' }
const sharded = { ...lazy, shardedSubscribers: true }
const rootNodes = [{ url: urlOf(cluster) }]

const single: [string, () => Kind, number][] = [
  ['node-redis 6', () => nodeRedis(createClient({ url }), createClient({ url })), 2000],
  ['a pool of node-redis 6', () => nodeRedis(createClientPool({ url }), createClient({ url })), 100],
  ['node-redis 5', () => nodeRedis(createClient5({ url }), createClient5({ url })), 100],
  [
    'node-redis 4',
    () => {
      const [client, subscriber] = [createClient4({ url }), createClient4({ url })]
      const both = [client, subscriber]
      const all = (work: (one: typeof client) => Promise<unknown>) => Promise.all(both.map(work))
      return { client, subscriber, open: () => all((one) => one.connect()), close: () => all((one) => one.quit()) }
    },
    100,
  ],
  ['ioredis 6', () => ioRedis(new Redis(url, lazy), new Redis(url, lazy)), 100],
  ['ioredis 5', () => ioRedis(new Redis5(url, prefixed), new Redis5(url, prefixed)), 100],
  ['ioredis 4', () => ioRedis(new Redis4(url, lazy), new Redis4(url, lazy)), 100],
  ['iovalkey', () => ioRedis(new Valkey(url, lazy), new Valkey(url, lazy)), 100],
]
const clustered: [string, () => Kind, number][] = [
  ['a cluster of node-redis 6', () => nodeRedis(createCluster({ rootNodes }), createCluster({ rootNodes })), 500],
  ['a cluster of ioredis 6', () => ioRedis(new Cluster(nodes, lazy), new Cluster(nodes, sharded)), 500],
]

for (const [provided, kinds] of [
  [server, single],
  [cluster, clustered],
] as const) {
  for (const [name, make, cases] of kinds) {
    describe.skipIf('missing' in provided)(`Redis by ${name}`, () => {
      let kind: Kind | undefined
      let opening: Promise<unknown> | undefined
      let stores = 0
      const store = async (number = ++stores) => {
        kind ??= make()
        opening ??= kind.open()
        await opening
        return redis(kind.client, { prefix: `${name} ${number}:` })
      }
      const makeIndexed = async () => (await store()).indexed(INDEXED_FIELDS)
      const makeBeside = async () => {
        const number = ++stores
        return { plain: await store(number), indexed: (await store(number)).indexed(INDEXED_FIELDS) }
      }
      const makeTelling = async () => {
        const number = ++stores
        await store(number)
        const { client, subscriber } = kind!
        const tell = () => redis(client, { prefix: `${name} ${number}:`, subscriber }).indexed(INDEXED_FIELDS)
        return { here: tell() as Telling['here'], elsewhere: tell() }
      }
      afterAll(() => kind?.close())
      conformance({ describe, it }, () => store(), { makeIndexed, makeBeside, makeTelling, cases })
    })
  }
}
