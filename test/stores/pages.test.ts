import { memory } from 'koa-atomic-session/memory'
import { mongodb } from 'koa-atomic-session/mongodb'
import { mysql } from 'koa-atomic-session/mysql'
import { postgres } from 'koa-atomic-session/postgres'
import { sqlite } from 'koa-atomic-session/sqlite'
import { type Document, MongoClient } from 'mongodb'
import { createConnection, type RowDataPacket } from 'mysql2/promise'
import pg from 'pg'
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest'
import { pages } from '../../src/contract/pages.ts'
import type { IndexedStore, Store } from '../../src/contract/store.ts'
import { statements as postgresStatements } from '../../src/stores/postgres/statements.ts'
import { driver } from '../../src/stores/sqlite/client.ts'
import { statements } from '../../src/stores/sqlite/table.ts'
import { visitor } from '../../src/testing/harness.ts'
import { database } from '../servers/database.ts'

/** Goes through all sessions of a value, and then removes them, in as many pages as there are sessions. */
async function through(store: IndexedStore, value: number): Promise<{ found: number; removed: number }> {
  const forever = Number.POSITIVE_INFINITY
  let found = 0
  for await (const page of pages((page) => store.find('user_id', value, forever, page), { limit: 1, after: '' })) {
    found += page.length
  }
  const reading = {}
  let removed = 0
  while ((await store.destroyAll('user_id', value, undefined, 1, reading)) === 1) removed++
  return { found, removed }
}

/** The work is counted for a few sessions and for ten times as many: with each page as much as the last one, it is ten times. */
const [FEW, MANY] = [20, 200]

async function grows(store: IndexedStore, work: () => Promise<number>, writer: Store = store): Promise<number> {
  const counts: number[] = []
  for (const [value, size] of [FEW, MANY].entries()) {
    for (let i = 0; i < size; i++) await visitor(writer, { user_id: value })
    const before = await work()
    expect(await through(store, value)).toEqual({ found: size, removed: size })
    counts.push((await work()) - before)
  }
  expect(counts[0]).toBeGreaterThan(FEW)
  return counts[1]! / counts[0]!
}

describe('the work of all pages of a reading grows with what they find, and not with its square', () => {
  it('memory', async () => {
    let looks = 0
    const counting = (data: object) =>
      new Proxy(data, {
        getOwnPropertyDescriptor: (target, key) => {
          looks++
          return Reflect.getOwnPropertyDescriptor(target, key)
        },
        get: (target, key) => {
          looks++
          return Reflect.get(target, key)
        },
      })
    const ratios: number[] = []
    for (const size of [FEW, MANY]) {
      const store = memory().indexed(['user_id'])
      for (let i = 0; i < size; i++) {
        const { access } = await visitor(store, counting({ user_id: 1 }) as never)
        expect((await store.load(access)).outcome).toBe('live')
      }
      looks = 0
      expect(await through(store, 1)).toEqual({ found: size, removed: size })
      ratios.push(looks / size)
    }
    expect(ratios[0]).toBeGreaterThan(1)
    expect(ratios[1]).toBeLessThan(1.5 * ratios[0]!)
  })

  it('sqlite: each page is read along the index, in its order', async () => {
    const asked: string[] = []
    const real = new (driver())(':memory:')
    const store = sqlite(real).indexed(['user_id'])
    await store.setup()
    const prepare = (sql: string) => {
      asked.push(sql)
      return real.prepare(sql)
    }
    const recording = { prepare }
    statements(recording as never, 'sessions').having('user_id', 1)
    const plans = asked.slice(-2).map((sql) => real.prepare(`EXPLAIN QUERY PLAN ${sql}`).all() as { detail: string }[])
    const [find, remove] = plans.map((rows) => rows.map(({ detail }) => detail))
    expect(find).toEqual(['SEARCH sessions USING INDEX sessions_by_user_id (<expr>=? AND id>?)'])
    expect(remove).toContain('SEARCH sessions USING INDEX sessions_by_user_id (<expr>=?)')
    expect(remove!.join()).not.toContain('B-TREE')
  })
})

