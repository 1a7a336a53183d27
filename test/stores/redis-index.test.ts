import { once } from 'node:events'
import { redis } from 'koa-atomic-session/redis'
import { createClient } from 'redis'
import { afterAll, beforeAll, beforeEach, describe, expect, inject, it } from 'vitest'
import { commands } from '../../src/algebra/index.ts'
import type { IndexedStore } from '../../src/contract/store.ts'
import { chainOf, changed, changeOf, visitor } from '../../src/testing/harness.ts'
import { type Server, untilItWorks } from '../servers/child.ts'
import { redisServer } from '../servers/redis.ts'

const FOREVER = Number.POSITIVE_INFINITY

describe.skipIf('missing' in inject('redis'))('the index on Redis, where it can lack a session', () => {
  let server: Server
  let client: ReturnType<typeof createClient>
  let before = 0
  const all = async () => Number(/cmdstat_scan:calls=(\d+)/.exec(await client.info('commandstats'))?.[1] ?? 0)
  /** How many steps of SCAN there were since the test began. */
  const scans = async () => (await all()) - before
  beforeAll(async () => {
    server = (await redisServer(['--maxmemory-policy', 'volatile-lru'])) as Server
    client = createClient({ url: server.url })
    client.on('error', () => {})
    await client.connect()
  })
  afterAll(async () => {
    client?.destroy()
    await server?.stop()
  })

  let tests = 0
  let prefix = ''
  const open = () => redis(client, { prefix }).indexed(['user_id'])
  let store: IndexedStore
  beforeEach(async () => {
    prefix = `index ${++tests}:`
    store = open()
    await store.setup()
    before = await all()
  })
  const idsOf = async (value: string | number, of = store) =>
    (await of.find('user_id', value, FOREVER)).map(({ id }) => id).sort()

  it('is trusted once it is complete: nobody looks at every session', async () => {
    const { id } = await visitor(store, { user_id: 1 })
    expect(await idsOf(1)).toEqual([id])
    await open().setup()
    expect(await open().destroyAll('user_id', 1, undefined)).toBe(1)
    expect(await scans()).toBe(0)
  })

  it('looks at every session as long as a process writes that notes other fields, and no longer', async () => {
    const { id } = await visitor(redis(client, { prefix }).indexed(['org']), { user_id: 1 })
    expect(await idsOf(1)).toEqual([id])
    const looked = await scans()
    expect(looked).toBeGreaterThan(0)
    expect(await idsOf(1)).toEqual([id])
    expect(await scans()).toBeGreaterThan(looked)
    // Its time to write is over.
    for (const list of await client.hKeys(`${prefix}index`)) await client.hSet(`${prefix}index`, list, '1')
    await store.setup()
    const made = await scans()
    expect(await idsOf(1)).toEqual([id])
    expect(await scans()).toBe(made)
  })

  it('makes an index of one more field for the sessions that are there', async () => {
    const { id } = await visitor(store, { user_id: 1, org: 'acme' })
    const more = redis(client, { prefix }).indexed(['user_id', 'org'])
    expect((await more.find('org', 'acme', FOREVER)).map((record) => record.id)).toEqual([id])
    expect(await scans()).toBeGreaterThan(0)
    expect(await idsOf(1, more)).toEqual([id])
  })

  it('sees that a server has evicted keys, and misses nobody', async () => {
    const mine = await Promise.all(Array.from({ length: 50 }, () => visitor(store, { user_id: 1 })))
    const ids = mine.map(({ id }) => id).sort()
    // Only the entries are there to evict, because all that is used is younger.
    for (const { id } of mine) await client.persist(prefix + id)
    await client.configSet('maxmemory', '1')
    await untilItWorks(async () => {
      await client.set('more', 'x').catch(() => {})
      if (await client.exists(`${prefix}index:user_id:1`)) throw new Error('nothing is evicted')
    })
    await client.configSet('maxmemory', '0')
    expect(await idsOf(1)).toEqual(ids)
    expect(await store.destroyAll('user_id', 1, undefined)).toBe(50)
  })

  it('sees that a server was started anew', async () => {
    const { id } = await visitor(store, { user_id: 1 })
    const ready = new Promise((resolve) => client.once('ready', resolve))
    await server.kill()
    await server.restart()
    await ready
    // As if it had not kept the last moments.
    await client.del(`${prefix}index:user_id:1`)
    expect(await idsOf(1)).toEqual([id])
  })

  it('keeps a session within its new entries, however often it slides', async () => {
    const plain = redis(client, { prefix })
    const { id, access } = await visitor(plain, { user_id: 1 })
    expect(await idsOf(1)).toEqual([id])
    const slide = { idle: 100_000_000, atLeast: 0 }
    changed(await store.update(access, changeOf(chainOf(commands.inc('n')), { slide })))
    expect(await client.pExpireTime(prefix + id)).toBeLessThanOrEqual(
      Number(await client.zScore(`${prefix}index:user_id:1`, id)),
    )
  })

  it('looks at every session once for all who ask while a look is running', async () => {
    await visitor(redis(client, { prefix }), { user_id: 1 })
    await idsOf(1)
    const single = await scans()
    const answers = await Promise.all(Array.from({ length: 50 }, () => idsOf(1)))
    expect(answers.every((ids) => ids.length === 1)).toBe(true)
    expect(await scans()).toBeLessThanOrEqual(3 * single)
  })

  it('warns at set-up of a server that evicts', async () => {
    await client.configSet('maxmemory', '1000000000')
    const warned = once(process, 'warning')
    await store.setup()
    const [warning] = await warned
    expect(warning).toMatchObject({
      code: 'KOA_ATOMIC_SESSION_EVICTION',
      message: expect.stringContaining('noeviction'),
    })
    await client.configSet('maxmemory', '0')
  })

  it('refuses rather than to miss a session, where the look fails', async () => {
    await visitor(redis(client, { prefix }), { user_id: 1 })
    await client.sendCommand(['ACL', 'SETUSER', 'narrow', 'reset', 'on', '>pw', '~*', '+@all', '-scan'])
    const url = server.url.replace('redis://', 'redis://narrow:pw@')
    const narrow = createClient({ url })
    await narrow.connect()
    const found = redis(narrow, { prefix }).indexed(['user_id']).find('user_id', 1, FOREVER)
    await expect(found).rejects.toThrow(/NOPERM .*'scan'/)
    narrow.destroy()
  })
})
