import { execFileSync } from 'node:child_process'
import { existsSync, mkdirSync, mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { MongoClient } from 'mongodb'
import { freePort, handedIn, type Missing, program, type Server, start, temporaryFolder, versionOf } from './child.ts'

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
  const mongod = process.env.MONGOMS_SYSTEM_BINARY ?? program('mongod')
  if (mongod) return replicaSet(mongod)
  return (await downloaded()) ?? javaServer()
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

/** A mongod from MongoDB's download site; nothing within seconds where that can't be reached. */
async function downloaded(): Promise<MongoServer | undefined> {
  const site = process.env.MONGOMS_DOWNLOAD_MIRROR ?? 'https://fastdl.mongodb.org'
  const reachable = await fetch(site, { method: 'HEAD', signal: AbortSignal.timeout(3000) }).catch(() => undefined)
  if (!reachable || reachable.status >= 500) return undefined
  const { MongoBinary } = await import('mongodb-memory-server-core')
  const mongod = await MongoBinary.getPath({ version: process.env.MONGOMS_VERSION ?? '8.0.4' }).catch(() => undefined)
  return mongod ? replicaSet(mongod) : undefined
}

const VERSION = '1.47.0'

async function javaServer(): Promise<MongoServer | Missing> {
  const java = program('java')
  const maven = program('mvn')
  const jars = join(import.meta.dirname, '..', '..', '.cache', `mongo-java-server-${VERSION}`)
  if (!java || (!maven && !existsSync(jars))) {
    return {
      missing:
        'no MongoDB: install mongod, or set MONGODB_URL, or install a JDK and Maven (default-jdk-headless, maven)',
    }
  }
  try {
    if (!existsSync(jars)) fetchJars(maven!, jars)
  } catch (error) {
    return { missing: `no MongoDB: Maven could not fetch mongo-java-server: ${(error as Error).message}` }
  }
  const port = await freePort()
  const folder = temporaryFolder('mongo-java-server')
  const launcher = join(import.meta.dirname, 'MongoServer.java')
  const server = await start({
    url: `mongodb://127.0.0.1:${port}`,
    what: `mongo-java-server ${VERSION}, in memory, without TTL monitor and replica set`,
    port,
    folder,
    command: java,
    // One thread, because with several a reply is written while another command changes the document it shows.
    arguments: ['-Dio.netty.eventLoopThreads=1', '--class-path', join(jars, '*'), launcher, String(port)],
  })
  return { ...server, real: false }
}

/** Fetches into a folder of its own first, so that test runs side by side never see half of it. */
function fetchJars(maven: string, target: string): void {
  mkdirSync(join(target, '..'), { recursive: true })
  const folder = mkdtempSync(`${target}-`)
  const dependency = `<groupId>de.bwaldvogel</groupId><artifactId>mongo-java-server</artifactId><version>${VERSION}</version>`
  const pom = `<project xmlns="http://maven.apache.org/POM/4.0.0"><modelVersion>4.0.0</modelVersion>
    <groupId>tests</groupId><artifactId>tests</artifactId><version>1</version>
    <dependencies><dependency>${dependency}</dependency></dependencies></project>`
  writeFileSync(join(folder, 'pom.xml'), pom)
  execFileSync(
    maven,
    ['-q', '-B', '-f', join(folder, 'pom.xml'), 'dependency:copy-dependencies', `-DoutputDirectory=${folder}`],
    {
      stdio: 'pipe',
      timeout: 300_000,
    },
  )
  try {
    renameSync(folder, target)
  } catch {
    rmSync(folder, { recursive: true, force: true })
  }
}
