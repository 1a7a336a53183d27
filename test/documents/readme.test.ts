import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { MongoClient } from 'mongodb'
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest'
import { examples, serve } from './examples.ts'

const mongo = inject('mongodb')

describe("the README's examples", () => {
  const directory = process.cwd()
  const work = mkdtempSync(join(tmpdir(), 'readme-'))

  beforeAll(() => {
    examples()
    if ('url' in mongo) process.env.MONGODB_URL = mongo.url
  })
  afterAll(() => {
    process.chdir(directory)
    rmSync(work, { recursive: true, force: true })
  })

  it('are all there', () => {
    const names = examples()
      .filter(({ document }) => document === 'README.md')
      .map(({ name }) => name)
    expect(names).toEqual(['app', 'original', 'stores', 'types'])
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
})
