// Every database with the durability that it has by default, on a server of its own.
import { mkdtempSync, rmSync } from 'node:fs'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createServer } from 'vite'

const require = createRequire(import.meta.url)
let loader
/** The modules that start the servers. The loader stays open, because they import more when they are called. */
export async function servers(name) {
  loader ??= createServer({
    configFile: false,
    appType: 'custom',
    logLevel: 'error',
    server: { middlewareMode: true, watch: null, ws: false },
    optimizeDeps: { noDiscovery: true },
  })
  return (await loader).ssrLoadModule(new URL(`../test/servers/${name}.ts`, import.meta.url).pathname)
}

/** Each starts a server and gives it as test/servers does: with its URL, or with why there is none. */
export const DATABASES = {
  redis: async () => (await servers('redis')).startRedis({ asShipped: true }),
  postgres: async () => (await servers('postgres')).startPostgres({ asShipped: true }),
  mongodb: async () => (await servers('mongodb')).startMongo(),
  mariadb: async () => (await servers('mariadb')).startMariadb(),
  sqlite: async () => {
    const folder = mkdtempSync(join(tmpdir(), 'bench-'))
    const what = `SQLite ${new (require('libsql'))(':memory:').prepare('SELECT sqlite_version() AS v').get().v} by libsql`
    return { url: join(folder, 'bench.db'), what, stop: async () => rmSync(folder, { recursive: true }) }
  },
}

/** What the server itself says of its durability. */
export const DURABILITY = {
  async redis({ url }) {
    const client = await require('redis').createClient({ url }).connect()
    const { save, appendonly } = { ...(await client.configGet('save')), ...(await client.configGet('appendonly')) }
    await client.close()
    return `save "${save}", appendonly ${appendonly}: an answer does not wait for the disk`
  },
  async postgres({ url }) {
    const client = new (require('pg').Client)({ connectionString: url })
    await client.connect()
    const setting = async (name) => (await client.query(`SHOW ${name}`)).rows[0][name]
    const [fsync, commit] = [await setting('fsync'), await setting('synchronous_commit')]
    await client.end()
    return `fsync ${fsync}, synchronous_commit ${commit}: ${fsync === 'on' && commit === 'on' ? 'an answer waits for the disk' : 'an answer does not wait for the disk'}`
  },
  async mariadb({ url }) {
    const connection = await require('mysql2/promise').createConnection(url)
    const [[{ flush }]] = await connection.query('SELECT @@innodb_flush_log_at_trx_commit AS flush')
    await connection.end()
    const waits = flush === 1 ? 'waits' : 'does not wait'
    return `innodb_flush_log_at_trx_commit ${flush}: an answer ${waits} for the disk`
  },
  async mongodb({ real }) {
    return real ? "the driver's write concern, majority with journal" : 'none: in memory'
  },
  async sqlite() {
    return 'journal_mode WAL, synchronous FULL: an answer waits for the disk'
  },
}
