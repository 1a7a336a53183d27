import { spawn } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { type AddressInfo, createServer } from 'node:net'
import { networkInterfaces, tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { createPool } from 'mysql2/promise'
import { Pool } from 'pg'
import { afterAll, describe, expect, inject, it } from 'vitest'
// @ts-expect-error: the examples are plain JavaScript
import { createExamples } from '../../examples/server.mjs'
import { database } from '../servers/database.ts'
import { KEY, Visitor } from '../visitor.ts'

const program = join(import.meta.dirname, '..', '..', 'examples', 'start.mjs')
const folder = mkdtempSync(join(tmpdir(), 'start-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

/** What `npm start` runs once everything is built. */
function start(env: Record<string, string>) {
  const { STORE: _, HOST: __, SESSION_KEY: ___, ...others } = process.env
  const child = spawn(process.execPath, [program], { cwd: folder, env: { ...others, PORT: '0', ...env } })
  const said = { out: '', err: '' }
  child.stdout.on('data', (piece) => (said.out += piece))
  child.stderr.on('data', (piece) => (said.err += piece))
  const ended = new Promise<{ code: number; out: string; err: string }>((resolve) => {
    child.once('close', (code) => resolve({ code: code!, ...said }))
  })
  return { child, ended }
}

describe('the examples', () => {
  it.each([
    ['a URL of no store', { STORE: 'oracle://x' }, /^No store is called 'oracle': use redis:/],
    [
      'a server that is down',
      { STORE: 'redis://127.0.0.1:1' },
      /^The redis store at 127.0.0.1:1 can't be opened: .*REFUSED/,
    ],
    [
      'a server that is down',
      { STORE: 'postgres://127.0.0.1:1' },
      /^The postgres store at 127.0.0.1:1 can't be opened: .*REFUSED/,
    ],
    [
      'a server that is down',
      { STORE: 'mongodb://127.0.0.1:1' },
      /^The mongodb store at 127.0.0.1:1 can't be opened: .*REFUSED/,
    ],
    [
      'a file that is nowhere',
      { STORE: '/nonexistent/x.db' },
      /^The sqlite store at \/nonexistent\/x\.db can't be opened: there is no such folder$/,
    ],
    ['a port that is none', { STORE: 'memory:', PORT: '70000' }, /^PORT must be a number up to 65535, not '70000'$/],
    [
      'a key that can be guessed',
      { STORE: 'memory:', SESSION_KEY: 'secret' },
      /^SESSION_KEY is too short to be a secret/,
    ],
  ])('say in one sentence that they are given %s: %o', async (_, env, sentence) => {
    const { code, out, err } = await start(env).ended
    expect({ code, out }).toEqual({ code: 1, out: '' })
    expect(err).toMatch(/^[^\n]+\n$/)
    expect(err.trim()).toMatch(sentence)
  })

  it('say which port to take when theirs is taken', async () => {
    const other = createServer()
    await new Promise<void>((resolve) => other.listen(0, '127.0.0.1', resolve))
    const { port } = other.address() as AddressInfo
    expect(await start({ STORE: 'memory:', PORT: String(port) }).ended).toEqual({
      code: 1,
      out: '',
      err: `Port ${port} is taken: PORT=3001 npm start\n`,
    })
    other.close()
  })

  it('are reached from this machine only, keep a SQLite file, and end by a signal', async () => {
    const { child, ended } = start({})
    const { value } = await createInterface({ input: child.stdout })[Symbol.asyncIterator]().next()
    const [, base, port] = /^Open (http:\/\/localhost:(\d+)) \(sessions are kept in sqlite\)$/.exec(value)!
    expect((await fetch(base!)).status).toBe(200)
    const others = Object.values(networkInterfaces())
      .flat()
      .filter((one) => one && !one.internal && one.family === 'IPv4')
    for (const one of others) await expect(fetch(`http://${one!.address}:${port}`)).rejects.toThrow()
    child.kill('SIGTERM')
    expect(await ended).toMatchObject({ code: 0, err: '' })
  })
})

/** A database of this test's own on each server; undefined where there is none. */
const places: Record<string, () => Promise<string>> = {
  memory: async () => 'memory:',
  sqlite: async () => join(folder, 'examples.db'),
  redis: async () => `${provided('redis')}/8`,
  mongodb: async () => Object.assign(new URL(provided('mongodb')), { pathname: `/${database('examples')}` }).href,
  postgres: async () => {
    const url = new URL(provided('postgres'))
    const pool = new Pool({ connectionString: url.href })
    await pool.query('DROP DATABASE IF EXISTS examples')
    await pool.query('CREATE DATABASE examples')
    await pool.end()
    return Object.assign(url, { pathname: '/examples' }).href
  },
  mysql: async () => {
    const url = new URL(provided('mariadb'))
    const pool = createPool({ uri: url.href })
    await pool.query('DROP DATABASE IF EXISTS examples')
    await pool.query('CREATE DATABASE examples')
    await pool.end()
    return Object.assign(url, { pathname: '/examples' }).href
  },
}

function provided(name: string): string {
  const server = inject(name as 'redis')
  return 'url' in server ? server.url : ''
}

for (const [name, place] of Object.entries(places)) {
  const missing = !['memory', 'sqlite'].includes(name) && provided(name === 'mysql' ? 'mariadb' : name) === ''
  it.skipIf(missing)(`the examples work on ${name}`, async () => {
    const { server, store, close } = await createExamples({ url: await place(), keys: [KEY] })
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    const visitor = new Visitor(`http://127.0.0.1:${(server.address() as AddressInfo).port}`)
    expect(store).toBe(name)
    expect(await visitor.text('/')).toContain('Race lab')

    const [, csrf] = /name="csrf" value="([^"]+)"/.exec(await visitor.text('/shop'))!
    const body = new URLSearchParams({ csrf: csrf!, product: 'pot' })
    expect((await visitor.fetch('/shop/add', { method: 'POST', body })).status).toBe(303)
    expect(await visitor.text('/shop')).toContain('aria-label="Quantity of Tea pot"')

    for (const lane of ['whole', 'atomic']) {
      await visitor.json(`/lab/${lane}/start`, { method: 'POST' })
      for (const answer of [1, 2]) {
        expect(await visitor.json(`/lab/${lane}/count`, { method: 'POST' })).toMatchObject({ answer })
      }
      await visitor.json(`/lab/${lane}/logout`, { method: 'POST' })
      expect(await visitor.json(`/lab/${lane}/count`, { method: 'POST' })).toMatchObject({ refused: true })
    }
    await close()
  })
}
