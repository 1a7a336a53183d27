import { mysql } from 'koa-atomic-session/mysql'
import { conformance, INDEXED_FIELDS } from 'koa-atomic-session/testing'
import { createPool } from 'mysql2'
import { afterAll, describe, inject, it } from 'vitest'

const server = inject('mariadb')

describe.skipIf('missing' in server)('MariaDB', () => {
  const pool = createPool({ uri: 'url' in server ? server.url : '' })
  afterAll(() => pool.promise().end())

  let tables = 0
  const make = async (fields: readonly string[] = []) => {
    const store = mysql(pool, { table: `conformance${++tables}` }).indexed(fields)
    await store.setup()
    return store
  }
  conformance({ describe, it }, make, { makeIndexed: () => make(INDEXED_FIELDS) })
})
