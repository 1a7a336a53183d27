import { mongodb } from 'koa-atomic-session/mongodb'
import {
  Binary,
  type Document,
  Long,
  MongoClient,
  type MongoClientOptions,
  MongoServerError,
  ObjectId,
  UUID,
} from 'mongodb'
import * as mongodb6 from 'mongodb6'
import mongoose from 'mongoose'
import { afterAll, afterEach, beforeAll, describe, expect, inject, it } from 'vitest'
import { commands, condition } from '../../src/algebra/index.ts'
import { ReliableStore } from '../../src/delivery/reliable.ts'
import { chainOf, changed, changeOf, dataOf, MINUTE, visitor } from '../../src/testing/harness.ts'
import { database } from '../servers/database.ts'

const server = inject('mongodb')
const url = 'url' in server ? server.url : 'mongodb://none'

function withOptions(options: string): string {
  const whole = new URL(url)
  for (const [key, value] of new URLSearchParams(options)) whole.searchParams.set(key, value)
  return whole.href
}

/** What an application may have set on its client; what it means for documents must not reach the store's. */
const SETTINGS: Record<string, MongoClientOptions> = {
  'nothing set': {},
  useBigInt64: { useBigInt64: true },
  'promoteLongs: false': { promoteLongs: false },
  'promoteValues: false': { promoteValues: false },
  'promoteBuffers: true': { promoteBuffers: true },
  'bsonRegExp: true': { bsonRegExp: true },
  'ignoreUndefined: true': { ignoreUndefined: true },
  'serializeFunctions: true': { serializeFunctions: true },
  'raw: true': { raw: true },
  'fieldsAsRaw of a list': { fieldsAsRaw: { list: true } },
  'w: 0': { writeConcern: { w: 0 } },
  'readPreference: secondaryPreferred': { readPreference: 'secondaryPreferred' },
  'readConcern: available': { readConcernLevel: 'available' },
}

describe.skipIf('missing' in server)('64-bit integers that another program has written', () => {
  it.each([
    ['useBigInt64', { useBigInt64: true, promoteLongs: true }],
    ['promoteLongs: false', { promoteLongs: false }],
    ['promoteValues: false', { promoteValues: false }],
  ] as [string, MongoClientOptions][])('are read as numbers by a client with %s', async (name, settings) => {
    const client = new MongoClient(url, settings)
    const collection = client.db(database('settings')).collection<Document>(`long_${name.replace(/\W/g, '_')}`)
    const store = mongodb(collection)
    const { id, access } = await visitor(store, { n: 1 })
    const long = { 'data.n': Long.fromNumber(5), version: Long.fromNumber(7), maxAge: Long.fromNumber(MINUTE) }
    await collection.updateOne({ _id: id as never }, { $set: long })
    const record = await store.get(id)
    expect(record).toMatchObject({ data: { n: 5 }, version: 7, maxAge: MINUTE })
    const change = changeOf(chainOf(commands.inc('n')), { held: record! })
    expect(await store.update(access, change)).toMatchObject({ outcome: 'held', record: { version: 8 } })
    expect(await dataOf(store, access)).toEqual({ n: 6 })
    await client.close()
  })
})

