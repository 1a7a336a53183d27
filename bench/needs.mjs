// What capacity.mjs has measured as tables, and what it comes to for many sessions.
import { markdown } from './rows.mjs'

const [SMALL, MIDDLE, LARGE] = ['0.2 KiB', '4 KiB', '16 KiB']
const SIZES = [SMALL, MIDDLE, LARGE]
const [REDIS, CLUSTER] = ['redis', 'redis, cluster of three']
const LONG = {
  redis: 'Redis',
  [CLUSTER]: 'Redis Cluster of three',
  postgres: 'PostgreSQL',
  mariadb: 'MariaDB',
  sqlite: 'SQLite',
}
const GB = 1e9

const SESSIONS = [1e6, 1e7, 1e8]
const RATES = [1000, 10_000, 100_000]
/** Of a request, in the mean: it reads, and one in so many does more. */
const MIX = { 'a read': 1, 'a change': 1 / 4, 'a slide': 1 / 20, 'a log-in': 1 / 100 }
/** Each session begins and ends once in this time. */
const LIFE = 14 * 86_400
/** Sessions are not all: dead rows, pages that are not full, fragments, and what a snapshot copies. */
const ROOM = 1.5
/** A processor that is busier than this answers late. */
const BUSY = 0.5
/** In gigabytes: what one Redis holds and can still copy to a new replica in minutes, and one shard of MongoDB. */
const MOST = { redis: 25, mongodb: 250 }
/** From so many rows on, one table takes long to vacuum and to index. */
const ROWS = 1e8
/** Of MongoDB's indexes on the id, the expiry and one field: their keys, with 8 bytes each that name the document. */
const MONGODB_KEYS = 22 + 2 + 8 + (9 + 8) + (9 + 22 + 2 + 8)

const number = (value) => value.toLocaleString('en')
const bytes = (value) => number(Math.round(value))
const gigabytes = (value) => (value < 9.95 ? value.toFixed(1) : number(Math.round(value)))

function machineLine({ machine, load, ms, made, seconds, stores, skipped }) {
  const { commit, date, node, cpus, memory } = machine
  const what = Object.values(stores).map((store) => store.what)
  const left = Object.entries(skipped).map(([name, why]) => ` Left out: ${name}: ${why}.`)
  const counts = Object.entries(made).map(([size, count]) => `${number(count)} of ${size}`)
  return `Commit ${commit.slice(0, 12)}, ${date.slice(0, 16)}Z, Node ${node}; ${cpus}, ${memory}, with a load of ${load.toFixed(1)} before; ${seconds} s in all, ${ms} ms for each kind of work. ${what.join('; ')}. Sessions: ${counts.join(', ')}.${left.join('')}`
}

function bytesTable({ stores, documents }) {
  const lines = Object.entries(stores).map(([name, { bytes: of, copies }]) => [
    LONG[name],
    'measured',
    ...SIZES.map((size) => bytes(of[size])),
    copies ? `${bytes(copies.bytes)} (${number(copies.count)} copies)` : '',
  ])
  const mongodb = SIZES.map((size) => bytes(documents[size] + MONGODB_KEYS))
  lines.push(['MongoDB', 'computed', ...mongodb, ''])
  return markdown(['store', 'how', ...SIZES, `${SMALL}, many`], lines)
}

function timesTable({ stores }) {
  const names = Object.keys(stores)
  const work = Object.keys(stores[names[0]].times)
  const lines = work.map((what) => [what, ...names.map((name) => stores[name].times[what].toFixed(0)), '–'])
  return markdown(['µs of the store', ...names.map((name) => LONG[name]), 'MongoDB'], lines)
}

/** Processors that are busy all the time with so many requests a second, and with sessions that begin and end. */
function processors({ times }, sessions, rate) {
  const request = Object.entries(MIX).reduce((sum, [what, share]) => sum + share * times[what], 0)
  const life = times['a session begins'] + times['a session is removed']
  return (rate * request + (sessions / LIFE) * life) / 1e6
}

/** The rows of a store; `takes` says what is needed for sessions of the smallest size. */
function needs(store, takes) {
  const lines = SESSIONS.flatMap((sessions) =>
    RATES.map((rate) => {
      const sizes = SIZES.map((size) => (sessions * store.bytes[size] * ROOM) / GB)
      const busy = processors(store, sessions, rate)
      const measured = store.copies && store.copies.count >= sessions
      return [
        number(sessions),
        number(rate),
        ...sizes.map(gigabytes),
        busy.toFixed(busy < 1 ? 2 : 1),
        takes({ sessions, rate, size: sizes[0], busy }),
        measured ? `computed; sessions of ${SMALL} measured` : 'computed',
      ]
    }),
  )
  const head = ['sessions', 'requests per second', ...SIZES.map((size) => `GB, ${size}`), 'busy processors']
  return markdown([...head, `what it takes, ${SMALL}`, 'how'], lines)
}

/** Redis works on one processor, so only more servers bring more of them. */
function redisNeeds({ stores }) {
  const one = stores[REDIS]
  if (!one) return 'Not measured.'
  const cluster = stores[CLUSTER] ?? one
  return needs(one, ({ sessions, rate, size, busy }) => {
    if (size <= MOST.redis && busy <= BUSY) return 'one server'
    const masters = Math.max(size / MOST.redis, processors(cluster, sessions, rate) / BUSY, 3)
    return `a cluster of ${Math.ceil(masters)} masters`
  })
}

const sqlNeeds =
  (name, partitioned) =>
  ({ stores }) => {
    if (!stores[name]) return 'Not measured.'
    return needs(stores[name], ({ sessions, busy }) => {
      const server = `one server with ${Math.max(2, Math.ceil(busy / BUSY))} processors`
      return partitioned && sessions >= ROWS ? `${server}, the table in 16 partitions` : server
    })
  }

function mongodbNeeds({ documents }) {
  const lines = SESSIONS.map((sessions) => {
    const sizes = SIZES.map((size) => (sessions * (documents[size] + MONGODB_KEYS) * ROOM) / GB)
    const takes = sizes.map((size) => {
      const shards = Math.ceil(size / MOST.mongodb)
      return shards === 1 ? 'one replica set' : `${shards} shards`
    })
    return [number(sessions), ...sizes.map((size, i) => `${gigabytes(size)} (${takes[i]})`), 'not measured', 'computed']
  })
  return markdown(['sessions', ...SIZES.map((size) => `GB, ${size}`), 'busy processors', 'how'], lines)
}

/** The tables of docs/capacity.md by their names there. */
export function capacityTables(results) {
  return {
    machine: machineLine(results),
    bytes: bytesTable(results),
    times: timesTable(results),
    redis: redisNeeds(results),
    postgres: sqlNeeds('postgres', true)(results),
    mariadb: sqlNeeds('mariadb', false)(results),
    mongodb: mongodbNeeds(results),
  }
}
