import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import fc from 'fast-check'
import { redis } from 'koa-atomic-session/redis'
import { createClient } from 'redis'
import { afterAll, beforeAll, beforeEach, describe, expect, inject, it } from 'vitest'
import { apply, type Command, commands, type Data } from '../../src/algebra/index.ts'
import type { IndexedStore, InspectableStore } from '../../src/contract/store.ts'
import { META } from '../../src/stores/redis/script.lua.ts'
import { chainOf, changed, changeOf, eventually, MINUTE, visitor } from '../../src/testing/harness.ts'

const server = inject('redis')
const folder = join(import.meta.dirname, '../../src/stores/redis')

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
  let store: IndexedStore & InspectableStore
  beforeEach(() => {
    prefix = `redis test ${++tests}:`
    store = redis(client, { prefix }).indexed(['user_id']) as typeof store
  })
  /** But for the register, which is for all sessions. */
  const keys = async () =>
    (await client.keys(`${prefix}*`))
      .map((key) => key.slice(prefix.length))
      .filter((key) => key !== 'index')
      .sort()
  const members = (value: unknown) => client.zRange(`${prefix}index:user_id:${JSON.stringify(value)}`, 0, -1)

  it('keeps a session in one key, which ends with it', async () => {
    const { id, record, access } = await visitor(store, { views: 1, list: [] })
    expect(await keys()).toEqual([id])
    expect(await client.pExpireTime(prefix + id)).toBe(record.expires)
    const later = changed(
      await store.update(access, changeOf(chainOf([]), { slide: { idle: 20 * MINUTE, atLeast: 0 } })),
    )
    expect(await client.pExpireTime(prefix + id)).toBe(later.expires)
    expect(await client.hGet(prefix + id, '$d')).toBe('\n"views":1,\n"list":[]')
  })

  it('leaves alone what is large and what a command does not name', async () => {
    const { id, access } = await visitor(store, { views: 1, other: 'x'.repeat(1000) })
    // A text that no JSON parser would take shows that nobody looks at it.
    await client.hSet(prefix + id, '"other"', 'not JSON')
    expect(await store.update(access, changeOf(chainOf(commands.inc('views')), { answer: false }))).toMatchObject({
      outcome: 'done',
    })
    expect(await client.hGetAll(prefix + id)).toMatchObject({ $d: '\n"views":2', '"other"': 'not JSON' })
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
          const lines = JSON.parse(`{${$d}}`)
          const names = [...Object.keys(lines), ...Object.keys(apart).map((name) => JSON.parse(name))]
          expect(names.sort()).toEqual(Object.keys(expected).sort())
          expect($d!.length).toBeLessThan(2500)
          const sizes = Object.entries(apart).map(([name, value]) => Buffer.byteLength(name + value) + 3)
          const size = sizes.reduce((sum, one) => sum + one, $d ? Buffer.byteLength($d) + 3 : 2)
          const meta = JSON.parse($m!)
          const [large, version, bytes] = ['apart', 'version', 'size'].map((name) => meta[META.indexOf(name as 'size')])
          expect([large, version, bytes]).toEqual([sizes.length, 1 + list.length, size])
        },
      ),
      { numRuns: 200 },
    )
  })

  it('remembers no change as older than the one before, though the clock steps back', async () => {
    const { id, access } = await visitor(store, { n: 0 })
    const { $m } = await client.hGetAll(prefix + id)
    const meta = JSON.parse($m!)
    const before = { last: 'before', lastAt: 9999999999999, remembered: 1 }
    for (const [name, value] of Object.entries(before)) meta[META.indexOf(name as 'last')] = value
    await client.hSet(prefix + id, '$m', JSON.stringify(meta))
    for (let i = 0; i < 2; i++) await store.update(access, changeOf(chainOf(commands.inc('n'))))
    expect(await client.hGet(prefix + id, '$o')).toMatch(/^"before",9999999999999,".+",9999999999999$/)
  })

  it('loads its script again when the server has forgotten it', async () => {
    const { access } = await visitor(store, { views: 1 })
    await client.scriptFlush()
    expect(changed(await store.update(access, changeOf(chainOf(commands.inc('views'))))).data).toEqual({ views: 2 })
  })

  it('tells in which line of its script the server has failed, and nothing that is stored', async () => {
    const { id, access } = await visitor(store, { card: 'secret' })
    // Nobody but this test writes a record that is no list.
    await client.hSet(prefix + id, '$m', 'secret')
    const error = await store.update(access, changeOf(chainOf(commands.inc('views')))).catch((error) => error)
    const [, line] = /^ERR in line (\d+) of the script \(.*left out/.exec(error.cause.message)!
    const lines = readFileSync(join(folder, 'script.lua.ts'), 'utf8').split('\n')
    expect(lines[Number(line) - 1]).toMatch(/\bexpires \+ 0\b/)
    expect(`${error.cause.message} ${error.cause.stack}`).not.toContain('secret')
  })

  it('has only files of Lua that the server can read, each by itself', async () => {
    const files = readdirSync(folder).filter((name) => name.endsWith('.lua'))
    expect(files.length).toBeGreaterThan(5)
    for (const file of files) {
      // It compiles a script and does not run it. What is wrong stands in the message, with the line.
      // In telling.lua a word stands for the whole of script.lua.
      const text = readFileSync(join(folder, file), 'utf8').replace(/^SCRIPT$/m, '')
      const sha = await client.scriptLoad(text).catch((error) => error.message)
      expect([file, sha]).toEqual([file, expect.stringMatching(/^[0-9a-f]{40}$/)])
    }
    await expect(client.scriptLoad('local = 1')).rejects.toThrow(/user_script:1/)
  })

  it('notes a session in the index before it writes it, and forgets a former value after that', async () => {
    const calls: string[] = []
    const evalSha: typeof client.evalSha = (sha, options) => {
      calls.push(
        `${options!.arguments![0]} ${String(options!.keys![0])
          .slice(prefix.length)
          .replace(/^.{22}$/, 'session')}`,
      )
      return client.evalSha(sha, options)
    }
    const watched = redis({ evalSha, eval: client.eval.bind(client), connect: client.connect } as never, {
      prefix,
    }).indexed(['user_id'])
    const { access } = await visitor(watched, { user_id: 7 })
    changed(await watched.update(access, changeOf(chainOf(commands.set('user_id', 8)))))
    await watched.destroy(access)
    expect(calls.filter((call) => !/^(load|score|write) /.test(call))).toEqual([
      'note index:user_id:7',
      'create session',
      'note index:user_id:8',
      'update session',
      'forget index:user_id:7',
      'destroy session',
      'forget index:user_id:8',
    ])
    expect(await keys()).toEqual([])
  })

  it('says which fields it notes before it writes first, and not with each write', async () => {
    const calls: string[] = []
    const evalSha: typeof client.evalSha = (sha, options) => {
      calls.push(String(options!.arguments![0]))
      return client.evalSha(sha, options)
    }
    const watched = redis({ evalSha, eval: client.eval.bind(client), connect: client.connect } as never, { prefix })
    const { access } = await visitor(watched, { n: 0 })
    for (let i = 0; i < 50; i++) changed(await watched.update(access, changeOf(chainOf(commands.inc('n')))))
    expect(calls.filter((call) => call !== 'update')).toEqual(['write', 'create'])
  })

  it('keeps one entry for a field that changes often, however long its values', async () => {
    const { id, access } = await visitor(store, { user_id: 'first' })
    for (let i = 0; i < 20; i++) {
      changed(await store.update(access, changeOf(chainOf(commands.set('user_id', `${i}`.padEnd(30_000, 'x'))))))
    }
    const [entry, ...others] = (await keys()).filter((key) => key !== id)
    expect(entry).toMatch(/^index:user_id:#[\w-]{43}$/)
    expect(others).toEqual([])
    const found = await store.find('user_id', '19'.padEnd(30_000, 'x'), Number.POSITIVE_INFINITY)
    expect(found.map((record) => record.id)).toEqual([id])
  })

  it('never forgets an entry that was noted again', async () => {
    const { id, access } = await visitor(store, { user_id: 0 })
    let forgetting = 0
    const evalSha: typeof client.evalSha = async (sha, options) => {
      // In between, another request gives the session the former value again.
      if (options!.arguments![0] === 'forget' && ++forgetting === 1)
        changed(await store.update(access, changeOf(chainOf(commands.set('user_id', 0)))))
      return client.evalSha(sha, options)
    }
    const slow = { evalSha, eval: client.eval.bind(client), connect: client.connect, info: client.info.bind(client) }
    const one = redis(slow as never, { prefix }).indexed(['user_id'])
    changed(await one.update(access, changeOf(chainOf(commands.set('user_id', 1)))))
    expect(forgetting).toBe(1)
    expect(await members(0)).toEqual([id])
    expect(await members(1)).toEqual([])
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

  it('passes over the keys of other programs, and counts them', async () => {
    const { id } = await visitor(store, { user_id: 7 })
    await client.set(`${prefix}0123456789abcdefABCDEF`, '{"cookie":{}}')
    await client.hSet(`${prefix}0123456789abcdefABCDEG`, 'data', 'x')
    await client.hSet(`${prefix}0123456789abcdefABCDEH`, '$m', '[1]')
    await client.hSet(`${prefix}0123456789abcdefABCDEI`, { $m: '[1]', $d: '\n' })
    await client.zAdd(`${prefix}index:user_id:7`, { score: 1e15, value: '0123456789abcdefABCDEF' })
    let foreign = 0
    const listed: string[] = []
    for await (const record of store.list(() => foreign++)) listed.push(record.id)
    expect([listed, foreign]).toEqual([[id], 4])
    expect((await store.find('user_id', 7, Number.POSITIVE_INFINITY)).map((record) => record.id)).toEqual([id])
    expect(await store.get('0123456789abcdefABCDEF')).toBeUndefined()
    expect(await store.destroyAll('user_id', 7, undefined)).toBe(1)
  })

  it('refuses what is no client, and says what is one', () => {
    expect(() => redis({} as never)).toThrow(/node-redis, ioredis or iovalkey/)
  })
})
