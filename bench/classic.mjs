// node bench/classic.mjs: the CPU time of a request with ctx.session as an object, here and on koa-session.
// Each application looks who the visitor is, counts a view and sets a field: a read and a write of the store on both
// sides. In the process, koa-session's store keeps JSON texts in a map, and ours, memory(), also does what a database
// does for the others: it checks the secret, applies the commands, remembers them. On Redis both have the same server
// and client, so what is compared is the application's share alone.
//
// A machine that others use too is faster now and slower then. So each application has a warm process of its own, they
// take turns in rounds of a fraction of a second, and the median of the rounds' ratios is shown with its quartiles.
// This process is the visitor, so only the servers' time is counted, garbage collection included.
import { fork } from 'node:child_process'
import { Agent, get } from 'node:http'
import { parseArgs } from 'node:util'
import Koa from 'koa'
import { createSession } from 'koa-session'
import { drivers, KEY } from './app.mjs'
import { DATABASES } from './databases.mjs'

/** The scenes: where the sessions are, how large they are, and what of them is looked at besides the visitor. */
const SCENES = [
  { store: 'in the process', bytes: 200 },
  { store: 'in the process', bytes: 2_000 },
  { store: 'in the process', bytes: 12_000 },
  { store: 'in the process', bytes: 12_000, cart: true },
  { store: 'Redis', bytes: 200 },
  { store: 'Redis', bytes: 2_000 },
  { store: 'Redis', bytes: 12_000 },
  { store: 'Redis', bytes: 12_000, cart: true },
]
const WARM = 2000
const REQUESTS = 300

const { values: options } = parseArgs({
  options: {
    rounds: { type: 'string', default: '41' },
    /** Builds of this package, to compare them with each other. */
    dist: { type: 'string', multiple: true, default: ['dist'] },
    store: { type: 'string' },
    bytes: { type: 'string' },
    serve: { type: 'string' },
    url: { type: 'string' },
  },
})
const ROUNDS = Number(options.rounds)

/** A session of about so many bytes: one large field beside the others. */
const filled = (bytes) => ({ views: 0, user: { id: 1, name: 'visitor' }, page: '/', cart: cartOf(bytes - 80) })
function cartOf(bytes) {
  const item = { sku: 'a-rather-long-article-number', name: 'A name with some words', qty: 1, price: 1299 }
  return Array.from({ length: Math.max(0, Math.floor(bytes / JSON.stringify(item).length)) }, () => ({ ...item }))
}

async function koaSession(app, url) {
  const client = url && (await drivers.redis(url))
  const rows = new Map()
  const inProcess = {
    get: async (key) => JSON.parse(rows.get(key) ?? 'null'),
    set: async (key, session) => void rows.set(key, JSON.stringify(session)),
    destroy: async (key) => void rows.delete(key),
  }
  const onRedis = {
    get: async (key) => JSON.parse((await client.get(key)) ?? 'null'),
    set: (key, session, maxAge) => client.set(key, JSON.stringify(session), { PX: maxAge }),
    destroy: (key) => client.del(key),
  }
  app.use(createSession({ store: client ? onRedis : inProcess }, app))
}

async function classic(app, url, dist) {
  const load = (module) => import(`../${dist}/${module}.js`)
  const [{ classic }, { atomicSession }] = [await load('classic/index'), await load('index')]
  const store = url
    ? (await load('stores/redis/index')).redis(await drivers.redis(url))
    : (await load('stores/memory/index')).memory()
  classic(app, atomicSession(app, { store, property: 'atomic' }), { counters: ['views'] })
}

