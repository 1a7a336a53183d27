import { postgres } from 'koa-atomic-session/postgres'
import { redis } from 'koa-atomic-session/redis'
import { conformance, INDEXED_FIELDS } from 'koa-atomic-session/testing'
import pg from 'pg'
import { createClient } from 'redis'
import { afterAll, beforeAll, describe, inject, it, vi } from 'vitest'
import type { Chain } from '../../src/algebra/index.ts'

// A server-side function that knows no command at all: every chain goes the way of one that is new.
const knowsNothing = vi.hoisted(() => async (original: () => Promise<object>) => ({
  ...(await original()),
  knows: ({ commands }: Chain) => commands.length === 0,
}))
vi.mock('../../src/stores/postgres/compile.ts', knowsNothing)
vi.mock('../../src/stores/redis/compile.ts', knowsNothing)

const servers = { postgres: inject('postgres'), redis: inject('redis') }
const CASES = 200

describe.skipIf('missing' in servers.postgres)('PostgreSQL, whose function does not know the commands', () => {
  const pool = new pg.Pool({ connectionString: 'url' in servers.postgres ? servers.postgres.url : '' })
  afterAll(() => pool.end())

  let tables = 0
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
  const make = async () => redis(client, { prefix: `computed ${++stores}:` })
  const makeIndexed = async () => (await make()).indexed(INDEXED_FIELDS)
  conformance({ describe, it }, make, { makeIndexed, cases: CASES })
})
