// The drivers' own types fit the structural ones that the stores ask for.

import type { Cluster as IoCluster, Redis as IoRedis } from 'ioredis'
import type { Redis as IoRedis5 } from 'ioredis5'
import type Valkey from 'iovalkey'
import Koa from 'koa'
import { atomicSession } from 'koa-atomic-session'
import { mongodb } from 'koa-atomic-session/mongodb'
import { postgres } from 'koa-atomic-session/postgres'
import { redis } from 'koa-atomic-session/redis'
import { sqlite } from 'koa-atomic-session/sqlite'
import type Libsql from 'libsql'
import type { Collection, Db } from 'mongodb'
import type { Collection as Collection6 } from 'mongodb6'
import pg from 'pg'
import { createClient, createClientPool, createCluster, createSentinel } from 'redis'
import { createClient as createClient5, createCluster as createCluster5 } from 'redis5'

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

declare const client: pg.Client
declare const pooled: pg.PoolClient
postgres(new pg.Pool())
postgres(client, { table: 'sessions', schema: 'app' })
postgres(pooled)
// @ts-expect-error: a URL is no client
postgres('postgres://localhost')

declare const ioredis: IoRedis
declare const iocluster: IoCluster
declare const ioredis5: IoRedis5
declare const valkey: Valkey.Redis
redis(ioredis)
redis(iocluster)
redis(ioredis5)
redis(valkey, { prefix: 'app:' })
redis(createClient())
redis(createClient({ RESP: 3 }))
redis(createClientPool())
redis(createCluster({ rootNodes: [] }))
redis(createSentinel({ name: 'main', sentinelRootNodes: [] }))
redis(createClient5())
redis(createCluster5({ rootNodes: [] }))
// @ts-expect-error: a URL is no client
redis('redis://localhost')
