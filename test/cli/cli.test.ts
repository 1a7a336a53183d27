import { execFileSync, spawn } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { type OpenedStore, openStore } from 'koa-atomic-session/open'
import { postgresSchema } from 'koa-atomic-session/postgres'
import { MongoClient, ObjectId } from 'mongodb'
import { createPool } from 'mysql2/promise'
import { Pool } from 'pg'
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest'
import { commands } from '../../src/algebra/index.ts'
import { open } from '../../src/stores/sqlite/client.ts'
import { chainOf, changeOf, MINUTE, visitor } from '../../src/testing/harness.ts'
import { program } from '../servers/child.ts'
import { database } from '../servers/database.ts'
import { TcpProxy } from '../servers/proxy.ts'
import { cli, type Ended, run } from './program.ts'

const folder = mkdtempSync(join(tmpdir(), 'cli-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

const lines = ({ out }: Ended) =>
  out
    .trim()
    .split('\n')
    .filter(Boolean)
    .map((line) => JSON.parse(line))

/** A database of this test's own on each server. */
const places: Record<string, () => Promise<string>> = {
  sqlite: async () => join(folder, 'sessions.db'),
  redis: async () => `${provided('redis')}/7`,
  mongodb: async () => {
    const url = new URL(provided('mongodb'))
    url.pathname = `/${database('inspected')}`
    return url.href
  },
  postgres: async () => {
    const url = new URL(provided('postgres'))
    const pool = new Pool({ connectionString: url.href })
    await pool.query('DROP DATABASE IF EXISTS inspected').catch(() => {})
    await pool.query('CREATE DATABASE inspected')
    await pool.end()
    url.pathname = '/inspected'
    return url.href
  },
  mariadb: async () => {
    const url = new URL(provided('mariadb'))
    const pool = createPool({ uri: url.href })
    await pool.query('DROP DATABASE IF EXISTS inspected')
    await pool.query('CREATE DATABASE inspected')
    await pool.end()
    url.pathname = '/inspected'
    return url.href
  },
}

function provided(name: 'redis' | 'mongodb' | 'postgres' | 'mariadb'): string {
  const server = inject(name)
  return 'url' in server ? server.url : ''
}

for (const [name, place] of Object.entries(places)) {
  const missing = name !== 'sqlite' && provided(name as 'redis') === ''
  describe.skipIf(missing)(`the inspector on ${name}`, () => {
    let opened: OpenedStore
    let store: string[]
    beforeAll(async () => {
      const url = await place()
      store = ['--store', url]
      opened = await openStore(url)
      await opened.store.setup()
    })
    afterAll(() => opened.close())

    it('lists live sessions without secrets, and their data only when asked', async () => {
      const one = await visitor(opened.store, { user_id: 42, note: 'do not show' })
      const table = await run('list', ...store)
      expect(table).toMatchObject({ code: 0, err: '' })
      expect(table.out).toContain(one.id)
      expect(table.out).toContain('1 session\n')
      const shown = await run('show', one.id, ...store)
      const json = await run('list', ...store, '--json')
      expect(lines(json)).toEqual([expect.objectContaining({ id: one.id, user: 42, changes: 0 })])
      for (const { out } of [table, shown, json]) {
        expect(out).not.toContain('do not show')
        expect(out).not.toContain(one.hash)
      }
      expect((await run('list', ...store, '--data')).out).toContain('do not show')
      const whole = lines(await run('show', one.id, ...store, '--json', '--data'))
      expect(whole).toEqual([expect.objectContaining({ data: { user_id: 42, note: 'do not show' } })])
      expect(JSON.stringify(whole)).not.toContain(one.hash)
      expect(await run('revoke', one.id, ...store)).toEqual({ code: 0, out: '1 session revoked\n', err: '' })
      expect((await opened.store.load(one.access)).outcome).toBe('absent')
    })

    it('revokes all sessions of a user, by text or number, and no others', async () => {
      const [a, b, c] = [
        await visitor(opened.store, { user_id: 42 }),
        await visitor(opened.store, { user_id: '42' }),
        await visitor(opened.store, { user_id: 421 }),
      ]
      expect(lines(await run('list', '--user', '42', '--json', ...store))).toHaveLength(2)
      expect(lines(await run('revoke', '--user', '42', '--json', ...store))).toEqual([{ revoked: 2 }])
      expect(await Promise.all([a, b, c].map(({ id }) => opened.store.get(id)))).toEqual([
        undefined,
        undefined,
        c.record,
      ])
      expect(await run('revoke', '--user', '42', ...store)).toMatchObject({ code: 3, out: '0 sessions revoked\n' })
      await opened.store.destroy(c.access)
    })

    it('takes a user for who has the name, not for a value that prints alike', async () => {
      const strangers = await Promise.all([
        visitor(opened.store, {}),
        visitor(opened.store, { user_id: null }),
        visitor(opened.store, { user_id: [42] }),
        visitor(opened.store, { user_id: { id: 42 } }),
      ])
      for (const user of ['undefined', 'null', '42', '[42]', '[object Object]', '']) {
        expect((await run('revoke', '--user', user, ...store)).code).toBe(3)
      }
      for (const { access } of strangers) expect(await opened.store.destroy(access)).toBe(true)
    })

    it.runIf(name === 'mongodb')('passes over documents of somebody else, and says how many', async () => {
      const client = await MongoClient.connect(store[1]!)
      const documents = client.db().collection<{ _id: string }>('sessions')
      const theirs = ['theirs', 'theirs too'].map((_id) => ({
        _id,
        expires: new Date(Date.now() + MINUTE),
        session: {},
      }))
      await documents.insertMany(theirs)
      const one = await visitor(opened.store, { user_id: 'beside' })
      const err = '2 records are not sessions of this library, and were skipped\n'
      const listed = await run('list', ...store, '--json', '--user', 'beside')
      expect(listed).toMatchObject({ code: 0, err })
      expect(lines(listed)).toEqual([expect.objectContaining({ id: one.id })])
      expect(await run('revoke', '--user', 'beside', ...store)).toEqual({ code: 0, err, out: '1 session revoked\n' })
      await documents.deleteMany({ session: {} })
      await client.close()
    })

    it('sorts, and lists only the first', async () => {
      const made = []
      for (const n of [1, 3, 2])
        made.push(await visitor(opened.store, { user_id: `sorted${n}`, text: 'x'.repeat(100 * n) }))
      const users = async (...options: string[]) =>
        lines(await run('list', '--json', ...options, ...store)).map(({ user }) => user)
      expect(await users('--sort', 'bytes')).toEqual(['sorted3', 'sorted2', 'sorted1'])
      expect(await users('--sort', 'bytes', '--limit', '1')).toEqual(['sorted3'])
      expect(await users('--sort', 'user', '--limit', '2')).toEqual(['sorted1', 'sorted2'])
      expect(await users('--limit', '2')).toHaveLength(2)
      expect((await run('list', '--sort', 'bytes', '--limit', '2', ...store)).out).toMatch(
        /\nthe first 2 of 3 sessions\n$/,
      )
      expect((await run('list', '--limit', '3', ...store)).out).toMatch(/\nthe first 3 sessions\n$/)
      for (const { access } of made) await opened.store.destroy(access)
    })

    it('says what it would revoke, and revokes nothing', async () => {
      const { id, access } = await visitor(opened.store, { user_id: 'dry' })
      const dry = await run('revoke', '--user', 'dry', '--dry-run', ...store)
      expect(dry).toMatchObject({
        code: 0,
        out: expect.stringMatching(new RegExp(`^id [^]*${id}[^]*1 session would be revoked\n$`)),
      })
      expect(lines(await run('revoke', id, '--dry-run', '--json', ...store)).at(-1)).toEqual({ wouldRevoke: 1 })
      expect(await opened.store.destroy(access)).toBe(true)
      expect((await run('revoke', id, '--dry-run', ...store)).code).toBe(3)
    })

    it('changes one session, or those of a user, and keeps none of them alive by that', async () => {
      const [a, b, other] = [
        await visitor(opened.store, { user_id: 'edited', role: 'admin', cart: [{ qty: 1 }] }),
        await visitor(opened.store, { user_id: 'edited', role: 'admin' }),
        await visitor(opened.store, { user_id: 'other', role: 'admin' }),
      ]
      const all = () => Promise.all([a, b, other].map(async ({ id }) => (await opened.store.get(id))!.data))
      const dry = await run('unset', '--user', 'edited', 'role', '--dry-run', '--json', ...store)
      expect(lines(dry).at(-1)).toEqual({ wouldChange: 2 })
      expect(await run('unset', '--user', 'edited', 'role', 'nothing', ...store)).toEqual({
        code: 0,
        out: '2 sessions changed\n',
        err: '',
      })
      expect(await run('set', a.id, 'cart.0.qty', '2', ...store)).toMatchObject({ code: 0, out: '1 session changed\n' })
      for (const [path, value] of Object.entries({
        plan: 'pro',
        text: '"42"',
        on: 'true',
        list: '[1,"x"]',
        none: 'null',
      })) {
        expect((await run('set', a.id, path, value, ...store)).code).toBe(0)
      }
      expect(await all()).toEqual([
        { user_id: 'edited', cart: [{ qty: 2 }], plan: 'pro', text: '42', on: true, list: [1, 'x'], none: null },
        { user_id: 'edited' },
        { user_id: 'other', role: 'admin' },
      ])
      expect((await opened.store.get(a.id))!.expires).toBe(a.record.expires)
      expect(lines(await run('set', '--user', 'edited', 'plan', 'free', '--json', ...store))).toEqual([{ changed: 2 }])
      const wrong = await run('set', a.id, 'plan.name', 'x', ...store)
      expect(wrong).toMatchObject({
        code: 1,
        out: '',
        err: expect.stringContaining("set('plan.name') does not work on a string"),
      })
      for (const { access } of [a, b, other]) await opened.store.destroy(access)
      expect((await run('set', a.id, 'plan', 'pro', ...store)).code).toBe(3)
      expect((await run('unset', '--user', 'edited', 'plan', ...store)).code).toBe(3)
    })

    it('gives a session another idle time from now on', async () => {
      const { id, access, record } = await visitor(opened.store, { user_id: 'touched' })
      expect((await run('touch', id, '2 days', ...store)).code).toBe(0)
      const touched = (await opened.store.get(id))!
      expect(touched).toEqual({ ...record, maxAge: 48 * 60 * MINUTE, expires: touched.expires })
      expect(touched.expires - record.expires).toBeGreaterThan(47 * 60 * MINUTE)
      expect((await run('touch', '--user', 'touched', '60000', ...store)).out).toBe('1 session changed\n')
      expect((await opened.store.get(id))!.expires).toBeLessThan(record.expires)
      await opened.store.destroy(access)
    })

    it('looks where it is told', async () => {
      const option = name === 'redis' ? { prefix: 'shop:' } : { table: 'shop_sessions' }
      const there = await openStore(store[1]!, option)
      await there.store.setup()
      const { id } = await visitor(there.store, { user_id: 'shopper' })
      const [[key, value]] = Object.entries(option) as [[string, string]]
      expect((await run('list', '--user', 'shopper', ...store)).code).toBe(3)
      expect((await run('show', id, `--${key}`, value, ...store)).code).toBe(0)
      expect((await run('revoke', '--user', 'shopper', `--${key}`, value, ...store)).code).toBe(0)
      await there.close()
      const other = name === 'redis' ? '--table' : '--prefix'
      expect(await run('list', other, 'x', ...store)).toMatchObject({
        code: 2,
        err: expect.stringContaining(`has no option '${other.slice(2)}'`),
      })
    })

    it.runIf(name === 'postgres')('tells of a table of somebody else in one sentence', async () => {
      const pool = new Pool({ connectionString: store[1]! })
      await pool.query('CREATE TABLE theirs (sid text, sess json, expire timestamp)')
      for (const command of [['list'], ['revoke', '--user', '42'], ['show', 'x'], ['prune']]) {
        expect(await run(...command, '--table', 'theirs', ...store)).toMatchObject({
          code: 1,
          out: '',
          err: expect.stringMatching(
            /^The postgres store failed: 42703 column .*; the table is from another version: .*\n$/,
          ),
        })
      }
      await pool.end()
    })

    it.runIf(name === 'sqlite')('passes over rows of somebody else', async () => {
      const one = await visitor(opened.store, { user_id: 'beside' })
      const database = open(store[1]!)
      database.exec(`INSERT INTO sessions SELECT hash, previous, 'php:1', version, created, expires, max_age, auth_at, rotated,
        epoch, ops, device, 'theirs' FROM sessions`)
      const err = '1 record is not a session of this library, and was skipped\n'
      expect(await run('list', '--user', 'beside', ...store)).toMatchObject({ code: 0, err })
      expect(await run('revoke', '--user', 'beside', ...store)).toEqual({ code: 0, err, out: '1 session revoked\n' })
      expect(await opened.store.get(one.id)).toBe(undefined)
      database.exec("DELETE FROM sessions WHERE id = 'theirs'")
      database.close()
    })

    it.runIf(name === 'mongodb')('finds an ObjectId by its hex', async () => {
      const user = new ObjectId()
      const { id } = await visitor(opened.store, { user_id: user })
      const found = await run('list', '--user', user.toHexString(), ...store)
      expect(found.out).toContain(`${id}  ${user.toHexString()}`)
      expect((await run('revoke', '--user', user.toHexString(), ...store)).code).toBe(0)
    })

    it('prints nothing that moves the cursor or turns the line around', async () => {
      const evil = '\u001b[2J\u009b2J\u007f\u202e\u2066\u200b\u2028\u{e0041}'
      const { id, access } = await visitor(opened.store, { user_id: evil, [evil]: evil })
      for (const options of [[], ['--data'], ['--json'], ['--data', '--json']]) {
        for (const command of [['list'], ['show', id]]) {
          const { out } = await run(...command, ...options, ...store)
          expect(out).toContain('\\u009b2J')
          expect(out.replaceAll('\n', '')).not.toMatch(/[\p{Cc}\p{Cf}\p{Zl}]/u)
        }
      }
      expect(lines(await run('show', id, '--data', '--json', ...store))[0].data).toEqual({
        user_id: evil,
        [evil]: evil,
      })
      await opened.store.destroy(access)
    })

    it('finds nothing with exit code 3', async () => {
      // One id in 64 begins as an option does.
      for (const id of ['A'.repeat(22), `-${'A'.repeat(21)}`]) {
        expect(await run('show', id, ...store)).toMatchObject({ code: 3, out: `No live session has the id ${id}\n` })
        expect((await run('revoke', id, ...store)).code).toBe(3)
        expect((await run('set', id, 'role', 'user', ...store)).code).toBe(3)
      }
      const { id, access } = await visitor(opened.store, { n: 1 }, { id: `-${'B'.repeat(21)}` })
      expect((await run('set', id, 'n', '2', ...store)).code).toBe(0)
      expect((await run('unset', ...store, '--', id, 'n')).code).toBe(0)
      expect((await opened.store.get(id))!.data).toEqual({})
      await opened.store.destroy(access)
      expect((await run('list', '--user', 'nobody', ...store)).code).toBe(3)
    })

    it('prunes', async () => {
      expect((await run('prune', ...store)).out).toMatch(/^\d+ expired sessions removed\n$/)
    })

    it('watches what is created, changed and removed', async () => {
      const child = spawn(process.execPath, [cli, 'watch', '--every', '0.1', ...store])
      const output = createInterface({ input: child.stdout })[Symbol.asyncIterator]()
      const next = async () => (await output.next()).value
      expect(await next()).toBe('watching 0 sessions, Ctrl-C ends it')
      const { id, access } = await visitor(opened.store, { n: 1 }, { idle: 10 * MINUTE })
      expect(await next()).toMatch(/^ {2}id/)
      expect(await next()).toMatch(new RegExp(`^\\+ ${id}`))
      await opened.store.update(access, changeOf(chainOf(commands.inc('n'))))
      expect(await next()).toMatch(new RegExp(`^~ ${id}`))
      await opened.store.destroy(access)
      expect(await next()).toMatch(new RegExp(`^- ${id}`))
      const ended = new Promise((resolve) => child.once('exit', resolve))
      child.kill('SIGINT')
      expect(await ended).toBe(0)
    })

    it.skipIf(name === 'sqlite')('says why it ends when the database dies under watch', async () => {
      const proxy = await TcpProxy.before(store[1]!)
      const child = spawn(process.execPath, [cli, 'watch', '--every', '0.1', '--store', proxy.through(store[1]!)])
      let err = ''
      child.stderr.on('data', (piece) => (err += piece))
      const ended = new Promise((resolve) => child.once('close', resolve))
      await createInterface({ input: child.stdout })[Symbol.asyncIterator]().next()
      await proxy.close()
      expect(await ended).toBe(1)
      expect(err).toMatch(/^The \w+ store failed: .+\n$/)
    })
  })
}

describe('the inspector', () => {
  it('explains itself, and says what is wrong with exit code 2', async () => {
    expect((await run('--help')).out).toContain('koa-atomic-session list')
    expect(await run('list')).toMatchObject({ code: 2, err: expect.stringContaining('--store redis://localhost') })
    expect(await run('lisst', '--store', 'memory:')).toMatchObject({ code: 2, err: expect.stringContaining("'lisst'") })
    expect(await run('list', '--stroe', 'x')).toMatchObject({ code: 2, err: expect.stringContaining('--stroe') })
    expect(await run('show', '--store', 'memory:')).toMatchObject({ code: 2, err: expect.stringContaining('show ID') })
    expect(await run('revoke', '--store', 'memory:')).toMatchObject({ code: 2 })
    expect(await run('list', 'X', '--store', 'x')).toMatchObject({ code: 2, err: "list takes no 'X'\n" })
    expect(await run('prune', 'X', '--store', 'x')).toMatchObject({ code: 2, err: "prune takes no 'X'\n" })
    const id = 'A'.repeat(22)
    const edits: [string[], string][] = [
      [['set'], 'Which session? set ID …, or set --user 42 …'],
      [['set', id], 'set takes a path and a value'],
      [['set', id, 'a', 'b', 'c'], 'set takes a path and a value'],
      [['set', id, '$where', 'x'], "'$where' cannot be a path"],
      [['set', id, 'authAt', 'x'], "'authAt' belongs to the session itself"],
      [['set', id, '@client', 'x'], "'@client' belongs to the session itself"],
      [['set', id, 'a', '12345678901234567890'], `write '"12345678901234567890"' for a text`],
      [['set', id, 'a', 'x'.repeat(70_000)], 'the limit is 65536'],
      [['set', '--user', '42', id, 'x'], 'but not both'],
      [['unset', id], 'unset takes the paths of fields'],
      [['unset', '--user', '42', id, 'role'], 'but not both'],
      [['unset', id, 'a', 'a.b'], "change both 'a' and 'a.b'"],
      [['touch', id], 'touch takes one duration'],
      [['touch', id, 'soon'], "'soon' is not a duration"],
      [['touch', id, '0'], 'longer than 0'],
      [['touch', id, '500 days'], 'at most 400 days'],
      [['touch', '--every', '3', id, '1 day'], 'touch takes no --every'],
    ]
    for (const [words, err] of edits) {
      expect(await run(...words, '--store', 'x')).toMatchObject({ code: 2, out: '', err: expect.stringContaining(err) })
    }
    expect(await run('list', '--field', 'a..b', '--store', 'x')).toEqual({
      code: 2,
      out: '',
      err: "--field: 'a..b' cannot be a path in a session: an empty key\n",
    })
    expect(await run('list', '--store', 'oracle://x')).toMatchObject({
      code: 2,
      err: expect.stringContaining("No store is called 'oracle'"),
    })
  })

  it('prints the SQL for PostgreSQL without asking any server', async () => {
    const { code, out } = await run(
      'schema',
      '--store',
      'postgres://127.0.0.1:1/x',
      '--table',
      'a b',
      '--index',
      'user_id',
    )
    expect({ code, out }).toEqual({ code: 0, out: `${postgresSchema({ table: 'a b' }, ['user_id'])}\n` })
    expect(await run('schema', '--store', 'redis://x')).toMatchObject({
      code: 2,
      err: expect.stringContaining('The schema is SQL for PostgreSQL'),
    })
  })

  it('prints its version', async () => {
    expect(await run('--version')).toEqual({
      code: 0,
      err: '',
      out: `${JSON.parse(readFileSync('package.json', 'utf8')).version}\n`,
    })
  })

  it.each([
    [['list', '--limit', '0'], '--limit takes a whole number from 1'],
    [['list', '--limit', '1.5'], '--limit takes a whole number from 1'],
    [['list', '--sort', 'size'], '--sort takes id, user, created, expires, changes, bytes'],
    [['prune', '--dry-run'], 'prune takes no --dry-run: it is for revoke'],
    [['watch', '--limit', '2'], 'watch takes no --limit: it is for list'],
    [['schema', '--index', 'a..b'], "--index: 'a..b' cannot be a path"],
  ])('refuses %j', async (args, err) => {
    expect(await run(...args, '--store', 'memory:')).toMatchObject({ code: 2, err: expect.stringContaining(err) })
  })

  it('ends quietly when nobody reads on', async () => {
    const file = join(folder, 'many.db')
    const { store, close } = await openStore(file)
    // More than a pipe holds.
    for (let i = 0; i < 100; i++) await visitor(store, { text: 'x'.repeat(2000) })
    await close()
    const child = spawn(process.execPath, [cli, 'list', '--data', '--store', file])
    let err = ''
    child.stderr.on('data', (piece) => (err += piece))
    const ended = new Promise((resolve) => child.once('close', resolve))
    child.stdout.once('data', () => child.stdout.destroy())
    expect({ code: await ended, err }).toEqual({ code: 0, err: '' })
  })

  const terminal = program('script')
  it.skipIf(process.platform !== 'linux' || !terminal)('takes its progress away before each result', async () => {
    const file = join(folder, 'terminal.db')
    const { store, close } = await openStore(file)
    await visitor(store, { user_id: 1 })
    await close()
    const env = { ...process.env, NODE: process.execPath, CLI: cli, FILE: file, SHELL: '/bin/sh' }
    const show = (command: string) =>
      execFileSync(terminal!, ['-qec', `"$NODE" "$CLI" ${command} --store "$FILE"`, '/dev/null'], {
        env,
        encoding: 'utf8',
        stdio: ['ignore', 'pipe', 'inherit'],
      })
    const [progress, ...rows] = show('list').split('\r\n')
    expect(progress).toMatch(/^\r.\[Kreading sessions, 1 so far\r.\[Kid /)
    expect(rows).toEqual([expect.stringMatching(/^[\w-]{22} {2}1 /), '1 session', ''])
    expect(show('prune')).toBe('\r\x1b[Kpruning …\r\x1b[K0 expired sessions removed\r\n')
  })
})
