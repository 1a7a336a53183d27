// npm run bench [-- --quick] [-- --store redis --scene inc]: every scene on every store, each beside the limit of the same round.
import { execFileSync } from 'node:child_process'
import { mkdirSync, writeFileSync } from 'node:fs'
import { parseArgs } from 'node:util'
import { chartOf } from './chart.mjs'
import { DATABASES, DURABILITY } from './databases.mjs'
import { machine } from './machine.mjs'
import { Measurement, scenesOf } from './measure.mjs'
import { lineOf, markdownOf } from './rows.mjs'
import { writeReadme } from './table.mjs'

const { values: options } = parseArgs({
  options: { quick: { type: 'boolean' }, store: { type: 'string' }, scene: { type: 'string' } },
})
const whole = !options.quick && !options.store && !options.scene
const plan = options.quick
  ? { rounds: 3, ms: 120, warm: 400, visitors: (cell) => ({ ...cell, visitors: Math.min(cell.visitors, 100) }) }
  : // All of it within half an hour.
    { rounds: 5, ms: 400, warm: 3000, visitors: (cell) => cell }
const MANY = { redis: 1_000_000, postgres: 1_000_000, sqlite: 1_000_000, mongodb: 1_000_000, mariadb: 1_000_000 }
/** mongo-java-server keeps its documents as Java objects in memory: a million would need gigabytes. */
const MANY_IN_JAVA = 100_000

const here = (name) => new URL(name, import.meta.url).pathname
// Only a whole run is worth keeping: what is less has a name of its own, which git ignores.
const name = whole ? 'full' : 'quick'
const results = {
  machine: machine(),
  finished: null,
  rounds: plan.rounds,
  ms: plan.ms,
  servers: {},
  skipped: {},
  rows: [],
}

/** After every store, so that a later failure loses nothing. */
function save() {
  mkdirSync(here('results'), { recursive: true })
  writeFileSync(here(`results/${name}.json`), `${JSON.stringify(results, null, 1)}\n`)
  writeFileSync(here(`results/${name}.svg`), chartOf(results.rows))
  writeFileSync(here(`results/${name}.md`), markdownOf(results.rows))
}

function tell(row) {
  results.rows.push(row)
  console.log(lineOf(row))
}

async function measure(store, server) {
  results.servers[store] = { what: server.what, durability: await DURABILITY[store](server) }
  console.log(`\n${store}: ${server.what}; ${results.servers[store].durability}`)
  const measurement = new Measurement(store, server.url, plan, tell)
  await measurement.run(scenesOf(options))
  if (options.quick || options.scene) return
  const many = store === 'mongodb' && !server.real ? MANY_IN_JAVA : MANY[store]
  const left = await measurement.stored(1000, many)
  if (left) results.skipped[`${store}, many stored sessions`] = left
}

/** The figures of another program of this folder, of the same run. */
const figuresOf = (script, ...words) =>
  JSON.parse(
    execFileSync(process.execPath, [here(script), '--json', ...words], {
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'inherit'],
    }),
  )

const started = performance.now()
console.log(
  Object.entries(results.machine.versions)
    .map((one) => one.join(' '))
    .join(', '),
)
for (const store of options.store ? [options.store] : Object.keys(DATABASES)) {
  const server = await DATABASES[store]()
  if ('missing' in server) {
    results.skipped[store] = server.missing
    console.log(`\n${store} is left out: ${server.missing}`)
  } else {
    await measure(store, server)
    await server.stop()
  }
  save()
}
if (whole) {
  console.log('\nthe library alone, profiles, and the heap')
  results.micro = figuresOf('micro.mjs')
  results.profile = figuresOf('profile.mjs')
  results.heap = figuresOf('heap.mjs')
  results.finished = new Date().toISOString()
}
results.seconds = Math.round((performance.now() - started) / 1000)
save()
if (whole) writeReadme(results)
console.log(`\nbench/results/${name}.json, ${name}.svg and ${name}.md; ${results.seconds} s`)
process.exit(0)
