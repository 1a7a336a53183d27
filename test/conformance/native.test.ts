import { mkdtempSync, rmSync } from 'node:fs'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { postgres } from 'koa-atomic-session/postgres'
import { sqlite } from 'koa-atomic-session/sqlite'
import { conformance, INDEXED_FIELDS } from 'koa-atomic-session/testing'
import pg from 'pg'
import { afterAll, describe, inject, it } from 'vitest'

// Drivers with parts that are compiled for one machine. They run where they are installed: `npm install --no-save
// better-sqlite3@11 pg-native`, as the workflow of CI does. pg-native needs libpq and its headers.
const require = createRequire(import.meta.url)
function installed(name: string) {
  try {
    return require(name)
  } catch {
    return undefined
  }
}

const BetterSqlite = installed('better-sqlite3')
describe.skipIf(!BetterSqlite)(
  `SQLite by better-sqlite3 ${BetterSqlite && installed('better-sqlite3/package.json').version}`,
  () => {
    const folder = mkdtempSync(join(tmpdir(), 'sessions-'))
    const handles: { close(): void }[] = []
    afterAll(() => {
      for (const handle of handles) handle.close()
      rmSync(folder, { recursive: true, force: true })
    })
    let files = 0
    const open = (file = `${++files}`) => {
      const handle = new BetterSqlite(join(folder, file))
      handles.push(handle)
      return handle
    }
    const make = async () => sqlite(open())
    const makeIndexed = async () => (await make()).indexed(INDEXED_FIELDS)
    const makeBeside = async () => {
      const plain = await make()
      return { plain, indexed: sqlite(open(`${files}`)).indexed(INDEXED_FIELDS) }
    }
    conformance({ describe, it }, make, { makeIndexed, makeBeside, cases: 500 })
    conformance(
      { describe: (name, work) => describe(`${name}, with integers as BigInt`, work), it },
      async () => {
        const handle = open()
        handle.defaultSafeIntegers(true)
        return sqlite(handle)
      },
      { cases: 100 },
    )
  },
)

const server = inject('postgres')
const native = installed('pg-native') ? pg.native : undefined
describe.skipIf(!native || 'missing' in server)('PostgreSQL by pg.native', () => {
  const pool = native && new native.Pool({ connectionString: 'url' in server ? server.url : '' })
  afterAll(() => pool?.end())
  let tables = 0
  const open = async (fields: readonly string[] = []) => {
    const store = postgres(pool!, { table: `native${++tables}` }).indexed(fields)
    await store.setup()
    return store
  }
  conformance({ describe, it }, open, { makeIndexed: () => open(INDEXED_FIELDS), cases: 200 })
})
