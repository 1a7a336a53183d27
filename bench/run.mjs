// npm run bench [-- --quick] [-- --store redis --scene inc]: every scene on every store, each beside the limit of the same round.
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { availableParallelism, cpus, tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { runnerImport } from 'vite'
import { chartOf } from './chart.mjs'
import { FILL } from './fill.mjs'
import { PEERS, SCENES } from './scenes.mjs'
import { Subject } from './subject.mjs'
import { tableOf } from './table.mjs'

const { values: options } = parseArgs({
  options: { quick: { type: 'boolean' }, store: { type: 'string' }, scene: { type: 'string' } },
})
const ROUNDS = options.quick ? 3 : 5
const MS = options.quick ? 200 : 800
/** Once for each process: code that the engine has not optimised yet is a third as fast. */
const WARM_MS = options.quick ? 600 : 4000
const CONNECTIONS = 50
const MILLION = 1_000_000
const here = (name) => new URL(name, import.meta.url).pathname

const servers = {
  redis: async () => (await runnerImport(here('../test/servers/redis.ts'))).module.startRedis(),
  postgres: async () => (await runnerImport(here('../test/servers/postgres.ts'))).module.startPostgres(),
  mongodb: async () => (await runnerImport(here('../test/servers/mongodb.ts'))).module.startMongo(),
  sqlite: async () => {
    const folder = mkdtempSync(join(tmpdir(), 'bench-'))
    const stop = async () => rmSync(folder, { recursive: true })
    return { url: join(folder, 'bench.db'), what: 'SQLite by libsql', stop }
  },
}

const median = (list) => [...list].sort((a, b) => a - b)[Math.floor(list.length / 2)]

/** Rounds of several subjects, each after the other, so that what disturbs one disturbs its neighbour. */
async function rounds(subjects, scene) {
  const results = subjects.map(() => [])
  for (let round = 0; round < ROUNDS; round++) {
    for (const [i, subject] of subjects.entries()) {
      results[i].push(await subject.run(scene, { connections: CONNECTIONS, ms: MS }))
    }
  }
  return results
}

function rowOf({ store, scene, subject, lost, bytes }, runs, limit) {
  const ratios = runs.map(({ perSecond }, round) => perSecond / limit[round].perSecond)
  const row = {
    store,
    scene,
    subject,
    ratio: median(ratios),
    spread: [Math.min(...ratios), Math.max(...ratios)],
    perSecond: Math.round(median(runs.map(({ perSecond }) => perSecond))),
    p50: median(runs.map(({ p50 }) => p50)),
    p99: median(runs.map(({ p99 }) => p99)),
    cpu: median(runs.map(({ cpu }) => cpu)),
    failed: runs.reduce((sum, { failed }) => sum + failed, 0),
    ...(lost !== undefined && { lost }),
    ...(bytes !== undefined && { bytes }),
  }
  const figures = [
    row.ratio.toFixed(2),
    `${row.spread.map((ratio) => ratio.toFixed(2)).join('-')}`,
    `${row.perSecond}/s`,
    `p50 ${row.p50.toFixed(1)} ms`,
    `p99 ${row.p99.toFixed(1)} ms`,
    `${row.cpu.toFixed(0)} µs`,
  ]
  const notes = [
    lost !== undefined && `${lost} of 200 lost`,
    bytes !== undefined && `${bytes} bytes`,
    row.failed > 0 && `${row.failed} failed`,
  ]
  console.log(
    [
      scene.padEnd(42),
      subject.padEnd(34),
      ...figures.map((figure) => figure.padStart(11)),
      notes.filter(Boolean).join(', '),
    ].join(' '),
  )
  return row
}

/** Bytes between application and store for one request, in both directions, with the store's own framing. */
async function bytesOf(name, url, scene) {
  const { TcpProxy } = (await runnerImport(here('../test/servers/proxy.ts'))).module
  const proxy = await TcpProxy.before(url)
  const subject = await Subject.start(name, proxy.through(url))
  await subject.repeat(scene, 5)
  proxy.reset()
  await subject.repeat(scene, 50)
  const bytes = Math.round(proxy.bytes / 50)
  subject.stop()
  await proxy.close()
  return bytes
}

async function measure(store, url) {
  const rows = []
  const running = new Map()
  const open = async (name, processes = 1) => {
    const key = `${name} ${processes}`
    if (!running.has(key)) {
      const subject = await Subject.start(name, url, processes)
      running.set(key, subject)
      if (name !== 'koa') {
        await subject.run({ path: '/inc', method: 'POST' }, { connections: CONNECTIONS, ms: WARM_MS })
        await subject.run({ path: '/read' }, { connections: CONNECTIONS, ms: WARM_MS / 4 })
      } else await subject.run({ path: '/none' }, { connections: CONNECTIONS, ms: WARM_MS })
    }
    return running.get(key)
  }
  const chosen = SCENES.filter((scene) =>
    options.scene ? scene.name === options.scene : scene.quick || !options.quick,
  )
  const earlier = new Map()
  for (const scene of chosen) {
    const names = scene.subjects(store)
    const subjects = []
    for (const name of names) subjects.push(await open(name, scene.processes))
    // What this scene needs besides (its visitors, its own code) is made before anything counts.
    for (const subject of subjects) await subject.run(scene, { connections: CONNECTIONS, ms: MS })
    const results = await rounds(subjects, scene)
    earlier.set(scene.name, results[0])
    for (const [i, name] of names.entries()) {
      const lost = scene.lost && name !== 'checked' ? await subjects[i].lost(scene) : undefined
      const bytes =
        !options.quick && store !== 'sqlite' && scene.name === 'inc, session of 16 KiB'
          ? await bytesOf(name, url, scene)
          : undefined
      const limit = earlier.get(scene.against) ?? results[0]
      rows.push(rowOf({ store, scene: scene.name, subject: name, lost, bytes }, results[i], limit))
    }
  }
  if (FILL[store] && !options.quick && !options.scene) {
    const subject = await open('ours')
    const scene = { path: '/inc', method: 'POST' }
    const few = await rounds([subject], scene)
    await FILL[store](url, MILLION)
    await rounds([subject], scene)
    const many = await rounds([subject], scene)
    rows.push(rowOf({ store, scene: 'inc, 1,000,000 stored sessions', subject: 'ours' }, many[0], few[0]))
  }
  for (const subject of running.values()) subject.stop()
  return rows
}

const started = performance.now()
const rows = []
const machine = { node: process.version, cpus: `${availableParallelism()} × ${cpus()[0]?.model}`, servers: {} }
for (const store of options.store ? [options.store] : Object.keys(PEERS)) {
  const server = await servers[store]()
  machine.servers[store] = server.what
  console.log(`\n${store}: ${server.what}`)
  rows.push(...(await measure(store, server.url)))
  await server.stop()
}
const { packages } = JSON.parse(readFileSync(here('package-lock.json'), 'utf8'))
machine.peers = Object.fromEntries(
  Object.keys(packages[''].dependencies).map((name) => [name, packages[`node_modules/${name}`].version]),
)
console.log(
  `\n${Object.entries(machine.peers)
    .map((peer) => peer.join(' '))
    .join(', ')}`,
)
mkdirSync(here('results'), { recursive: true })
const name = options.quick ? 'quick' : 'full'
const file = here(`results/${name}.json`)
// With --store the other stores' rows of an earlier run stay.
const earlier = options.store && existsSync(file) ? JSON.parse(readFileSync(file, 'utf8')) : { rows: [], machine: {} }
const measured = new Set(rows.map(({ store }) => store))
const all = [...earlier.rows.filter(({ store }) => !measured.has(store)), ...rows]
machine.servers = { ...earlier.machine.servers, ...machine.servers }
if (!options.scene) {
  writeFileSync(file, `${JSON.stringify({ machine, rounds: ROUNDS, ms: MS, rows: all }, null, 2)}\n`)
  writeFileSync(here(`results/${name}.svg`), chartOf(all))
  writeFileSync(here(`results/${name}.md`), tableOf(all))
  console.log(`\nbench/results/${name}.json, ${name}.svg and ${name}.md`)
}
console.log(`${Math.round((performance.now() - started) / 1000)} s`)
process.exit(0)
