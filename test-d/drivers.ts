// The drivers' own types fit the structural ones that the stores ask for.

import Koa from 'koa'
import { atomicSession } from 'koa-atomic-session'
import { mongodb } from 'koa-atomic-session/mongodb'
import { sqlite } from 'koa-atomic-session/sqlite'
import type Libsql from 'libsql'
import type { Collection, Db } from 'mongodb'
import type { Collection as Collection6 } from 'mongodb6'

declare const db: Db
declare const collection: Collection<{ _id: string; data: object }>
declare const collection6: Collection6
mongodb(db.collection('sessions'))
mongodb(db.collection<{ _id: string }>('sessions'))
mongodb(collection)
mongodb(collection6)
// @ts-expect-error: a database is no collection
mongodb(db)

const sessions = atomicSession(new Koa())
sessions.collection = db.collection('sessions')
sessions.collection = collection6

declare const libsql: Libsql.Database
sqlite(libsql)
sqlite('file.db', { table: 'sessions' })
// @ts-expect-error: no such driver
sqlite({ query: () => [] })
