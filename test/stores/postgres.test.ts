import { readFileSync } from 'node:fs'
import { postgres, postgresSchema } from 'koa-atomic-session/postgres'
import pg from 'pg'
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest'
import { commands } from '../../src/algebra/index.ts'
import { chainOf, changed, changeOf, eventually, randomId, visitor } from '../../src/testing/harness.ts'

const server = inject('postgres')
const apply = readFileSync('src/stores/postgres/sql/apply.sql', 'utf8')

describe.skipIf('missing' in server)('the postgres store', () => {
  const connectionString = 'url' in server ? server.url : ''
  const pool = new pg.Pool({ connectionString })
  afterAll(() => pool.end())
  let tables = 0
  const table = () => `postgres_test_${++tables}`

  it('says what to do when nothing has been set up', async () => {
    await expect(visitor(postgres(pool, { table: table() }))).rejects.toMatchObject({
      message: expect.stringMatching(
        /^The postgres store is not set up yet: 42P01 .*; call await sessions.ensureIndex\(\) once$/,
      ),
      applied: false,
    })
  })

  it('is set up by twenty connections at once', async () => {
    const store = postgres(pool, { table: table() }).indexed(['user_id'])
    await Promise.all(Array.from({ length: 20 }, () => store.setup()))
    expect((await visitor(store, { user_id: 1 })).record.version).toBe(1)
  })

  it('quotes every name', async () => {
    const name = `x"; DROP TABLE "y"; --':id$1`
    await pool.query('CREATE SCHEMA "an odd "" schema"')
    const store = postgres(pool, { table: name, schema: 'an odd " schema' }).indexed(['user_id'])
    await store.setup()
    const { id } = await visitor(store, { user_id: 1 })
    expect((await store.find('user_id', 1, Number.POSITIVE_INFINITY)).map((found) => found.id)).toEqual([id])
  })

  it('fails in its function with the line of apply.sql', async () => {
    const name = table()
    await postgres(pool, { table: name }).setup()
    const broken = `SELECT public.koa_atomic_session_v4('{"a": 1}', '[[], [[0, "unknown", ["a"]]]]', 0, NULL)`
    const { where } = await pool.query(broken).catch((error) => error)
    const line = Number(/line (\d+) at/.exec(where)?.[1])
    expect(apply.split('\n')[line - 1]).toMatch(/^ *CASE kind$/)
  })

  it('writes no index for a change that does not slide, and nothing for a slide that is not due', async () => {
    const name = table()
    const store = postgres(pool, { table: name })
    await store.setup()
    const { access } = await visitor(store, { n: 0, text: 'x'.repeat(200) })
    for (let i = 0; i < 200; i++) {
      changed(await store.update(access, changeOf(chainOf(commands.inc('n')))))
      changed(await store.update(access, changeOf(chainOf([]))))
    }
    const question = `SELECT n_tup_upd::integer AS updates, n_tup_hot_upd::integer AS hot FROM pg_stat_user_tables WHERE relname = '${name}'`
    // The server counts with a delay.
    const counted = () => pool.query(question).then(({ rows }) => rows[0])
    const { updates, hot } = await eventually(counted, ({ updates }) => updates >= 200)
    expect(updates).toBe(200)
    // One that finds its page full goes to another page, and so into the indexes.
    expect(hot).toBeGreaterThan(180)
  })

  it.each(['', 'x'.repeat(51), 'a\0b'])('refuses the name %j', (name) => {
    expect(() => postgres(pool, { table: name })).toThrow(/The table's name must be/)
  })

  it('works with the schema that is made by hand', async () => {
    const name = table()
    await pool.query(postgresSchema({ table: name }, ['user_id']))
    expect((await visitor(postgres(pool, { table: name }), { a: 1 })).record.data).toEqual({ a: 1 })
  })

  it('is set up without a lock and without the right to create where everything is there', async () => {
    const name = table()
    await postgres(pool, { table: name }).indexed(['user_id']).setup()
    await pool.query(`DROP ROLE IF EXISTS ${name}_role`)
    await pool.query(`CREATE ROLE ${name}_role; GRANT SELECT, INSERT, UPDATE, DELETE ON ${name} TO ${name}_role`)
    const own = new pg.Pool({ connectionString, options: `-c role=${name}_role`, max: 1 })
    const operator = await pool.connect()
    try {
      await operator.query(`BEGIN; LOCK TABLE ${name} IN SHARE ROW EXCLUSIVE MODE`)
      await postgres(own, { table: name }).indexed(['user_id']).setup()
      const incomplete = postgres(own, { table: name }).indexed(['other'])
      await expect(incomplete.setup()).rejects.toMatchObject({ applied: false })
    } finally {
      operator.release(true)
    }
    expect((await visitor(postgres(own, { table: name }), { a: 1 })).record.data).toEqual({ a: 1 })
    await own.end()
    await pool.query(`DROP OWNED BY ${name}_role; DROP ROLE ${name}_role`)
  })

  it('brings a table of an older version forward, with the sessions that it holds', async () => {
    const store = postgres(pool, { table: table() })
    await store.setup()
    const { access } = await visitor(store, { n: 1 })
    const next = { ...access, proof: { hash: 'next' } }
    const rotation = { to: 'next', grace: 0, epoch: 'e' }
    changed(await store.update(access, changeOf(chainOf([]), { rotation })))
    await pool.query(`ALTER TABLE postgres_test_${tables} DROP COLUMN previous_kind, DROP COLUMN device`)
    await expect(store.load(next)).rejects.toMatchObject({ applied: false })
    await store.setup()
    expect(await store.load(next)).toMatchObject({ outcome: 'live', secret: 'current' })
    expect(await store.load(access)).toMatchObject({ outcome: 'rotated' })
    changed(await store.update(next, changeOf(chainOf(commands.inc('n')))))
  })

  it('works by a single client, and without prepared statements', async () => {
    const client = new pg.Client({ connectionString })
    await client.connect()
    const store = postgres(client, { table: table(), prepared: false })
    await store.setup()
    const { access } = await visitor(store, { n: 1 })
    expect(changed(await store.update(access, changeOf(chainOf(commands.inc('n'))))).data).toEqual({ n: 2 })
    expect((await client.query('SELECT count(*)::int AS n FROM pg_prepared_statements')).rows).toEqual([{ n: 0 }])
    await client.end()
  })

  it('is not misled by parsers that the application has set for its own columns', async () => {
    const own = new pg.Pool({ connectionString, types: { getTypeParser: () => () => 'changed' } })
    const store = postgres(own, { table: table() })
    await store.setup()
    const { access } = await visitor(store, { n: 1, at: new Date(5) })
    expect(await store.load(access)).toMatchObject({ record: { data: { n: 1, at: new Date(5) } } })
    await own.end()
  })

  it.each(['repeatable read', 'serializable'])('loses nothing under isolation %s', async (isolation) => {
    const strict = new pg.Pool({
      connectionString,
      options: `-c default_transaction_isolation=${isolation.replace(' ', '\\ ')}`,
    })
    const store = postgres(strict, { table: table() })
    await store.setup()
    const { access } = await visitor(store, { n: 0 })
    await Promise.all(Array.from({ length: 100 }, () => store.update(access, changeOf(chainOf(commands.inc('n'))))))
    expect(await store.load(access)).toMatchObject({ record: { data: { n: 100 } } })
    await strict.end()
  })

  it('adds doubles as doubles, whatever the role shows of them', async () => {
    const rough = new pg.Pool({ connectionString, options: '-c extra_float_digits=0' })
    const store = postgres(rough, { table: table() })
    await store.setup()
    const { access } = await visitor(store, { n: 0.1 })
    expect(changed(await store.update(access, changeOf(chainOf(commands.inc('n', 0.2))))).data).toEqual({
      n: 0.30000000000000004,
    })
    await rough.end()
  })

  it('takes any limit of bytes', async () => {
    const store = postgres(pool, { table: table() })
    await store.setup()
    const { access } = await visitor(store)
    const change = changeOf(chainOf(commands.set('a', 1)), { maxBytes: Number.MAX_SAFE_INTEGER })
    expect(changed(await store.update(access, change)).data).toEqual({ a: 1 })
  })

  it('remembers no change as older than the one before, whenever its statement began', async () => {
    const name = table()
    const store = postgres(pool, { table: name })
    await store.setup()
    const { access } = await visitor(store, { n: 0 })
    await pool.query(`UPDATE ${name} SET ops = 'before@9999999999999 ', remembered = 1`)
    changed(await store.update(access, changeOf(chainOf(commands.inc('n')))))
    expect((await pool.query(`SELECT ops FROM ${name}`)).rows[0].ops).toMatch(
      /^before@9999999999999 \S+@9999999999999 $/,
    )
  })

  it('prunes in batches', async () => {
    const name = table()
    const store = postgres(pool, { table: name })
    await store.setup()
    const { id } = await visitor(store)
    await pool.query(`INSERT INTO ${name} SELECT 'old' || n, hash, NULL, NULL, NULL, data, version, created,
      now() - interval '1 hour', NULL, NULL, rotated, epoch, ops, remembered FROM ${name}, generate_series(1, 2500) AS n`)
    expect(await store.prune()).toBe(2500)
    expect(await store.prune()).toBe(0)
    expect((await pool.query(`SELECT id FROM ${name}`)).rows).toEqual([{ id }])
  })

  it('finds sessions by its index', async () => {
    const name = table()
    const store = postgres(pool, { table: name }).indexed(['user_id'])
    await store.setup()
    await pool.query(`INSERT INTO ${name} SELECT 'id' || n, '', NULL, NULL, NULL, jsonb_build_object('user_id', n), 1, now(),
      now() + interval '1 hour', NULL, NULL, now(), '', '', 0 FROM generate_series(1, 5000) AS n; ANALYZE ${name}`)
    const { rows } = await pool.query(
      `EXPLAIN SELECT * FROM ${name} WHERE (data #> '{user_id}') = '7'::jsonb AND expires > now()`,
    )
    expect(JSON.stringify(rows)).toContain(`${name}_by_user_id`)
    expect(await store.find('user_id', 7, Number.POSITIVE_INFINITY)).toHaveLength(1)
  })

  describe('beside connections of others', () => {
    const name = `postgres_locks_${randomId().slice(0, 4)}`.toLowerCase().replace(/\W/g, '_')
    const store = postgres(pool, { table: name })
    beforeAll(() => store.setup())

    it('waits for a change that is not committed, and builds on it', async () => {
      const { id, access } = await visitor(store, { n: 1 })
      const other = await pool.connect()
      await other.query('BEGIN')
      await other.query(`UPDATE ${name} SET data = '{"n": 41}' WHERE id = $1`, [id])
      const waiting = store.update(access, changeOf(chainOf(commands.inc('n'))))
      await other.query('COMMIT')
      other.release()
      expect(changed(await waiting).data).toEqual({ n: 42 })
    })

    it('takes what a change that it waited for has left', async () => {
      const { id, access } = await visitor(store, { flash: 'old' })
      const other = await pool.connect()
      await other.query('BEGIN')
      await other.query(`UPDATE ${name} SET data = '{"flash": "new"}' WHERE id = $1`, [id])
      const waiting = store.update(access, changeOf(chainOf(commands.take('flash'))))
      await other.query('COMMIT')
      other.release()
      expect(await waiting).toMatchObject({ outcome: 'changed', taken: 'new' })
    })
  })
})
