// node bench/classic.mjs: the CPU time of a request with ctx.session as an object, here and on koa-session, by size.
// Each application counts a view and sets a field. koa-session's store keeps JSON texts, as every store that is not in
// this process must; ours is memory(). The client is another process, so only the servers' time is counted.
//
// A machine that others use too is faster now and slower then. So both applications stand in this process, warm, and take
// turns in rounds of a fraction of a second: each ratio is one of neighbours, and the median of all is what is shown.
import { fork } from 'node:child_process'
import { Agent, get } from 'node:http'
import Koa from 'koa'
import { createSession } from 'koa-session'
import { classic } from '../dist/classic/index.js'
import { atomicSession } from '../dist/index.js'
import { memory } from '../dist/stores/memory/index.js'

const SIZES = [200, 2_000, 12_000]
const WARM = 2000
const REQUESTS = 200
const ROUNDS = 61

/** A session of about so many bytes: one large field beside what is counted. */
const filled = (bytes) => ({ views: 0, user: { id: 1, name: 'visitor' }, page: '/', cart: cartOf(bytes - 80) })
function cartOf(bytes) {
  const item = { sku: 'a-rather-long-article-number', name: 'A name with some words', qty: 1, price: 1299 }
  return Array.from({ length: Math.max(0, Math.floor(bytes / JSON.stringify(item).length)) }, () => ({ ...item }))
}

const LIBRARIES = {
  'koa-session': (app) => {
    const rows = new Map()
    const store = {
      get: async (key) => JSON.parse(rows.get(key) ?? 'null'),
      set: async (key, session) => void rows.set(key, JSON.stringify(session)),
      destroy: async (key) => void rows.delete(key),
    }
    app.use(createSession({ store }, app))
  },
  classic: (app) => {
    classic(app, atomicSession(app, { store: memory(), property: 'atomic' }), { counters: ['views'] })
  },
}

async function serve(install) {
  const app = new Koa()
  app.keys = ['a key that nobody can guess, for the benchmark']
  install(app)
  app.use((ctx) => {
    const { session } = ctx
    if (ctx.path === '/fill') Object.assign(session, filled(Number(ctx.query.bytes)))
    else {
      session.views++
      session.page = ctx.url
    }
    ctx.body = String(session.views)
  })
  const server = app.listen(0, '127.0.0.1')
  await new Promise((resolve) => server.once('listening', resolve))
  return server
}

/** In the other process: one visitor of each application, who makes as many requests as the message says. */
async function visit(ports, bytes) {
  const visitors = await Promise.all(ports.map((port) => visitor(port, bytes)))
  process.on('message', async ([which, requests]) => {
    for (let i = 0; i < requests; i++) await visitors[which](`/${i}`)
    process.send('done')
  })
  process.send('ready')
}

async function visitor(port, bytes) {
  const agent = new Agent({ keepAlive: true, maxSockets: 1 })
  let cookie = ''
  const ask = (path) =>
    new Promise((resolve, reject) => {
      get({ port, agent, path, headers: { cookie } }, (response) => {
        const set = response.headers['set-cookie']
        if (set) cookie = set.map((one) => one.split(';')[0]).join('; ')
        response.resume().once('end', () => resolve(response.statusCode))
      }).once('error', reject)
    })
  await ask(`/fill?bytes=${bytes}`)
  return ask
}

/** The microseconds of a request, per application and round. */
async function measure(bytes) {
  const servers = await Promise.all(Object.values(LIBRARIES).map(serve))
  const ports = servers.map((server) => server.address().port)
  const client = fork(new URL(import.meta.url), ['visit', bytes, ...ports])
  const answer = () => new Promise((resolve) => client.once('message', resolve))
  await answer()
  const run = async (which, requests) => {
    const before = process.cpuUsage()
    client.send([which, requests])
    await answer()
    const { user, system } = process.cpuUsage(before)
    return (user + system) / requests
  }
  const all = servers.map((_, which) => which)
  for (const which of all) await run(which, WARM)
  const rounds = []
  for (let i = 0; i < ROUNDS; i++) {
    const round = []
    // Whoever comes second pays for what the first one left to be collected, so they take turns in that, too.
    for (const which of i % 2 ? all.toReversed() : all) round[which] = await run(which, REQUESTS)
    rounds.push(round)
  }
  client.disconnect()
  for (const server of servers) {
    server.closeAllConnections()
    await new Promise((resolve) => server.close(resolve))
  }
  return rounds
}

const median = (numbers) => numbers.toSorted((a, b) => a - b)[Math.floor(numbers.length / 2)]

const [, , role, bytes, ...ports] = process.argv
if (role === 'visit') await visit(ports.map(Number), Number(bytes))
else {
  const names = Object.keys(LIBRARIES)
  console.log('size of the session'.padEnd(24), ...names.map((name) => name.padStart(12)), '       ratio')
  for (const size of SIZES) {
    const rounds = await measure(size)
    const figures = names.map((_, which) => `${median(rounds.map((round) => round[which])).toFixed(0)} µs`.padStart(12))
    const ratio = median(rounds.map(([theirs, ours]) => ours / theirs))
    console.log(`${size} bytes`.padEnd(24), ...figures, ratio.toFixed(2).padStart(12))
  }
}
