import { mongodb } from 'koa-atomic-session/mongodb'
import { MongoClient } from 'mongodb'
import { afterAll, describe, expect, inject, it } from 'vitest'
import { commands } from '../../src/algebra/index.ts'
import { ReliableStore } from '../../src/delivery/reliable.ts'
import { chainOf, changeOf, dataOf, visitor } from '../../src/testing/harness.ts'
import { database } from '../servers/database.ts'
import { History } from './checkers.ts'

const server = inject('mongodb')
const real = 'url' in server && server.real

/** Needs a mongod that is a member of a replica set; the stand-in is none. */
describe.skipIf(!real)('a replica set of MongoDB', () => {
  const client = new MongoClient(real ? server.url : 'mongodb://none', { writeConcern: { w: 'majority' } })
  afterAll(() => client.close())

  it('loses and repeats nothing that it has acknowledged when its primary steps down', {
    timeout: 120_000,
  }, async () => {
    const store = mongodb(client.db(database('replica')).collection('sessions'))
    const reliable = new ReliableStore(store, 30_000)
    const { access } = await visitor(store, { n: 0, list: [] })
    const history = new History()
    const push = (i: number) =>
      history.note(i, () => reliable.update(access, changeOf(chainOf([commands.inc('n'), commands.push('list', [i])]))))
    const load = (async () => {
      for (let i = 0; i < 200; i++) await push(i)
    })()
    // A primary that is alone may only step down by force, and is elected again after the time that it names.
    await client
      .db('admin')
      .command({ replSetStepDown: 2, force: true })
      .catch(() => {})
    await load
    const data = await dataOf(store, access)
    history.check(data.list as number[], data.n as number)
    expect(history.applied.length).toBeGreaterThan(100)
  })
})