/** In another process: one application, which answers with its CPU time whenever it is asked. */
async function serve(name) {
  const app = new Koa()
  app.keys = [KEY]
  await (name === 'koa-session' ? koaSession(app, options.url) : classic(app, options.url, name))
  app.use((ctx) => {
    const { session } = ctx
    if (ctx.path === '/fill') Object.assign(session, filled(Number(ctx.query.bytes)))
    else {
      const items = ctx.path === '/cart' ? session.cart.length : 0
      session.views++
      session.page = ctx.url
      ctx.set('x-seen', `${session.user.name} ${items}`)
    }
    ctx.body = String(session.views)
  })
  const server = app.listen(0, '127.0.0.1', () => process.send(server.address().port))
  process.on('message', () => process.send(process.cpuUsage()))
  process.on('disconnect', () => process.exit())
}

/** One application and its one visitor. */
class Lane {
  static async start(name, url, bytes) {
    const lane = new Lane()
    lane.server = fork(new URL(import.meta.url), ['--serve', name, ...(url ? ['--url', url] : [])])
    lane.port = await lane.answer()
    await lane.ask(`/fill?bytes=${bytes}`)
    return lane
  }

  agent = new Agent({ keepAlive: true, maxSockets: 1 })
  cookie = ''

  answer() {
    return new Promise((resolve) => this.server.once('message', resolve))
  }

  ask(path) {
    return new Promise((resolve, reject) => {
      get({ port: this.port, agent: this.agent, path, headers: { cookie: this.cookie } }, (response) => {
        const set = response.headers['set-cookie']
        if (set) this.cookie = set.map((one) => one.split(';')[0]).join('; ')
        if (response.statusCode !== 200) reject(new Error(`${path} was answered with ${response.statusCode}`))
        response.resume().once('end', resolve)
      }).once('error', reject)
    })
  }

  async cpu() {
    this.server.send('cpu')
    const { user, system } = await this.answer()
    return user + system
  }

  /** The microseconds of a request. */
  async run(path, requests) {
    const before = await this.cpu()
    for (let i = 0; i < requests; i++) await this.ask(`${path}?${i}`)
    return ((await this.cpu()) - before) / requests
  }

  stop() {
    this.agent.destroy()
    this.server.kill()
  }
}

/** The microseconds of a request, per application and round. */
async function measure(names, url, { bytes, cart }) {
  const lanes = await Promise.all(names.map((name) => Lane.start(name, url, bytes)))
  const path = cart ? '/cart' : '/'
  for (const lane of lanes) await lane.run(path, WARM)
  const rounds = []
  for (let i = 0; i < ROUNDS; i++) {
    const round = []
    const order = lanes.map((_, which) => which)
    for (const which of i % 2 ? order.toReversed() : order) round[which] = await lanes[which].run(path, REQUESTS)
    rounds.push(round)
  }
  for (const lane of lanes) lane.stop()
  return rounds
}

const quantile = (numbers, at) => numbers.toSorted((a, b) => a - b)[Math.floor(numbers.length * at)]

if (options.serve) await serve(options.serve)
else {
  const names = ['koa-session', ...options.dist]
  const redis = options.store === 'in the process' ? undefined : await DATABASES.redis()
  console.log('sessions'.padEnd(44), ...names.map((name) => name.padStart(12)), '   ratio')
  for (const scene of SCENES) {
    if (options.store && scene.store !== options.store) continue
    if (options.bytes && scene.bytes !== Number(options.bytes)) continue
    const rounds = await measure(names, scene.store === 'Redis' ? redis.url : undefined, scene)
    const figures = names.map((_, which) =>
      quantile(
        rounds.map((round) => round[which]),
        0.5,
      ),
    )
    const ratios = options.dist.map((_, which) => {
      const all = rounds.map((round) => round[which + 1] / round[0])
      const [low, middle, high] = [0.25, 0.5, 0.75].map((at) => quantile(all, at).toFixed(2))
      return `${middle} (${low}-${high})`
    })
    const what = `${scene.store}, ${scene.bytes} bytes${scene.cart ? ', all looked at' : ''}`
    console.log(
      what.padEnd(44),
      ...figures.map((figure) => `${figure.toFixed(0)} µs`.padStart(12)),
      '  ',
      ratios.join('  '),
    )
  }
  await redis?.stop()
}
