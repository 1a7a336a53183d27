import { createHash } from 'node:crypto'
import { postgres, postgresSchema } from 'koa-atomic-session/postgres'
import pg from 'pg'
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest'
import { commands } from '../../src/algebra/index.ts'
import { APPLY_SQL } from '../../src/stores/postgres/sql/apply.sql.ts'
import { functionName } from '../../src/stores/postgres/statements.ts'
import { chainOf, changed, changeOf, visitor } from '../../src/testing/harness.ts'
import { pgbouncer } from '../servers/pgbouncer.ts'

const server = inject('postgres')
const connectionString = 'url' in server ? server.url : ''

it('a function that has changed has a new name, because processes of the old version still call the old one', () => {
  const body = createHash('sha256')
    .update(APPLY_SQL({ APPLY: '' }))
    .digest('hex')
    .slice(0, 12)
  // Where this fails, count the version in functionName() up, and write the new pair here.
  expect([functionName('public'), body]).toEqual(['"public".koa_atomic_session_v4', '9355df241158'])
})

describe.skipIf('missing' in server)('the set-up of PostgreSQL', () => {
  const pool = new pg.Pool({ connectionString })
  afterAll(() => pool.end())
  let names = 0
  const fresh = () => `postgres_setup_${++names}`
  /** A pool of a role of its own that may do this in a schema of its own. */
  async function role(name: string, rights: string): Promise<pg.Pool> {
    await pool.query(`DROP ROLE IF EXISTS ${name}`)
    await pool.query(`CREATE ROLE ${name}; ${rights}`)
    return new pg.Pool({ connectionString, options: `-c role=${name}`, max: 2 })
  }
  const counts = async (client: pg.Pool, options: object) => {
    const store = postgres(client, options)
    const { access } = await visitor(store, { a: { n: 1 }, m: 1 })
    const inc = changeOf(chainOf([commands.inc('a.n'), commands.inc('m')]))
    expect(changed(await store.update(access, inc)).data).toEqual({ a: { n: 2 }, m: 2 })
  }

  it('works for two roles in one schema, each with a table of its own', async () => {
    const schema = fresh()
    await pool.query(`CREATE SCHEMA ${schema}`)
    const one = await role(`${schema}_one`, `GRANT USAGE, CREATE ON SCHEMA ${schema} TO ${schema}_one`)
    const two = await role(`${schema}_two`, `GRANT USAGE, CREATE ON SCHEMA ${schema} TO ${schema}_two`)
    for (const [client, table] of [
      [one, 'shop'],
      [two, 'blog'],
    ] as const) {
      await postgres(client, { schema, table }).setup()
      await counts(client, { schema, table })
    }
    await Promise.all([one.end(), two.end()])
  })

  it('works for two roles at the same moment', async () => {
    const schema = fresh()
    await pool.query(`CREATE SCHEMA ${schema}`)
    // One after another: of two grants on one schema at once, PostgreSQL refuses one.
    const roles: pg.Pool[] = []
    for (const end of ['a', 'b', 'c']) {
      roles.push(await role(`${schema}_${end}`, `GRANT USAGE, CREATE ON SCHEMA ${schema} TO ${schema}_${end}`))
    }
    await Promise.all(roles.map((client, i) => postgres(client, { schema, table: `t${i}` }).setup()))
    for (const [i, client] of roles.entries()) await counts(client, { schema, table: `t${i}` })
    await Promise.all(roles.map((client) => client.end()))
  })

  it('one role creates, and another with just the rights of the page runs', async () => {
    const schema = fresh()
    await pool.query(`ALTER DEFAULT PRIVILEGES REVOKE EXECUTE ON FUNCTIONS FROM public; CREATE SCHEMA ${schema}`)
    await pool.query(postgresSchema({ schema }, ['user_id']))
    await pool.query('ALTER DEFAULT PRIVILEGES GRANT EXECUTE ON FUNCTIONS TO public')
    const rights = [
      `GRANT USAGE ON SCHEMA ${schema} TO ${schema}_app`,
      `GRANT SELECT, INSERT, UPDATE, DELETE ON ${schema}.sessions TO ${schema}_app`,
      `GRANT EXECUTE ON FUNCTION ${schema}.koa_atomic_session_v4 TO ${schema}_app`,
    ]
    const client = await role(`${schema}_app`, '')
    for (const right of rights) {
      await expect(counts(client, { schema })).rejects.toMatchObject({
        applied: false,
        message: expect.stringMatching(/42501 permission denied for .*; docs\/stores\/postgres\.md lists the rights$/),
      })
      await pool.query(right)
    }
    await postgres(client, { schema }).indexed(['user_id']).setup()
    await counts(client, { schema })
    await client.end()
  })

  it('tells the whole sentence of the server', async () => {
    const schema = fresh()
    await pool.query(`CREATE SCHEMA ${schema}`)
    const client = await role(`${schema}_app`, `GRANT USAGE ON SCHEMA ${schema} TO ${schema}_app`)
    await expect(postgres(client, { schema }).setup()).rejects.toThrow(
      `The postgres store could not be set up: 42501 permission denied for schema ${schema}; docs/stores/postgres.md`,
    )
    await client.end()
  })

  it('leaves the function of an older version as it is, for processes that still run', async () => {
    const schema = fresh()
    await pool.query(`CREATE SCHEMA ${schema}`)
    await pool.query(`CREATE FUNCTION ${schema}.koa_atomic_session_v1(data jsonb, chain jsonb, now_ms bigint, max_bytes integer)
      RETURNS jsonb LANGUAGE sql AS $$ SELECT '{"old": true}'::jsonb $$`)
    await postgres(pool, { schema }).setup()
    await counts(pool, { schema })
    const old = await pool.query(`SELECT ${schema}.koa_atomic_session_v1('{}', '[]', 0, 0) AS data`)
    expect(old.rows).toEqual([{ data: { old: true } }])
  })

  it('takes an index that was built without stopping writes', async () => {
    const table = fresh()
    const [index] = /^CREATE INDEX .*user_id.*;$/m.exec(postgresSchema({ table }, ['user_id']))!
    await postgres(pool, { table }).setup()
    await pool.query(index.replace('CREATE INDEX', 'CREATE INDEX CONCURRENTLY'))
    const reader = await role(`${table}_app`, `GRANT SELECT ON ${table} TO ${table}_app`)
    await postgres(reader, { table }).indexed(['user_id']).setup()
    await reader.end()
  })

  it('prints SQL that people can read', () => {
    const sql = postgresSchema({ table: 'my sessions' }, ['user_id'])
    expect(sql).toMatch(
      /^CREATE TABLE IF NOT EXISTS "public"\."my sessions" \(\n {2}id text COLLATE "C" PRIMARY KEY,\n/,
    )
    expect(sql).toMatch(/\n\nCREATE INDEX IF NOT EXISTS "my sessions_by_user_id" ON .*;\n\nCREATE OR REPLACE FUNCTION /)
    expect(sql).toMatch(/\n {2}data := data \|\| '\{\}';\n/)
    expect(sql).toMatch(/\$function\$;$/)
    expect(sql).not.toContain(' @')
  })

  it.each([
    [
      'a table of Auth.js',
      '(id serial PRIMARY KEY, "userId" integer, expires timestamptz, "sessionToken" text)',
      /it is a table of something else, without the columns hash, .*; choose another name, postgres\(pool, \{ table: 'app_sessions' \}\)$/,
    ],
    [
      'a table of connect-pg-simple',
      '(sid text PRIMARY KEY, sess json, expire timestamp)',
      /without the columns id, hash, /,
    ],
    ['a view', undefined, /it is not a table; choose another name/],
  ])('refuses %s', async (_, columns, message) => {
    const table = fresh()
    await pool.query(columns ? `CREATE TABLE ${table} ${columns}` : `CREATE VIEW ${table} AS SELECT 1 AS id`)
    await expect(postgres(pool, { table }).setup()).rejects.toMatchObject({
      applied: false,
      message: expect.stringMatching(message),
    })
  })

  it.each([
    ['data', 'json', 'jsonb'],
    ['expires', 'timestamp without time zone', 'timestamp with time zone'],
  ])('refuses a column %s that somebody has made %s', async (column, type, right) => {
    const table = fresh()
    const store = postgres(pool, { table })
    await store.setup()
    await pool.query(`ALTER TABLE ${table} ALTER ${column} TYPE ${type}`)
    await expect(store.setup()).rejects.toThrow(`its column ${column} is ${type} and must be ${right}: ALTER TABLE`)
  })

  it('a request is told what to do about a table of other types, and about a function that is gone', async () => {
    const schema = fresh()
    await pool.query(`CREATE SCHEMA ${schema}`)
    const store = postgres(pool, { schema })
    await store.setup()
    const { access } = await visitor(store, { a: { n: 1 } })
    const change = () => changeOf(chainOf(commands.inc('a.n')))
    await pool.query(`DROP FUNCTION ${schema}.koa_atomic_session_v4`)
    await expect(store.update(access, change())).rejects.toThrow(
      /is not set up yet: 42883 function .* does not exist; call await sessions\.ensureIndex\(\) once$/,
    )
    await store.setup()
    changed(await store.update(access, change()))
    await pool.query(`ALTER TABLE ${schema}.sessions ALTER data TYPE json`)
    await expect(store.update(access, change())).rejects.toThrow(/42\w+ .*; .*ensureIndex\(\)/)
  })

  it('says what to do where a pooler forgets prepared statements', async () => {
    const bouncer = await pgbouncer(connectionString, { default_pool_size: 2, max_prepared_statements: 0 }).then(
      async (made) => ('missing' in made ? pgbouncer(connectionString, { default_pool_size: 2 }) : made),
      () => pgbouncer(connectionString, { default_pool_size: 2 }),
    )
    if ('missing' in bouncer) return
    const through = new pg.Pool({ connectionString: bouncer.url, max: 10 })
    const table = fresh()
    await postgres(pool, { table }).setup()
    const all = async (prepared: boolean) => {
      const store = postgres(through, { table, prepared })
      return Promise.allSettled(Array.from({ length: 40 }, () => visitor(store, { n: 1 })))
    }
    const messages = (await all(true)).flatMap((one) => (one.status === 'rejected' ? [one.reason.message] : []))
    expect(messages.length).toBeGreaterThan(0)
    for (const message of messages)
      expect(message).toMatch(/: (?:26000|42P05)\b.*: use postgres\(pool, \{ prepared: false \}\)$/)
    expect((await all(false)).filter(({ status }) => status === 'rejected')).toEqual([])
    await through.end()
    await bouncer.stop()
  })

  describe('by a driver that has parsers for the whole connection only, as pg.native', () => {
    const store = postgres(
      {
        query: ({ text, values, name }: pg.QueryConfig) =>
          pool.query({ text, values: values ?? [], ...(name && { name }) }),
      },
      { table: 'postgres_native' },
    )
    beforeAll(() => postgres(pool, { table: 'postgres_native' }).setup())

    it('reads what the driver has parsed', async () => {
      await store.setup()
      const at = new Date(5)
      const { access } = await visitor(store, { n: 1, at, list: [at] })
      expect(changed(await store.update(access, changeOf(chainOf(commands.inc('n'))))).data).toEqual({
        n: 2,
        at,
        list: [at],
      })
      expect(await store.load(access)).toMatchObject({ outcome: 'live', record: { data: { n: 2, at, list: [at] } } })
    })
  })

  it('a client that answers something else is told as a failure of the store', async () => {
    const rows = postgres({ query: async () => [] as never })
    await expect(rows.get('x')).rejects.toMatchObject({ code: 'ERR_SESSION_STORE', applied: 'unknown' })
  })
})
