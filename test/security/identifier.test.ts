import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { Redis } from 'ioredis'
import { memory } from 'koa-atomic-session/memory'
import { type SqliteDatabase, sqlite } from 'koa-atomic-session/sqlite'
import Libsql from 'libsql'
import { MongoClient } from 'mongodb'
import { createPool, type RowDataPacket } from 'mysql2/promise'
import pg from 'pg'
import { afterEach, describe, expect, it, vi } from 'vitest'
import type { InspectableStore, SessionRecord } from '../../src/contract/store.ts'
import { newId, newSecret } from '../../src/cookie/credential.ts'
import { settingsOf } from '../../src/settings/settings.ts'
import { temporaryFolder } from '../servers/child.ts'
import { database } from '../servers/database.ts'
import { serverOf } from '../stores/clients.ts'
import { KEY, type Visitor } from '../visitor.ts'
import { eventsOf, Shop } from './shop.ts'
import { kinds } from './stores.ts'

const { randomness } = vi.hoisted(() => ({ randomness: { sizes: [] as number[], broken: false } }))
vi.mock('node:crypto', async (original) => {
  const crypto = await original<typeof import('node:crypto')>()
  const randomBytes = (size: number) => {
    randomness.sizes.push(size)
    if (randomness.broken) throw new Error('no randomness')
    return crypto.randomBytes(size)
  }
  return { ...crypto, randomBytes, default: { ...crypto, randomBytes } }
})

const MINUTE = 60_000
const HOUR = 60 * MINUTE

