// The library's own share of a request, cut into parts, with a store that answers at once: what micro.mjs measures.
import { createHmac, randomBytes } from 'node:crypto'
import { ServerResponse } from 'node:http'
import onHeaders from 'on-headers'
import { commands, EMPTY_CHAIN, extend } from '../dist/algebra/index.js'
import { Sessions } from '../dist/api/sessions.js'
import { hashOf, newOperation, newSecret, readCredential, writeCredential } from '../dist/cookie/credential.js'
import { readCookie, writeCookie } from '../dist/cookie/header.js'
import { keygripOf } from '../dist/cookie/keys.js'
import { vary } from '../dist/cookie/vary.js'
import { ReliableStore } from '../dist/delivery/reliable.js'
import { settingsOf } from '../dist/settings/settings.js'
import { memory } from '../dist/stores/memory/index.js'
import { check, EMPTY_STEP, withCommands } from '../dist/visit/step.js'

const keys = ['a key that nobody can guess, for the benchmark']
const keygrip = keygripOf(keys)
const settings = settingsOf({ maxAge: '14 days' })
const { name } = settings.cookie
const credential = newSecret(randomBytes(16).toString('base64url'))
const value = writeCredential(credential, name, keygrip)
const mac = value.slice(-43)
const signed = `${name}=${value.slice(0, -44)}`
const header = `theme=dark; ${name}=${value}; lang=en`

const now = Date.now()
const record = {
  id: credential.id,
  data: { n: 1, list: [] },
  version: 1,
  created: now,
  expires: now + settings.idle - 10_000,
  maxAge: null,
  authAt: null,
  rotated: now,
  epoch: '',
  last: '',
}
const live = Promise.resolve({ outcome: 'live', record, secret: 'current', now })
const due = Promise.resolve({ outcome: 'live', record, secret: 'current', now: now + settings.touchAfter })
const changed = Promise.resolve({ outcome: 'changed', record, secret: 'current', now })
const slid = Promise.resolve({
  outcome: 'changed',
  record: { ...record, expires: now + settings.idle },
  secret: 'current',
  now,
})
/** Costs nothing, so that what is measured is everything else. */
const instant = { ...memory(), name: 'instant', load: () => live, update: () => changed }
const late = { ...instant, load: () => due, update: () => slid }
const reliable = new ReliableStore(instant, 3000)
const step = withCommands(EMPTY_STEP, [commands.inc('n', 1)])

const requests = (store) => {
  const sessions = new Sessions(settings, store, console.error, () => keys)
  return async (headers, work) => {
    const response = new ServerResponse({ method: 'GET' })
    const onHead = (write) => onHeaders(response, write)
    const exchange = { headers, response, onHead, secure: true, client: '::1', context: {}, arrived: performance.now() }
    const { visit, handle } = sessions.handle(exchange)
    await work(handle)
    await visit.settle()
    response.writeHead(200)
  }
}
const request = requests(instant)
const slide = requests(late)
const visitor = { cookie: header }
const stranger = {}

/** What node:http and a promise cost without us; it is taken off every part that has a response. */
const response = async () => {
  const response = new ServerResponse({ method: 'GET' })
  await changed
  response.writeHead(200)
}

/** Each part's work. `less` names what is in the work and is not the part. */
export const PARTS = {
  'a response, for reference': { work: response, foreign: true },
  'an await, for reference': { work: () => changed, foreign: true },
  'one HMAC of node:crypto': {
    work: () => createHmac('sha256', keys[0]).update(header).digest('base64url'),
    foreign: true,
  },
  'cookie: found among others': { work: () => readCookie(header, name) },
  'cookie: taken apart, MAC checked, secret hashed': { work: () => readCredential(value, name, keygrip) },
  '  of which the MAC': { work: () => keygrip.index(signed, mac) },
  '  of which the hash': { work: () => hashOf(credential.secret) },
  'handle: made and settled, without a cookie': {
    work: () => request(stranger, () => {}),
    less: ['a response, for reference', 'headers: Vary'],
  },
  'headers: Vary': {
    work: async () => {
      const response = new ServerResponse({ method: 'GET' })
      onHeaders(response, () => vary(response, 'Cookie'))
      await changed
      response.writeHead(200)
    },
    less: ['a response, for reference'],
  },
  'chain: one command, checked': {
    work: () => check(withCommands(EMPTY_STEP, [commands.inc('n', 1)]), instant, 65_536),
  },
  '  of which the command': { work: () => extend(EMPTY_CHAIN, [commands.inc('n', 1)]) },
  'operation id': { work: newOperation },
  'store call: deadline and retries': {
    work: () => reliable.update({ id: credential.id }, { chain: step.chain }),
    less: ['an await, for reference'],
  },
  'cookie: written and signed, after a slide': {
    work: () => writeCookie(settings.cookie, writeCredential(credential, name, keygrip), settings.idle, true),
  },
}

const SHARED = [
  'cookie: found among others',
  'cookie: taken apart, MAC checked, secret hashed',
  'handle: made and settled, without a cookie',
  'headers: Vary',
  'store call: deadline and retries',
]
const CHANGE = ['chain: one command, checked', 'operation id']

/** Whole requests, and the parts that each is made of; what they leave is the order of calls and its promises. */
export const WHOLES = {
  'await ctx.session()': {
    work: () => request(visitor, (session) => session.then((loaded) => loaded.n)),
    parts: SHARED,
    rest: 'the order of calls, its promises, the read-only view',
  },
  'ctx.session().inc()': {
    work: () => request(visitor, (session) => session.inc('n')),
    parts: [...SHARED, ...CHANGE],
    rest: 'the order of calls, its promises, the read-only view',
  },
  'inc that is not awaited': {
    work: () => request(visitor, (session) => void session.inc('n')),
    parts: [...SHARED, ...CHANGE],
    rest: 'the order of calls and its promises',
  },
  'a read after which the expiry slides': {
    work: () => slide(visitor, (session) => session.then((loaded) => loaded.n)),
    parts: [...SHARED, 'store call: deadline and retries', 'operation id', 'cookie: written and signed, after a slide'],
    rest: 'the order of calls, its promises, the read-only view, Set-Cookie',
  },
  'a read, then three changes': {
    work: () => request(visitor, async (session) => (await session).inc('n').set('a', 1).push('list', 1)),
    parts: [...SHARED, 'store call: deadline and retries', ...CHANGE, ...CHANGE.slice(0, 1), ...CHANGE.slice(0, 1)],
    rest: 'the order of calls, its promises, the read-only view',
  },
}
