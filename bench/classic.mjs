// node bench/classic.mjs: the CPU time of a request with ctx.session as an object, here and on koa-session, by size.
// Each application counts a view and sets a field. koa-session's store keeps JSON texts, as every store that is not in
// this process must; ours is memory(). The client is another process, so that only the server's time is counted.
import { fork } from 'node:child_process'
import { Agent, get } from 'node:http'
import Koa from 'koa'
import { createSession } from 'koa-session'
import { classic } from '../dist/classic/index.js'
import { atomicSession } from '../dist/index.js'
import { memory } from '../dist/stores/memory/index.js'

const SIZES = [200, 2_000, 12_000]
const REQUESTS = 3000
const ROUNDS = 3

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

/** In the other process: one visitor, one request after another. */
async function visit(port, bytes, requests) {
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
  for (let i = 0; i < requests / 5; i++) await ask(`/${i}`)
  process.send('warm')
  await new Promise((resolve) => process.once('message', resolve))
  for (let i = 0; i < requests; i++) await ask(`/${i}`)
  process.send('done')
  process.disconnect()
  agent.destroy()
}

async function measure(install, bytes) {
  const server = await serve(install)
  const client = fork(new URL(import.meta.url), ['visit', server.address().port, bytes, REQUESTS])
  await new Promise((resolve) => client.once('message', resolve))
  const before = process.cpuUsage()
  client.send('go')
  await new Promise((resolve) => client.once('message', resolve))
  const { user, system } = process.cpuUsage(before)
  server.closeAllConnections()
  await new Promise((resolve) => server.close(resolve))
  return (user + system) / REQUESTS
}

const [, , role, ...values] = process.argv
if (role === 'visit') await visit(...values.map(Number))
else {
  console.log(
    'size of the session'.padEnd(24),
    ...Object.keys(LIBRARIES).map((name) => name.padStart(12)),
    '       ratio',
  )
  for (const bytes of SIZES) {
    const least = {}
    for (let round = 0; round < ROUNDS; round++) {
      for (const [name, install] of Object.entries(LIBRARIES)) {
        least[name] = Math.min(least[name] ?? Number.POSITIVE_INFINITY, await measure(install, bytes))
      }
    }
    const ratio = least.classic / least['koa-session']
    const figures = Object.values(least).map((us) => `${us.toFixed(0)} µs`.padStart(12))
    console.log(`${bytes} bytes`.padEnd(24), ...figures, ratio.toFixed(2).padStart(12))
  }
}
