import { execFile, spawn } from 'node:child_process'
import { existsSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { type OpenedStore, openStore } from 'koa-atomic-session/open'
import { Pool } from 'pg'
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest'
import { commands } from '../../src/command/index.ts'
import { chainOf, changeOf, MINUTE, visitor } from '../../src/testing/harness.ts'

const cli = join(import.meta.dirname, '..', '..', 'dist', 'cli', 'index.js')
const folder = mkdtempSync(join(tmpdir(), 'cli-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

interface Ended {
  readonly code: number
  readonly out: string
  readonly err: string
}

function run(...args: string[]): Promise<Ended> {
  return new Promise((resolve) => {
    execFile(process.execPath, [cli, ...args], { env: { ...process.env, STORE: '' } }, (error, out, err) =>
      resolve({ code: error ? Number(error.code) : 0, out, err }),
    )
  })
}
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
    url.pathname = '/inspected'
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
}

function provided(name: 'redis' | 'mongodb' | 'postgres'): string {
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

    it('finds nothing with exit code 3', async () => {
      const id = 'A'.repeat(22)
      expect(await run('show', id, ...store)).toMatchObject({ code: 3, out: `No live session has the id ${id}\n` })
      expect((await run('revoke', id, ...store)).code).toBe(3)
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
    expect(await run('list', '--store', 'oracle://x')).toMatchObject({
      code: 2,
      err: expect.stringContaining("No store is called 'oracle'"),
    })
  })

  it('makes no file of a name that is mistyped', async () => {
    const file = join(folder, 'typo.db')
    expect(await run('list', '--store', file)).toEqual({
      code: 1,
      out: '',
      err: `The sqlite store at ${file} can't be opened: there is no such file\n`,
    })
    expect(existsSync(file)).toBe(false)
  })

  it.each(['redis', 'postgres', 'mongodb'])(
    'says in one sentence that %s is down, without the password',
    async (kind) => {
      const { code, out, err } = await run('list', '--store', `${kind}://me:very-secret@127.0.0.1:1/0`)
      expect({ code, out }).toEqual({ code: 1, out: '' })
      expect(err).toMatch(/^The \w+ store at 127\.0\.0\.1:1 can't be opened: .*ECONNREFUSED.*\n$/)
      expect(err).not.toContain('very-secret')
    },
  )
})
