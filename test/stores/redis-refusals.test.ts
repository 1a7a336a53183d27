import { type RedisClient, redis } from 'koa-atomic-session/redis'
import { createClient } from 'redis'
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest'
import type { Server } from '../servers/child.ts'
import { redisServer } from '../servers/redis.ts'

describe.skipIf('missing' in inject('redis'))('what Redis refuses', () => {
  let server: Server
  let owner: ReturnType<typeof createClient>
  beforeAll(async () => {
    server = (await redisServer()) as Server
    owner = createClient({ url: server.url })
    owner.on('error', () => {})
    await owner.connect()
  })
  afterAll(async () => {
    owner?.destroy()
    await server?.stop()
  })

  it.each([
    ['maxmemory', '1', '0', /OOM .*; Redis' memory is full: give it more maxmemory$/],
    ['min-replicas-to-write', '1', '0', /NOREPLICAS .*; fewer replicas are connected than min-replicas-to-write/],
  ])('is told with what to do: %s', async (setting, set, back, message) => {
    await owner.configSet(setting, set)
    const refused = redis(owner, { prefix: setting }).create(SESSION)
    await expect(refused).rejects.toMatchObject({ applied: false, message: expect.stringMatching(message) })
    await owner.configSet(setting, back)
  })

  it('is told with what to do: a user who may not run scripts', async () => {
    await owner.sendCommand(['ACL', 'SETUSER', 'reader', 'reset', 'on', '>pw', '~*', '+@all', '-evalsha'])
    const client = createClient({ url: server.url.replace('redis://', 'redis://reader:pw@') })
    await client.connect()
    await expect(redis(client).create(SESSION)).rejects.toThrow(/NOPERM .*'evalsha' command; docs\/stores\/redis\.md/)
    client.destroy()
  })

  it('is nothing for a user with just the rights of its page', async () => {
    const rights = 'evalsha eval time hset hdel hmget hgetall exists del pexpireat'.split(' ')
    const more = 'hget persist zadd zrem zrange zscore zremrangebyscore info scan'.split(' ')
    for (const [name, list, use] of [
      [
        'plain',
        rights,
        async (client: RedisClient) => void (await redis(client).create({ ...SESSION, id: 'a'.repeat(22) })),
      ],
      [
        'indexing',
        [...rights, ...more],
        async (client: RedisClient) => {
          const store = redis(client).indexed(['user_id'])
          await store.setup()
          await store.create({ ...SESSION, id: 'b'.repeat(22), data: { user_id: 1 } })
          expect(await store.find('user_id', 1, Number.POSITIVE_INFINITY)).toHaveLength(1)
          expect(await store.destroyAll('user_id', 1, undefined)).toBe(1)
        },
      ],
    ] as const) {
      const commands = list.map((command) => `+${command}`)
      await owner.sendCommand(['ACL', 'SETUSER', name, 'reset', 'on', '>pw', '~session:*', '-@all', ...commands])
      const client = createClient({ url: server.url.replace('redis://', `redis://${name}:pw@`) })
      client.on('error', () => {})
      await client.connect()
      await use(client)
      client.destroy()
    }
  })
})

const SESSION = { id: 'x'.repeat(22), hash: 'h', data: {}, maxAge: null, idle: 60_000, authenticated: false }