for (const [driver, { MongoClient: Client, Binary: Bytes, ObjectId: Id }] of [
  ['7', { MongoClient, Binary, ObjectId }],
  ['6', mongodb6 as unknown as { MongoClient: typeof MongoClient; Binary: typeof Binary; ObjectId: typeof ObjectId }],
] as const) {
  describe.skipIf('missing' in server)(`a client of driver ${driver} with settings of its own`, () => {
    it.each(Object.entries(SETTINGS))('%s: everything is as with a client of the defaults', async (name, settings) => {
      const client = new Client(url, settings)
      const collection = client.db(database('settings')).collection<Document>(`s${driver}_${name.replace(/\W/g, '_')}`)
      const store = mongodb(collection).indexed(['user_id'])
      await store.setup()
      const user = new Id()
      const binary = new Bytes(Buffer.from('x'))
      const data = {
        user_id: user as never,
        n: 2 ** 31 - 1,
        at: new Date(5),
        list: [1, 'x', { a: 1 }],
        bytes: binary as never,
      }
      const { access, record } = await visitor(store, data)
      expect(await dataOf(store, access)).toEqual(data)
      const reliable = new ReliableStore(store, 2000)
      // Two requests that have read the same version.
      const held = [1, 2].map(() => changeOf(chainOf(commands.inc('n')), { held: record }))
      const answers = await Promise.all(held.map((change) => reliable.update(access, change)))
      expect(answers.map(({ outcome }) => outcome).sort()).toEqual(['changed', 'held'])
      // Above 32 bits MongoDB counts on in its own integers of 64.
      expect((await dataOf(store, access)).n).toBe(2 ** 31 + 1)
      const own = changeOf(chainOf(commands.set('b', 1)), { slide: { idle: MINUTE, atLeast: 0, maxAge: 5 * MINUTE } })
      expect(changed(await reliable.update(access, own)).maxAge).toBe(5 * MINUTE)
      const taken = await reliable.update(access, changeOf(chainOf(commands.take('bytes'))))
      expect(taken).toMatchObject({ outcome: 'changed', taken: binary })
      const objects = changeOf(chainOf(commands.addToSet('list', [{ b: 1, a: 2 }])))
      expect(changed(await reliable.update(access, objects)).data.list).toHaveLength(4)
      expect(await reliable.create({ ...record, hash: 'another', idle: MINUTE, authenticated: false })).toBeUndefined()
      expect(await store.find('user_id', user, MINUTE)).toHaveLength(1)
      expect(await store.destroyAll('user_id', user, undefined)).toBe(1)
      expect((await store.load(access)).outcome).toBe('absent')
      await client.close()
    })
  })
}

describe.skipIf('missing' in server)('what the store asks of MongoDB', () => {
  it('goes to the primary, by a concern that sees the last write, and wants an answer', async () => {
    const client = new MongoClient(withOptions('readPreference=nearest&w=0&readConcernLevel=available'), {
      monitorCommands: true,
    })
    const sent: Record<string, Document> = {}
    client.on('commandStarted', ({ commandName, command }) => (sent[commandName] = command))
    const store = mongodb(client.db(database('settings')).collection<Document>('asks')).indexed(['a'])
    await store.setup()
    const { access } = await visitor(store, { a: 1 })
    await store.load(access)
    await store.find('a', 1, MINUTE)
    await store.update(access, changeOf(chainOf(commands.inc('a'))))
    await store.destroy(access)
    expect(sent.find).toMatchObject({ readConcern: { level: 'local' } })
    for (const name of ['insert', 'findAndModify', 'delete'])
      expect(sent[name]?.writeConcern).toEqual({ w: 'majority' })
    await client.close()
  })

  it('is never asked of a secondary', async () => {
    const client = new MongoClient(url, { readPreference: 'secondary' })
    // A server that stands alone is not sent what the driver was asked for.
    const asked: [string, unknown][] = []
    const listening = <T extends object>(target: T, names: readonly string[]): T =>
      new Proxy(target, {
        get: (_, key) => {
          const member = Reflect.get(target, key)
          if (key === 'db') return listening(member as object, ['command'])
          if (typeof member !== 'function') return member
          return (...values: Document[]) => {
            if (names.includes(String(key))) asked.push([String(key), values.at(-1)?.readPreference])
            return member.apply(target, values)
          }
        },
      })
    const collection = client.db(database('settings')).collection<Document>('primary')
    const store = mongodb(listening(collection, ['find', 'findOne', 'indexes', 'options']))
    const indexed = store.indexed(['a'])
    await store.setup()
    const { access } = await visitor(store, { a: 1 })
    await store.load(access)
    await indexed.find('a', 1, MINUTE)
    for await (const _ of store.list());
    expect(new Set(asked.map(([name]) => name))).toEqual(new Set(['command', 'find', 'findOne', 'indexes', 'options']))
    for (const [name, preference] of asked) expect([name, preference]).toEqual([name, 'primary'])
    await client.close()
  })

  it('leaves a write concern and a read concern alone that the application may choose', async () => {
    const client = new MongoClient(withOptions('w=1&readConcernLevel=majority'), { monitorCommands: true })
    const sent: Record<string, Document> = {}
    client.on('commandStarted', ({ commandName, command }) => (sent[commandName] = command))
    const store = mongodb(client.db(database('settings')).collection<Document>('chosen'))
    const { access } = await visitor(store)
    await store.load(access)
    expect(sent.find).toMatchObject({ readConcern: { level: 'majority' } })
    expect(sent.insert).toMatchObject({ writeConcern: { w: 1 } })
    await client.close()
  })
})

