import { execFileSync } from 'node:child_process'
import { existsSync, realpathSync } from 'node:fs'
import { join } from 'node:path'
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
import { KEPT } from './kept.ts'

const MARIADB: Need = { programs: ['mariadbd'], places: ['/usr/sbin'], debian: ['mariadb-server'] }
const INSTALL: Need = { programs: ['mariadb-install-db'], places: ['/usr/bin'], debian: ['mariadb-server'] }

export const mariadbNeeds = (): Need[] => (process.env.MARIADB_URL ? [] : [MARIADB, INSTALL])

/**
 * Looks for a server in this order: `MARIADB_URL`, and mariadbd on this machine. Its user is root without a password,
 * its database `tests`. `settings` are options of mariadbd, such as `--innodb-lock-wait-timeout=1`.
 */
export async function startMariadb(settings: readonly string[] = []): Promise<Server | Missing> {
  const url = process.env.MARIADB_URL
  if (url) return handedIn(url, 'MariaDB from MARIADB_URL')
  await bring([MARIADB, INSTALL])
  const [command, install] = [found(MARIADB), found(INSTALL)]
  if (!command || !install)
    return { missing: `no MariaDB (${whyNot(MARIADB)}): install mariadb-server, or set MARIADB_URL` }
  const [port, folder] = [await freePort(), temporaryFolder('mariadb')]
  const options = { cwd: folder, ...anotherUser(folder, 'mysql') }
  const data = join(folder, 'data')
  // Unpacked below .cache, it looks for its messages and plugins there.
  const base = command.startsWith(KEPT) ? [`--basedir=${join(realpathSync(KEPT), 'debian', 'usr')}`] : []
  const setUp = ['--no-defaults', `--datadir=${data}`, '--auth-root-authentication-method=normal', '--skip-test-db']
  execFileSync(install, [...setUp, ...base], { stdio: 'pipe', ...options })
  const init = join(folder, 'init.sql')
  if (!existsSync(init)) execFileSync('sh', ['-c', `echo 'CREATE DATABASE IF NOT EXISTS tests;' > ${init}`], options)
  // Its own folder for temporary tables too: where it starts, it removes those of every other MariaDB there.
  const places = [
    `--datadir=${data}`,
    `--tmpdir=${folder}`,
    `--socket=${join(folder, 'socket')}`,
    `--init-file=${init}`,
    ...base,
  ]
  return start({
    url: `mysql://root@127.0.0.1:${port}/tests`,
    what: `MariaDB ${versionOf(command, /\d+\.\d+\.\d+/)}`,
    port,
    folder,
    command,
    arguments: ['--no-defaults', ...places, `--port=${port}`, '--bind-address=127.0.0.1', ...settings],
    options,
  })
}
