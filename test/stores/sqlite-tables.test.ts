import { existsSync, mkdtempSync, rmSync } from 'node:fs'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { sqlite } from 'koa-atomic-session/sqlite'
import { afterAll, describe, expect, it } from 'vitest'
import { commands } from '../../src/algebra/index.ts'
import { SessionUsageError } from '../../src/errors/index.ts'
import type { SqliteDatabase } from '../../src/stores/sqlite/client.ts'
import { open } from '../../src/stores/sqlite/client.ts'
import { chainOf, changed, changeOf, visitor } from '../../src/testing/harness.ts'

const folder = mkdtempSync(join(tmpdir(), 'sqlite-tables-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))
const Libsql = createRequire(import.meta.url)('libsql') as new (file: string) => SqliteDatabase
const FOREVER = Number.POSITIVE_INFINITY
const inc = () => changeOf(chainOf(commands.inc('n')))

/** A table whose sessions hold a user, with rows that somebody else has written. */
async function withForeignRows(name: string) {
  const file = join(folder, `${name}.db`)
  const store = sqlite(file)
  const indexed = store.indexed(['user'])
  const own = await visitor(store, { user: 7, n: 0 })
  const database = open(file)
  for (const [id, data, ops] of [
    ['a', "'7'", "''"],
    ['b', "'null'", "''"],
    ['c', `'{"user":7}'`, "x'00'"],
  ]) {
    database.exec(
      `INSERT INTO sessions SELECT hash, previous, ${data}, version, created, expires, max_age, auth_at, rotated, epoch, ${ops}, device, '${id}' FROM sessions WHERE id = '${own.id}'`,
    )
  }
  database.close()
  return { store, indexed, own }
}

describe('rows that are no sessions', () => {
  it('are passed over by find() and list(), and counted where that is asked', async () => {
    const { store, indexed, own } = await withForeignRows('passed-over')
    expect((await indexed.find('user', 7, FOREVER)).map(({ id }) => id)).toEqual([own.id])
    const listed = async (passOver?: () => void) => {
      const ids = []
      for await (const { id } of store.list(passOver)) ids.push(id)
      return ids
    }
    let foreign = 0
    expect(await listed(() => foreign++)).toEqual([own.id])
    expect(foreign).toBe(3)
    expect(await listed()).toEqual([own.id])
    await store.close()
  })

  it('fail whoever asks for one of them, and the change of another session is applied', async () => {
    const { store, own } = await withForeignRows('asked-for')
    for (const id of ['a', 'b', 'c']) {
      const access = { ...own.access, id }
      const told = {
        code: 'ERR_SESSION_STORE',
        applied: false,
        message: expect.stringMatching(/^The sqlite store failed/),
      }
      await expect(store.get(id)).rejects.toMatchObject(told)
      await expect(store.update(access, inc())).rejects.toMatchObject(told)
    }
    expect(changed(await store.update(own.access, inc())).data).toEqual({ user: 7, n: 1 })
    await store.close()
  })
})

describe('a table of SQLite', () => {
  it('has the name that it was given, if that is one', async () => {
    const database = new Libsql(':memory:')
    const store = sqlite(database, { table: 'a'.repeat(60), busyTimeout: 20 })
    await visitor(store, { n: 0 })
    expect(database.prepare(`SELECT count(*) AS n FROM ${'a'.repeat(60)}`).get()).toMatchObject({ n: 1 })
    for (const table of ['', 'a'.repeat(61), 'a;b', 'a b', 'a-', '-a', 'é'])
      expect(() => sqlite(':memory:', { table })).toThrow(SessionUsageError)
  })

  it('has an index for each field, and finds by the elements of lists and by keys with digits', async () => {
    const database = new Libsql(':memory:')
    const fields = ['list.10', 'by.a1', 'by.1a', 'user']
    const store = sqlite(database).indexed(fields)
    const list = [...Array(10).fill(null), 'eleventh']
    const { id } = await visitor(store, { list, by: { a1: 'x', '1a': 'y' }, user: 7 })
    for (const [field, value] of [
      ['list.10', 'eleventh'],
      ['by.a1', 'x'],
      ['by.1a', 'y'],
      ['user', 7],
    ] as const) {
      expect((await store.find(field, value, FOREVER)).map((one) => one.id)).toEqual([id])
    }
    const names = database.prepare("SELECT name FROM sqlite_master WHERE type = 'index'").all() as { name: string }[]
    expect(names.map(({ name }) => name)).toEqual(expect.arrayContaining(fields.map((field) => `sessions_by_${field}`)))
  })
})

describe('a database of SQLite', () => {
  it('is left open by a store that has not opened it', async () => {
    const database = new Libsql(':memory:')
    const store = sqlite(database)
    await visitor(store, {})
    await store.close()
    expect(database.prepare('SELECT count(*) AS n FROM sessions').get()).toMatchObject({ n: 1 })
  })

  it('that is no file of this name makes none', () => {
    class Driver implements SqliteDatabase {
      exec() {}
      close() {}
      prepare(): never {
        throw new Error('not asked')
      }
    }
    for (const name of [':memory:', 'file:memory?mode=memory', '']) {
      open(name, Driver)
      expect(name !== '' && existsSync(name)).toBe(false)
    }
    const file = join(folder, 'their-file:')
    open(file, Driver)
    expect(existsSync(file)).toBe(process.platform !== 'win32')
  })
})
