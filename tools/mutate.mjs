// Breaks the rules of src/ one at a time, and says which the tests do not notice.
//
//   npm run mutate                      every room of mutate/rooms.mjs
//   npm run mutate -- visit cookie      these
//   npm run mutate -- --since HEAD~5    only the lines that have changed since, within --minutes (4)
//
// MUTATE_WORKERS=2 runs two at once. Results are kept in .cache/mutate: the next run tests only what has changed. A room
// fails below its target, and so do all rooms together. Changed lines, which may be few and have other tests besides, fail
// where more than one in three of their mutants, and ten, live on.
//
// On a busy machine a test may need too long without a broken rule, so the report names what was noticed by time alone.
import { spawnSync } from 'node:child_process'
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, statfsSync, writeFileSync } from 'node:fs'
import { parseArgs } from 'node:util'
import { Stryker } from '@stryker-mutator/core'
import { EQUIVALENTS } from './mutate/equivalents.mjs'
import { heard } from './mutate/plugin.mjs'
import { OVERALL, ROOMS } from './mutate/rooms.mjs'

const CACHE = '.cache/mutate'
const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { since: { type: 'string' }, minutes: { type: 'string' } },
})
const unknown = positionals.filter((name) => !(name in ROOMS))
if (unknown.length > 0) {
  console.error(`No room ${unknown.join(', ')}; there are ${Object.keys(ROOMS).join(', ')}`)
  process.exit(2)
}
const { since, minutes = since && '4' } = values
if (since && !has(since)) {
  console.log(`There is no commit ${since} here, so there is nothing to compare with.`)
  process.exit(0)
}

// A commit of SQLite waits for the disk, on which no rule depends: files in memory make that room twice as fast.
const memory = freeBytes('/dev/shm') > 2 ** 29 ? mkdtempSync('/dev/shm/mutate-') : undefined
if (memory) process.env.TMPDIR = memory
process.on('exit', () => {
  for (const folder of [`${CACHE}/sandbox`, memory]) if (folder) rmSync(folder, { recursive: true, force: true })
})
let failed = false
/** Of all rooms: how many broken rules count, and how many of them were noticed. */
const sum = { noticed: 0, all: 0 }
/** The room under test, with the mutants that were tested, each by its id. */
let current

if (minutes) {
  setTimeout(() => {
    console.log(`\n${minutes} minutes are over; what was not reached is not counted.`)
    if (current) report(current)
    process.exit(failed ? 1 : 0)
  }, minutes * 60_000).unref()
}
for (const name of positionals.length > 0 ? positionals : Object.keys(ROOMS)) {
  const room = ROOMS[name]
  const mutate = since ? changed(since, room.files) : [`${room.files}**/*.ts`]
  if (mutate.length === 0) continue
  current = { name, ...room, whole: !since, began: performance.now(), mutants: new Map(), ends: false }
  heard.mutant = (mutant) => current.mutants.set(mutant.id, mutant)
  process.env.MUTATE_TESTS = room.tests.join()
  process.env.STORES = 'none'
  forgetSurvivors(`${CACHE}/${name}.json`)
  for (const mutant of await new Stryker(options(name, mutate)).runMutationTest()) heard.mutant(mutant)
  report({ ...current, ends: true })
  current = undefined
}
if (!since && positionals.length !== 1) {
  console.log(`\nAll together: ${percent(sum).toFixed(1)} % of ${sum.all} noticed`)
  if (percent(sum) < OVERALL) failed = true
}
for (const line of outdated()) console.log(`mutate/equivalents.mjs names a line that stands nowhere:\n  ${line}`)
if (failed) console.log('Too many broken rules live on: see above.')
process.exit(failed ? 1 : 0)

function options(name, mutate) {
  return {
    mutate,
    plugins: ['@stryker-mutator/vitest-runner', new URL('mutate/plugin.mjs', import.meta.url).href],
    testRunner: 'vitest',
    vitest: { configFile: 'tools/mutate/vitest.config.ts', related: false },
    ignorers: ['texts'],
    reporters: ['telling', 'progress-append-only'],
    incremental: true,
    incrementalFile: `${CACHE}/${name}.json`,
    tempDirName: `${CACHE}/sandbox`,
    ignorePatterns: ['/.cache', '/.github', '/bench', '/dist', '/docs/images', '/test-d'],
    // A test that waits ends by itself, and a loop by how often it runs. A busy machine must not count as a broken rule.
    timeoutMS: 60_000,
    concurrency: Number(process.env.MUTATE_WORKERS ?? 1),
    logLevel: 'error',
    allowEmpty: true,
  }
}

