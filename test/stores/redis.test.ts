import { redis } from 'koa-atomic-session/redis'
import { createClient } from 'redis'
import { afterAll, beforeAll, beforeEach, describe, expect, inject, it } from 'vitest'
import { commands, condition } from '../../src/command/index.ts'
import type { IndexedStore } from '../../src/store.ts'
import { chainOf, changed, changeOf, eventually, MINUTE, visitor } from '../../src/testing/harness.ts'

const server = inject('redis')

describe.skipIf('missing' in server)('the redis store', () => {
  const client = createClient({ url: 'url' in server ? server.url : 'redis://none' })
  beforeAll(() => client.connect())
  afterAll(() => client.close())
  let prefix = ''
  let tests = 0
  let store: IndexedStore
  beforeEach(() => {
    prefix = `redis test ${++tests}:`
    store = redis(client, { prefix }).indexed(['user_id'])
  })
  const keys = async () => (await client.keys(`${prefix}*`)).map((key) => key.slice(prefix.length)).sort()
  const members = (value: unknown) => client.zRange(`${prefix}index:user_id:${JSON.stringify(value)}`, 0, -1)

  it('keeps a session in one key, which ends with it', async () => {
    const { id, record, access } = await visitor(store, { views: 1, list: [] })
    expect(await keys()).toEqual([id])
    expect(await client.pExpireTime(prefix + id)).toBe(record.expires)
    const later = changed(
      await store.update(access, changeOf(chainOf([]), { slide: { idle: 20 * MINUTE, atLeast: 0 } })),
    )
    expect(await client.pExpireTime(prefix + id)).toBe(later.expires)
    expect(await client.hGetAll(prefix + id)).toMatchObject({ '.views': '1', '.list': '[]' })
  })

  it('reads and writes only the fields that a command names', async () => {
    const { id, access } = await visitor(store, { views: 1, other: 'x' })
    // A text that no JSON parser would take shows that nobody looks at it.
    await client.hSet(prefix + id, '.other', 'not JSON')
    expect(await store.update(access, changeOf(chainOf(commands.inc('views')), { answer: false }))).toMatchObject({
      outcome: 'done',
    })
    expect(await client.hGetAll(prefix + id)).toMatchObject({ '.views': '2', '.other': 'not JSON' })
  })

  it('remembers no change as older than the one before, though the clock steps back', async () => {
    const { id, access } = await visitor(store, { n: 0 })
    const { m } = await client.hGetAll(prefix + id)
    await client.hSet(prefix + id, {
      o: 'before@9999999999999',
      m: m!.replace(/^(\S+ \S+) 0 /, '$1 1 '),
    })
    await store.update(access, changeOf(chainOf(commands.inc('n'))))
    expect(await client.hGet(prefix + id, 'o')).toMatch(/^before@9999999999999 .+@9999999999999$/)
  })

  it('loads its script again when the server has forgotten it', async () => {
    const { access } = await visitor(store, { views: 1 })
    await client.scriptFlush()
    expect(changed(await store.update(access, changeOf(chainOf(commands.inc('views'))))).data).toEqual({ views: 2 })
  })

  it('counts the size of what it keeps, through every change', async () => {
    const { id, access } = await visitor(store, { a: 'xyz', b: [1, 2] })
    for (const command of [commands.set('c', { deep: 'é' }), commands.unset('a'), commands.push('b', [3])]) {
      await store.update(access, changeOf(chainOf(command)))
    }
    const { m, ...fields } = await client.hGetAll(prefix + id)
    const bytes = Object.entries(fields)
      .filter(([name]) => name.startsWith('.'))
      .reduce((sum, [name, text]) => sum + Buffer.byteLength(name) - 1 + Buffer.byteLength(text) + 3, 2)
    expect(Number(m!.split(' ')[1])).toBe(bytes)
  })

  it('notes a session in the index before it writes it', async () => {
    const { id, access } = await visitor(store)
    const chain = chainOf(commands.set('user_id', 7), condition('nothing', 1))
    expect((await store.update(access, changeOf(chain))).outcome).toBe('refused')
    expect(await members(7)).toEqual([id])
    expect(await store.find('user_id', 7, Number.POSITIVE_INFINITY)).toEqual([])
  })

  it('knows what a value will be that a command computes', async () => {
    const { id, access } = await visitor(store, { user_id: 7, next: 20 })
    const answers = await Promise.all(
      Array.from({ length: 20 }, () => store.update(access, changeOf(chainOf(commands.inc('user_id'))))),
    )
    expect(answers.every(({ outcome }) => outcome === 'changed')).toBe(true)
    expect((await store.find('user_id', 27, Number.POSITIVE_INFINITY)).map((found) => found.id)).toEqual([id])
    await store.update(access, changeOf(chainOf(commands.rename('next', 'user_id'))))
    expect((await store.find('user_id', 20, Number.POSITIVE_INFINITY)).map((found) => found.id)).toEqual([id])
  })

  it('never lets a session outlive its entry: it notes it anew when the session slides far', async () => {
    const { id, access, record } = await visitor(store, { user_id: 7 })
    const score = async () => Number(await client.zScore(`${prefix}index:user_id:7`, id))
    const first = await score()
    expect(first).toBeGreaterThan(record.expires)
    const slide = { idle: 10 * MINUTE, maxAge: 1000 * MINUTE, atLeast: 0 }
    await store.update(access, changeOf(chainOf([]), { slide }))
    expect(await score()).toBeGreaterThan(first)
    expect(await client.pExpireTime(prefix + id)).toBeLessThanOrEqual(await score())
    const loaded = await store.load(access)
    // Cut short at first, and then all the way.
    expect(loaded).toMatchObject({ outcome: 'live' })
    if (loaded.outcome === 'live') expect(loaded.record.expires - loaded.now).toBeGreaterThan(999 * MINUTE)
  })

  it('forgets entries whose time is over, and the index with its last one', async () => {
    await visitor(store, { user_id: 7 }, { idle: 20 })
    await eventually(keys, (all) => all.length === 0)
  })

  it('refuses what is no client, and says what is one', () => {
    expect(() => redis({} as never)).toThrow(/node-redis, ioredis or iovalkey/)
  })
})
