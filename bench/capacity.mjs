// node bench/capacity.mjs: the tables of docs/capacity.md. What a session takes on each store, and the processor time of
// the store for what is done to it, measured on servers of its own; and what that comes to for many sessions, computed.
//
//   --store redis       one of PLACES: only shows the figures
//   --copies 1000000    how many copies of one session are made where the store has a way to make them
//   --tables            measures nothing: writes the tables once more from results/capacity.json
import { randomBytes } from 'node:crypto'
import { readFileSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { loadavg } from 'node:os'
import { parseArgs } from 'node:util'
import { commands, EMPTY_CHAIN, extend, sizeOf } from '../dist/algebra/index.js'
import { begin } from '../dist/contract/record.js'
import { REMEMBERED_OPS } from '../dist/contract/store.js'
import { remember } from '../dist/contract/transition.js'
import { newId, newOperation, newSecret } from '../dist/cookie/credential.js'
import { toDocument } from '../dist/stores/mongodb/document.js'
import { dataOf } from './app.mjs'
import { machine } from './machine.mjs'
import { capacityTables } from './needs.mjs'
import { format, writePage } from './page.mjs'
import { PLACES } from './places.mjs'
import { SIZES } from './scenes.mjs'

const require = createRequire(import.meta.url)
const PAGE = new URL('../docs/capacity.md', import.meta.url)
const RESULTS = new URL('results/capacity.json', import.meta.url)
/** So many sessions of each size are made as an application makes them. */
const MADE = { '0.2 KiB': 8000, '4 KiB': 3000, '16 KiB': 800 }
const AT_ONCE = 32
const DAY = 86_400_000
const IDLE = 14 * DAY
const MAX_BYTES = 65_536

const { values: options } = parseArgs({
  options: {
    store: { type: 'string' },
    copies: { type: 'string' },
    ms: { type: 'string', default: '2000' },
    tables: { type: 'boolean' },
  },
})
const MS = Number(options.ms)

/** Data of just so many bytes, with a user. Large texts are random, because some stores compress. */
function dataFor(size, user) {
  const bytes = SIZES[size]
  const data = { ...dataOf(bytes - 20), user_id: user }
  for (let i = 0; bytes > 1000 && i < 16; i++) {
    data[`f${i}`] = randomBytes(data[`f${i}`].length).toString('base64').slice(0, data[`f${i}`].length)
  }
  const rest = bytes - sizeOf(data)
  return rest > 0 ? { ...data, f0: `${data.f0}${'x'.repeat(rest)}` } : data
}

const chainOf = (...list) => extend(EMPTY_CHAIN, list)
const INC = chainOf(commands.inc('n'))

/** A session as a visitor knows it, and what may be done to it. */
class Visitor {
  #store
  #secret

  constructor(store, size, user) {
    this.#store = store
    this.size = size
    this.user = user
    this.#secret = newSecret(newId())
  }

  get id() {
    return this.#secret.id
  }

  get #access() {
    return { id: this.id, proof: { hash: this.#secret.hash }, maxLifetime: Number.POSITIVE_INFINITY }
  }

  #change(chain, more = {}) {
    const slide = { idle: IDLE, atLeast: 60_000 }
    const change = { op: newOperation(), chain, held: undefined, answer: true, slide, maxBytes: MAX_BYTES, ...more }
    return this.#store.update(this.#access, change)
  }

  async begin(idle = IDLE) {
    const { id, hash } = this.#secret
    const data = dataFor(this.size, this.user)
    const record = await this.#store.create({ id, hash, data, maxAge: null, idle, authenticated: false })
    if (!record) throw new Error('this id is taken')
  }

  /** What a user does: a log-in, and so many changes that all are remembered that can be. */
  async grow() {
    await this.logIn()
    for (let i = 0; i < REMEMBERED_OPS; i++) alive(await this.#change(INC, { answer: false }))
  }

  read = async () => alive(await this.#store.load(this.#access))
  change = async () => alive(await this.#change(INC))
  slide = async () => alive(await this.#change(EMPTY_CHAIN, { answer: false, slide: { idle: IDLE, atLeast: 0 } }))

  async logIn() {
    const secret = newSecret(this.id)
    const rotation = { to: secret.hash, grace: 0, epoch: newOperation() }
    const chain = chainOf(commands.set('user_id', this.user))
    alive(
      await this.#change(chain, {
        rotation,
        authenticated: true,
        slide: { idle: IDLE, maxAge: null, atLeast: 60_000 },
      }),
    )
    this.#secret = secret
  }

  /** The process has a copy of the data, and it is right. */
  async know() {
    this.held = (await this.#store.load(this.#access)).record
  }

  readKnown = async () => alive(await this.#store.load(this.#access, this.held))

  async changeKnown() {
    const { data, n = data.n } = this.held
    const { record } = alive(await this.#change(INC, { held: this.held }))
    this.held = { data: { ...data, n: n + 1 }, ...record }
  }
}

function alive(answer) {
  if (!('record' in answer)) throw new Error(`a session is ${answer.outcome}`)
  return answer
}

/** Does this to each, some at once. */
async function each(list, work) {
  let next = 0
  const one = async () => {
    while (next < list.length) await work(list[next++])
  }
  await Promise.all(Array.from({ length: AT_ONCE }, one))
}

/** The store's processor time for one of these, in microseconds. A visitor's turn comes again after all others'. */
async function timeOf({ cpu }, visitors, work) {
  const until = performance.now() + MS
  let count = 0
  const before = cpu()
  const one = async () => {
    while (performance.now() < until) await work(visitors[count++ % visitors.length])
  }
  await Promise.all(Array.from({ length: AT_ONCE }, one))
  return (cpu() - before) / count
}

/** Makes sessions and answers them, with the bytes of each. */
async function make({ bytes, compact }, store, size, count) {
  const visitors = Array.from({ length: count }, (_, i) => new Visitor(store, size, 1_000_000 + i))
  const before = await bytes()
  await each(visitors, (visitor) => visitor.begin())
  await each(visitors, (visitor) => visitor.grow())
  await compact?.()
  return { visitors, bytes: ((await bytes()) - before) / count }
}

/** Processor time to remove a session that has expired: by `prune`, or until the database has done it by itself. */
async function cleaning(place, store) {
  const count = 10_000
  const idle = place.keys ? 8000 : 1
  const visitors = Array.from({ length: count }, (_, i) => new Visitor(store, '0.2 KiB', 5_000_000 + i))
  const least = await place.keys?.()
  const resting = place.keys && (await timePassing(place, () => pause(2000)))
  await each(visitors, (visitor) => visitor.begin(idle))
  if (!place.keys) {
    const before = place.cpu()
    const removed = await store.prune()
    return (place.cpu() - before) / removed
  }
  // The index has a key for each user, which ends at the same time. What the server does anyway is not counted.
  const passing = await timePassing(place, async () => {
    while ((await place.keys()) > least) await pause(200)
  })
  return Math.max(0, passing.us - resting.us * (passing.ms / resting.ms)) / count
}

/** What the server uses while we wait. */
async function timePassing({ cpu }, wait) {
  const [before, began] = [cpu(), performance.now()]
  await wait()
  return { us: cpu() - before, ms: performance.now() - began }
}

const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms))

async function measure(place) {
  const store = place.store.indexed(['user_id'])
  await store.setup()
  await place.ready?.()
  const [small, large] = ['0.2 KiB', '16 KiB']
  const [bytes, times] = [{}, {}]
  const time = async (name, visitors, work) => {
    times[name] = await timeOf(place, visitors, work)
  }
  const of = {}
  for (const [size, count] of Object.entries(MADE)) {
    const made = await make(place, store, size, count)
    bytes[size] = made.bytes
    of[size] = made.visitors
  }
  await time('a read', of[small], (visitor) => visitor.read())
  await time('a change', of[small], (visitor) => visitor.change())
  await time('a slide', of[small], (visitor) => visitor.slide())
  await time('a log-in', of[small], (visitor) => visitor.logIn())
  await time(`a read, ${large}`, of[large], (visitor) => visitor.read())
  await time(`a change, ${large}`, of[large], (visitor) => visitor.change())
  await each(of[large], (visitor) => visitor.know())
  await time(`a read, ${large}, with a copy`, of[large], (visitor) => visitor.readKnown())
  await time(`a change, ${large}, with a copy`, of[large], (visitor) => visitor.changeKnown())
  const begun = []
  await time('a session begins', [undefined], async () => {
    const visitor = new Visitor(store, small, 9_000_000 + begun.length)
    begun.push(visitor)
    await visitor.begin()
  })
  times['a session is removed'] = await cleaning(place, store)
  const result = { what: place.what, bytes, times }
  const count = Math.min(Number(options.copies ?? place.most), place.most)
  if (place.copies && count > 0) {
    const before = await place.bytes()
    await place.copies(of[small][0].id, count)
    result.copies = { count, bytes: ((await place.bytes()) - before) / count }
  }
  return result
}

/** MongoDB's documents, as BSON before it is compressed. Its server is not measured. */
function documents() {
  const { calculateObjectSize } = require('mongodb').BSON
  const now = Date.now()
  const ops = Array.from({ length: REMEMBERED_OPS }, () => remember(newOperation(), now))
  const sizes = Object.keys(MADE).map((size) => {
    const { id, hash } = newSecret(newId())
    const data = dataFor(size, 1_000_000)
    const stored = begin({ id, hash, data, maxAge: null, idle: IDLE, authenticated: false }, now)
    const loggedIn = { authAt: now, epoch: newOperation(), previous: { hash, until: now, kind: 'explicit' } }
    const document = toDocument({ ...stored, ...loggedIn, version: 2 + REMEMBERED_OPS, ops })
    return [size, calculateObjectSize(document, { ignoreUndefined: true })]
  })
  return Object.fromEntries(sizes)
}

async function run() {
  const [load] = loadavg()
  const results = { machine: machine(), load, ms: MS, made: MADE, stores: {}, skipped: {}, documents: documents() }
  const began = performance.now()
  for (const [name, start] of Object.entries(PLACES)) {
    if (options.store && options.store !== name) continue
    const place = await start()
    if ('missing' in place) {
      results.skipped[name] = place.missing
      console.log(`${name} is left out: ${place.missing}`)
      continue
    }
    const result = await measure(place)
    await place.stop()
    results.stores[name] = result
    console.log(`\n${name}: ${result.what}`)
    for (const [size, bytes] of Object.entries(result.bytes)) console.log(`  ${size}: ${bytes.toFixed(0)} bytes`)
    if (result.copies) console.log(`  of ${result.copies.count} copies: ${result.copies.bytes.toFixed(0)} bytes`)
    for (const [what, us] of Object.entries(result.times)) console.log(`  ${what}: ${us.toFixed(1)} µs`)
    results.seconds = Math.round((performance.now() - began) / 1000)
    if (!options.store) writeFileSync(RESULTS, `${JSON.stringify(results, null, 1)}\n`)
  }
  console.log(`\n${results.seconds} s`)
}

if (!options.tables) await run()
if (!options.store) {
  writePage(PAGE, capacityTables(JSON.parse(readFileSync(RESULTS, 'utf8'))))
  format(RESULTS.pathname)
}
process.exit(0)
