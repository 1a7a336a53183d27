import { mysqlSchema } from 'koa-atomic-session/mysql'
import { postgresSchema } from 'koa-atomic-session/postgres'
import { MongoClient } from 'mongodb'
import pg from 'pg'
import { describe, expect, inject, it, vi } from 'vitest'
import { TestApp } from '../visitor.ts'
import { blocks, expectAllRun, type Given, run, runInAFolder } from './examples.ts'

const servers = {
  mongodb: inject('mongodb'),
  postgres: inject('postgres'),
  redis: inject('redis'),
  mysql: inject('mariadb'),
}
const urlOf = (name: keyof typeof servers): string => {
  const server = servers[name]
  return 'url' in server ? server.url : ''
}

describe("the stores' examples", () => {
  runInAFolder('stores')

  /** Runs a fragment in an application that counts. */
  async function counts(name: string, given: Given = {}): Promise<void> {
    const app = new TestApp()
    const { default: fragment } = await run(name)
    const sessions = await fragment({ app: app.koa, ...given })
    app.koa.use(async (ctx) => {
      ctx.body = String((await sessions.of(ctx).inc('views')).views)
    })
    await app.listen()
    const visitor = app.visitor()
    expect(await visitor.text('/')).toBe('1')
    expect(await visitor.text('/')).toBe('2')
    await app.close()
    await sessions.close()
  }

  it.each(['memory_store', 'sqlite_store'])('%s counts', (name) => counts(name))

  it.skipIf('missing' in servers.mongodb)('mongodb_store counts', async () => {
    const client = await MongoClient.connect(urlOf('mongodb'))
    await counts('mongodb_store', { client })
    await client.close()
  })

  it.skipIf('missing' in servers.postgres)('postgres_store counts', async () => {
    const url = new URL(urlOf('postgres'))
    url.searchParams.set('application_name', 'postgres_store')
    await counts('postgres_store', { connectionString: url.href })
    await counts('postgres_live', { connectionString: urlOf('postgres') })
    // As a restart of the server: its connections break while they rest.
    const told = vi.spyOn(console, 'error').mockImplementation(() => {})
    const admin = new pg.Client({ connectionString: urlOf('postgres') })
    await admin.connect()
    const ended = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'postgres_store'"
    expect((await admin.query(ended)).rowCount).toBeGreaterThan(0)
    await vi.waitFor(() => expect(told).toHaveBeenCalledWith(expect.stringContaining('terminating connection')))
    told.mockRestore()
    await admin.end()
  })

  it('no example has a pool whose broken connections end the process', () => {
    const pools = blocks().filter(({ code }) => /new (?:pg\.)?Pool\(/.test(code))
    expect(pools.length).toBeGreaterThan(1)
    for (const { document, code } of pools)
      expect([document, code]).toEqual([document, expect.stringMatching(/\.on\('error', /)])
  })

  it.skipIf('missing' in servers.redis)('redis_store counts', async () => {
    await counts('redis_store', { url: urlOf('redis') })
    await counts('redis_live', { url: urlOf('redis') })
  })

  it.skipIf('missing' in servers.mysql)('mysql_store counts', async () => {
    await counts('mysql_store', { url: urlOf('mysql') })
  })

  it('mysql_schema prints the SQL', async () => {
    const log = vi.spyOn(console, 'log').mockImplementation(() => {})
    await run('mysql_schema')
    expect(log.mock.calls).toEqual([[mysqlSchema({ table: 'sessions' }, ['user_id'])]])
    log.mockRestore()
  })

  it('postgres_schema prints the SQL', async () => {
    const log = vi.spyOn(console, 'log').mockImplementation(() => {})
    await run('postgres_schema')
    expect(log.mock.calls).toEqual([[postgresSchema({ table: 'sessions' }, ['user_id'])]])
    log.mockRestore()
  })

  it('the defaults of SECURITY.md count over TLS, and let no foreign page in', async () => {
    const { memory } = await import('koa-atomic-session/memory')
    const app = new TestApp()
    app.koa.proxy = true
    const { default: fragment } = await run('defaults')
    const sessions = await fragment({ app: app.koa, store: memory() })
    app.koa.use(async (ctx) => {
      ctx.body = String((await sessions.of(ctx).inc('views')).views)
    })
    await app.listen()
    const visitor = app.visitor()
    const tls = { 'x-forwarded-proto': 'https' }
    expect(await visitor.text('/', { headers: tls })).toBe('1')
    expect([...visitor.cookies.keys()]).toEqual(['__Host-Http-sid'])
    const foreign = { method: 'POST', headers: { ...tls, origin: 'https://evil.example' } }
    expect((await visitor.fetch('/', foreign)).status).toBe(403)
    await app.close()
    await sessions.close()
  })

  it('are all run', () => {
    const skipped = Object.entries(servers).flatMap(([name, server]) =>
      'missing' in server ? [`${name}_store`, `${name}_live`] : [],
    )
    expectAllRun(/^(docs\/stores\/[a-z]|SECURITY)/, skipped)
  })
})