describe('what is no collection of the driver', () => {
  const client = new MongoClient('mongodb://127.0.0.1:1')
  afterAll(() => mongoose.disconnect())
  const model = mongoose.model('Session', new mongoose.Schema({ _id: String }))
  const remedy = /mongodb\(mongoose\.connection\.db\.collection\('sessions'\)\)/
  it.each([
    ['a collection of Mongoose', () => mongoose.connection.collection('sessions'), remedy],
    ['a model of Mongoose', () => model, remedy],
    ['a connection of Mongoose', () => mongoose.connection, /mongodb\(connection\.db\.collection\('sessions'\)\)/],
    ['a client', () => client, /mongodb\(client\.db\(\)\.collection\('sessions'\)\)/],
    ['a database', () => client.db(), /mongodb\(db\.collection\('sessions'\)\)/],
    ['nothing', () => undefined, /client\.db\(\)\.collection\('sessions'\)/],
  ])('%s is refused with the words to write', (_, given, words) => {
    expect(() => mongodb(given() as never)).toThrow(
      expect.objectContaining({ code: 'ERR_SESSION_USAGE', message: expect.stringMatching(words) }),
    )
  })

  it.skipIf('missing' in server)("Mongoose's connection gives one that works", async () => {
    await mongoose.connect(url, { dbName: database('mongoose') })
    const store = mongodb(mongoose.connection.db!.collection('sessions'))
    await store.setup()
    const user = new mongoose.Types.ObjectId()
    const { access } = await visitor(store, { user: user as never })
    const same = changeOf(chainOf(commands.inc('n'), condition('user', new ObjectId(user.toHexString()))))
    expect(changed(await store.update(access, same)).data.n).toBe(1)
    expect(() => mongodb(mongoose.connection.collection('sessions') as never)).toThrow(remedy)
  })
})

describe.skipIf('missing' in server)('binaries', () => {
  const client = new MongoClient(url)
  afterAll(() => client.close())
  const bytes = Buffer.from('00112233445566778899aabbccddeeff', 'hex')
  const kept = () => [new Binary(bytes, 4), new UUID(bytes)]

  it.each([false, true])('are equal by subtype and bytes, whichever class holds them (held: %s)', async (hold) => {
    const store = mongodb(client.db(database('settings')).collection<Document>('binaries'))
    for (const one of kept()) {
      for (const other of kept()) {
        const { access } = await visitor(store, { u: one as never, list: [one as never], other: [] })
        const loaded = await store.load(access)
        const held = hold && loaded.outcome === 'live' ? loaded.record : undefined
        const chain = chainOf(
          [commands.addToSet('list', [other]), commands.addToSet('other', [{ a: 1, b: 2 }])],
          condition('u', other),
        )
        await store.update(access, changeOf(chain, { held }))
        expect((await dataOf(store, access)).list).toHaveLength(1)
        const pulled = chainOf([commands.pull('list', other), commands.inc('n')], condition('u', other))
        await store.update(access, changeOf(pulled))
        expect(await dataOf(store, access)).toMatchObject({ list: [], n: 1 })
      }
    }
  })

  it('of another subtype, or of other bytes, are not equal', async () => {
    const store = mongodb(client.db(database('settings')).collection<Document>('binaries'))
    const values = [new Binary(bytes), new Binary(bytes, 128), new Binary(bytes.subarray(1)), new UUID(bytes)]
    const { access } = await visitor(store, { list: [] })
    const chain = chainOf([commands.addToSet('list', values), commands.addToSet('m', [{ a: 1, b: 2 }])])
    expect(changed(await store.update(access, changeOf(chain))).data.list).toHaveLength(4)
  })
})

