// npm run smoke: packs the package, installs the tarball into fresh projects of every kind that users have, and runs each.
import { execFile } from 'node:child_process'
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { delimiter, join } from 'node:path'
import { promisify } from 'node:util'
import { PROJECTS } from './smoke-projects.mjs'

const run = promisify(execFile)
const NODES = [20, 22, 24]
/** Optional peers: who wants one installs it. */
const DRIVERS = ['pg', 'redis', 'ioredis', 'iovalkey', 'mongodb', 'libsql', 'better-sqlite3']
const folder = mkdtempSync(join(tmpdir(), 'smoke-'))
process.on('exit', () => rmSync(folder, { recursive: true, force: true }))
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
  for (const [file, text] of Object.entries(files)) writeFileSync(join(directory, file), text)
  return directory
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
await step(`Node.js ${NODES.join(', ')} from npm`, () =>
  npm(nodes, 'install', ...NODES.map((version) => `node${version}@npm:${platform}@${version}`)),
)

for (const { name, dependencies, files, commands, prints } of PROJECTS) {
  const manifest = JSON.stringify({ private: true, name: 'smoke', version: '1.0.0' })
  const directory = project(name, { 'package.json': manifest, ...files })
  await step(`${name}: install`, async () => {
    await npm(directory, 'install', tarball, ...dependencies)
    const drivers = DRIVERS.filter((driver) => existsSync(join(directory, 'node_modules', driver)))
    if (drivers.length > 0) throw new Error(`nobody asked for ${drivers}`)
  })
  for (const [program, ...args] of commands) {
    const versions = program === 'node' ? NODES : [NODES.at(-1)]
    for (const version of versions) {
      const bin = join(nodes, 'node_modules', `node${version}`, 'bin')
      const env = { ...process.env, PATH: `${bin}${delimiter}${process.env.PATH}` }
      const line =
        program === 'node' || program === 'newest' ? ['node', ...args] : ['npx', '--no', '--', program, ...args]
      await step(
        `${name}: ${program === 'newest' ? 'node' : program} ${args.join(' ')}, Node.js ${version}`,
        async () => {
          const { stdout } = await run(line[0], line.slice(1), { cwd: directory, env })
          if (prints && line[0] === 'npx' && !prints.test(stdout)) throw new Error(`printed ${stdout}`)
        },
      )
    }
  }
}
console.log(
  `${failed === 0 ? 'every' : `${failed} steps failed: not every`} project works with the tarball (${Math.round((performance.now() - began) / 1000)} s)`,
)
process.exitCode = failed > 0 ? 1 : 0
