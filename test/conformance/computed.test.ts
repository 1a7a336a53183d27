import { postgres } from 'koa-atomic-session/postgres'
import { redis } from 'koa-atomic-session/redis'
import { conformance, INDEXED_FIELDS } from 'koa-atomic-session/testing'
import pg from 'pg'
import { createClient } from 'redis'
import { afterAll, beforeAll, beforeEach, describe, expect, inject, it, vi } from 'vitest'
import { type Chain, commands } from '../../src/algebra/index.ts'
import { chainOf, changeOf, visitor } from '../../src/testing/harness.ts'

// A server that knows no command at all: every chain goes the way of one that is new.
const knows = vi.hoisted(() => vi.fn(({ commands }: Chain) => commands.length === 0))
vi.mock('../../src/stores/shared/oracle.ts', async (original) => ({ ...(await original<object>()), knows }))
beforeEach(() => void knows.mockClear())

const servers = { postgres: inject('postgres'), redis: inject('redis') }
const CASES = 200

describe.skipIf('missing' in servers.postgres)('PostgreSQL, whose function does not know the commands', () => {
  const pool = new pg.Pool({ connectionString: 'url' in servers.postgres ? servers.postgres.url : '' })
  afterAll(() => pool.end())

  let tables = 0
  it('asks what the function knows', async () => {
    const store = await make()
    const { access } = await visitor(store)
    await store.update(access, changeOf(chainOf(commands.inc('n'))))
    expect(knows).toHaveBeenCalled()
  })

  const make = async (fields: readonly string[] = []) => {
    const store = postgres(pool, { table: `computed${++tables}` }).indexed(fields)
    await store.setup()
    return store
  }
  conformance({ describe, it }, make, { makeIndexed: () => make(INDEXED_FIELDS), cases: CASES })
})

describe.skipIf('missing' in servers.redis)('Redis, whose script does not know the commands', () => {
  const client = createClient({ url: 'url' in servers.redis ? servers.redis.url : 'redis://none' })
  beforeAll(async () => {
    await client.connect()
  })
  afterAll(() => client.close())

  let stores = 0
  it('asks what the script knows', async () => {
    const store = await make()
    const { access } = await visitor(store)
    await store.update(access, changeOf(chainOf(commands.inc('n'))))
    expect(knows).toHaveBeenCalled()
  })

  const make = async () => redis(client, { prefix: `computed ${++stores}:` })
  const makeIndexed = async () => (await make()).indexed(INDEXED_FIELDS)
  conformance({ describe, it }, make, { makeIndexed, cases: CASES })
})
