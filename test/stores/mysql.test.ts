import { mysql, mysqlSchema } from 'koa-atomic-session/mysql'
import { createConnection, createPool, type PoolOptions } from 'mysql2'
import { createPool as createPromisePool, type RowDataPacket } from 'mysql2/promise'
import { afterAll, describe, expect, inject, it } from 'vitest'
import { commands } from '../../src/algebra/index.ts'
import { chainOf, changed, changeOf, dataOf, visitor } from '../../src/testing/harness.ts'
import { TcpProxy } from '../servers/proxy.ts'

const server = inject('mariadb')

describe('what is no client of mysql2', () => {
  it.each([undefined, {}, { query() {} }, { pool: {} }])('is refused before any I/O: %j', (client) => {
    expect(() => mysql(client as never)).toThrow(/takes a Pool or Connection of mysql2/)
  })

  it.each(['', 'x'.repeat(65), 'a`b', 'a.b', 'a b'])('the table %j is refused', (table) => {
    const client = { execute() {} }
    expect(() => mysql(client as never, { table })).toThrow(/The table's name must be/)
    expect(() => mysqlSchema({ table })).toThrow(/The table's name must be/)
  })
})

describe.skipIf('missing' in server)('the mysql store', () => {
  const uri = 'url' in server ? server.url : ''
  const pool = createPromisePool({ uri })
  afterAll(() => pool.end())
  let tables = 0
  const table = () => `mysql_test_${++tables}`
  /** A store over a pool of its own. */
  async function open(options: PoolOptions, fields: readonly string[] = []) {
    const own = createPool({ uri, ...options })
    const store = mysql(own, { table: table() }).indexed(fields)
    await store.setup()
    return { own, store, close: () => own.promise().end() }
  }
  const rows = async (sql: string) => (await pool.query<RowDataPacket[]>(sql))[0]

  it('says what to do when nothing has been set up', async () => {
    await expect(visitor(mysql(pool, { table: table() }))).rejects.toMatchObject({
      message: expect.stringMatching(
        /^The mysql store is not set up yet: ER_NO_SUCH_TABLE .*; call await sessions.ensureIndex\(\) once$/,
      ),
      applied: false,
    })
  })

  it('brings a table of an earlier version forward, with the sessions that it holds', async () => {
    const store = mysql(pool, { table: table() })
    await store.setup()
    const { access } = await visitor(store, { n: 1 })
    await pool.query(`ALTER TABLE mysql_test_${tables} DROP COLUMN device`)
    await expect(store.update(access, changeOf(chainOf(commands.inc('n'))))).rejects.toMatchObject({
      message: expect.stringMatching(/ensureIndex\(\) once$/),
      applied: false,
    })
    await Promise.all([store.setup(), mysql(pool, { table: `mysql_test_${tables}` }).setup()])
    expect(changed(await store.update(access, changeOf(chainOf(commands.inc('n'))))).data).toEqual({ n: 2 })
  })

  it.skipIf(!('what' in server) || !server.what.includes('MariaDB'))(
    'waits for a table in use for three seconds at most, and then serves its sessions again (MariaDB)',
    async () => {
      const name = table()
      const store = mysql(pool, { table: name })
      await store.setup()
      const { access } = await visitor(store, { n: 1 })
      // What an operator has read and not yet committed keeps the table.
      const other = await pool.getConnection()
      await other.query('BEGIN')
      await other.query(`SELECT * FROM ${name}`)
      await expect(mysql(pool, { table: name }).indexed(['user_id']).setup()).rejects.toMatchObject({
        message: expect.stringContaining('ER_LOCK_WAIT_TIMEOUT'),
        applied: false,
      })
      changed(await store.update(access, changeOf(chainOf(commands.inc('n')))))
      await other.query('COMMIT')
      other.release()
      await mysql(pool, { table: name }).indexed(['user_id']).setup()
    },
  )

  it('is set up by twenty connections at once', async () => {
    const own = createPool({ uri, connectionLimit: 20 })
    const store = mysql(own, { table: table() }).indexed(['user_id', 'userId', 'userid', 'a.b-c'])
    await Promise.all(Array.from({ length: 20 }, () => store.setup()))
    expect((await visitor(store, { userId: 1 })).record.version).toBe(1)
    await own.promise().end()
  })

  it('works with the schema that is made by hand, and needs no right to create where everything is there', async () => {
    const name = table()
    for (const sql of mysqlSchema({ table: name }, ['user_id']).split(';\n').filter(Boolean)) await pool.query(sql)
    await pool.query(`CREATE USER '${name}'@'127.0.0.1'`)
    await pool.query(`GRANT SELECT, INSERT, UPDATE, DELETE ON ${name} TO '${name}'@'127.0.0.1'`)
    const own = createPool({ uri: uri.replace('root@', `${name}@`) })
    const store = mysql(own, { table: name }).indexed(['user_id'])
    await store.setup()
    const { id } = await visitor(store, { user_id: 1 })
    expect(await store.find('user_id', 1, Number.POSITIVE_INFINITY)).toMatchObject([{ id }])
    await expect(mysql(own, { table: name }).indexed(['other']).setup()).rejects.toMatchObject({
      applied: false,
      message: expect.stringMatching(/ER_TABLEACCESS_DENIED_ERROR/),
    })
    await own.promise().end()
    await pool.query(`DROP USER '${name}'@'127.0.0.1'`)
  })

  const clients = {
    'a connection': () => {
      const client = createConnection(uri)
      return { client, end: () => client.promise().end() }
    },
    'a connection with promises': () => {
      const client = createConnection(uri).promise()
      return { client, end: () => client.end() }
    },
    'a pool with promises': () => {
      const client = createPromisePool({ uri })
      return { client, end: () => client.end() }
    },
  }
  it.each(Object.entries(clients))('works by %s', async (_, make) => {
    const { client, end } = make()
    const store = mysql(client, { table: table() })
    await store.setup()
    const { access } = await visitor(store, { n: 0 })
    await Promise.all(Array.from({ length: 20 }, () => store.update(access, changeOf(chainOf(commands.inc('n'))))))
    expect(await dataOf(store, access)).toEqual({ n: 20 })
    await end()
  })

  it.each<PoolOptions>([
    { decimalNumbers: true, supportBigNumbers: true, bigNumberStrings: true, dateStrings: true },
    { typeCast: () => 'changed' },
    { typeCast: false },
    { rowsAsArray: true, nestTables: true },
    { namedPlaceholders: true, timezone: '+05:30' },
    { charset: 'latin1' },
    { flags: ['-FOUND_ROWS'] },
  ])('is not misled by what the pool is set to: %j', async (options) => {
    const { store, close } = await open(options, ['user_id'])
    const data = { user_id: 'Zoë 𝄞', pi: 0.1, at: new Date(5), n: 2 ** 53 }
    const { id, access, record } = await visitor(store, data, { maxAge: 60_000 })
    expect(await store.load(access)).toMatchObject({ outcome: 'live', record: { ...record, data } })
    const added = changeOf(chainOf([commands.inc('pi', 0.2), commands.set('title', '\u{1F600}é%_\\\'"`')]), {
      held: record,
    })
    expect((await store.update(access, added)).outcome).toBe('held')
    const after = { ...data, pi: 0.30000000000000004, title: '\u{1F600}é%_\\\'"`' }
    expect(await store.find('user_id', 'Zoë 𝄞', Number.POSITIVE_INFINITY)).toMatchObject([{ id, data: after }])
    expect(changed(await store.update(access, changeOf(chainOf(commands.unset('at'))))).data).not.toHaveProperty('at')
    await close()
  })

  it.each([
    "sql_mode = ''",
    "sql_mode = 'ANSI,NO_BACKSLASH_ESCAPES,HIGH_NOT_PRECEDENCE'",
    "sql_mode = 'ORACLE,EMPTY_STRING_IS_NULL,SIMULTANEOUS_ASSIGNMENT'",
    "time_zone = '+05:00'",
    'sql_safe_updates = 1',
    "collation_connection = 'utf8mb4_turkish_ci'",
    'tx_isolation = "READ-UNCOMMITTED"',
    'tx_isolation = "SERIALIZABLE"',
  ])('loses nothing on connections with %s', async (setting) => {
    const own = createPool({ uri })
    own.on('connection', (connection) => connection.query(`SET SESSION ${setting}`))
    const bare = mysql(own, { table: table() })
    const store = bare.indexed(['user_id'])
    await store.setup()
    const { id, access, record } = await visitor(store, { user_id: 'I', n: 0, empty: '' })
    expect(Math.abs(record.created - Date.now())).toBeLessThan(60_000)
    await Promise.all(Array.from({ length: 50 }, () => store.update(access, changeOf(chainOf(commands.inc('n'))))))
    const loaded = await store.load(access)
    expect(loaded).toMatchObject({ record: { data: { user_id: 'I', n: 50, empty: '' } } })
    const held = loaded.outcome === 'live' ? loaded.record : undefined
    for (let i = 0; i < 20; i++) await store.update(access, changeOf(chainOf(commands.inc('m')), { held }))
    expect(await dataOf(store, access)).toMatchObject({ n: 50, m: 20 })
    expect(await store.find('user_id', 'I', Number.POSITIVE_INFINITY)).toMatchObject([{ id }])
    expect(await store.find('user_id', 'ı', Number.POSITIVE_INFINITY)).toEqual([])
    const listed = []
    for await (const one of bare.list()) listed.push(one.id)
    expect(listed).toEqual([id])
    expect(await store.destroyAll('user_id', 'I', undefined)).toBe(1)
    await own.promise().end()
  })

  it('refuses connections that do not commit by themselves, before it changes anything', async () => {
    const name = table()
    await mysql(pool, { table: name }).setup()
    const own = createPool({ uri })
    own.on('connection', (connection) => connection.query('SET autocommit = 0'))
    await expect(visitor(mysql(own, { table: name }))).rejects.toMatchObject({
      code: 'ERR_SESSION_USAGE',
      message: expect.stringContaining('SET autocommit = 1'),
    })
    expect(await rows(`SELECT id FROM ${name}`)).toEqual([])
    await own.promise().end()
  })

  it('writes what the caller holds in one round trip, and remembers as many operations as it says', async () => {
    const proxy = await TcpProxy.before(uri)
    const own = createPool({ uri: proxy.through(uri), connectionLimit: 1 })
    const name = table()
    const store = mysql(own, { table: name })
    await store.setup()
    const { access, record } = await visitor(store, { n: 0 })
    let [held, sent] = [record, 0]
    for (let i = 1; i <= 40; i++) {
      // The first statement of its kind is made ready by one more.
      if (i === 2)
        proxy.request = () => {
          sent++
          return 'pass'
        }
      const answer = await store.update(access, changeOf(chainOf(commands.inc('n')), { held }))
      if (answer.outcome !== 'held') throw new Error(answer.outcome)
      held = { ...held, data: { n: i }, version: answer.version, expires: answer.expires }
    }
    expect(sent).toBe(39)
    expect(await dataOf(store, access)).toEqual({ n: 40 })
    const [row] = await rows(`SELECT ops FROM ${name}`)
    expect(row!.ops).toMatch(/^ (\S+@\d{13} ){16}$/)
    await own.promise().end()
    await proxy.close()
  })

  it('remembers no change as older than the one before, whenever its statement began', async () => {
    const name = table()
    const store = mysql(pool, { table: name })
    await store.setup()
    const { access, record } = await visitor(store, { n: 0 })
    await pool.query(`UPDATE ${name} SET ops = ' before@9999999999999 ', applied = 9999999999999`)
    const held = await store.update(access, changeOf(chainOf(commands.inc('n')), { held: record }))
    expect(held.outcome).toBe('held')
    changed(await store.update(access, changeOf(chainOf(commands.inc('n')))))
    expect((await rows(`SELECT ops FROM ${name}`))[0]!.ops).toMatch(
      /^ before@9999999999999 \S+@9999999999999 \S+@9999999999999 $/,
    )
  })

  it('finds and removes what a process wrote that knew other fields', async () => {
    const name = table()
    const [before, after] = [mysql(pool, { table: name }), mysql(pool, { table: name }).indexed(['user_id'])]
    await before.setup()
    const old = await visitor(before, { user_id: 1 })
    await after.setup()
    const fresh = await visitor(after, { user_id: 1 })
    const moved = await visitor(after, { user_id: 1 })
    // A process of the old version, during a deployment.
    changed(await before.update(moved.access, changeOf(chainOf(commands.set('user_id', 2)))))
    const found = async (value: number) =>
      (await after.find('user_id', value, Number.POSITIVE_INFINITY)).map(({ id }) => id).sort()
    expect(await found(1)).toEqual([old.id, fresh.id].sort())
    expect(await found(2)).toEqual([moved.id])
    expect(await after.destroyAll('user_id', 1, fresh.id)).toBe(1)
    expect(await after.destroyAll('user_id', 2, undefined)).toBe(1)
    expect(await rows(`SELECT id FROM ${name}`)).toEqual([{ id: fresh.id }])
  })

  it('finds sessions by its index', async () => {
    const name = table()
    const store = mysql(pool, { table: name }).indexed(['user_id'])
    await store.setup()
    const { id } = await visitor(store, { user_id: 7 })
    await pool.query(`INSERT INTO ${name} SELECT CONCAT('id', seq), hash, previous, previous_until, previous_kind, data,
      version, created, expires, max_age, auth_at, rotated, epoch, ops, applied, device, fields, SHA1(seq)
      FROM ${name}, seq_1_to_5000`)
    await pool.query(`ANALYZE TABLE ${name}`)
    const [plan] = await rows(`EXPLAIN SELECT id FROM ${name} WHERE by_user_id = 'x' AND fields = 'y'`)
    expect(plan!.key).toContain('by_user_id')
    expect(await store.find('user_id', 7, Number.POSITIVE_INFINITY)).toMatchObject([{ id }])
  })

  it('prunes in batches', async () => {
    const name = table()
    const store = mysql(pool, { table: name })
    await store.setup()
    const { id } = await visitor(store)
    await pool.query(`INSERT INTO ${name} SELECT CONCAT('old', seq), hash, previous, previous_until, previous_kind, data,
      version, created, 1, max_age, auth_at, rotated, epoch, ops, applied, device, fields FROM ${name}, seq_1_to_2500`)
    expect(await store.prune()).toBe(2500)
    expect(await store.prune()).toBe(0)
    expect(await rows(`SELECT id FROM ${name}`)).toEqual([{ id }])
  })

  it('waits for a change that is not committed, and builds on it', async () => {
    const name = table()
    const store = mysql(pool, { table: name })
    await store.setup()
    const { id, access, record } = await visitor(store, { n: 1 })
    const other = await pool.getConnection()
    await other.beginTransaction()
    await other.query(`UPDATE ${name} SET data = '{"n": 41}', version = 2 WHERE id = ?`, [id])
    const waiting = store.update(access, changeOf(chainOf(commands.inc('n')), { held: record }))
    await other.commit()
    other.release()
    expect(changed(await waiting).data).toEqual({ n: 42 })
  })

  it('writes nothing over that has the version which is held, and other data', async () => {
    const name = table()
    const store = mysql(pool, { table: name })
    await store.setup()
    const { access, record } = await visitor(store, { n: 1 })
    // As after a failover to a server that had not got the last change.
    await pool.query(`UPDATE ${name} SET data = '{"n":41,"role":"user"}'`)
    await store.update(access, changeOf(chainOf(commands.inc('n')), { held: record }))
    expect(await dataOf(store, access)).toEqual({ n: 42, role: 'user' })
  })

  it('applies an operation once, and one touch, though several processes send it at once', async () => {
    const name = table()
    const stores = Array.from({ length: 8 }, () => mysql(pool, { table: name }))
    await stores[0]!.setup()
    const { access } = await visitor(stores[0]!, { n: 0 })
    for (let i = 1; i <= 20; i++) {
      const change = changeOf(chainOf(commands.inc('n')))
      await Promise.all(stores.map((store) => store.update(access, change)))
      expect(await dataOf(stores[0]!, access)).toEqual({ n: i })
      const login = changeOf(chainOf([]), { authenticated: true })
      const answers = await Promise.all(stores.map((store) => store.update(access, login)))
      expect(new Set(answers.map((answer) => changed(answer).authAt)).size).toBe(1)
    }
  })

  it('takes an id for what it is, whatever stands behind it', async () => {
    const store = mysql(pool, { table: table() })
    await store.setup()
    const { id, record } = await visitor(store)
    expect(await store.get(id)).toEqual(record)
    for (const other of [`${id} `, id.toUpperCase(), `${id}é`, "' OR 1=1 -- "]) {
      expect(await store.get(other)).toBeUndefined()
    }
  })
})