describe.skipIf('missing' in server)('set-up', () => {
  const client = new MongoClient(url, { monitorCommands: true })
  const db = client.db(database('setup'))
  const sent: Document[] = []
  client.on('commandStarted', ({ commandName, command }) => commandName === 'createIndexes' && sent.push(command))
  let collections = 0
  const fresh = () => db.collection<Document>(`sessions${++collections}`)
  beforeAll(() => db.dropDatabase())
  afterEach(() => void sent.splice(0))
  afterAll(() => client.close())

  it('creates the TTL index, and an index of each field that is within the Stable API', async () => {
    const collection = fresh()
    const store = mongodb(collection).indexed(['user_id'])
    await Promise.all([store.setup(), store.setup()])
    const specs = sent.flatMap(({ indexes }) =>
      indexes.map((index: Document) => ({ ...index, key: Object.fromEntries(index.key) })),
    )
    expect(specs).toContainEqual({ key: { expires: 1 }, name: 'expires_1', expireAfterSeconds: 0 })
    expect(specs).toContainEqual({
      key: { 'data.user_id': 1, _id: 1 },
      name: 'data.user_id_1__id_1',
      partialFilterExpression: { 'data.user_id': { $exists: true } },
    })
    sent.splice(0)
    await store.setup()
    expect(sent).toEqual([])
  })

  it.each([
    ['the TTL index under another name', { expires: 1 }, { name: 'ttl', expireAfterSeconds: 0 }],
    ['a descending TTL index', { expires: -1 }, { expireAfterSeconds: 0 }],
    ['a sparse index of the field, as earlier versions made', { 'data.user_id': 1 }, { sparse: true }],
    ['a full index of the field', { 'data.user_id': 1 }, { name: 'mine' }],
    [
      'a partial index without the id, as earlier versions made',
      { 'data.user_id': 1 },
      { partialFilterExpression: { 'data.user_id': { $exists: true } } },
    ],
    ['an index of the field and the id', { 'data.user_id': -1, _id: 1 }, { name: 'mine' }],
  ] as const)('takes %s for what it needs', async (_, key, options) => {
    const collection = fresh()
    await collection.createIndex(key, options)
    sent.splice(0)
    await mongodb(collection).indexed(['user_id']).setup()
    expect(sent).toHaveLength(1)
    expect(await collection.indexes()).toHaveLength(3)
  })

  it.each([
    ['that begins with another field', { _id: 1, 'data.user_id': 1 }, {}],
    ['that is for one value only', { 'data.user_id': 1, _id: 1 }, { partialFilterExpression: { 'data.user_id': 1 } }],
    ['that goes on with another field', { 'data.user_id': 1, version: 1 }, {}],
  ])('makes its own beside an index %s', async (_, key, options) => {
    const collection = fresh()
    await collection.createIndex(key, { name: 'mine', ...options })
    await mongodb(collection).indexed(['user_id']).setup()
    expect(await collection.indexes()).toHaveLength(4)
  })

  it.each([
    ['never removes', {}, /never removes anything: drop it with dropIndex\('expires_1'\)/],
    ['removes a day too late', { expireAfterSeconds: 86_400 }, /another 86400 seconds: drop it with dropIndex/],
  ])('refuses an index on expires that %s', async (_, options, message) => {
    const collection = fresh()
    await collection.createIndex({ expires: 1 }, options)
    await expect(mongodb(collection).setup()).rejects.toMatchObject({
      code: 'ERR_SESSION_USAGE',
      message: expect.stringMatching(message),
    })
  })

  /** What a server says of a collection, where this one keeps no such options. */
  const saying = (method: 'options' | 'createIndex' | 'indexes', answer: () => unknown) =>
    new Proxy(fresh(), {
      get: (target, key) => {
        const member = Reflect.get(target, key)
        if (key === method) return async () => answer()
        return typeof member === 'function' ? member.bind(target) : member
      },
    })
  const failing = (code: number, codeName: string, message: string) => () => {
    throw new MongoServerError({ code, codeName, message })
  }
  it.each([
    ['a view', { viewOn: 'x', pipeline: [] }],
    ['a capped collection', { capped: true, size: 1000 }],
    ['a time series collection', { timeseries: { timeField: 'expires' } }],
    ['a collection with a collation', { collation: { locale: 'en', strength: 1 } }],
  ])('refuses %s', async (what, options) => {
    await expect(mongodb(saying('options', () => options)).setup()).rejects.toMatchObject({
      code: 'ERR_SESSION_USAGE',
      message: expect.stringContaining(what),
    })
  })

  it('tells the whole sentence of the server', async () => {
    const error = failing(86, 'IndexKeySpecsConflict', 'An existing index has the same name: data.user_id_1')
    await expect(mongodb(saying('createIndex', error)).setup()).rejects.toMatchObject({
      message:
        'The mongodb store could not be set up: MongoServerError 86 IndexKeySpecsConflict: An existing index has the same name: data.user_id_1',
    })
  })

  it.each(['options', 'indexes'] as const)('goes on where it may not ask for %s', async (method) => {
    const store = mongodb(saying(method, failing(13, 'Unauthorized', 'no')))
    await store.setup()
    expect(sent).toHaveLength(1)
  })
})

