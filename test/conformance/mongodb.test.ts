import { mongodb } from 'koa-atomic-session/mongodb'
import { conformance, INDEXED_FIELDS } from 'koa-atomic-session/testing'
import { type Document, MongoClient } from 'mongodb'
import { MongoClient as MongoClient6 } from 'mongodb6'
import { afterAll, describe, inject, it } from 'vitest'
import { database } from '../servers/database.ts'

const server = inject('mongodb')

for (const [driver, Client, cases] of [
  ['7', MongoClient, 2000],
  ['6', MongoClient6, 200],
] as const) {
  describe.skipIf('missing' in server)(`MongoDB by driver ${driver}`, () => {
    const client = new Client('url' in server ? server.url : 'mongodb://none')
    afterAll(() => client.close())

    let collections = 0
    const open = () =>
      mongodb(client.db(database(`conformance${driver}`)).collection<Document>(`sessions${collections}`))
    const make = async () => {
      collections++
      return open()
    }
    const makeIndexed = async () => (await make()).indexed(INDEXED_FIELDS)
    const makeBeside = async () => ({ plain: await make(), indexed: open().indexed(INDEXED_FIELDS) })

    conformance({ describe, it }, make, { makeIndexed, makeBeside, cases })
  })
}
