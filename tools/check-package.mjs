// Packs the package as npm would, and holds the tarball against what its users' tools expect.
import { execFileSync } from 'node:child_process'
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

const folder = mkdtempSync(join(tmpdir(), 'package-'))
process.on('exit', () => rmSync(folder, { recursive: true, force: true }))
const run = (command, ...args) => execFileSync(command, args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] })
const step = (what, work) => {
  try {
    console.log(`${what}: ${work() ?? 'good'}`)
  } catch (error) {
    console.error(`${what} fails:\n${error.stdout ?? ''}${error.stderr ?? ''}${error.message}`)
    process.exitCode = 1
  }
}

const [{ filename, files, unpackedSize }] = JSON.parse(
  run('npm', 'pack', '--json', '--ignore-scripts', '--pack-destination', folder),
)
const tarball = join(folder, filename)

step('files', () => {
  const odd = files
    .map(({ path }) => path)
    .filter((path) => !/^(dist\/.*\.(js|d\.ts)|[A-Z]+(\.md)?|package\.json)$/.test(path))
  if (odd.length > 0) throw new Error(`not for users: ${odd.join(' ')}`)
  return `${files.length}, ${Math.round(statSync(tarball).size / 1024)} KiB packed, ${Math.round(unpackedSize / 1024)} KiB unpacked`
})
step('installed alone, with what it depends on', () => {
  const began = performance.now()
  run('npm', 'install', tarball, '--prefix', folder, '--prefer-offline', '--no-audit', '--no-fund', '--omit=peer')
  const packages = readdirSync(join(folder, 'node_modules')).filter((name) => !name.startsWith('.'))
  return `${packages.length} packages in ${((performance.now() - began) / 1000).toFixed(1)} s`
})
step('where it is from', () => {
  // npm refuses provenance for a repository that is not the one that publishes.
  const { repository, homepage, bugs } = JSON.parse(readFileSync('package.json', 'utf8'))
  const [, at] = /^git\+(https:.*)\.git$/.exec(repository?.url) ?? []
  if (!at || homepage !== `${at}#readme` || bugs !== `${at}/issues`)
    throw new Error('repository, homepage, bugs differ')
  return at
})
step('module names', () => {
  for (const [subpath, { default: file } = {}] of Object.entries(
    JSON.parse(readFileSync('package.json', 'utf8')).exports,
  )) {
    if (!file) continue
    const name = `koa-atomic-session${subpath.slice(1)}`
    const source = file.replace(/^\.\/dist\//, 'src/').replace(/\.js$/, '.ts')
    if (!readFileSync(source, 'utf8').includes(`@module ${name}\n`))
      throw new Error(`${source} lacks '@module ${name}'`)
  }
})
step('publint', () => void run('npx', 'publint', '--strict', tarball))
// Accepted: `require()` of ES modules, which Node has since 20.19, is what the profile calls esm-only.
step('are the types wrong', () => void run('npx', 'attw', tarball, '--profile', 'esm-only'))