describe.skipIf('missing' in server)('an error of the server', () => {
  const client = new MongoClient(url)
  afterAll(() => client.close())
  it.each([
    [13, 'Unauthorized', /failed: MongoServerError 13 Unauthorized; the user needs find, insert, update and remove/],
    [11000, 'DuplicateKey', /failed: MongoServerError 11000 DuplicateKey; a unique index/],
    [17419, '', /failed: MongoServerError 17419; MongoDB keeps no document above 16 MB/],
    [121, 'DocumentValidationFailure', /121 DocumentValidationFailure; a validator/],
    [20, 'IllegalOperation', /20 IllegalOperation; add retryWrites=false to the URL/],
    [26, 'NamespaceNotFound', /26 NamespaceNotFound$/],
  ])('%s says what to do, if there is one remedy', async (code, codeName, message) => {
    const refuse = async () => {
      const said = { code, codeName, message: 'Transaction numbers are only allowed', keyPattern: { 'data.a': 1 } }
      throw new MongoServerError(said)
    }
    const db = client.db(database('settings'))
    const methods = { insertOne: refuse, updateOne: refuse, findOneAndUpdate: refuse, findOne: refuse }
    const store = mongodb(Object.assign(db.collection('advice'), methods))
    await expect(visitor(store)).rejects.toThrow(message)
  })
})

