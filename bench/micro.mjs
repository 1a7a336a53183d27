// npm run bench:micro: the library's own share of a request, part by part, in microseconds of this machine.
// --check compares instruction counts with baseline.json, as CI does; --write makes that file's entry for this Node.
import { readFileSync, writeFileSync } from 'node:fs'
import { parseArgs } from 'node:util'
import { instructions } from './instructions.mjs'
import { PARTS, WHOLES } from './parts.mjs'

/**
 * How far a count may rise, in hundredths of what it was. Those of one program differ by less than one from run to run;
 * between the releases of one major version of Node whole requests by a few, and single parts by more than ten.
 */
const TOLERANCE = { request: 1.1, part: 1.25 }
const BASELINE = new URL('./baseline.json', import.meta.url)

async function measure(work, ms) {
  const began = performance.now()
  let count = 0
  while (performance.now() - began < ms) {
    for (let i = 0; i < 100; i++) await work()
    count += 100
  }
  return ((performance.now() - began) * 1000) / count
}

/** The least of several rounds: what disturbs a part can only make it slower. */
async function times() {
  const all = { ...PARTS, ...WHOLES }
  const least = Object.fromEntries(Object.keys(all).map((name) => [name, Number.POSITIVE_INFINITY]))
  for (const { work } of Object.values(all)) await measure(work, 150)
  for (let round = 0; round < 9; round++) {
    for (const [name, { work }] of Object.entries(all)) least[name] = Math.min(least[name], await measure(work, 50))
  }
  return least
}

/** What remains of a figure without what is in it and belongs to others. */
export function own(figures, name, { less = [] }) {
  return less.reduce((sum, other) => sum - own(figures, other, PARTS[other]), figures[name])
}

/** Each whole request as the sum of its parts and a rest. */
export function shares(figures) {
  return Object.entries(WHOLES).map(([name, { parts, rest }]) => {
    const whole = figures[name] - figures['a response, for reference']
    const rows = [...new Set(parts)].map((part) => {
      const times = parts.filter((one) => one === part).length
      return { part: times > 1 ? `${part} (${times} times)` : part, us: times * own(figures, part, PARTS[part]) }
    })
    const sum = rows.reduce((total, { us }) => total + us, 0)
    return { name, whole, rows: [...rows, { part: rest, us: whole - sum }] }
  })
}

async function print(json) {
  const figures = await times()
  if (json) return console.log(JSON.stringify({ parts: figures, wholes: shares(figures) }))
  const line = (name, us) => console.log(`${name.padEnd(64)} ${us.toFixed(2).padStart(8)} µs`)
  for (const [name, part] of Object.entries(PARTS)) line(name, part.foreign ? figures[name] : own(figures, name, part))
  for (const { name, whole, rows } of shares(figures)) {
    console.log()
    for (const { part, us } of rows) line(`  ${part}`, us)
    line(name, whole)
  }
}

function check() {
  const major = process.versions.node.split('.')[0]
  const baseline = JSON.parse(readFileSync(BASELINE, 'utf8'))[major]
  if (!baseline) return missing(`baseline.json has no entry for Node ${major}: node bench/micro.mjs --write`)
  const counts = instructions()
  if (!counts) return missing('no valgrind, which counts instructions: install valgrind')
  const rises = Object.entries(baseline).map(([name, before]) => {
    const limit = name in WHOLES ? TOLERANCE.request : TOLERANCE.part
    return { name, before, rise: counts[name] / before, limit }
  })
  for (const { name, before, rise, limit } of rises) {
    const mark = rise > limit ? '  SLOWER' : ''
    const figures = [before, counts[name]].map((figure) => String(figure).padStart(8))
    console.log(`${name.padEnd(52)} ${figures.join(' ')} ${`${((rise - 1) * 100).toFixed(1)} %`.padStart(8)}${mark}`)
  }
  const slower = rises.filter(({ rise, limit }) => !(rise <= limit)).length
  console.log(`${rises.length} counts, ${slower} higher than the baseline allows`)
  process.exitCode = slower > 0 ? 1 : 0
}

/** On a laptop the check is left out with one line; in CI it must not look like success. */
function missing(why) {
  console.error(`*** INSTRUCTIONS ARE NOT COMPARED *** ${why}`)
  process.exitCode = process.env.CI ? 1 : 0
}

function write() {
  const counts = instructions()
  if (!counts) throw new Error('no valgrind, which counts instructions: install valgrind')
  const ours = Object.entries(counts).filter(([name]) => !PARTS[name]?.foreign)
  const baseline = {
    ...JSON.parse(readFileSync(BASELINE, 'utf8')),
    [process.versions.node.split('.')[0]]: Object.fromEntries(ours),
  }
  writeFileSync(BASELINE, `${JSON.stringify(baseline, null, 2)}\n`)
}

const { values: options } = parseArgs({
  options: { check: { type: 'boolean' }, write: { type: 'boolean' }, json: { type: 'boolean' } },
})
if (options.check) check()
else if (options.write) write()
else await print(options.json)
