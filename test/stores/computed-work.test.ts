import { memory } from 'koa-atomic-session/memory'
import { mongodb } from 'koa-atomic-session/mongodb'
import { mysql } from 'koa-atomic-session/mysql'
import { BSON, type Document, MongoClient } from 'mongodb'
import { createConnection, type RowDataPacket } from 'mysql2/promise'
import { describe, expect, inject, it } from 'vitest'
import { type Command, commands, type Data, type Value } from '../../src/algebra/index.ts'
import type { Store } from '../../src/contract/store.ts'
import { chainOf, changed, changeOf, visitor } from '../../src/testing/harness.ts'
import { database } from '../servers/database.ts'

const { set, unset, inc, rename, addToSet, pullAll, pull } = commands

/** Objects of two fields: what MongoDB's own operators compare otherwise, so every store here computes the chain itself. */
const objects = (size: number, from = 0) => Array.from({ length: size }, (_, i) => ({ a: from + i, b: 1 }))
const fields = (size: number) => Object.fromEntries(objects(size).map(({ a }) => [`key${1000 + a}`, a]))
const names = (size: number) => Object.keys(fields(size))

const CASES: [string, (size: number) => [Data, Command[]]][] = [
  ['addToSet', (size) => [{ list: objects(size) }, [addToSet('list', objects(size, size))]]],
  ['pullAll', (size) => [{ list: objects(size) }, [pullAll('list', objects(size, size))]]],
  ['pull of a list', (size) => [{ list: [objects(size)] }, [pull('list', objects(size))]]],
  ['pull by fields', (size) => [{ list: [fields(size)] }, [pull('list', fields(size))]]],
  [
    'pull of a large object from many small ones',
    (size) => [{ list: objects(size).map(() => ({})) }, [pull('list', fields(size))]],
  ],
  [
    'many paths into one object',
    (size) => [{ large: fields(size) }, names(size).map((name) => set(`large.${name}`, 1))],
  ],
  ['many paths into a new object', (size) => [{ large: {} }, names(size).map((name) => set(`large.${name}`, 1))]],
  [
    'many paths out of one object',
    (size) => [{ large: fields(size) }, names(size).map((name) => unset(`large.${name}`))],
  ],
  [
    'many paths into two objects by turns',
    (size) => [{ a: fields(size), b: fields(size) }, names(size).map((name, i) => inc(`${i % 2 ? 'a' : 'b'}.${name}`))],
  ],
  [
    'many renames from one object to another',
    (size) => [
      { a: fields(size) },
      names(size)
        .slice(0, size / 2)
        .map((name) => rename(`a.${name}`, `b.${name}`)),
    ],
  ],
  ['many indexes of one list', (size) => [{ list: objects(size) }, objects(size).map((_, i) => set(`list.${i}`, 1))]],
]

/** What an update costs, by this measure, for a session and a chain of this size. */
async function cost(
  store: Store,
  data: Data,
  list: Command[],
  measure: () => Promise<number> | number,
): Promise<number> {
  const { access } = await visitor(store, data)
  const before = await measure()
  changed(await store.update(access, changeOf(chainOf(list), { maxBytes: 1e6 })))
  return (await measure()) - before
}

describe('what a chain costs in memory grows with the session and the chain, and not with their product', () => {
  let looks = 0
  /** The value, which counts how often it is looked into: once for each of its fields that is read or named. */
  function counted(value: Value): Value {
    if (typeof value !== 'object' || value === null) return value
    const inner = Array.isArray(value)
      ? value.map(counted)
      : Object.fromEntries(Object.entries(value).map(([key, one]) => [key, counted(one)]))
    return new Proxy(inner as Data, {
      get: (target, key) => {
        looks++
        return Reflect.get(target, key)
      },
      getOwnPropertyDescriptor: (target, key) => {
        looks++
        return Reflect.getOwnPropertyDescriptor(target, key)
      },
      ownKeys: (target) => {
        const keys = Reflect.ownKeys(target)
        looks += keys.length
        return keys
      },
    })
  }

  it.each(CASES)('%s', async (says, of) => {
    const work = (size: number) => {
      const [data, list] = of(size)
      return cost(memory(), counted(data) as Data, list, () => looks)
    }
    const [few, many] = [await work(24), await work(240)]
    // A new object holds nothing that could be looked into.
    expect(few).toBeGreaterThan(says.includes('new object') ? 0 : 20)
    expect(many).toBeLessThan(13 * few)
  })
})

const mongoServer = inject('mongodb')
describe.skipIf('missing' in mongoServer)('what a chain sends to MongoDB', () => {
  it.each(CASES)('grows with the session and the chain, and not with their product: %s', async (_, of) => {
    const client = new MongoClient('url' in mongoServer ? mongoServer.url : '', { monitorCommands: true })
    let bytes = 0
    client.on('commandStarted', ({ command }) => {
      bytes += BSON.calculateObjectSize(command)
    })
    const store = mongodb(client.db(database('work')).collection<Document>('sessions'))
    await visitor(store)
    const [few, many] = [await cost(store, ...of(24), () => bytes), await cost(store, ...of(240), () => bytes)]
    await client.close()
    expect(few).toBeGreaterThan(100)
    expect(many).toBeLessThan(13 * few)
  })
})

const mysqlServer = inject('mariadb')
describe.skipIf('missing' in mysqlServer)('what a chain sends to MySQL', () => {
  it.each(CASES)('grows with the session and the chain, and not with their product: %s', async (_, of) => {
    const connection = await createConnection({ uri: 'url' in mysqlServer ? mysqlServer.url : '' })
    const store = mysql(connection, { table: 'mysql_work' })
    await store.setup()
    const measure = async () => {
      const [rows] = await connection.query<RowDataPacket[]>("SHOW SESSION STATUS LIKE 'Bytes_received'")
      return Number(rows[0]!.Value)
    }
    const [few, many] = [await cost(store, ...of(24), measure), await cost(store, ...of(240), measure)]
    await connection.end()
    expect(few).toBeGreaterThan(100)
    expect(many).toBeLessThan(13 * few)
  })
})
