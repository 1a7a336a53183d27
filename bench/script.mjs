// node bench/script.mjs: instructions of redis-server for one call of the Redis store's script, beside a script of the bare
// commands alone, as callgrind counts them: the same on a busy machine as on an idle one. Needs valgrind and redis-server,
// and `npm run build` before. `--calls 2000` is how many calls are counted; the heap of Lua makes them differ by two of 100.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { redis } from '../dist/stores/redis/index.js'

const { createClient } = createRequire(import.meta.url)('redis')
const { values: options } = parseArgs({ options: { calls: { type: 'string', default: '1000' } } })
const CALLS = Number(options.calls)
const PORT = 30_000 + (process.pid % 10_000)

const folder = mkdtempSync(join(tmpdir(), 'script-'))
// callgrind writes what it has counted since the last mark whenever the server enters this function.
const server = spawn('valgrind', [
  ...['--tool=callgrind', '--dump-before=configResetStatCommand', `--callgrind-out-file=${folder}/out`],
  ...['redis-server', '--port', PORT, '--save', '', '--hz', '1', '--dynamic-hz', 'no', '--dir', folder].map(String),
])
const client = createClient({ url: `redis://127.0.0.1:${PORT}`, socket: { reconnectStrategy: 200 } })
client.on('error', () => {})
await client.connect()

// A session as in the benchmark's small scenes, which has been changed often.
const store = redis(client)
const session = { id: 'i'.repeat(22), hash: 'h'.repeat(43), maxAge: null, idle: 600_000, authenticated: false }
const data = { views: 1_000_000, user: 42, text: 'x'.repeat(160) }
let held = await store.create({ ...session, data })
const access = { id: session.id, proof: { hash: session.hash }, maxLifetime: Number.POSITIVE_INFINITY }
let ops = 100
async function change(more) {
  const op = `twelve-chars${(ops++).toString(36)}`
  const chain = { conditions: [], commands: [{ kind: 'inc', path: ['views'], by: 1 }] }
  const slide = { idle: 600_000, atLeast: 1e12 }
  const answer = await store.update(access, { op, chain, slide, maxBytes: 65_536, answer: true, ...more })
  if (!('record' in answer)) throw new Error(`the change was answered with ${answer.outcome}`)
  held = answer.record
}

const reading = `local time = redis.call('TIME') local found = redis.call('HMGET', KEYS[1], '$m', '$d', unpack(ARGV, 3)) `
const writing = `redis.call('HSET', KEYS[1], '$m', found[1], '$d', found[2], '$o', found[3]) return 'done'`
const bare = async (script) => {
  const sha = await client.scriptLoad(script)
  return (...values) => client.evalSha(sha, { keys: [`session:${session.id}`], arguments: values })
}
const bareRead = await bare(`${reading} return found[1] .. found[2]`)
const bareChange = await bare(reading + writing)

const CELLS = {
  'a read': () => store.load(access),
  'a read of what the caller holds': () => store.load(access, held),
  'a read, the bare commands': () => bareRead('load', ''),
  'a change that nobody awaits': () => change({ answer: false }),
  'a change of what the caller holds': () => change({ held }),
  'a change, awaited': () => change({}),
  'a change, the bare commands': () => bareChange('update', '', '$o'),
}

const before = []
for (const [name, call] of Object.entries(CELLS)) {
  for (let i = 0; i < 100; i++) await call()
  // Once and twice as many: the difference has nothing of what happens once.
  for (const calls of [CALLS, 2 * CALLS]) {
    await client.configResetStat()
    before.push(undefined)
    for (let i = 0; i < calls; i++) await call()
    await client.configResetStat()
    before.push({ name, calls })
  }
}
const ended = once(server, 'exit')
await client.sendCommand(['SHUTDOWN', 'NOSAVE']).catch(() => {})
await ended

const counted = (dump) => Number(/^totals: (\d+)/m.exec(readFileSync(join(folder, `out.${dump}`), 'utf8'))[1])
const counts = new Map()
before.forEach((cell, i) => {
  if (cell) counts.set(cell.name, (counts.get(cell.name) ?? 0) + (cell.calls > CALLS ? 1 : -1) * counted(i + 1))
})
for (const [name, count] of counts) console.log(`${name.padEnd(40)} ${Math.round(count / CALLS)}`)
rmSync(folder, { recursive: true })
process.exit(0)
