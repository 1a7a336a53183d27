import fc from 'fast-check'
import { redis } from 'koa-atomic-session/redis'
import { createClient } from 'redis'
import { afterAll, beforeAll, beforeEach, describe, expect, inject, it } from 'vitest'
import { apply, type Command, commands, condition, type Data } from '../../src/algebra/index.ts'
import type { IndexedStore } from '../../src/contract/store.ts'
import { chainOf, changed, changeOf, eventually, MINUTE, visitor } from '../../src/testing/harness.ts'

const server = inject('redis')

function applied(data: Data, command: Command): Data {
  const result = apply(data, chainOf(command), 0)
  return result.ok ? result.data : data
}

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
    expect(await client.hGet(prefix + id, '$d')).toBe('\n"views":1,\n"list":[],\n')
  })

  it('leaves alone what is large and what a command does not name', async () => {
    const { id, access } = await visitor(store, { views: 1, other: 'x'.repeat(1000) })
    // A text that no JSON parser would take shows that nobody looks at it.
    await client.hSet(prefix + id, '"other"', 'not JSON')
    expect(await store.update(access, changeOf(chainOf(commands.inc('views')), { answer: false }))).toMatchObject({
      outcome: 'done',
    })
    expect(await client.hGetAll(prefix + id)).toMatchObject({ $d: '\n"views":2,\n', '"other"': 'not JSON' })
  })

  it('keeps small fields together up to a few kilobytes, and the rest apart, through every change', async () => {
    const key = fc.constantFrom('a', 'b', 'a"b', 'ab', 'n\n', '"a":', 'é')
    const text = fc.integer({ min: 0, max: 600 }).map((length) => 'é\n'.repeat(length / 2))
    const command = fc.oneof(
      { weight: 3, arbitrary: fc.tuple(key, text).map(([at, value]) => commands.set(at, value)) },
      key.map((at) => commands.unset(at)),
      fc.tuple(key, text).map(([at, value]) => commands.push(`${at}list`, [value], -2)),
      fc.tuple(key, key).map(([at, to]) => commands.rename(at, `${to}new`)),
      { weight: 3, arbitrary: fc.nat(80).map((n) => commands.set(`f${n}`, 'x'.repeat(200))) },
    )
    await fc.assert(
      fc.asyncProperty(
        fc.dictionary(key, text),
        fc.array(command, { maxLength: 60, size: 'max' }),
        async (data, list) => {
          const { id, access, record } = await visitor(store, data)
          let expected = record.data
          for (const one of list) {
            expected = changed(await store.update(access, changeOf(chainOf(one)))).data
          }
          expect(list.reduce((before, one) => applied(before, one), record.data)).toEqual(expected)
          const { $m, $d, $o, ...apart } = await client.hGetAll(prefix + id)
          const lines = JSON.parse(`{${$d!.slice(0, -2)}}`)
          const names = [...Object.keys(lines), ...Object.keys(apart).map((name) => JSON.parse(name))]
          expect(names.sort()).toEqual(Object.keys(expected).sort())
          expect($d!.length).toBeLessThan(2500)
          const sizes = Object.entries(apart).map(([name, value]) => Buffer.byteLength(name + value) + 3)
          const size = sizes.reduce((sum, one) => sum + one, Buffer.byteLength($d!) + 1)
          expect(JSON.parse($m!).slice(0, 3)).toEqual([sizes.length, 1 + list.length, size])
        },
      ),
      { numRuns: 200 },
    )
  })

  it('remembers no change as older than the one before, though the clock steps back', async () => {
    const { id, access } = await visitor(store, { n: 0 })
    const { $m } = await client.hGetAll(prefix + id)
    const [apart, version, size, , ...others] = JSON.parse($m!)
    await client.hSet(prefix + id, {
      $o: '" before@9999999999999"',
      $m: JSON.stringify([apart, version, size, 1, ...others]),
    })
    await store.update(access, changeOf(chainOf(commands.inc('n'))))
    expect(await client.hGet(prefix + id, '$o')).toMatch(/^" before@9999999999999 .+@9999999999999"$/)
  })

  it('loads its script again when the server has forgotten it', async () => {
    const { access } = await visitor(store, { views: 1 })
    await client.scriptFlush()
    expect(changed(await store.update(access, changeOf(chainOf(commands.inc('views'))))).data).toEqual({ views: 2 })
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
