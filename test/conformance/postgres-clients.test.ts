import { PGlite } from '@electric-sql/pglite'
import { type PostgresClient, type PostgresListener, postgres } from 'koa-atomic-session/postgres'
import { conformance, INDEXED_FIELDS, type Telling } from 'koa-atomic-session/testing'
import postgresJs from 'postgres'
import { afterAll, describe, expect, inject, it } from 'vitest'
import { commands } from '../../src/algebra/index.ts'
import { chainOf, changed, changeOf, dataOf, visitor } from '../../src/testing/harness.ts'
import { untilItWorks } from '../servers/child.ts'

const server = inject('postgres')
const url = 'url' in server ? server.url : ''

/** Clients that are not those of pg, with the settings that applications give them. */
const clients: Record<
  string,
  { make: () => { client: PostgresClient & PostgresListener; end: () => Promise<unknown> }; here: boolean }
> = {
  'PostgreSQL by postgres.js': {
    here: url !== '',
    make() {
      const client = postgresJs(url, { onnotice: () => {} })
      return { client, end: () => client.end() }
    },
  },
  'PGlite, a postgres in the process': {
    here: true,
    make() {
      const client = new PGlite()
      return { client, end: () => client.close() }
    },
  },
}

for (const [name, { make, here }] of Object.entries(clients)) {
  describe.skipIf(!here)(name, () => {
    let opened: ReturnType<typeof make> | undefined
    afterAll(() => opened?.end())
    let tables = 0
    const open = async (fields: readonly string[] = []) => {
      opened ??= make()
      const store = postgres(opened.client, { table: `${name} "${++tables}"` }).indexed(fields)
      await store.setup()
      return store
    }
    const makeTelling = async () => {
      opened ??= make()
      const { client } = opened
      const options = { table: `${name} "${++tables}"`, listener: client, tellChanges: true }
      const [here, elsewhere] = [1, 2].map(() => postgres(client, options).indexed(INDEXED_FIELDS) as Telling['here'])
      await here!.setup()
      return { here: here!, elsewhere: elsewhere! }
    }
    conformance({ describe, it }, open, { makeIndexed: () => open(INDEXED_FIELDS), makeTelling, cases: 200 })
  })
}

describe.skipIf('missing' in server)('a sql of postgres.js', () => {
  it('may be set to anything but to change rows', async () => {
    const sql = postgresJs(url, {
      onnotice: () => {},
      fetch_types: false,
      prepare: false,
      transform: { ...postgresJs.camel, undefined: null },
      types: {
        json: { to: 114, from: [114, 3802], serialize: () => 'changed', parse: () => 'changed' },
        bigint: postgresJs.BigInt,
      },
    })
    for (const prepared of [true, false]) {
      const store = postgres(sql, { table: `js_${prepared}`, prepared }).indexed(['user_id'])
      await store.setup()
      const data = { user_id: 'Zoë "𝄞" \\', n: 0.1, at: new Date(5) }
      const { id, access } = await visitor(store, data)
      expect(await dataOf(store, access)).toEqual(data)
      // By an older secret it is computed, and lists of names are written.
      const next = changed(
        await store.update(access, changeOf(chainOf([]), { rotation: { to: 'next', grace: 60_000, epoch: 'e' } })),
      )
      const chain = chainOf([commands.unset('at'), commands.inc('n', 0.2)])
      expect(changed(await store.update(access, changeOf(chain))).data).toEqual({
        user_id: data.user_id,
        n: 0.30000000000000004,
      })
      expect(next.epoch).toBe('e')
      expect(await store.find('user_id', data.user_id, Number.POSITIVE_INFINITY)).toMatchObject([{ id }])
    }
    await sql.end()
  })

  it('that changes rows is refused before any I/O', () => {
    const sql = postgresJs(url, { transform: { row: { from: () => ({}) } } })
    expect(() => postgres(sql)).toThrow(/needs a sql without transform.row/)
  })

  it('gives up a statement that nobody answers', async () => {
    const sql = postgresJs(url, { onnotice: () => {} })
    const name = 'js_locked'
    const store = postgres(sql, { table: name, queryTimeout: 200 })
    await store.setup()
    const { id, access } = await visitor(store, { n: 1 })
    await sql.begin(async (other) => {
      await other`UPDATE ${other(name)} SET version = version WHERE id = ${id}`
      await expect(store.update(access, changeOf(chainOf(commands.inc('n'))))).rejects.toMatchObject({
        applied: 'unknown',
      })
      // The lock is kept until the server has ended it: the request to do so goes by another connection.
      const waits = () =>
        sql`SELECT 1 FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND query LIKE ${`%"${name}"%`}`
      await untilItWorks(async () => expect(await waits()).toHaveLength(0))
    })
    // The server was asked to end it.
    expect(changed(await store.update(access, changeOf(chainOf(commands.inc('n'))))).data).toEqual({ n: 2 })
    await sql.end()
  })
})