/** Of what runs only while a module is loaded, Stryker does not ask new tests. So it is tested again if it has survived. */
function forgetSurvivors(file) {
  if (!existsSync(file)) return
  const report = JSON.parse(readFileSync(file, 'utf8'))
  for (const one of Object.values(report.files))
    one.mutants = one.mutants.filter((mutant) => !(mutant.static && mutant.status === 'Survived'))
  writeFileSync(file, JSON.stringify(report))
}

/** Lines of the list of equivalents that were changed since. */
function outdated() {
  const files = readdirSync('src', { recursive: true }).filter((file) => file.endsWith('.ts'))
  const lines = new Set(
    files.flatMap((file) => readFileSync(`src/${file}`, 'utf8').split('\n')).map((line) => line.trim()),
  )
  return new Set(EQUIVALENTS.map(({ line }) => line).filter((line) => !lines.has(line)))
}

function freeBytes(folder) {
  if (!existsSync(folder)) return 0
  const { bavail, bsize } = statfsSync(folder)
  return bavail * bsize
}

function has(commit) {
  return spawnSync('git', ['rev-parse', '--verify', '--quiet', `${commit}^{commit}`]).status === 0
}

/** The lines of a room that have changed since a commit, as Stryker takes them: `src/visit/step.ts:3-7`. */
function changed(commit, files) {
  const { stdout } = spawnSync('git', ['diff', '-U0', '--diff-filter=d', commit, '--', files], { encoding: 'utf8' })
  const ranges = []
  let file
  for (const line of stdout.split('\n')) {
    file = /^\+\+\+ b\/(.*\.ts)$/.exec(line)?.[1] ?? file
    const [, from, count = '1'] = /^@@ \S+ \+(\d+)(?:,(\d+))? @@/.exec(line) ?? []
    if (file && from && count !== '0') ranges.push(`${file}:${from}-${Number(from) + Number(count) - 1}`)
  }
  return ranges
}

function report({ name, target, whole, began, ends, mutants }) {
  const lost = []
  const late = []
  let noticed = 0
  let equivalent = 0
  for (const mutant of mutants.values()) {
    if (mutant.status === 'Killed' || mutant.status === 'Timeout') noticed++
    if (mutant.status === 'Timeout' || mutant.statusReason?.includes('timed out in')) late.push(show(mutant))
    if (mutant.status !== 'Survived' && mutant.status !== 'NoCoverage') continue
    const shown = show(mutant)
    const known = EQUIVALENTS.find((one) => one.line === shown.line && one.becomes.includes(shown.becomes))
    if (known) equivalent++
    else lost.push(shown)
  }
  const all = noticed + lost.length
  sum.noticed += noticed
  sum.all += all
  const score = percent({ noticed, all })
  const seconds = Math.round((performance.now() - began) / 1000)
  const counts = `${score.toFixed(1)} % of ${all} noticed (${late.length} by time), ${equivalent} equivalent`
  console.log(`\n${name}: ${counts}, in ${seconds} s`)
  for (const { at, line, becomes } of late) console.log(`  ${at} by time\n    ${line}\n    → ${becomes}`)
  for (const { at, line, becomes, status } of lost) console.log(`  ${at} ${status}\n    ${line}\n    → ${becomes}`)
  if (whole ? ends && score < target : lost.length > Math.max(10, all / 3)) failed = true
}

function percent({ noticed, all }) {
  return all === 0 ? 100 : (100 * noticed) / all
}

/** A mutant as mutate/equivalents.mjs names it. */
function show({ fileName, location: { start, end }, replacement, status }) {
  const lines = readFileSync(fileName, 'utf8').split('\n')
  const line = lines[start.line - 1]
  const tail = end.line === start.line ? line.slice(end.column - 1) : lines[end.line - 1].slice(end.column - 1)
  const becomes = `${line.slice(0, start.column - 1)}${replacement}${tail}`.replace(/\s+/g, ' ').trim()
  return { at: `${fileName.replace(`${process.cwd()}/`, '')}:${start.line}`, line: line.trim(), becomes, status }
}
