import { MongoClient } from 'mongodb'
import type { Need } from './bring.ts'
import { freePort, handedIn, type Missing, program, type Server, start, temporaryFolder, versionOf } from './child.ts'
import { javaNeeds, javaServer } from './mongo-java-server.ts'

export interface MongoServer extends Server {
  /** MongoDB's own server, with a TTL monitor and a replica set. */
  readonly real: boolean
}

/**
 * Looks for a server in this order: `MONGODB_URL` (with a log-in and its `authSource`, where the server wants one), a
 * mongod on this machine, one that can be downloaded, and last mongo-java-server, an independent implementation of the
 * wire protocol.
 */
export async function startMongo(): Promise<MongoServer | Missing> {
  const url = process.env.MONGODB_URL
  if (url) {
    // What speaks the protocol without being MongoDB (DocumentDB, FerretDB) has its name beside the URL.
    const name = process.env.MONGODB_SERVER
    return { ...handedIn(url, `${name ?? 'MongoDB'} from MONGODB_URL`), real: name === undefined }
  }
  const mongod = await findMongod()
  if (mongod) return replicaSet(mongod)
  const server = await javaServer()
  return 'missing' in server ? server : { ...server, real: false }
}

/** What it takes to start one: nothing where there is a mongod or one can be downloaded. */
export async function mongoNeeds(): Promise<Need[]> {
  return process.env.MONGODB_URL || (await findMongod()) ? [] : javaNeeds()
}

let mongod: Promise<string | undefined> | undefined
function findMongod(): Promise<string | undefined> {
  const here = process.env.MONGOMS_SYSTEM_BINARY ?? program('mongod')
  mongod ??= here ? Promise.resolve(here) : downloaded()
  return mongod
}

/** Leaves nothing of a run on a server that was handed in. */
export async function dropDatabases(url: string, run: string): Promise<void> {
  const client = await MongoClient.connect(url)
  const { databases } = await client.db().admin().listDatabases({ nameOnly: true, authorizedDatabases: true })
  const own = databases.filter(({ name }) => name.endsWith(`_${run}`))
  await Promise.all(own.map(({ name }) => client.db(name).dropDatabase()))
  await client.close()
}

async function replicaSet(mongod: string): Promise<MongoServer> {
  const port = await freePort()
  const folder = temporaryFolder('mongod')
  const server = await start({
    url: `mongodb://127.0.0.1:${port}/?replicaSet=tests`,
    what: `mongod ${versionOf(mongod, /v\d+\.\d+\.\d+/)}`,
    port,
    folder,
    command: mongod,
    arguments: ['--dbpath', folder, '--port', String(port), '--bind_ip', '127.0.0.1', '--replSet', 'tests'],
  })
  const client = await MongoClient.connect(`mongodb://127.0.0.1:${port}/?directConnection=true`)
  await client
    .db('admin')
    .command({ replSetInitiate: { _id: 'tests', members: [{ _id: 0, host: `127.0.0.1:${port}` }] } })
  await client.close()
  // The driver waits for the election of a primary.
  await (await MongoClient.connect(server.url)).close()
  return { ...server, real: true }
}

/** A mongod from MongoDB's download site, or from an earlier download; nothing within seconds where there is none. */
async function downloaded(): Promise<string | undefined> {
  const site = process.env.MONGOMS_DOWNLOAD_MIRROR ?? 'https://fastdl.mongodb.org'
  const reachable =
    process.env.SERVERS !== 'installed' &&
    (await fetch(site, { method: 'HEAD', signal: AbortSignal.timeout(3000) }).catch(() => undefined))
  if (!reachable || reachable.status >= 500) process.env.MONGOMS_RUNTIME_DOWNLOAD = 'false'
  const { MongoBinary } = await import('mongodb-memory-server-core')
  return MongoBinary.getPath({ version: process.env.MONGOMS_VERSION ?? '8.0.4' }).catch(() => undefined)
}