describe('identifier and life cycle', () => {
  let shop: Shop
  afterEach(async () => {
    vi.useRealTimers()
    vi.restoreAllMocks()
    randomness.broken = false
    await shop?.app.close()
  })
  /** The store's clock is this process's, so that the test can move it; everything else goes on in real time. */
  function clock(): (by: number) => void {
    vi.useFakeTimers({ toFake: ['Date'] })
    return (by) => void vi.setSystemTime(Date.now() + by)
  }
  const statusOf = async (visitor: Visitor, path: string) => (await visitor.fetch(path)).status
  const idOf = (visitor: Visitor) => visitor.cookies.get('sid')!.split('.')[1]!

  it('ID-1: an id has 128, a secret 256 bits of the operating system, and nothing else makes one', {
    timeout: 240_000,
  }, async () => {
    randomness.sizes.length = 0
    vi.spyOn(Math, 'random').mockImplementation(() => {
      throw new Error('weak')
    })
    vi.spyOn(Date, 'now').mockImplementation(() => {
      throw new Error('guessable')
    })
    const { id, secret } = newSecret(newId())
    expect([id, secret]).toEqual([expect.stringMatching(/^[\w-]{22}$/), expect.stringMatching(/^[\w-]{43}$/)])
    expect(randomness.sizes).toEqual([16, 32])
    vi.restoreAllMocks()
    const ids = new Set<string>()
    for (let i = 0; i < 1_000_000; i++) ids.add(newId())
    expect(ids.size).toBe(1_000_000)
  })

  it('ID-1: without randomness a request fails, and there is no weaker one', async () => {
    shop = await new Shop().open()
    randomness.broken = true
    expect(await statusOf(shop.app.visitor(), '/inc')).toBe(500)
    expect(shop.store.calls).toEqual([])
  })

  it('ID-2: ids carry neither order nor meaning', () => {
    const ids = Array.from({ length: 10_000 }, newId)
    // The rank of an id against the time it was made: a correlation of chance is about 1 in 100.
    const ranks = new Map([...ids].sort().map((id, rank) => [id, rank]))
    const mean = (ids.length - 1) / 2
    const covariance = ids.reduce((sum, id, i) => sum + (i - mean) * (ranks.get(id)! - mean), 0)
    const variance = ids.reduce((sum, _, i) => sum + (i - mean) ** 2, 0)
    expect(Math.abs(covariance / variance)).toBeLessThan(0.06)
    for (let place = 0; place < 22; place++) {
      const seen = new Set(ids.map((id) => id[place]))
      // The last character holds 2 of the 128 bits.
      expect(seen.size).toBe(place === 21 ? 4 : 64)
    }
  })

  it('ID-3: an id that the store does not know is not adopted', async () => {
    shop = await new Shop().open()
    const visitor = shop.app.visitor()
    await visitor.fetch('/inc')
    const id = idOf(visitor)
    const elsewhere = await new Shop().open()
    const guest = elsewhere.app.visitor()
    guest.cookies.set('sid', visitor.cookies.get('sid')!)
    const events = await eventsOf(() => guest.fetch('/inc'))
    expect(idOf(guest)).not.toBe(id)
    expect(events.map(({ type }) => type)).toEqual(['unknown', 'created'])
    await elsewhere.app.close()
  })

  it('ID-5: nothing of a session comes from the visitor', async () => {
    shop = await new Shop().open()
    const visitor = shop.app.visitor()
    await visitor.fetch('/inc')
    const real = visitor.cookies.get('sid')!
    visitor.cookies.set('sid', `${real.slice(0, -1)}${real.endsWith('A') ? 'B' : 'A'}`)
    expect(await visitor.json('/read')).toEqual({})
    visitor.cookies.set('sid', real)
    visitor.cookies.set('sid.expires', String(Date.now() + 1e12))
    expect(await visitor.json('/read')).toEqual({ n: 1 })
  })

  it.each(['/login', '/regenerate', '/rotate'])('ID-6: the secret from before %s opens nothing', async (path) => {
    shop = await new Shop().open()
    const visitor = shop.app.visitor()
    await visitor.fetch('/inc')
    const before = visitor.header
    await visitor.fetch(path)
    expect(visitor.header).not.toBe(before)
    expect(await visitor.json('/read', { headers: { cookie: before } })).toEqual({})
  })

  type Call = 'create' | 'update' | 'destroy'
  /** Before it is applied, or after it when its answer never arrives: the worst moment for two secrets to be about. */
  function breaking(call: Call, when: 'before' | 'after'): () => void {
    const real = shop.store[call] as (...values: unknown[]) => Promise<unknown>
    shop.store[call] = async (...values: never[]) => {
      if (when === 'after') await real.apply(shop.store, values)
      throw new Error('lost')
    }
    return () => {
      shop.store[call] = real as never
    }
  }
  const recordsOf = async () => {
    const records: SessionRecord[] = []
    for await (const record of (shop.store as InspectableStore & typeof shop.store).list()) records.push(record)
    return records
  }

  it.each<['a session' | 'a visitor', string, Call, 'before' | 'after', object[]]>([
    ['a session', '/login', 'update', 'before', [{ n: 1 }]],
    ['a session', '/login', 'update', 'after', [{ n: 1, user: 1 }]],
    ['a visitor', '/login', 'create', 'before', []],
    ['a visitor', '/login', 'create', 'after', [{ user: 1 }]],
    ['a session', '/regenerate', 'update', 'before', [{ n: 1 }]],
    ['a session', '/regenerate', 'update', 'after', [{ n: 1 }]],
    // What was there stays for a minute, empty, for requests that come too late.
    ['a session', '/regenerate', 'create', 'before', [{}]],
    ['a session', '/regenerate', 'create', 'after', [{}, { user: 2 }]],
    ['a visitor', '/regenerate', 'create', 'after', [{ user: 2 }]],
  ])(
    'ID-6: the cookie of %s from before %s is never the logged-in one, though %s fails %s it is applied',
    async (whose, path, call, when, left) => {
      shop = await new Shop().open()
      shop.app.koa.silent = true
      const visitor = shop.app.visitor()
      await visitor.fetch(whose === 'a session' ? '/inc' : '/form')
      // Planted by somebody who waits for the log-in: a session of theirs, or a visitor cookie for forms.
      const planted = visitor.header
      expect(planted).toMatch(whose === 'a session' ? /^sid=s\./ : /^sid=n\./)
      const mend = breaking(call, when)
      const response = await visitor.fetch(path)
      mend()
      expect(response.status).toBe(500)
      // No answer that fails hands out a secret that opens what was logged in.
      for (const cookie of [planted, ...response.headers.getSetCookie().map((line) => line.split(';')[0]!)])
        expect(await visitor.json('/read', { headers: { cookie } })).not.toHaveProperty('user')
      const id = planted.split('.')[1]
      const records = await recordsOf()
      // What was applied unseen is there, under a secret that nobody has, and for a visitor under another id.
      expect(records.map(({ data }) => data)).toEqual(left)
      const loggedIn = records.filter(({ data }) => 'user' in data)
      if (call === 'create') expect(loggedIn.map((record) => record.id)).not.toContain(id)
    },
  )

  it('ID-7: commands that race regenerate() are applied to it, refused, or begin anew, and nothing returns', async () => {
    shop = await new Shop().open()
    const visitor = shop.app.visitor()
    await visitor.fetch('/inc')
    const before = visitor.header
    const id = idOf(visitor)
    const racing = Array.from({ length: 100 }, (_, i) =>
      fetch(`${shop.app.base}${i % 2 ? '/read-inc' : '/inc'}`, { headers: { cookie: before } }),
    )
    const [renewed, ...others] = await Promise.all([visitor.fetch('/regenerate'), ...racing])
    expect(renewed!.status).toBe(200)
    for (const response of others) {
      expect([200, 409]).toContain(response.status)
      const cookie = response.headers.getSetCookie()[0] ?? ''
      expect(cookie).not.toContain(`s.${id}.`)
    }
    expect(await (await fetch(`${shop.app.base}/read`, { headers: { cookie: before } })).json()).toEqual({})
    expect(await visitor.json('/read')).toEqual({ user: 2 })
  })

  it('ID-8 CVE-2023-20862: after a log-out the cookie opens nothing, and a request that was running writes nothing', async () => {
    shop = await new Shop().open()
    const visitor = shop.app.visitor()
    await visitor.fetch('/login')
    const cookie = visitor.header
    const slow = fetch(`${shop.app.base}/slow`, { headers: { cookie } })
    await shop.slow.arrived.opened
    const [id] = (await recordsOf()).map((record) => record.id)
    expect(id).toBe(cookie.split('.')[1])
    expect(await statusOf(visitor, '/logout')).toBe(200)
    expect(await recordsOf()).toEqual([])
    shop.slow.go.open()
    expect((await slow).status).toBe(409)
    for (const path of ['/read', '/touch', '/rotate']) {
      const response = await fetch(shop.app.base + path, { headers: { cookie } })
      expect([path, await response.json()]).toEqual([path, {}])
    }
    // Not even as an empty one: the store is asked, not the cookie.
    expect(await recordsOf()).toEqual([])
  })

  it('ID-8: a cookie that was kept begins anew under another id after the log-out, and leaves the old one gone', async () => {
    shop = await new Shop().open()
    const visitor = shop.app.visitor()
    await visitor.fetch('/login')
    const cookie = visitor.header
    await visitor.fetch('/logout')
    expect(await visitor.json('/inc', { headers: { cookie } })).toEqual({ n: 1 })
    expect((await recordsOf()).map(({ id, data }) => [id === cookie.split('.')[1], data])).toEqual([[false, { n: 1 }]])
  })

  it('ID-9: all sessions of a user, or all but this one, are found and ended', async () => {
    shop = await new Shop({ index: ['user'] }).open()
    const [phone, laptop, desk] = [shop.app.visitor(), shop.app.visitor(), shop.app.visitor()]
    for (const visitor of [phone, laptop, desk]) await visitor.fetch('/login')
    expect((await shop.sessions.find('user', 1)).map(({ id }) => id).sort()).toEqual(
      [phone, laptop, desk].map(idOf).sort(),
    )
    expect(await shop.sessions.destroyAll('user', 1, { except: idOf(desk!) })).toBe(2)
    for (const visitor of [phone, laptop]) expect(await visitor!.json('/read')).toEqual({})
    expect(await desk!.json('/read')).toEqual({ user: 1 })
    expect(await shop.sessions.destroyAll('user', 1)).toBe(1)
    expect(await desk!.json('/read')).toEqual({})
  })

  const folder = temporaryFolder('identifier')
  it.each([
    ['memory', () => memory()],
    ['sqlite', () => sqlite(join(folder, 'idle.db'))],
  ])('ID-10: on %s a session is over when its idle time is, though nothing has removed it', async (_, make) => {
    const pass = clock()
    shop = await new Shop({ maxAge: 10 * MINUTE }, make()).open()
    const visitor = shop.app.visitor()
    await visitor.fetch('/inc')
    pass(10 * MINUTE - 1)
    expect(await visitor.json('/read')).toEqual({ n: 1 })
    pass(10 * MINUTE)
    const cookie = visitor.header
    expect(await visitor.json('/read', { headers: { cookie } })).toEqual({})
    // A command begins anew instead of going on.
    expect(await visitor.json('/inc', { headers: { cookie } })).toEqual({ n: 1 })
    expect(visitor.header).not.toContain(cookie.split('.')[1])
  })

  it('ID-10: 100 parallel reads slide a session by one write', async () => {
    const pass = clock()
    const database = new Libsql(join(folder, 'touch.db'))
    shop = await new Shop({ maxAge: HOUR }, sqlite(database as SqliteDatabase)).open()
    const visitor = shop.app.visitor()
    await visitor.fetch('/inc')
    const writes = () => (database.prepare('SELECT total_changes() AS n').get() as { n: number }).n
    const read = () => Promise.all(Array.from({ length: 100 }, () => visitor.fetch('/read')))
    const before = writes()
    await read()
    expect(writes()).toBe(before)
    pass(MINUTE)
    await read()
    expect(writes()).toBe(before + 1)
    pass(MINUTE - 1)
    await read()
    expect(writes()).toBe(before + 1)
    database.close()
  })

  it('ID-11: nothing extends the absolute lifetime', async () => {
    const pass = clock()
    shop = await new Shop({ maxAge: HOUR, maxLifetime: 8 * HOUR }).open()
    const visitor = shop.app.visitor()
    await visitor.fetch('/inc')
    for (let minutes = 30; minutes < 480; minutes += 30) {
      pass(30 * MINUTE)
      await visitor.fetch('/touch')
      if (minutes % 120 === 0) await visitor.fetch('/regenerate')
      expect([minutes, await visitor.json('/read')]).toEqual([minutes, minutes < 120 ? { n: 1 } : { user: 2 }])
    }
    pass(30 * MINUTE)
    expect(await visitor.json('/read')).toEqual({})
  })

  it('ID-12: the secret renews itself: of 50 parallel requests one, and open tabs go on for the grace', async () => {
    const pass = clock()
    shop = await new Shop({ rotateEvery: HOUR }).open()
    const visitor = shop.app.visitor()
    await visitor.fetch('/inc')
    const token = await visitor.text('/form')
    const before = visitor.header
    pass(HOUR)
    const requests = Array.from({ length: 50 }, () => fetch(`${shop.app.base}/read`, { headers: { cookie: before } }))
    const responses = await Promise.all(requests)
    for (const response of responses) expect(await response.json()).toEqual({ n: 1 })
    const cookies = responses.flatMap((response) => response.headers.getSetCookie())
    expect(cookies).toHaveLength(1)
    visitor.keep(cookies[0]!)
    // Forms that are open stay valid, the old secret works for 30 seconds, and then not.
    expect(await statusOf(visitor, '/form')).toBe(200)
    expect((await visitor.fetch('/check', { headers: { 'x-token': token } })).status).toBe(200)
    pass(29_000)
    expect(await (await fetch(`${shop.app.base}/read`, { headers: { cookie: before } })).json()).toEqual({ n: 1 })
    pass(2000)
    const events = await eventsOf(async () => {
      expect(await (await fetch(`${shop.app.base}/read`, { headers: { cookie: before } })).json()).toEqual({})
    })
    // The new secret was used, so two parties hold the cookie, and nobody knows which of them is the visitor.
    expect(events.map(({ type }) => type)).toEqual(['reused', 'destroyed'])
    expect(await visitor.json('/read')).toEqual({})
  })

  it('ID-13: what needs a fresh proof of identity is refused five minutes after it', async () => {
    const pass = clock()
    shop = await new Shop({ maxAge: HOUR }).open()
    const visitor = shop.app.visitor()
    await visitor.fetch('/inc')
    expect(await statusOf(visitor, '/fresh')).toBe(401)
    await visitor.fetch('/login')
    expect(await statusOf(visitor, '/fresh')).toBe(200)
    // Right after it, so that nothing but regenerate() can have made it stale.
    await visitor.fetch('/regenerate')
    expect(await visitor.json('/read')).toEqual({ user: 2 })
    expect(await statusOf(visitor, '/fresh')).toBe(401)
    await visitor.fetch('/rotate')
    expect(await statusOf(visitor, '/fresh')).toBe(401)
    await visitor.fetch('/login')
    pass(5 * MINUTE - 1000)
    await visitor.fetch('/touch')
    expect(await statusOf(visitor, '/fresh')).toBe(200)
    pass(1001)
    expect(await statusOf(visitor, '/fresh')).toBe(401)
  })

  it('ID-14: the documents state the defaults as they are', () => {
    const options = readFileSync('docs/reference/options.md', 'utf8').replace(/ +/g, ' ')
    const { idle, maxLifetime, rotateEvery, cookie, timeout } = settingsOf({})
    expect(options).toContain(`| \`maxAge\` | \`'${idle / 86_400_000} days'\` |`)
    expect(options).toContain(`| \`maxLifetime\` | ${Number.isFinite(maxLifetime) ? maxLifetime : 'none'} |`)
    expect(options).toContain(`| \`rotateEvery\` | ${Number.isFinite(rotateEvery) ? rotateEvery : 'never'} |`)
    expect(options).toContain(`| \`timeout\` | ${timeout} |`)
    expect(options).toContain(`| \`key\` | \`'${cookie.name}'\` |`)
    for (const word of ['NIST', 'idle', 'absolute', 'parallel']) {
      expect(readFileSync('docs/security.md', 'utf8')).toContain(word)
    }
  })

  /** All that a database, or a file of one, gives to who has stolen it. */
  const dumps: Record<string, (url: string) => Promise<string>> = {
    async postgres(url) {
      const pool = new pg.Pool({ connectionString: url })
      const { rows } = await pool.query('SELECT to_json(s)::text AS row FROM stolen AS s')
      await pool.end()
      return rows.map(({ row }) => row).join('\n')
    },
    async mysql(url) {
      const pool = createPool({ uri: url })
      const [rows] = await pool.query<RowDataPacket[]>('SELECT * FROM stolen')
      await pool.end()
      return rows.map((row) => JSON.stringify({ ...row, data: row.data.toString() })).join('\n')
    },
    async redis(url) {
      const client = new Redis(url)
      const keys = await client.keys('stolen:*')
      const hashes = await Promise.all(
        keys.map(async (key) =>
          (await client.type(key)) === 'hash' ? client.hgetall(key) : client.zrange(key, '0', '-1'),
        ),
      )
      client.disconnect()
      return JSON.stringify([keys, hashes])
    },
    async mongodb(url) {
      const client = await MongoClient.connect(url)
      const documents = await client.db(database('stores')).collection('stolen').find().toArray()
      await client.close()
      return JSON.stringify(documents)
    },
    async sqlite(file) {
      return ['', '-wal', '-journal']
        .map((suffix) => (existsSync(file + suffix) ? readFileSync(file + suffix, 'latin1') : ''))
        .join('')
    },
  }
  const stolen = join(folder, 'stolen.db')
  const targets = [
    {
      name: 'sqlite',
      missing: false,
      url: stolen,
      open: async () => ({ store: sqlite(stolen), close: async () => {} }),
    },
    ...kinds('stolen')
      .filter(({ name }) => name in dumps && name !== 'sqlite')
      .map((kind) => ({ ...kind, url: (serverOf(kind.name as 'redis') as { url: string }).url })),
  ]
  for (const { name, missing, url, open } of targets) {
    it.skipIf(missing)(`ID-15: what ${name} holds opens no session, the present one or an earlier one`, async () => {
      const { store, close } = await open()
      shop = await new Shop({ index: ['user'], touchAfter: 0 }, store).open()
      await shop.sessions.ensureIndex()
      const visitor = shop.app.visitor()
      const handed: string[] = []
      for (const path of [
        '/form',
        '/inc',
        '/login',
        '/rotate?grace=60000',
        '/touch',
        '/regenerate',
        '/login',
        '/rotate',
      ]) {
        const response = await visitor.fetch(path)
        expect([path, response.status]).toEqual([path, 200])
        for (const cookie of response.headers.getSetCookie())
          handed.push(...cookie.split(/[=;]/)[1]!.split('.').slice(2))
      }
      const token = await visitor.text('/form')
      const id = idOf(visitor)
      await shop.sessions.close()
      const dump = await dumps[name]!(url)
      await close()
      expect(dump).toContain(id)
      // Secrets and MACs of a session, five times renewed, and the visitor cookie's MAC.
      expect(handed.filter(({ length }) => length === 43).length).toBeGreaterThanOrEqual(12)
      for (const secret of [...handed.filter(({ length }) => length > 8), ...token.split('.'), KEY])
        expect(dump).not.toContain(secret)
    })
  }
})
