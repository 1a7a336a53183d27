import { once } from 'node:events'
import Koa from 'koa'
import { atomicSession } from 'koa-atomic-session'
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
    // So nothing but its name tells it from the one before.
    await client.sendCommand(['CONFIG', 'RESETSTAT'])
    await client.del(`${prefix}index`)
    await store.setup()
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

  describe('through the application', () => {
    const idle = { maxAge: '1 hour', timeout: 60_000 } as const
    const open = (index = ['user_id']) => {
      const app = new Koa()
      app.keys = ['a key of the tests that is long enough']
      return atomicSession(app, { store: redis(client, { prefix }), index, ...idle })
    }
    /** Sessions of one user, which are not noted, so the index can't be trusted. */
    const fill = async (count: number, data = {}) => {
      const plain = redis(client, { prefix })
      const made = []
      // As many at once as the client sends before its time for a command is over.
      for (let left = count; left > 0; left -= 50) {
        const next = Array.from({ length: Math.min(left, 50) }, () => visitor(plain, { user_id: 1, ...data }))
        made.push(...(await Promise.all(next)))
      }
      return made
    }
    /** How many commands of these names the server has run. */
    const counted = async (work: () => Promise<unknown>, names = ['evalsha', 'eval', 'scan', 'zrange']) => {
      await client.sendCommand(['CONFIG', 'RESETSTAT'])
      await work()
      const stats = await client.info('commandstats')
      return Object.fromEntries(
        names.map((name) => [name, Number(new RegExp(`cmdstat_${name}:calls=(\\d+)`).exec(stats)?.[1] ?? 0)]),
      )
    }
    const all = async (sessions: ReturnType<typeof open>) => {
      let count = 0
      for await (const _ of sessions.find('user_id', 1, { limit: 5 })) count++
      return count
    }

    it('looks at every session once for all pages that are read, however many there are', async () => {
      const sessions = open()
      const scripts = []
      for (const count of [20, 180]) {
        await fill(count)
        const once = await counted(() => sessions.find('user_id', 1))
        const paged = await counted(async () => expect(await all(sessions)).toBe(scripts.length ? 200 : 20))
        expect(paged.scan).toBe(once.scan)
        scripts.push(paged.evalsha! + paged.eval!)
      }
      expect(scripts[0]).toBeGreaterThan(20)
      expect(scripts[1]).toBeLessThan(12 * scripts[0]!)
    })

    it('asks an index that is complete once for all pages, and for the data of no other session', async () => {
      const sessions = open()
      await fill(200)
      await client.del(`${prefix}index`)
      await sessions.ensureIndex()
      const { scan, zrange, evalsha } = await counted(async () => expect(await all(sessions)).toBe(200))
      expect({ scan, zrange }).toEqual({ scan: 0, zrange: 1 })
      expect(evalsha).toBeLessThan(210)
    })

    it('removes all in one look, in several batches, and loads no data', async () => {
      // One of its fields holds what no index has.
      const sessions = open(['user_id', 'large'])
      const [kept] = await fill(1200, { large: ['x'.repeat(20_000)] })
      const once = await counted(() => sessions.find('user_id', 1, { limit: 1 }))
      const removal = await counted(async () =>
        expect(await sessions.destroyAll('user_id', 1, { except: kept!.id })).toBe(1199),
      )
      expect(removal.scan).toBe(once.scan)
      // Three scripts for the look at each, four for its removal, and a few for the register.
      expect(removal.evalsha! + removal.eval!).toBeLessThan(7 * 1200 + 20)
      const [, sent] = /total_net_output_bytes:(\d+)/.exec(await client.info('stats'))!
      expect(Number(sent)).toBeLessThan(6_000_000)
      expect(await all(sessions)).toBe(1)
    })
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
