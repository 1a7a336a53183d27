import { Binary, type Document, MongoClient, type MongoServerError } from 'mongodb'
import { afterAll, describe, expect, inject, it } from 'vitest'
import { database } from '../servers/database.ts'

/**
 * What the MongoDB store takes for granted of its server, asked of the server itself without the store: each with the
 * page of the manual that says so, under https://www.mongodb.com/docs/manual/reference/.
 */
interface Probe {
  readonly page: string
  readonly before: Document
  readonly filter?: Document
  readonly update?: Document
  /** The document afterwards; `false` where the filter must not match; a number for the code of the refusal. */
  readonly after: Document | false | number
}

const x = Buffer.from('x')
const [early, late] = [new Date(1), new Date(2)]
const ab = { a: 1, b: 2 }
const ba = { b: 2, a: 1 }
/** Asks the filter alone: what it matches gets the field `m`. */
const matches = (page: string, before: Document, filter: Document): Probe => ({
  page,
  before,
  filter,
  update: { $set: { m: 1 } },
  after: { ...before, m: 1 },
})
const misses = (page: string, before: Document, filter: Document): Probe => ({ page, before, filter, after: false })

const PROBES: Record<string, Probe> = {
  '$eq also looks into a list': matches('operator/query/eq/', { a: [1] }, { a: { $eq: 1 } }),
  '$type 4 matches a list itself': matches('operator/query/type/', { a: [1] }, { a: { $type: 4 } }),
  '$type 4 matches no other value': misses('operator/query/type/', { a: 1 }, { a: { $type: 4 } }),
  '$type also looks into a list': matches('operator/query/type/', { a: ['x'] }, { a: { $type: 2 } }),
  '$type takes several types': matches('operator/query/type/', { a: 1.5 }, { a: { $type: [2, 1] } }),
  '$type 10 matches null': matches('operator/query/type/', { a: null }, { a: { $type: 10 } }),
  '$type 10 matches nothing that is missing': misses('operator/query/type/', {}, { a: { $type: 10 } }),
  '$type 3 sees an object': matches('operator/query/type/', { a: {} }, { a: { $type: 3 } }),
  '$exists false matches what is missing': matches('operator/query/exists/', {}, { a: { $exists: false } }),
  '$exists true matches null': matches('operator/query/exists/', { a: null }, { a: { $exists: true } }),
  '$not of a pattern matches a list without it': matches(
    'operator/query/not/',
    { ops: ['y@1'] },
    { ops: { $not: /^x@/ } },
  ),
  '$not of a pattern matches no list with it': misses(
    'operator/query/not/',
    { ops: ['y@1', 'x@2'] },
    { ops: { $not: /^x@/ } },
  ),
  '$not $lt matches null': matches('operator/query/not/', { a: null }, { a: { $not: { $lt: 5 } } }),
  '$nor refuses one that matches': misses('operator/query/nor/', { a: 1 }, { $nor: [{ b: 1 }, { a: 1 }] }),
  '$lte compares within a type': misses('operator/query/lte/', { a: 'x' }, { a: { $lte: 5 } }),
  '$gt of a date compares dates': matches('operator/query/gt/', { a: late }, { a: { $gt: early } }),
  'binaries are equal by their bytes': matches(
    'bson-type-comparison-order/',
    { a: new Binary(x) },
    { a: { $eq: new Binary(x) } },
  ),
  'binaries are equal by their subtype': misses(
    'bson-type-comparison-order/',
    { a: new Binary(x, 128) },
    { a: { $eq: new Binary(x) } },
  ),
  'objects are equal with the order of their keys': misses(
    'bson-type-comparison-order/',
    { a: ab },
    { a: { $eq: ba } },
  ),
  '$set makes the parents': {
    page: 'operator/update/set/',
    before: {},
    update: { $set: { 'a.b': 1 } },
    after: { a: { b: 1 } },
  },
  '$set fills a list with null': {
    page: 'operator/update/set/',
    before: { a: [1] },
    update: { $set: { 'a.3': 2 } },
    after: { a: [1, null, null, 2] },
  },
  '$set reaches into no scalar': {
    page: 'operator/update/set/',
    before: { a: 1 },
    update: { $set: { 'a.b': 1 } },
    after: 28,
  },
  '$set reaches into no null': {
    page: 'operator/update/set/',
    before: { a: null },
    update: { $set: { 'a.b': 1 } },
    after: 28,
  },
  '$unset leaves null in a list': {
    page: 'operator/update/unset/',
    before: { a: [1, 2] },
    update: { $unset: { 'a.0': 1 } },
    after: { a: [null, 2] },
  },
  '$inc begins at 0': { page: 'operator/update/inc/', before: {}, update: { $inc: { a: 2 } }, after: { a: 2 } },
  '$inc refuses a text': { page: 'operator/update/inc/', before: { a: 'x' }, update: { $inc: { a: 1 } }, after: 14 },
  '$inc refuses null': { page: 'operator/update/inc/', before: { a: null }, update: { $inc: { a: 1 } }, after: 14 },
  '$inc goes on above 32 bits': {
    page: 'operator/update/inc/',
    before: { a: 2 ** 31 - 1 },
    update: { $inc: { a: 1 } },
    after: { a: 2 ** 31 },
  },
  'an update is all or nothing': {
    page: 'operator/update/',
    before: { a: 'x', b: 1 },
    update: { $inc: { a: 1, b: 1 } },
    after: 14,
  },
  'two operators on one place are refused': {
    page: 'operator/update/',
    before: { a: { b: 1 } },
    update: { $set: { a: 1 }, $inc: { 'a.b': 1 } },
    after: 40,
  },
  '$mul of nothing is 0': { page: 'operator/update/mul/', before: {}, update: { $mul: { a: 2 } }, after: { a: 0 } },
  '$max sets what is missing': {
    page: 'operator/update/max/',
    before: {},
    update: { $max: { a: 2 } },
    after: { a: 2 },
  },
  '$max takes a later date': {
    page: 'operator/update/max/',
    before: { a: early },
    update: { $max: { a: late } },
    after: { a: late },
  },
  '$max keeps a later date': {
    page: 'operator/update/max/',
    before: { a: late },
    update: { $max: { a: early } },
    after: { a: late },
  },
  '$min compares across types, so that types are guarded': {
    page: 'operator/update/min/',
    before: { a: 'x' },
    update: { $min: { a: 2 } },
    after: { a: 2 },
  },
  '$push makes a list': {
    page: 'operator/update/push/',
    before: {},
    update: { $push: { a: { $each: [1, 2] } } },
    after: { a: [1, 2] },
  },
  '$push refuses what is no list': {
    page: 'operator/update/push/',
    before: { a: 1 },
    update: { $push: { a: { $each: [1] } } },
    after: 2,
  },
  '$slice keeps the last': {
    page: 'operator/update/slice/',
    before: { a: [1, 2] },
    update: { $push: { a: { $each: [3], $slice: -2 } } },
    after: { a: [2, 3] },
  },
  '$slice keeps the first': {
    page: 'operator/update/slice/',
    before: { a: [1, 2] },
    update: { $push: { a: { $each: [3], $slice: 2 } } },
    after: { a: [1, 2] },
  },
  '$slice applies to a new list': {
    page: 'operator/update/slice/',
    before: {},
    update: { $push: { a: { $each: [1, 2], $slice: -1 } } },
    after: { a: [2] },
  },
  '$slice 0 keeps nothing': {
    page: 'operator/update/slice/',
    before: { a: [1] },
    update: { $push: { a: { $each: [2], $slice: 0 } } },
    after: { a: [] },
  },
  '$addToSet adds a value once': {
    page: 'operator/update/addToSet/',
    before: { a: [1] },
    update: { $addToSet: { a: { $each: [1, 2, 2] } } },
    after: { a: [1, 2] },
  },
  '$addToSet leaves what was there twice': {
    page: 'operator/update/addToSet/',
    before: { a: [1, 1] },
    update: { $addToSet: { a: { $each: [2] } } },
    after: { a: [1, 1, 2] },
  },
  '$addToSet compares objects with the order of their keys': {
    page: 'operator/update/addToSet/',
    before: { a: [ab] },
    update: { $addToSet: { a: { $each: [ba] } } },
    after: { a: [ab, ba] },
  },
  '$pull by $in also takes a list that holds the value': {
    page: 'operator/update/pull/',
    before: { a: [[1], 1, 2] },
    update: { $pull: { a: { $in: [1] } } },
    after: { a: [2] },
  },
  '$pull by $in without lists spares them': {
    page: 'operator/update/pull/',
    before: { a: [[1], 1, 2] },
    update: { $pull: { a: { $in: [1], $not: { $type: 4 } } } },
    after: { a: [[1], 2] },
  },
  '$pull by fields takes objects that have more of them': {
    page: 'operator/update/pull/',
    before: { a: [ab, { a: 2 }, 1] },
    update: { $pull: { a: { a: { $eq: 1, $not: { $type: 4 } } } } },
    after: { a: [{ a: 2 }, 1] },
  },
  '$pull by fields without lists spares them': {
    page: 'operator/update/pull/',
    before: { a: [{ a: [1] }, { a: 1 }] },
    update: { $pull: { a: { a: { $eq: 1, $not: { $type: 4 } } } } },
    after: { a: [{ a: [1] }] },
  },
  '$pop takes the last': {
    page: 'operator/update/pop/',
    before: { a: [1, 2] },
    update: { $pop: { a: 1 } },
    after: { a: [1] },
  },
  '$pop takes the first': {
    page: 'operator/update/pop/',
    before: { a: [1, 2] },
    update: { $pop: { a: -1 } },
    after: { a: [2] },
  },
  '$pop refuses what is no list': {
    page: 'operator/update/pop/',
    before: { a: 1 },
    update: { $pop: { a: 1 } },
    after: 14,
  },
  '$rename replaces': {
    page: 'operator/update/rename/',
    before: { a: 1, b: 2 },
    update: { $rename: { a: 'b' } },
    after: { b: 1 },
  },
  '$rename of nothing does nothing': {
    page: 'operator/update/rename/',
    before: { b: 2 },
    update: { $rename: { a: 'b' } },
    after: { b: 2 },
  },
}

