// npm run bench [-- --quick] [-- --store redis]: every scene on every store, each beside the limit of the same round.
import { fork } from 'node:child_process'
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { availableParallelism, cpus, tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { runnerImport } from 'vite'
import { chartOf } from './chart.mjs'
import { load, requestOf } from './load.mjs'

const { values: options } = parseArgs({
  options: { quick: { type: 'boolean' }, store: { type: 'string' }, scene: { type: 'string' } },
})
const ROUNDS = options.quick ? 3 : 7
const MS = options.quick ? 500 : 1500
const VISITORS = 1000
const CONNECTIONS = 50
const here = (name) => new URL(name, import.meta.url).pathname

/** Which subjects a scene compares on a store, the limit first: every figure is a ratio to it, of the same round. */
const PEERS = {
  redis: ['koa-session', 'koa-generic-session', 'express-session, connect-redis', '@fastify/session, connect-redis'],
  postgres: ['express-session, connect-pg-simple'],
  mongodb: ['express-session, connect-mongo'],
  sqlite: [],
}
const SCENES = [
  { name: 'no session used', path: '/none', subjects: (store) => ['koa', 'ours', ...PEERS[store]] },
  { name: 'inc', path: '/inc', method: 'POST', subjects: (store) => ['checked', 'bare', 'ours', ...PEERS[store]] },
  { name: 'read', path: '/read', subjects: (store) => ['checked', 'bare', 'ours', ...PEERS[store]] },
  {
    name: 'read and three changes',
    path: '/many',
    method: 'POST',
    subjects: (store) => [...PEERS[store].slice(0, 1), 'ours', ...PEERS[store].slice(1)].filter(Boolean),
  },
  { name: 'log-in', path: '/login', method: 'POST', subjects: () => ['ours'] },
  {
    name: 'one hot visitor, inc',
    path: '/inc',
    method: 'POST',
    visitors: 1,
    subjects: (store) => ['checked', 'ours', ...PEERS[store]],
  },
  {
    name: 'inc, session of 4 KiB',
    path: '/inc',
    method: 'POST',
    bytes: 4096,
    subjects: (store) => ['checked', 'ours', ...PEERS[store]],
  },
  {
    name: 'inc, session of 64 KiB, nobody waits',
    path: '/forget',
    method: 'POST',
    bytes: 60_000,
    visitors: 100,
    subjects: () => ['ours'],
  },
]

const servers = {
  redis: async () => (await runnerImport(here('../test/servers/redis.ts'))).module.startRedis(),
  postgres: async () => (await runnerImport(here('../test/servers/postgres.ts'))).module.startPostgres(),
  mongodb: async () => (await runnerImport(here('../test/servers/mongodb.ts'))).module.startMongo(),
  sqlite: async () => {
    const folder = mkdtempSync(join(tmpdir(), 'bench-'))
    return {
      url: join(folder, 'bench.db'),
      what: 'SQLite by libsql',
      stop: async () => rmSync(folder, { recursive: true }),
    }
  },
}

const median = (list) => [...list].sort((a, b) => a - b)[Math.floor(list.length / 2)]

class Subject {
  constructor(name, url) {
    this.child = fork(here('server.mjs'), [name, url])
    this.child.once('exit', (code) => {
      console.error(`the server of ${name} has ended with ${code}`)
      process.exit(1)
    })
    this.cookies = new Map()
  }
  async ready() {
    ;({ port: this.port } = await this.#message())
    return this
  }
  /** Cookies of visitors whose sessions hold so many bytes, made once. */
  async visitors(count, bytes) {
    const key = `${count} ${bytes}`
    if (!this.cookies.has(key)) {
      const list = []
      while (list.length < count) {
        const some = Array.from({ length: Math.min(50, count - list.length) }, async () => {
          const response = await fetch(`http://127.0.0.1:${this.port}/create?bytes=${bytes}`, { method: 'POST' })
          if (response.status !== 200) throw new Error(`no session: ${response.status}`)
          return response.headers
            .getSetCookie()
            .map((cookie) => cookie.split(';')[0])
            .join('; ')
        })
        list.push(...(await Promise.all(some)))
      }
      this.cookies.set(key, list)
    }
    return this.cookies.get(key)
  }
  async run({ path, method = 'GET', visitors = VISITORS, bytes = 0 }) {
    const cookies = await this.visitors(visitors, bytes)
    const requests = cookies.map((cookie) => requestOf(method, path, cookie))
    const before = await this.cpu()
    const result = await load({ port: this.port, requests, connections: CONNECTIONS, ms: MS })
    const cpu = ((await this.cpu()) - before) / (result.count + result.failed)
    return { ...result, cpu }
  }
  async cpu() {
    this.child.send('cpu')
    const { cpu } = await this.#message()
    return cpu.user + cpu.system
  }
  #message() {
    return new Promise((resolve) => this.child.once('message', resolve))
  }
  stop() {
    this.child.removeAllListeners('exit')
    this.child.kill('SIGKILL')
  }
}

async function measure(store, url) {
  const rows = []
  const running = new Map()
  const open = async (name) => {
    if (!running.has(name)) running.set(name, await new Subject(name, url).ready())
    return running.get(name)
  }
  for (const scene of SCENES.filter(({ name }) => !options.scene || name === options.scene)) {
    const names = scene.subjects(store)
    const subjects = await Promise.all(names.map(open))
    const rounds = names.map(() => [])
    // Once without counting, then each after the other in every round, so that what disturbs one disturbs its neighbour.
    for (const subject of subjects) await subject.run(scene)
    for (let round = 0; round < ROUNDS; round++) {
      for (const [i, subject] of subjects.entries()) rounds[i].push(await subject.run(scene))
    }
    for (const [i, name] of names.entries()) {
      const ratios = rounds[i].map(({ perSecond }, round) => perSecond / rounds[0][round].perSecond)
      const row = {
        store,
        scene: scene.name,
        subject: name,
        ratio: median(ratios),
        spread: [Math.min(...ratios), Math.max(...ratios)],
        perSecond: Math.round(median(rounds[i].map(({ perSecond }) => perSecond))),
        p50: median(rounds[i].map(({ p50 }) => p50)),
        p99: median(rounds[i].map(({ p99 }) => p99)),
        cpu: median(rounds[i].map(({ cpu }) => cpu)),
        failed: rounds[i].reduce((sum, { failed }) => sum + failed, 0),
      }
      if (scene.visitors === 1 && name !== 'checked') row.lost = await lost(subjects[i], scene)
      rows.push(row)
      const figures = [
        row.ratio.toFixed(2),
        `${row.perSecond}/s`,
        `p99 ${row.p99.toFixed(1)} ms`,
        `${row.cpu.toFixed(0)} µs`,
      ]
      console.log(
        [
          store.padEnd(9),
          scene.name.padEnd(38),
          name.padEnd(36),
          ...figures.map((f) => f.padStart(12)),
          row.lost ?? '',
          row.failed ? `${row.failed} failed` : '',
        ].join(' '),
      )
    }
  }
  for (const subject of running.values()) subject.stop()
  return rows
}

/** Of 200 changes of one visitor at once, how many are not there afterwards. */
async function lost(subject, { path }) {
  const cookies = await subject.visitors(1, 1)
  const base = `http://127.0.0.1:${subject.port}`
  const headers = { cookie: cookies[0] }
  const count = async () => Number((await fetch(`${base}/count`, { headers })).headers.get('x-count'))
  const before = await count()
  await Promise.all(Array.from({ length: 200 }, () => fetch(base + path, { method: 'POST', headers })))
  return `${200 - ((await count()) - before)} of 200 lost`
}

const started = performance.now()
const rows = []
const machine = { node: process.version, cpus: `${availableParallelism()} × ${cpus()[0]?.model}`, servers: {} }
for (const store of options.store ? [options.store] : Object.keys(servers)) {
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
mkdirSync(here('results'), { recursive: true })
const name = options.quick ? 'quick' : 'full'
writeFileSync(here(`results/${name}.json`), `${JSON.stringify({ machine, rounds: ROUNDS, ms: MS, rows }, null, 2)}\n`)
writeFileSync(here(`results/${name}.svg`), chartOf(rows))
console.log(`\nbench/results/${name}.json and ${name}.svg, ${Math.round((performance.now() - started) / 1000)} s`)
process.exit(0)
