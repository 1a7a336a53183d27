import { postgres } from 'koa-atomic-session/postgres'
import { conformance, INDEXED_FIELDS, type Telling } from 'koa-atomic-session/testing'
import pg from 'pg'
import { afterAll, describe, inject, it } from 'vitest'

const server = inject('postgres')

describe.skipIf('missing' in server)('PostgreSQL', () => {
  const pool = new pg.Pool({ connectionString: 'url' in server ? server.url : '' })
  const closing: (() => Promise<void>)[] = []
  afterAll(async () => {
    await Promise.all(closing.map((close) => close()))
    await pool.end()
  })

  let tables = 0
  const make = async () => {
    const store = postgres(pool, { schema: 'public', table: `conformance "${++tables}"` })
    await store.setup()
    return store
  }
  const makeIndexed = async () => {
    const store = postgres(pool, { table: `indexed${++tables}` }).indexed(INDEXED_FIELDS)
    await store.setup()
    return store
  }
  const makeBeside = async () => {
    const open = () => postgres(pool, { table: `beside${tables}` })
    tables++
    return { plain: open(), indexed: open().indexed(INDEXED_FIELDS) }
  }
  const makeTelling = async () => {
    const listener = new pg.Client({ connectionString: 'url' in server ? server.url : '' })
    await listener.connect()
    closing.push(() => listener.end())
    const table = `telling${++tables}`
    const open = () => postgres(pool, { table, listener, tellChanges: true }).indexed(INDEXED_FIELDS) as Telling['here']
    const here = open()
    await here.setup()
    return { here, elsewhere: open() }
  }
  conformance({ describe, it }, make, { makeIndexed, makeBeside, makeTelling })
})
