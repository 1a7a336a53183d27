import { once } from 'node:events'
import { Redis as Upstash } from '@upstash/redis'
import { Cluster, Redis } from 'ioredis'
import RedisMock from 'ioredis-mock'
import { Cluster as Cluster510 } from 'ioredis510'
import { type RedisClient, redis } from 'koa-atomic-session/redis'
import { createClient, createClientPool, createCluster, RESP_TYPES } from 'redis'
import { createClient as createClient4 } from 'redis4'
import { createClient as createClient5 } from 'redis5'
import { describe, expect, inject, it, vi } from 'vitest'
import { commands } from '../../src/algebra/index.ts'
import type { IndexedStore, InspectableStore } from '../../src/contract/store.ts'
import { chainOf, changed, changeOf, dataOf, MINUTE, visitor } from '../../src/testing/harness.ts'

const single = inject('redis')
const clustered = inject('redisCluster')
const urlOf = (provided: typeof single) => ('url' in provided ? provided.url : 'redis://none')
const nodes = [{ host: '127.0.0.1', port: Number(new URL(urlOf(clustered)).port) }]

describe('what only looks like a client of Redis is refused at once, with what to take instead', () => {
  const lazy = { lazyConnect: true }
  const REFUSED: Record<string, [unknown, RegExp]> = {
    'legacy() of node-redis 6': [createClient().legacy(), /itself, not its legacy\(\) or multi\(\)/],
    'legacy() of node-redis 5': [createClient5().legacy(), /itself, not its legacy\(\) or multi\(\)/],
    'multi() of node-redis': [createClient().multi(), /itself, not its legacy\(\) or multi\(\)/],
    'node-redis 4 with legacyMode': [createClient4({ legacyMode: true }), /without `legacyMode`/],
    '@upstash/redis': [new Upstash({ url: 'https://none', token: 'x' }), /that keeps a connection, not one of HTTP/],
    'ioredis-mock': [new RedisMock(), /of a real Redis\. For tests without one use memory\(\)/],
    'a pipeline of ioredis': [new Redis(lazy).pipeline(), /itself, not its pipeline\(\) or multi\(\)/],
    'a multi() of ioredis': [new Redis(lazy).multi(), /itself, not its pipeline\(\) or multi\(\)/],
    'another object': [{}, /of node-redis, ioredis or iovalkey/],
    nothing: [undefined, /of node-redis, ioredis or iovalkey/],
  }
  it.each(Object.entries(REFUSED))('%s', (_, [client, message]) => {
    expect(() => redis(client as RedisClient)).toThrow(
      expect.objectContaining({ code: 'ERR_SESSION_USAGE', message: expect.stringMatching(message) }),
    )
  })
})

/** Everything that the store asks of a client. */
async function everything(client: RedisClient, prefix: string): Promise<void> {
  const open = () => redis(client, { prefix }).indexed(['user_id']) as IndexedStore & InspectableStore
  const store = open()
  // Written without an index, so set-up looks at every session.
  const before = await visitor(redis(client, { prefix }), { user_id: 7 })
  await store.setup()
  const large = 'ä'.repeat(2000)
  const { id, access } = await visitor(store, { user_id: 7, n: 1, large, at: new Date(5) })
  expect(changed(await store.update(access, changeOf(chainOf(commands.inc('n'))))).data).toMatchObject({ n: 2, large })
  changed(await store.update(access, changeOf(chainOf(commands.set('user_id', 8)))))
  const slide = { idle: 10 * MINUTE, maxAge: 1000 * MINUTE, atLeast: 0 }
  changed(await store.update(access, changeOf(chainOf([]), { slide })))
  expect(await dataOf(store, access)).toEqual({ user_id: 8, n: 2, large, at: new Date(5) })
  expect(await open().find('user_id', 8, Number.POSITIVE_INFINITY)).toMatchObject([{ id }])
  const listed: string[] = []
  for await (const record of store.list()) listed.push(record.id)
  expect(listed.sort()).toEqual([before.id, id].sort())
  expect(await store.destroyAll('user_id', 7, undefined)).toBe(1)
  expect(await store.destroy(access)).toBe(true)
}

