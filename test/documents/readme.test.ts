import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Store } from 'koa-atomic-session'
import type { MongoClient } from 'mongodb'
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest'
import { dataOf, visitor } from '../../src/testing/harness.ts'
import { expectAllRun, run, serve, writeExamples } from './examples.ts'

const [mongo, postgres, redis] = [inject('mongodb'), inject('postgres'), inject('redis')]
const missing = [mongo, postgres, redis].some((server) => 'missing' in server)

describe("the README's examples", () => {
  const directory = process.cwd()
  const work = mkdtempSync(join(tmpdir(), 'readme-'))

  beforeAll(() => {
    writeExamples()
    if ('url' in mongo) process.env.MONGODB_URL = mongo.url
  })
  afterAll(() => {
    process.chdir(directory)
    rmSync(work, { recursive: true, force: true })
  })

  it('app: counts pages', async () => {
    process.chdir(work)
    const { visitor, stop } = await serve('app')
    expect(await visitor.text('/')).toBe('page 1, seen /')
    expect(await visitor.text('/a')).toBe('page 2, seen / /a')
    await stop()
  })

  it.skipIf('missing' in mongo)('original: keeps an ObjectId, updates, touches, and has its TTL index', async () => {
    const { visitor, example, stop } = await serve('original')
    const session = await visitor.json('/')
    expect(session).toEqual({ user_id: expect.stringMatching(/^[0-9a-f]{24}$/), message: 'hello' })
    const { client } = example as { client: MongoClient }
    const collection = client.db('readme').collection('sessions')
    const [document] = await collection.find({ 'data.message': 'hello' }).toArray()
    expect(document?.data.user_id._bsontype).toBe('ObjectId')
    expect(await collection.indexes()).toContainEqual(
      expect.objectContaining({ key: { expires: 1 }, expireAfterSeconds: 0 }),
    )
    await stop()
    await client.close()
  })

  it('types: refuses what does not fit', async () => {
    const { visitor, stop } = await serve('types')
    expect(await visitor.json('/')).toEqual(['/'])
    await stop()
  })

  it.skipIf(missing)('stores: every one of them keeps a session', async () => {
    process.chdir(work)
    if ('url' in postgres) process.env.DATABASE_URL = postgres.url
    if ('url' in redis) process.env.REDIS_URL = redis.url
    const stores = await run('stores')
    for (const store of Object.values<Store>(stores)) {
      await store.setup()
      const { access } = await visitor(store, { n: 1 })
      expect([store.name, await dataOf(store, access)]).toEqual([store.name, { n: 1 }])
    }
    expect(Object.values<Store>(stores).map(({ name }) => name)).toEqual([
      'mongodb',
      'postgres',
      'redis',
      'sqlite',
      'memory',
    ])
    await stores.d.close()
  })

  it('are all run', () => {
    expectAllRun(/^README/, [...('missing' in mongo ? ['original'] : []), ...(missing ? ['stores'] : [])])
  })
})
