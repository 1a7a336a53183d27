import { execFileSync } from 'node:child_process'
import { existsSync, mkdirSync, mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { delimiter, dirname, join } from 'node:path'
import { bring, found, type Need, whyNot } from './bring.ts'
import { freePort, type Missing, type Server, start, temporaryFolder } from './child.ts'
import { KEPT, KEPT_PROGRAMS } from './kept.ts'

const VERSION = '1.47.0'
const JARS = join(KEPT, '..', `mongo-java-server-${VERSION}`)
const CERTIFICATES = '/etc/ssl/certs/ca-certificates.crt'
const JAVA: Need = { programs: ['java'], debian: ['default-jdk-headless'] }
const MAVEN: Need = { programs: ['mvn'], debian: ['maven'] }

/** A JDK, and Maven as long as its jars are not there. */
export const javaNeeds = (): Need[] => (existsSync(JARS) ? [JAVA] : [JAVA, MAVEN])

/** mongo-java-server: an independent implementation of MongoDB's wire protocol. */
export async function javaServer(): Promise<Server | Missing> {
  await bring(javaNeeds())
  const [java, maven] = [found(JAVA), found(MAVEN)]
  const way = 'install mongod, or set MONGODB_URL, or install a JDK and Maven (default-jdk-headless, maven)'
  if (!java) return { missing: `no MongoDB (${whyNot(JAVA)}): ${way}` }
  if (!existsSync(JARS)) {
    if (process.env.SERVERS === 'installed' || !maven) return { missing: `no MongoDB (${whyNot(MAVEN)}): ${way}` }
    try {
      fetchJars(java, maven)
    } catch (error) {
      return { missing: `no MongoDB (Maven could not fetch mongo-java-server: ${(error as Error).message})` }
    }
  }
  const port = await freePort()
  const folder = temporaryFolder('mongo-java-server')
  const launcher = join(import.meta.dirname, 'MongoServer.java')
  return start({
    url: `mongodb://127.0.0.1:${port}`,
    what: `mongo-java-server ${VERSION}, in memory, without TTL monitor and replica set`,
    port,
    folder,
    command: java,
    // One thread, because with several a reply is written while another command changes the document it shows.
    arguments: ['-Dio.netty.eventLoopThreads=1', '--class-path', join(JARS, '*'), launcher, String(port)],
  })
}

/** Fetches into a folder of its own first, so that test runs side by side never see half of it. */
function fetchJars(java: string, maven: string): void {
  console.log(`bringing mongo-java-server ${VERSION} by Maven`)
  mkdirSync(dirname(JARS), { recursive: true })
  const folder = mkdtempSync(`${JARS}-`)
  const dependency = `<groupId>de.bwaldvogel</groupId><artifactId>mongo-java-server</artifactId><version>${VERSION}</version>`
  const pom = `<project xmlns="http://maven.apache.org/POM/4.0.0"><modelVersion>4.0.0</modelVersion>
    <groupId>tests</groupId><artifactId>tests</artifactId><version>1</version>
    <dependencies><dependency>${dependency}</dependency></dependencies></project>`
  writeFileSync(join(folder, 'pom.xml'), pom)
  const env: NodeJS.ProcessEnv = { ...process.env, PATH: `${dirname(java)}${delimiter}${process.env.PATH}` }
  if (java.startsWith(KEPT_PROGRAMS)) {
    // An unpacked JDK trusts nobody: it finds the machine's certificates in a file that its installation writes.
    const store = join(folder, 'trusted')
    execFileSync(java, [join(import.meta.dirname, 'TrustStore.java'), CERTIFICATES, store], { stdio: 'pipe' })
    env.MAVEN_OPTS = `${env.MAVEN_OPTS ?? ''} -Djavax.net.ssl.trustStore=${store} -Djavax.net.ssl.trustStorePassword=changeit`
  }
  const copy = ['dependency:copy-dependencies', `-DoutputDirectory=${folder}`]
  execFileSync(maven, ['-q', '-B', '-f', join(folder, 'pom.xml'), ...copy], { env, stdio: 'pipe', timeout: 300_000 })
  try {
    renameSync(folder, JARS)
  } catch {
    rmSync(folder, { recursive: true, force: true })
  }
}
