import { execFile } from 'node:child_process'
import {
  accessSync,
  constants,
  existsSync,
  mkdirSync,
  readdirSync,
  readlinkSync,
  rmSync,
  statSync,
  symlinkSync,
  unlinkSync,
  writeFileSync,
} from 'node:fs'
import { dirname, join, relative } from 'node:path'
import { promisify } from 'node:util'
import { KEPT, keep } from './kept.ts'

const run = promisify(execFile)
const QUIET = {
  env: { ...process.env, DEBIAN_FRONTEND: 'noninteractive', LC_ALL: 'C' },
  maxBuffer: 1e8,
  timeout: 540_000,
}
/** Without a network it gives up within seconds. */
const PATIENCE = ['-o', 'Acquire::Retries=1', '-o', 'Acquire::http::Timeout=20', '-o', 'Acquire::https::Timeout=20']
const POLICY = '/usr/sbin/policy-rc.d'

/** Fetches the lists, and then installs or downloads. Stale lists may do, so they are an error only if that fails. */
async function apt(places: readonly string[], ...args: string[]): Promise<void> {
  const { stderr: warnings } = await run('apt-get', [...PATIENCE, ...places, 'update'], QUIET)
  await run('apt-get', [...PATIENCE, ...places, ...args], QUIET).catch((error) => {
    throw new Error(`${warnings}${error.stderr ?? error.message}`)
  })
}

/** Installs packages, as root. None of their services starts. */
export async function installed(packages: readonly string[]): Promise<string> {
  console.log(`bringing ${packages.join(', ')}: apt-get install, as root; no service is started`)
  const allow = forbidServices()
  try {
    await apt(['-o', 'DPkg::Lock::Timeout=300'], 'install', '-y', '--no-install-recommends', ...packages)
  } finally {
    allow()
  }
  return `Debian's packages ${packages.join(', ')}`
}

/** Debian asks this file before it starts a service. Answers how to take the ban back. */
function forbidServices(): () => void {
  if (existsSync(POLICY)) return () => {}
  writeFileSync(POLICY, '#!/bin/sh\nexit 101\n', { mode: 0o755 })
  const allow = () => rmSync(POLICY, { force: true })
  process.once('exit', allow)
  return () => {
    allow()
    process.off('exit', allow)
  }
}

/**
 * Unpacks packages, and what they depend on and this machine does not have, below .cache/servers/debian; keeps the
 * programs of these names. It needs no rights: apt works with lists and a cache of its own, and installs nothing.
 */
export async function unpacked(packages: readonly string[], names: readonly string[]): Promise<string> {
  const own = join(KEPT, 'apt')
  const root = join(KEPT, 'debian')
  const archives = join(own, 'cache', 'archives')
  for (const folder of [root, join(archives, 'partial'), join(own, 'state', 'lists', 'partial')])
    mkdirSync(folder, { recursive: true })
  const places = [
    `Dir::State=${join(own, 'state')}`,
    'Dir::State::status=/var/lib/dpkg/status',
    `Dir::Cache=${join(own, 'cache')}`,
    'Debug::NoLocking=1',
  ].flatMap((setting) => ['-o', setting])
  console.log(`bringing ${packages.join(', ')}: Debian's packages, unpacked below .cache/servers; nothing is installed`)
  await apt(places, 'install', '--download-only', '-y', '--no-install-recommends', ...packages)
  const files = readdirSync(archives).filter((file) => file.endsWith('.deb'))
  console.log(`unpacking ${files.length} packages`)
  for (const file of files) await run('dpkg', ['-x', join(archives, file), root], QUIET)
  rmSync(own, { recursive: true, force: true })
  relink(root, root)
  const libraries = ['usr/lib', 'lib']
    .flatMap((folder) => list(join(root, folder)).map((name) => join(root, folder, name)))
    .filter((path) => /-linux-gnu\w*$/.test(path))
  for (const name of names) {
    const path = programBelow(root, name)
    if (path) keep(name, path, { LD_LIBRARY_PATH: libraries })
  }
  return `Debian's packages ${packages.join(', ')}, unpacked below .cache/servers`
}

/** Packages hold links to absolute paths; here they lead below the root. */
function relink(folder: string, root: string): void {
  for (const entry of readdirSync(folder, { withFileTypes: true })) {
    const path = join(folder, entry.name)
    if (entry.isDirectory()) relink(path, root)
    if (!entry.isSymbolicLink()) continue
    const target = readlinkSync(path)
    const below = join(root, target)
    if (!target.startsWith('/') || !existsSync(below)) continue
    unlinkSync(path)
    symlinkSync(relative(dirname(path), below), path)
  }
}

function list(folder: string): string[] {
  return existsSync(folder) ? readdirSync(folder) : []
}

/** The shortest path of a program of this name. */
function programBelow(root: string, name: string): string | undefined {
  const paths = readdirSync(root, { recursive: true, encoding: 'utf8' })
    .filter((path) => path.endsWith(`/${name}`) && executable(join(root, path)))
    .sort((a, b) => a.length - b.length)
  return paths[0] && join(root, paths[0])
}

function executable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK)
    return statSync(path).isFile()
  } catch {
    return false
  }
}
