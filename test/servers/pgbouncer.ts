import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import pg from 'pg'
import { bring, found, type Need, whyNot } from './bring.ts'
import { anotherUser, freePort, type Missing, type Server, start, temporaryFolder, versionOf } from './child.ts'

export const PGBOUNCER: Need = { programs: ['pgbouncer'], places: ['/usr/sbin'], debian: ['pgbouncer'] }

/**
 * A PgBouncer of a test's own in front of the PostgreSQL at this URL, with the same database and user. It hands out
 * connections by transaction unless `settings` (as in `pgbouncer.ini`) say otherwise.
 *
 * @example
 * const bouncer = await pgbouncer(postgres.url, { pool_mode: 'session', default_pool_size: 2 })
 * if ('missing' in bouncer) return
 */
export async function pgbouncer(
  url: string,
  settings: Record<string, string | number> = {},
): Promise<Server | Missing> {
  await bring([PGBOUNCER])
  const command = found(PGBOUNCER)
  if (!command) return { missing: `no PgBouncer (${whyNot(PGBOUNCER)}): install pgbouncer` }
  const [port, folder] = [await freePort(), temporaryFolder('pgbouncer')]
  const server = new URL(url)
  const through = Object.assign(new URL(url), { host: `127.0.0.1:${port}` }).href
  const all = {
    listen_addr: '127.0.0.1',
    listen_port: port,
    auth_type: 'trust',
    auth_file: join(folder, 'users.txt'),
    pool_mode: 'transaction',
    unix_socket_dir: '',
    ...settings,
  }
  const secret = server.password ? ` password=${server.password}` : ''
  const target = `host=${server.hostname} port=${server.port} user=${server.username}${secret}`
  const lines = Object.entries(all).map(([key, value]) => `${key} = ${value}`)
  writeFileSync(join(folder, 'pgbouncer.ini'), ['[databases]', `* = ${target}`, '[pgbouncer]', ...lines, ''].join('\n'))
  writeFileSync(join(folder, 'users.txt'), `"${server.username}" "${server.password}"\n`)
  return start({
    url: through,
    what: `PgBouncer ${versionOf(command, /\d+\.\d+\.\d+/)}`,
    port,
    folder,
    command,
    arguments: [join(folder, 'pgbouncer.ini')],
    options: { cwd: folder, ...anotherUser(folder) },
    async ready() {
      const client = new pg.Client(through)
      client.on('error', () => {})
      await client.connect()
      await client.end()
    },
  })
}