/** Every kind of reply as something else than the store reads. */
const MAPPED = {
  commandOptions: {
    typeMapping: {
      [RESP_TYPES.BLOB_STRING]: Buffer,
      [RESP_TYPES.SIMPLE_STRING]: Buffer,
      [RESP_TYPES.NUMBER]: String,
      [RESP_TYPES.DOUBLE]: String,
      [RESP_TYPES.MAP]: Map,
    },
  },
}

describe.skipIf('missing' in single)('the redis store, whatever its client is set to', () => {
  const url = urlOf(single)
  const node = async <C extends RedisClient & { close(): Promise<unknown> }>(client: C) => {
    await client.connect()
    return { client, close: () => client.close() }
  }
  const io = (options: object) => {
    const client = new Redis(url, options)
    return { client, close: () => client.quit() }
  }
  const KINDS: Record<string, () => Promise<{ client: RedisClient; close: () => Promise<unknown> }>> = {
    'typeMapping of node-redis': () => node(createClient({ url, ...MAPPED })),
    'typeMapping of node-redis, with RESP 3': () => node(createClient({ url, RESP: 3, ...MAPPED })),
    'typeMapping of a pool of node-redis': () => node(createClientPool({ url, ...MAPPED })),
    'withTypeMapping of node-redis': async () => {
      const client = createClient({ url })
      await client.connect()
      const mapped = client.withTypeMapping(MAPPED.commandOptions.typeMapping)
      return { client: mapped as unknown as RedisClient, close: () => client.close() }
    },
    'stringNumbers of ioredis': async () => io({ stringNumbers: true }),
    'enableAutoPipelining of ioredis': async () => io({ enableAutoPipelining: true }),
    'a keyPrefix of ioredis with characters of patterns': async () => io({ keyPrefix: 'a[*]?:' }),
  }
  it.each(Object.entries(KINDS))('%s', async (name, make) => {
    const { client, close } = await make()
    await everything(client, `clients ${name}:`)
    await close()
  })
})

describe.skipIf('missing' in clustered)('the redis store, whatever the client of its cluster is set to', () => {
  it('typeMapping of node-redis', async () => {
    const client = createCluster({ rootNodes: [{ url: urlOf(clustered) }], ...MAPPED })
    await client.connect()
    await everything(client, 'clients cluster:')
    await client.close()
  })

  it('enableAutoPipelining of ioredis', async () => {
    const client = new Cluster(nodes, { enableAutoPipelining: true })
    await everything(client, 'clients pipelines:')
    const sessions = await Promise.all(Array.from({ length: 50 }, (_, n) => visitor(redis(client), { n })))
    for (const [n, { access }] of sessions.entries()) expect(await dataOf(redis(client), access)).toEqual({ n })
    await client.quit()
  })

  it('enableAutoPipelining of ioredis before 5.11, which asks for two keys at the wrong node: set-up says what to do', async () => {
    const client = new Cluster510(nodes, { enableAutoPipelining: true })
    await once(client, 'ready')
    await expect(redis(client).setup()).rejects.toMatchObject({
      code: 'ERR_SESSION_STORE',
      applied: false,
      message: expect.stringMatching(/update ioredis to 5\.11, or give the cluster autoPipeliningIgnoredCommands/),
    })
    await client.quit()
    const remedied = new Cluster510(nodes, {
      enableAutoPipelining: true,
      autoPipeliningIgnoredCommands: ['evalsha', 'eval'],
    })
    await once(remedied, 'ready')
    await everything(remedied, 'clients no pipelines:')
    await remedied.quit()
  })
})

describe.skipIf('missing' in single)('node-redis', () => {
  it('times a command by itself only where it waits for a connection', async () => {
    const client = createClient({ url: urlOf(single) })
    const store = redis(client, { prefix: 'timed:' })
    const connected = client.connect()
    const timed = vi.spyOn(AbortSignal, 'timeout')
    const access = { id: 'nobody', proof: { hash: 'none' }, maxLifetime: Number.POSITIVE_INFINITY }
    const waiting = store.load(access)
    expect(timed).toHaveBeenCalledTimes(1)
    await connected
    expect(await waiting).toMatchObject({ outcome: 'absent' })
    // What sends the script's text, should the server not know it.
    await store.load(access)
    timed.mockClear()
    await store.load(access)
    expect(timed).not.toHaveBeenCalled()
    timed.mockRestore()
    client.destroy()
  })
})
