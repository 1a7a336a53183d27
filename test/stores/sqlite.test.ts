import { chmodSync, mkdirSync, mkdtempSync, readdirSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { sqlite } from 'koa-atomic-session/sqlite'
import { afterAll, describe, expect, it } from 'vitest'
import { commands } from '../../src/algebra/index.ts'
import type { Notice, SessionRecord, TellingStore } from '../../src/contract/store.ts'
import { newId } from '../../src/cookie/credential.ts'
import type { SqliteDatabase, SqliteValue } from '../../src/stores/sqlite/client.ts'
import { open } from '../../src/stores/sqlite/client.ts'
import { chainOf, changed, changeOf, dataOf, MINUTE, visitor } from '../../src/testing/harness.ts'

const folder = mkdtempSync(join(tmpdir(), 'sqlite-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

describe('a SQLite file that can not be used', () => {
  it.skipIf(process.platform !== 'linux')('is closed after every try', async () => {
    const file = join(folder, 'no-database')
    writeFileSync(file, 'this is no database, but a text that is long enough to be looked at '.repeat(20))
    const store = sqlite(file)
    const open = () => readdirSync('/proc/self/fd').length
    await expect(store.setup()).rejects.toMatchObject({ code: 'ERR_SESSION_STORE', applied: false })
    const before = open()
    for (let i = 0; i < 20; i++) await expect(store.setup()).rejects.toThrow()
    expect(open()).toBeLessThan(before + 10)
  })

  it('says why', async () => {
    const directory = join(folder, 'directory')
    mkdirSync(directory)
    await expect(sqlite(directory).setup()).rejects.toMatchObject({ applied: false })
  })
})

describe.skipIf(process.platform === 'win32')('a SQLite file', () => {
  const modes = (file: string) =>
    ['', '-wal', '-shm'].map((end) => (statSync(`${file}${end}`).mode & 0o777).toString(8))

  it('that the store makes can be read by its owner only, with its log and its shared memory', async () => {
    const file = join(folder, 'private.db')
    const store = sqlite(file)
    const { access } = await visitor(store, { n: 1 })
    expect(modes(file)).toEqual(['600', '600', '600'])
    expect(await dataOf(store, access)).toEqual({ n: 1 })
    await store.close()
  })

  it('that is there keeps its mode', async () => {
    const file = join(folder, 'shared.db')
    writeFileSync(file, '')
    chmodSync(file, 0o640)
    const store = sqlite(file)
    await visitor(store, { n: 1 })
    expect(modes(file)).toEqual(['640', '640', '640'])
    await store.close()
  })
})

describe('what a SQLite file tells', () => {
  it('is also of a session that begins after it was followed, once it was seen', async () => {
    const store = sqlite(join(folder, 'followed.db')) as ReturnType<typeof sqlite> & TellingStore
    const heard: Notice[] = []
    const notices = store.notices((notice) => heard.push(notice))!
    const id = newId()
    await notices.follow(id)
    const { access, record } = await visitor(store, { n: 0 }, { id })
    // The first change shows it, and each one after that is told.
    for (let i = 0; i < 3; i++) changed(await store.update(access, changeOf(chainOf(commands.inc('n')))))
    expect(heard).toEqual([3, 4].map((what) => ({ id, created: record.created, what })))
    notices.close()
    await store.close()
  })
})

/** A handle of the application's, of the driver that every test machine has. */
interface Handle extends SqliteDatabase {
  defaultSafeIntegers(on: boolean): unknown
}
const Libsql = createRequire(import.meta.url)('libsql') as new (file: string) => Handle
const inc = () =>
  changeOf(chainOf(commands.inc('n')), { rotation: { to: 'next', grace: 0, epoch: 'e' }, authenticated: true })

/** The same database, whose rows are lists, as node:sqlite gives them with `returnArrays`. */
function inLists(database: SqliteDatabase): SqliteDatabase {
  const values = (row: unknown) => row && Object.values(row).slice(0, 13)
  return {
    exec: (sql) => database.exec(sql),
    close: () => database.close(),
    prepare: (sql) => {
      const statement = database.prepare(sql)
      return {
        get: (...given) => values(statement.get(...given)),
        all: (...given) => statement.all(...given).map(values),
        run: (...given) => statement.run(...given),
      }
    },
  }
}

/** A handle that tells what its statements were given, and which rows they gave. */
function watched(database: SqliteDatabase) {
  const rows: unknown[] = []
  const written: SqliteValue[] = []
  const handle: SqliteDatabase = {
    exec: (sql) => database.exec(sql),
    close: () => database.close(),
    prepare: (sql) => {
      const statement = database.prepare(sql)
      return {
        get: (...given) => {
          const row = statement.get(...given)
          rows.push(row)
          return row
        },
        all: (...given) => statement.all(...given),
        run: (...given) => {
          written.push(...given)
          return statement.run(...given)
        },
      }
    },
  }
  return { handle, rows, written }
}

describe('the data of a session on SQLite', () => {
  const begin = async (name: string) => {
    const { handle, rows, written } = watched(new Libsql(join(folder, `${name}.db`)))
    const store = sqlite(handle)
    const { access, record } = await visitor(store, { n: 1, at: new Date(0), text: 'a text' })
    const second = changed(await store.update(access, changeOf(chainOf(commands.inc('n')))))
    rows.length = written.length = 0
    /** The data that were read since the last time: null where they were left out. */
    const read = () => rows.splice(0).map((row) => (row as { data: string | null }).data)
    const touches = () => written.splice(0).some((value) => `${value}`.includes('a text'))
    return { store, access, record, second, read, touches }
  }
  const inc = (held?: SessionRecord) => changeOf(chainOf(commands.inc('n')), { held })
  const text = (n: number) => `{"n":${n},"at":{"$date":0},"text":"a text"}`

  it('are read by one statement, whether the caller has a copy, an old one or none', async () => {
    const { store, access, record, second, read } = await begin('reads')
    const outcomes = []
    for (const held of [undefined, record, { ...second, last: 'another' }, second]) {
      outcomes.push((await store.load(access, held)).outcome)
    }
    expect(outcomes).toEqual(['live', 'live', 'live', 'held'])
    expect(read()).toEqual([text(2), text(2), text(2), null])
  })

  it('are not read for a change whose caller has a copy', async () => {
    const { store, access, record, second, read } = await begin('changes')
    expect((await store.update(access, inc(second))).outcome).toBe('held')
    expect((await store.update(access, inc(second))).outcome).toBe('changed')
    expect((await store.update(access, inc(record))).outcome).toBe('changed')
    expect(read()).toEqual([null, text(3), text(4)])
    expect(await dataOf(store, access)).toEqual({ n: 5, at: new Date(0), text: 'a text' })
  })

  it('are read for a change whose copy is of another session, or has no operation that names it', async () => {
    const { store, access, record, second, read } = await begin('doubts')
    await store.update(access, inc({ ...second, id: 'another' }))
    const other = await visitor(store, { n: 1 })
    await store.update(other.access, inc({ ...other.record, data: record.data }))
    expect(read()).toEqual([text(2), '{"n":1}'])
    expect(await dataOf(store, other.access)).toEqual({ n: 2 })
  })

  it('are not written where they stay as they are', async () => {
    const { store, access, second, touches } = await begin('rests')
    const slide = { idle: 20 * MINUTE, atLeast: 0 }
    await store.update(access, changeOf(chainOf([]), { slide, held: second }))
    await store.update(access, changeOf(chainOf([]), { slide, authenticated: true }))
    expect(touches()).toBe(false)
    await store.update(access, inc())
    expect(touches()).toBe(true)
    expect(await dataOf(store, access)).toEqual({ n: 3, at: new Date(0), text: 'a text' })
  })
})

describe("the application's own handle of SQLite", () => {
  it.each<[string, (file: string) => SqliteDatabase]>([
    [
      'integers as BigInt',
      (file) => {
        const database = new Libsql(file)
        database.defaultSafeIntegers(true)
        return database
      },
    ],
    ['rows as lists', (file) => inLists(new Libsql(file))],
  ])('may give %s', async (name, make) => {
    const whole = sqlite(make(join(folder, `${name}.db`)))
    const store = whole.indexed(['n'])
    const { id, access } = await visitor(store, { n: 1 })
    const record = changed(await store.update(access, inc()))
    for (const key of ['version', 'created', 'expires', 'authAt', 'rotated'] as const)
      expect(record[key]).toBeTypeOf('number')
    const loaded = await store.load({ ...access, proof: { hash: 'next' } })
    expect(loaded).toMatchObject({ outcome: 'live', record: { ...record, maxAge: null } })
    expect(await whole.get(id)).toEqual(record)
    expect((await store.find('n', 2, Number.POSITIVE_INFINITY)).map((one) => one.id)).toEqual([id])
    expect(await store.destroyAll('n', 2, undefined)).toBe(1)
  })

  it('may have a transaction open: the store waits for its end, and its roll-back takes nothing of the store', async () => {
    const database = new Libsql(join(folder, 'nested.db'))
    database.exec('CREATE TABLE orders (what TEXT)')
    const store = sqlite(database)
    const inTransaction = async <T>(work: () => Promise<T>): Promise<T> => {
      database.exec("BEGIN; INSERT INTO orders VALUES ('x')")
      const waiting = work()
      // Its first try has met the transaction by now.
      await new Promise((resolve) => setImmediate(resolve))
      database.exec('ROLLBACK')
      return waiting
    }
    // The first one makes the table, too.
    const { access } = await inTransaction(() => visitor(store, { n: 1 }))
    await inTransaction(() => store.update(access, changeOf(chainOf(commands.inc('n')))))
    expect(await dataOf(store, access)).toEqual({ n: 2 })
    expect(database.prepare('SELECT count(*) AS n FROM orders').get()).toMatchObject({ n: 0 })
  })

  it('that never ends its transaction is told about, and the change is not applied', async () => {
    const database = new Libsql(join(folder, 'endless.db'))
    const store = sqlite(database, { busyTimeout: 20 })
    const { access } = await visitor(store, { n: 1 })
    database.exec('BEGIN')
    await expect(store.update(access, changeOf(chainOf(commands.inc('n'))))).rejects.toMatchObject({
      applied: false,
      message: expect.stringMatching(
        /^The sqlite store waited too long for a transaction that is open on its handle: .*; give it its own handle/,
      ),
    })
    database.exec('COMMIT')
    expect(await dataOf(store, access)).toEqual({ n: 1 })
  })
})

describe.skipIf(process.platform === 'win32')('a SQLite file that is replaced while it is open', () => {
  it.each<[string, (file: string) => void]>([
    ['is removed', (file) => rmSync(file)],
    [
      'gets a backup over it',
      (file) => {
        const database = open(file)
        database.exec(`VACUUM INTO '${file}.backup'`)
        database.close()
        renameSync(`${file}.backup`, file)
      },
    ],
  ])('%s: nothing is acknowledged any more', async (name, move) => {
    const file = join(folder, `${name}.db`)
    const store = sqlite(file)
    const { access } = await visitor(store, { n: 1 })
    move(file)
    const told = {
      applied: false,
      message: expect.stringMatching(
        /^The sqlite store can't go on: its file was replaced or removed; end the processes/,
      ),
    }
    await expect(store.update(access, changeOf(chainOf(commands.inc('n'))))).rejects.toMatchObject(told)
    await expect(store.load(access)).rejects.toMatchObject(told)
    await expect(visitor(store, {})).rejects.toMatchObject(told)
    await store.close()
  })
})

it('a row of SQLite that somebody else has written is passed over by who looks at many, and fails who asks for it', async () => {
  const file = join(folder, 'foreign-row.db')
  const store = sqlite(file)
  const one = await visitor(store, { n: 1 })
  const database = open(file)
  database.exec(
    "INSERT INTO sessions SELECT hash, previous, 'php:1', version, created, expires, max_age, auth_at, rotated, epoch, ops, device, 'theirs' FROM sessions",
  )
  database.close()
  let foreign = 0
  const listed = []
  for await (const { id } of store.list(() => foreign++)) listed.push(id)
  expect({ listed, foreign }).toEqual({ listed: [one.id], foreign: 1 })
  await expect(store.get('theirs')).rejects.toMatchObject({ code: 'ERR_SESSION_STORE', applied: false })
  await store.close()
})

it('a SQLite file of an earlier version gets the column that it lacks, by two processes at once, and keeps its sessions', async () => {
  const file = join(folder, 'earlier.db')
  const earlier = sqlite(file)
  const { access } = await visitor(earlier, { n: 1 })
  await earlier.close()
  const handle = new Libsql(file)
  handle.exec('ALTER TABLE sessions DROP COLUMN device')
  const stores = [sqlite(file), sqlite(file)]
  await Promise.all(stores.map((store) => store.setup()))
  for (const store of stores) changed(await store.update(access, changeOf(chainOf(commands.inc('n')))))
  expect(await dataOf(stores[0]!, access)).toEqual({ n: 3 })
  await Promise.all(stores.map((store) => store.close()))
})
