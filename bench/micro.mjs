// npm run bench:micro: the library's own share of a request, part by part, with a store that answers at once.
// Each part is also given in units of one HMAC of this machine, which is what the committed baseline compares.
import { createHmac, randomBytes } from 'node:crypto'
import { readFileSync, writeFileSync } from 'node:fs'
import { ServerResponse } from 'node:http'
import { parseArgs } from 'node:util'
import { commands, EMPTY_CHAIN, extend } from '../dist/command/index.js'
import { readCookie } from '../dist/cookie.js'
import { hashOf, keygripOf, newSecret, readCredential, writeCredential } from '../dist/credential.js'
import { settingsOf } from '../dist/options.js'
import { ReliableStore } from '../dist/reliable.js'
import { Sessions } from '../dist/sessions.js'
import { memory } from '../dist/stores/memory/index.js'

const { values: options } = parseArgs({ options: { check: { type: 'boolean' }, write: { type: 'boolean' } } })

/** How far a part may rise above the baseline: machines differ in what an HMAC costs beside JavaScript. */
const TOLERANCE = 2

const keys = ['a key that nobody can guess, for the benchmark']
const keygrip = keygripOf(keys)
const settings = settingsOf({})
const { name } = settings.cookie
const credential = newSecret(randomBytes(16).toString('base64url'))
const value = writeCredential(credential, name, keygrip)
const header = `theme=dark; ${name}=${value}; lang=en`

const now = Date.now()
const record = {
  id: credential.id,
  data: { n: 1, list: [] },
  version: 1,
  created: now,
  expires: now + 1e9,
  maxAge: null,
  authAt: null,
  rotated: now,
  epoch: '',
}
const live = Promise.resolve({ outcome: 'live', record, grace: false, now })
const changed = Promise.resolve({ outcome: 'changed', record, grace: false, now })
/** Costs nothing, so that what is measured is everything else. */
const instant = { ...memory(), name: 'instant', load: () => live, update: () => changed }
const sessions = new Sessions(settings, instant, console.error)
const reliable = new ReliableStore(instant, 3000)

const headers = { cookie: header }
const request = async (work) => {
  const response = new ServerResponse({ method: 'GET' })
  const { visit, handle } = sessions.handle({
    headers,
    response,
    keys: () => keys,
    secure: true,
    client: '::1',
    context: {},
  })
  await work(handle)
  await visit.settle()
  response.writeHead(200)
}
const bare = async () => {
  const response = new ServerResponse({ method: 'GET' })
  await changed
  response.writeHead(200)
}

const parts = {
  'one HMAC (the unit)': () => createHmac('sha256', keys[0]).update(header).digest('base64url'),
  'cookie: found, MAC, hash': () => readCredential(readCookie(header, name)[0], name, keygrip),
  '  of which the hash': () => hashOf(credential.secret),
  'chain of one command': () => extend(EMPTY_CHAIN, [commands.inc('n', 1)]),
  'deadline and retries of a store call': () => reliable.load(),
  'a response without a session': bare,
  'request: await ctx.session()': () => request((session) => session.then((loaded) => loaded.n)),
  'request: ctx.session().inc()': () => request((session) => session.inc('n')),
  'request: inc that nobody awaits': () => request((session) => void session.inc('n')),
  'request: read, then three changes': () =>
    request(async (session) => (await session).inc('n').set('a', 1).push('list', 1)),
}

async function measure(work, ms) {
  const began = performance.now()
  let count = 0
  while (performance.now() - began < ms) {
    for (let i = 0; i < 100; i++) await work()
    count += 100
  }
  return ((performance.now() - began) * 1000) / count
}

const times = Object.fromEntries(Object.keys(parts).map((part) => [part, Number.POSITIVE_INFINITY]))
/** The least of several rounds: what disturbs a part can only make it slower. */
async function rounds(count) {
  for (let round = 0; round < count; round++) {
    for (const [part, work] of Object.entries(parts)) times[part] = Math.min(times[part], await measure(work, 100))
  }
}
const units = (part) => Number((times[part] / times['one HMAC (the unit)']).toFixed(2))

for (const work of Object.values(parts)) await measure(work, 300)
await rounds(7)

const baseline = new URL('./baseline.json', import.meta.url)
if (options.check) {
  const before = Object.entries(JSON.parse(readFileSync(baseline, 'utf8')))
  const slower = () => before.filter(([part, figure]) => units(part) > figure * TOLERANCE)
  // What is slower by chance is not so for long.
  for (let again = 0; again < 3 && slower().length > 0; again++) await rounds(7)
  for (const [part, figure] of slower()) console.error(`${part}: ${units(part)} HMACs, the baseline has ${figure}`)
  console.log(`${before.length} parts, ${slower().length} slower than the baseline`)
  process.exitCode = slower().length > 0 ? 1 : 0
} else {
  for (const [part, time] of Object.entries(times)) {
    console.log(`${part.padEnd(40)} ${time.toFixed(2).padStart(8)} µs ${units(part).toFixed(2).padStart(8)}`)
  }
}
if (options.write) {
  const figures = Object.fromEntries(Object.keys(parts).map((part) => [part, units(part)]))
  writeFileSync(baseline, `${JSON.stringify(figures, null, 2)}\n`)
}