describe.skipIf('missing' in server)('answers of a server that is not quite MongoDB', () => {
  const client = new MongoClient(url)
  const db = client.db(database('settings'))
  afterAll(() => client.close())

  it.each([
    ['a date', (time: number) => new Date(time)],
    ['a number', (time: number) => time],
    ['a Long', (time: number) => Long.fromNumber(time)],
  ])('its time may be %s', async (_, asTime) => {
    const ahead = 3_600_000
    const command = async () => ({ localTime: asTime(Date.now() + ahead) })
    const collection = Object.defineProperty(db.collection<Document>('clock'), 'db', { value: { command } })
    const { record } = await visitor(mongodb(collection))
    expect(Math.abs(record.created - Date.now() - ahead)).toBeLessThan(10_000)
  })

  it('its time may be missing', async () => {
    const collection = Object.defineProperty(db.collection<Document>('clock'), 'db', {
      value: { command: async () => ({ ok: 1 }) },
    })
    const { record } = await visitor(mongodb(collection))
    expect(Math.abs(record.created - Date.now())).toBeLessThan(10_000)
  })

  it('what makes no sense is a failure of the store, of which nobody knows what was applied', async () => {
    const collection = db.collection<Document>('nonsense')
    const { access } = await visitor(mongodb(collection))
    const store = mongodb(Object.assign(collection, { findOneAndUpdate: async () => ({ maxAge: null }) }))
    const blind = changeOf(chainOf(commands.inc('n')), { answer: false })
    await expect(store.update(access, blind)).rejects.toMatchObject({
      code: 'ERR_SESSION_STORE',
      applied: 'unknown',
      message: expect.stringMatching(/^The mongodb store failed: TypeError: /),
    })
  })
})

describe.skipIf('missing' in server)('documents of somebody else in the collection', () => {
  const client = new MongoClient(url)
  afterAll(() => client.close())

  it('are passed over and counted by list, found by nothing, removed by no log-out, and count as absent', async () => {
    const collection = client.db(database('foreign')).collection<Document>('sessions')
    await collection.deleteMany({})
    const store = mongodb(collection)
    const indexed = store.indexed(['user_id'])
    const { record } = await visitor(store, { user_id: 42 })
    const expires = new Date(Date.now() + MINUTE)
    // As connect-mongo writes them.
    await collection.insertOne({ _id: 'theirs' as never, expires, session: '{"cookie":{}}' })
    await collection.insertOne({ _id: 'objects' as never, expires, session: { cookie: {} }, data: { user_id: 42 } })
    const { _id, ...rest } = (await collection.findOne({ _id: record.id as never }))!
    await collection.insertOne({ ...rest, _id: 'damaged' as never, previous: { hash: 1 } })
    let foreign = 0
    const ids: string[] = []
    for await (const { id } of store.list(() => foreign++)) ids.push(id)
    expect([ids, foreign]).toEqual([[record.id], 3])
    expect((await indexed.find('user_id', 42, MINUTE)).map(({ id }) => id)).toEqual([record.id])
    const access = { id: 'theirs', proof: { hash: 'x' }, maxLifetime: MINUTE }
    expect(await store.get('theirs')).toBeUndefined()
    expect((await store.load(access)).outcome).toBe('absent')
    expect((await store.update(access, changeOf(chainOf(commands.inc('n'))))).outcome).toBe('absent')
    expect(await store.destroy(access)).toBe(false)
    await indexed.destroyAll('user_id', 42, undefined)
    expect((await collection.find().toArray()).map(({ _id: id }) => String(id)).sort()).toEqual(['objects', 'theirs'])
  })
})

describe.skipIf('missing' in server)('logging out everywhere', () => {
  it('loads nothing, and spares values that only contain the one that is asked for', async () => {
    const client = new MongoClient(url, { monitorCommands: true })
    const sent: string[] = []
    client.on('commandStarted', ({ commandName, command }) => {
      sent.push(command.projection ? `${commandName} ${Object.keys(command.projection)}` : commandName)
    })
    const collection = client.db(database('settings')).collection<Document>('everywhere')
    await collection.deleteMany({})
    const store = mongodb(collection).indexed(['user.id'])
    const sessions = await Promise.all(
      [{ id: 7 }, { id: 7 }, { id: [7] }, { id: '7' }, [{ id: 7 }], {}].map((user) => visitor(store, { user })),
    )
    sent.length = 0
    expect(await store.destroyAll('user.id', 7, sessions[0]!.id)).toBe(1)
    expect(sent).toEqual(['find _id', 'delete'])
    expect(await store.find('user.id', 7, MINUTE)).toHaveLength(1)
    expect(await collection.countDocuments()).toBe(5)
    await client.close()
  })
})
