// npm run smoke [-- words]: packs the package, installs the tarball into fresh projects of every kind that users have, and
// runs each, or those with these words in their names.
import { execFile } from 'node:child_process'
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { delimiter, dirname, join } from 'node:path'
import { promisify } from 'node:util'
import { PROJECTS } from './smoke-projects.mjs'

const run = promisify(execFile)
const NODES = ['20.19', '22', '24', '26']
/** Optional peers: who wants one installs it. */
const DRIVERS = ['pg', 'redis', 'ioredis', 'iovalkey', 'mongodb', 'libsql', 'better-sqlite3']
const folder = mkdtempSync(join(tmpdir(), 'smoke-'))
process.on('exit', () => rmSync(folder, { recursive: true, force: true }))
const words = process.argv.slice(2).join(' ')
const projects = PROJECTS.filter(({ name }) => name.includes(words))
const began = performance.now()
let failed = 0

async function npm(directory, ...args) {
  await run('npm', [...args, '--prefer-offline', '--no-audit', '--no-fund', '--loglevel=error'], {
    cwd: directory,
    maxBuffer: 1e8,
  })
}

function project(name, files) {
  const directory = join(folder, name.replace(/\W+/g, '-'))
  mkdirSync(directory)
  for (const [file, text] of Object.entries(files)) {
    mkdirSync(dirname(join(directory, file)), { recursive: true })
    writeFileSync(join(directory, file), text)
  }
  return directory
}

async function expectRefusal(ran, words) {
  const error = await ran.then(
    () => new Error('it ran'),
    (error) => error,
  )
  if (!words.test(error.stderr ?? '')) throw error
}

async function step(what, work) {
  const began = performance.now()
  try {
    await work()
    console.log(`✓ ${what} (${((performance.now() - began) / 1000).toFixed(1)} s)`)
  } catch (error) {
    failed++
    console.error(`✗ ${what}\n${error.stdout ?? ''}${error.stderr || error.message}`)
  }
}

const { stdout } = await run('npm', ['pack', '--json', '--ignore-scripts', '--pack-destination', folder])
const [{ filename, size, unpackedSize }] = JSON.parse(stdout)
const tarball = join(folder, filename)
console.log(`${filename}: ${Math.round(size / 1024)} KiB, ${Math.round(unpackedSize / 1024)} KiB unpacked`)

// The package `node` brings its programs in a package for each platform.
const platform = `node-${process.platform === 'win32' ? 'win' : process.platform}-${process.arch}`
const nodes = project('nodes', { 'package.json': '{"private":true}' })
const arch = process.arch === 'arm64' ? 'aarch64' : process.arch
const others = {
  bun: `@oven/bun-${process.platform}-${arch}`,
  deno: `@deno/${process.platform}-${process.arch}${process.platform === 'linux' ? '-glibc' : ''}`,
}
await step(`Node.js ${NODES.join(', ')}, Bun and Deno from npm`, () =>
  npm(
    nodes,
    'install',
    '--ignore-scripts',
    ...NODES.map((version) => `node${version}@npm:${platform}@~${version}${version.includes('.') ? '.0' : ''}`),
    ...Object.entries(others).map(([name, carried]) => `${name}-program@npm:${carried}`),
  ),
)

/** How each runtime starts a file, and the folder for its PATH. */
const RUNTIMES = [
  ...NODES.map((version) => ({
    name: `Node.js ${version}`,
    bin: join(nodes, 'node_modules', `node${version}`, 'bin'),
    start: ['node'],
  })),
  { name: 'Bun', bin: join(nodes, 'node_modules', 'bun-program', 'bin'), start: ['bun'] },
  { name: 'Deno', bin: join(nodes, 'node_modules', 'deno-program'), start: ['deno', 'run', '-A'] },
]
const NEWEST = RUNTIMES[NODES.length - 1]

for (const { name, dependencies, files, commands, prints, drivers: wanted = [], refuses } of projects) {
  const manifest = JSON.stringify({ private: true, name: 'smoke', version: '1.0.0' })
  const directory = project(name, { 'package.json': manifest, ...files })
  await step(`${name}: install`, async () => {
    await npm(directory, 'install', tarball, ...dependencies)
    const drivers = DRIVERS.filter(
      (driver) => !wanted.includes(driver) && existsSync(join(directory, 'node_modules', driver)),
    )
    if (drivers.length > 0) throw new Error(`nobody asked for ${drivers}`)
  })
  for (const [program, ...args] of commands) {
    const file = ['run', 'oldest', 'newest'].includes(program)
    const runtimes = { run: RUNTIMES, oldest: [RUNTIMES[0]], newest: [NEWEST] }[program] ?? [NEWEST]
    for (const { name: runtime, bin, start } of runtimes) {
      const env = { ...process.env, PATH: `${bin}${delimiter}${process.env.PATH}` }
      const line = file ? [...start, ...args] : ['npx', '--no', '--', program, ...args]
      await step(`${name}: ${file ? '' : `${program} `}${args.join(' ')}, ${runtime}`, async () => {
        // What an earlier runtime has stored is not what this one finds, unless that is what is asked.
        if (!args.includes('list')) rmSync(join(directory, 'sessions.db'), { force: true })
        const ran = run(line[0], line.slice(1), { cwd: directory, env, timeout: 120_000 })
        if (refuses) return expectRefusal(ran, refuses)
        const { stdout } = await ran
        if (prints && args.includes('list') && !prints.test(stdout)) throw new Error(`printed ${stdout}`)
      })
    }
  }
}
console.log(
  `${failed === 0 ? 'every' : `${failed} steps failed: not every`} project of ${projects.length} works with the tarball (${Math.round((performance.now() - began) / 1000)} s)`,
)
process.exitCode = failed > 0 ? 1 : 0
