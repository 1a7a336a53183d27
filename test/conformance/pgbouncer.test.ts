import { postgres } from 'koa-atomic-session/postgres'
import { conformance, INDEXED_FIELDS } from 'koa-atomic-session/testing'
import pg from 'pg'
import { afterAll, describe, inject, it } from 'vitest'
import { pgbouncer } from '../servers/pgbouncer.ts'

const server = inject('postgres')
// Fewer connections than the pool has, so statements meet a connection that has not seen them. Since 1.21 they are kept,
// where it is told how many.
const settings = { default_pool_size: 3 }
const bouncer =
  'missing' in server
    ? server
    : await pgbouncer(server.url, { ...settings, max_prepared_statements: 100 }).catch(() =>
        pgbouncer(server.url, settings),
      )
const version = 'what' in bouncer ? bouncer.what : 'PgBouncer'
const prepared = Number(/\d+\.(\d+)/.exec(version)?.[1]) >= 21

describe.skipIf('missing' in bouncer)(
  `PostgreSQL behind ${version}, by transaction, ${prepared ? 'with' : 'without'} prepared statements`,
  () => {
    const pool = new pg.Pool({ connectionString: 'url' in bouncer ? bouncer.url : '', max: 10 })
    afterAll(async () => {
      await pool.end()
      if ('stop' in bouncer) await bouncer.stop()
    })
    let tables = 0
    const open = async (fields: readonly string[] = []) => {
      const store = postgres(pool, { table: `bouncer_${++tables}`, prepared }).indexed(fields)
      await store.setup()
      return store
    }
    conformance({ describe, it }, open, { makeIndexed: () => open(INDEXED_FIELDS), cases: 200 })
  },
)