/** What stand-ins do otherwise. The store does not rely on it there: its guards, or the oracle, come first. */
const DIFFERS: readonly { readonly server: RegExp; readonly probes: readonly string[] }[] = [
  {
    server: /mongo-java-server/,
    probes: [
      'binaries are equal by their subtype',
      '$set reaches into no null',
      '$inc refuses null',
      '$pop refuses what is no list',
    ],
  },
]

const server = inject('mongodb')

describe.skipIf('missing' in server)('the MongoDB server', () => {
  const client = new MongoClient('url' in server ? server.url : 'mongodb://none')
  const collection = client.db(database('probes')).collection<Document>('documents')
  afterAll(() => client.close())
  const what = 'what' in server ? server.what : ''
  const differing = DIFFERS.filter((one) => one.server.test(what)).flatMap(({ probes }) => probes)

  let documents = 0
  async function outcome({ before, filter = {}, update = { $set: { m: 1 } } }: Probe) {
    const _id = `${Date.now()}-${++documents}` as never
    await collection.insertOne({ ...before, _id })
    try {
      const { matchedCount } = await collection.updateOne({ ...filter, _id }, update)
      const { _id: id, ...after } = (await collection.findOne({ _id }))!
      return matchedCount === 1 && after
    } catch (error) {
      const { _id: id, ...after } = (await collection.findOne({ _id }))!
      expect(after, 'what is refused changes nothing').toEqual(before)
      return (error as MongoServerError).code
    }
  }

  for (const [says, probe] of Object.entries(PROBES)) {
    const differs = differing.includes(says)
    it(`${says} (${probe.page})${differs ? ': not this one' : ''}`, async () => {
      const found = await outcome(probe)
      if (differs) expect(found).not.toEqual(probe.after)
      else expect(found).toEqual(probe.after)
    })
  }

  it('answers a taken _id with 11000 and its key (error-codes/)', async () => {
    const _id = `${Date.now()}` as never
    await collection.insertOne({ _id })
    const error = await collection.insertOne({ _id }).catch((thrown) => thrown)
    expect(error).toMatchObject({ name: 'MongoServerError', code: 11000 })
    if (error.keyPattern) expect(Object.keys(error.keyPattern)).toEqual(['_id'])
  })

  it('counts as matched what it need not change (command/update/)', async () => {
    const _id = `${Date.now()}-same` as never
    await collection.insertOne({ _id, a: 1 })
    expect(await collection.updateOne({ _id }, { $set: { a: 1 } })).toMatchObject({ matchedCount: 1, modifiedCount: 0 })
  })

  it.each([
    ['before', { a: 1 }],
    ['after', { a: 2 }],
  ] as const)('answers the document %s the update, by a projection (command/findAndModify/)', async (when, answer) => {
    const _id = `${Date.now()}-${when}` as never
    await collection.insertOne({ _id, a: 1, b: 1 })
    const options = { returnDocument: when, projection: { _id: 0, a: 1 }, includeResultMetadata: false } as const
    expect(await collection.findOneAndUpdate({ _id }, { $inc: { a: 1 } }, options)).toEqual(answer)
  })

  it('tells its time, as a date or a number of milliseconds (command/hello/)', async () => {
    // Servers before 4.4.2 know the former name only.
    const { localTime } = await client
      .db()
      .command({ hello: 1 })
      .catch(() => client.db().command({ isMaster: 1 }))
    expect(Math.abs(Number(localTime) - Date.now())).toBeLessThan(60_000)
  })

  it('sorts ids and compares them as texts, exactly (bson-type-comparison-order/)', async () => {
    const ids = client.db(database('probes')).collection<{ _id: unknown }>('ids')
    await ids.deleteMany({})
    await ids.insertMany(['b', 'B', '-', '_', 1].map((_id) => ({ _id })) as never)
    const found = await ids.find({ _id: { $gt: '' } } as never, { sort: { _id: 1 } }).toArray()
    expect(found.map(({ _id }) => _id)).toEqual(['-', 'B', '_', 'b'])
  })

  it.skipIf(!('real' in server) || !server.real)(
    'finds by an index of those that have the field, in the order of the ids (index partial, a real mongod only)',
    async () => {
      const indexed = client.db(database('probes')).collection<Document>('indexed')
      await indexed.createIndex({ 'data.a': 1, _id: 1 }, { partialFilterExpression: { 'data.a': { $exists: true } } })
      const filter = { $and: [{ 'data.a': { $eq: 1 } }], $nor: [{ data: { $type: 4 } }, { 'data.a': { $type: 4 } }] }
      const page = indexed.find({ ...filter, _id: { $gt: 'x' as never } }, { sort: { _id: 1 }, limit: 5 })
      const plan = JSON.stringify((await page.explain('queryPlanner')).queryPlanner.winningPlan)
      expect(plan).toContain('data.a_1__id_1')
      expect(plan).not.toContain('"SORT"')
    },
  )
})
