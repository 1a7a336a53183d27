// npm run bench:profile: where the application's time goes in the scene `inc`, on Redis and PostgreSQL.
import { writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { DATABASES } from './databases.mjs'
import { SCENES } from './scenes.mjs'
import { Subject } from './subject.mjs'

const CONNECTIONS = 50

/** Whose a function is, by the file it stands in; the first match wins. */
const FILES = [
  [/node_modules\/(@redis|redis|cluster-key-slot|pg|pg-\w+|postgres-\w+|xtend|pgpass)\//, 'the driver'],
  [/node_modules\/(keygrip|tsscmp|on-headers)\//, 'this library'],
  [/node_modules\//, 'Koa'],
  [/\/dist\//, 'this library'],
  [/\/bench\//, 'the application'],
  [/node:internal\/(abort_controller|event_target)/, 'AbortSignal'],
  [/node:(internal\/)?crypto/, 'crypto'],
  [/node:(_http|http|internal\/http|internal\/url|internal\/querystring|querystring|url)/, 'node:http'],
  [
    /node:(net|stream|_stream|internal\/stream|internal\/js_stream|internal\/dtrace|diagnostics)/,
    'node: sockets and streams',
  ],
  [/node:(buffer|internal\/buffer|string_decoder)/, 'node: buffers'],
  [
    /node:(timers|internal\/timers|internal\/process|internal\/async_hooks|async_hooks|events|internal\/util|internal\/priority_queue|internal\/linkedlist)/,
    'node: timers, ticks and events',
  ],
  [/node:/, 'node: the rest'],
]
/** Functions of native code have no file. Any other of them belongs to who called it. */
const NATIVE = [
  [/^\(garbage collector\)$/, 'garbage collection'],
  [/^\(program\)$/, 'native code outside JavaScript: the event loop, reading sockets, promises, the engine'],
  [
    /^(writev|writeBuffer|write(Utf8|Latin1|Ascii|Ucs2)String|readStart|readStop|shutdown|close)$/,
    'system calls of writing',
  ],
  [/^(Hmac|Hash|hmac\w*|oneShotDigest|digest|timingSafeEqual|randomFillSync|RandomBytesJob)$/, 'crypto'],
]

/** Microseconds by group and by function, without those in which nothing was to do. */
function timesOf({ nodes, samples, timeDeltas }) {
  const byId = new Map(nodes.map((node) => [node.id, node]))
  for (const node of nodes) for (const child of node.children ?? []) byId.get(child).parent = node
  const groups = new Map()
  const functions = new Map()
  for (const [i, id] of samples.entries()) {
    const node = byId.get(id)
    if (node.callFrame.functionName === '(idle)') continue
    add(groups, groupOf(node), timeDeltas[i])
    add(functions, nameOf(node.callFrame), timeDeltas[i])
  }
  return { groups: sharesOf(groups), functions: sharesOf(functions) }
}

function groupOf(node) {
  for (let at = node; at; at = at.parent) {
    const { functionName, url } = at.callFrame
    const [, group] = (url === '' ? NATIVE : FILES).find(([pattern]) => pattern.test(url || functionName)) ?? []
    if (group) return group
  }
  return 'nobody knows'
}

const nameOf = ({ functionName, url, lineNumber }) =>
  `${functionName || '(anonymous)'} ${url.replace(/.*\/(node_modules|main|dist)\//, '')}${url ? `:${lineNumber + 1}` : ''}`

function add(map, key, us) {
  map.set(key, (map.get(key) ?? 0) + us)
}

function sharesOf(map) {
  const whole = [...map.values()].reduce((sum, us) => sum + us, 0)
  return Object.fromEntries([...map].sort(([, a], [, b]) => b - a).map(([key, us]) => [key, us / whole]))
}

const { values: options } = parseArgs({ options: { json: { type: 'boolean' }, ms: { type: 'string' } } })
const ms = Number(options.ms ?? 5000)
const results = []
for (const store of ['redis', 'postgres']) {
  const server = await DATABASES[store]()
  if ('missing' in server) {
    console.error(`${store} is left out: ${server.missing}`)
    continue
  }
  const subject = await Subject.start('ours', server.url)
  const cell = SCENES.find(({ name }) => name === 'inc').cells(store)[0]
  await subject.run(cell, { connections: CONNECTIONS, ms })
  const profile = await subject.profile(cell, { connections: CONNECTIONS, ms })
  const file = join(tmpdir(), `bench-${store}.cpuprofile`)
  writeFileSync(file, JSON.stringify(profile))
  results.push({ store, file, ...timesOf(profile) })
  subject.stop()
  await server.stop()
}
const percent = (share) => `${(100 * share).toFixed(1)} %`.padStart(8)
if (options.json) console.log(JSON.stringify(results.map(({ store, groups }) => ({ store, groups }))))
else {
  for (const { store, file, groups, functions } of results) {
    console.log(`\n${store}: ${file}`)
    for (const [group, share] of Object.entries(groups)) console.log(`${percent(share)}  ${group}`)
    console.log()
    for (const [name, share] of Object.entries(functions).slice(0, 25)) console.log(`${percent(share)}  ${name}`)
  }
}
process.exit(0)