const postgresServer = inject('postgres')
describe.skipIf('missing' in postgresServer)('the work of pages on PostgreSQL', () => {
  const connectionString = 'url' in postgresServer ? postgresServer.url : ''
  const plain = new pg.Pool({ connectionString })
  // An operator that counts the rows whose data are opened for a field, in front of PostgreSQL's own.
  const options = '-c search_path=counting_pages,pg_catalog,public -c counting.rows=0'
  const pool = new pg.Pool({ connectionString, options, max: 1 })
  const store = postgres(pool, { table: 'postgres_pages' }).indexed(['user_id'])
  beforeAll(async () => {
    await postgres(plain, { table: 'postgres_pages' }).indexed(['user_id']).setup()
    const count = (name: string, takes: string, of: string) =>
      `CREATE FUNCTION counting_pages.${name}(${takes}) RETURNS jsonb LANGUAGE plpgsql AS $$ BEGIN
         PERFORM set_config('counting.rows', (current_setting('counting.rows')::bigint + 1)::text, false);
         RETURN ${of}; END $$;`
    await plain.query(`DROP SCHEMA IF EXISTS counting_pages CASCADE; CREATE SCHEMA counting_pages;
      ${count('opened', 'a jsonb, b text[]', 'a OPERATOR(pg_catalog.#>) b')}
      ${count('jsonb_extract_path', 'a jsonb, VARIADIC b text[]', 'a OPERATOR(pg_catalog.#>) b')}
      CREATE OPERATOR counting_pages.#> (LEFTARG = jsonb, RIGHTARG = text[], FUNCTION = counting_pages.opened)`)
  })
  afterAll(() => Promise.all([plain.end(), pool.end()]))

  it('grows with what they find, and not with its square', async () => {
    const work = async () => Number((await pool.query("SELECT current_setting('counting.rows') AS rows")).rows[0].rows)
    expect(await grows(store, work)).toBeLessThan(15)
  })

  it('is by the primary key for what is known, whatever else could be used', async () => {
    await plain.query(`INSERT INTO postgres_pages SELECT 'p' || n, '', NULL, NULL, NULL, jsonb_build_object('user_id', 7), 1,
      now(), now() + interval '1 hour', NULL, NULL, now(), '', '', 0 FROM generate_series(1, 40000) AS n`)
    const sql = postgresStatements('public', 'postgres_pages')
    const ids = Array.from({ length: 100 }, (_, i) => `p${i + 1}`)
    for (const analyzed of [false, true]) {
      if (analyzed) await plain.query('ANALYZE postgres_pages')
      for (const { text, valuesOf } of [sql.these, sql.destroyThese('user_id')]) {
        const values = valuesOf({ value: '7', ids, limit: 100, except: null })
        const { rows } = await plain.query(`EXPLAIN ${text}`, values)
        const plan = JSON.stringify(rows)
        expect(plan).toContain('postgres_pages_pkey')
        expect(plan).not.toMatch(/Seq Scan|_by_user_id|_expires/)
      }
    }
  })
})

const mongoServer = inject('mongodb')
describe.skipIf('missing' in mongoServer)('the work of pages on MongoDB', () => {
  const client = new MongoClient('url' in mongoServer ? mongoServer.url : 'mongodb://none', { monitorCommands: true })
  const store = mongodb(client.db(database('pages')).collection<Document>('sessions')).indexed(['user_id'])
  afterAll(() => client.close())

  it('asks for the value twice, and then for the ids of each page', async () => {
    const asked: Document[] = []
    client.on('commandStarted', ({ commandName, command }) => commandName === 'find' && asked.push(command.filter))
    for (let i = 0; i < 30; i++) await visitor(store, { user_id: 1 })
    let found = 0
    const forever = Number.POSITIVE_INFINITY
    for await (const page of pages((page) => store.find('user_id', 1, forever, page), { limit: 3, after: '' })) {
      found += page.length
    }
    expect(found).toBe(30)
    const byId = asked.filter(({ _id }) => _id?.$in)
    expect(byId.map(({ _id }) => _id.$in.length)).toEqual(Array.from({ length: 9 }, () => 3))
    expect(asked.length - byId.length).toBe(2)
    expect(JSON.stringify(byId)).not.toContain('user_id')
  })
})

const mysqlServer = inject('mariadb')
describe.skipIf('missing' in mysqlServer)('the work of pages on MySQL', () => {
  it.each([
    ['', 'user_id'],
    [', also of sessions that processes with other fields wrote', 'other'],
  ])('grows with what they find, and not with its square%s', async (_, field) => {
    const connection = await createConnection({ uri: 'url' in mysqlServer ? mysqlServer.url : '' })
    const table = `mysql_pages_${field}`
    const writer = mysql(connection, { table }).indexed([field])
    const reader = mysql(connection, { table }).indexed(['user_id'])
    await writer.setup()
    await reader.setup()
    const work = async () => {
      const [rows] = await connection.query<RowDataPacket[]>("SHOW SESSION STATUS LIKE 'Handler_read%'")
      return rows.reduce((sum, { Value }) => sum + Number(Value), 0)
    }
    expect(await grows(reader, work, writer)).toBeLessThan(15)
    await connection.end()
  })
})
