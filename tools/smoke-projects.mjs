// The fresh projects of `npm run smoke`: what they install, what is in them, and what is run.

import { readFileSync } from 'node:fs'
import { FETCH_TESTS } from './smoke/fetch-tests.mjs'

/** A small application that asks itself: counts twice, and then logs out. */
const APPLICATION = `
const app = new Koa()
app.keys = ['a key that nobody can guess']
const sessions = atomicSession(app, { store: memory() })
app.use(async (ctx) => {
  const session = await ctx.session()
  if (ctx.path === '/out') await session.destroy()
  else ctx.body = String((await session.inc('views')).views)
})
const server = app.listen(0, async () => {
  const base = 'http://127.0.0.1:' + server.address().port
  const first = await fetch(base)
  const cookie = first.headers.getSetCookie()[0].split(';')[0]
  const texts = [await first.text(), await (await fetch(base, { headers: { cookie } })).text()]
  const out = await fetch(base + '/out', { headers: { cookie } })
  if (texts.join() !== '1,2') throw new Error('counted ' + texts)
  if (!out.headers.getSetCookie()[0].includes('Max-Age=0')) throw new Error('not logged out')
  server.close()
  server.closeAllConnections()
})
`
const SUBPATHS = ['memory', 'sqlite', 'mongodb', 'postgres', 'mysql', 'redis', 'http', 'fetch', 'open']

const ESM = `import Koa from 'koa'
import { atomicSession } from 'koa-atomic-session'
import { memory } from 'koa-atomic-session/memory'
${SUBPATHS.map((subpath) => `import 'koa-atomic-session/${subpath}'`).join('\n')}
${APPLICATION}`

const COMMONJS = `const Koa = require('koa')
const { atomicSession } = require('koa-atomic-session')
const { memory } = require('koa-atomic-session/memory')
${SUBPATHS.map((subpath) => `require('koa-atomic-session/${subpath}')`).join('\n')}
${APPLICATION}`

/** A test of an application, as Jest runs it: CommonJS. */
const TESTED = `const Koa = require('koa')
const { atomicSession } = require('koa-atomic-session')
const { memory } = require('koa-atomic-session/memory')
const { classic } = require('koa-atomic-session/classic')
test('counts', async () => {
  const app = new Koa()
  app.keys = ['a key that nobody can guess']
  classic(app, atomicSession(app, { store: memory(), property: 'atomic' }))
  app.use((ctx) => {
    ctx.session.views = (ctx.session.views ?? 0) + 1
    ctx.body = String(ctx.session.views)
  })
  const server = app.listen(0)
  const text = await (await fetch('http://127.0.0.1:' + server.address().port)).text()
  expect(text).toBe('1')
  server.close()
  server.closeAllConnections()
})
`

/** The other servers, without Koa. */
const HTTP = `import { createServer } from 'node:http'
import { httpSessions } from 'koa-atomic-session/http'
import { memory } from 'koa-atomic-session/memory'
const sessions = httpSessions({ keys: ['a key that nobody can guess'], store: memory() })
const server = createServer(sessions.listener(async (request, response) => {
  response.end(String((await sessions.of(request, response).inc('views')).views))
}))
server.listen(0, async () => {
  const text = await (await fetch('http://127.0.0.1:' + server.address().port)).text()
  if (text !== '1') throw new Error('counted ' + text)
  server.close()
  server.closeAllConnections()
})
`

/** A device registers, and its copied cookie opens nothing: on each runtime, with the package that checks signatures. */
const BOUND = `import { deviceBound } from 'koa-atomic-session/dbsc'
import { fetchSessions } from 'koa-atomic-session/fetch'
import { memory } from 'koa-atomic-session/memory'
const sessions = fetchSessions({ store: memory(), keys: ['a key that nobody can guess'], secure: true })
const binding = deviceBound(sessions, { cookieAge: '5 seconds' })
const answer = async (path, cookies, headers = {}, method = 'GET') => {
  const request = new Request('https://localhost' + path, { method, headers: { ...headers, cookie: cookies.join('; ') } })
  return (await binding(request)) ?? sessions.fetch(request, async (session) => {
    if (path === '/login') await session.rotate({ authenticated: true }).set('user', 42)
    return new Response(String((await session).bound))
  })
}
const cookieOf = (response) => response.headers.getSetCookie().map((line) => line.split(';')[0])
const login = await answer('/login', [])
const [, challenge] = /challenge="([^"]+)"/.exec(login.headers.get('secure-session-registration'))
const { privateKey, publicKey } = await crypto.subtle.generateKey({ name: 'ECDSA', namedCurve: 'P-256' }, true, ['sign'])
const { kty, crv, x, y } = await crypto.subtle.exportKey('jwk', publicKey)
const base64url = (bytes) => btoa(String.fromCharCode(...new Uint8Array(bytes))).replace(/[+/=]/g, (c) => ({ '+': '-', '/': '_', '=': '' })[c])
const part = (value) => base64url(new TextEncoder().encode(JSON.stringify(value)))
const signed = part({ alg: 'ES256', typ: 'dbsc+jwt', jwk: { kty, crv, x, y } }) + '.' + part({ jti: challenge })
const signature = await crypto.subtle.sign({ name: 'ECDSA', hash: 'SHA-256' }, privateKey, new TextEncoder().encode(signed))
const proof = { 'secure-session-response': signed + '.' + base64url(signature) }
const registered = await answer('/session-binding', cookieOf(login), proof, 'POST')
if (registered.status !== 200) throw new Error('the registration was answered ' + registered.status)
const said = await (await answer('/', [...cookieOf(login), ...cookieOf(registered)])).text()
if (said !== 'true') throw new Error('bound: ' + said)
const thief = async () => (await answer('/', cookieOf(login))).status
for (let tries = 0; (await thief()) !== 401; tries++) {
  if (tries === 200) throw new Error('a copied cookie is let in')
  await new Promise((resolve) => setTimeout(resolve, 50))
}
`

/** The suite for stores of one's own, by a runner that every runtime has: a list. On SQLite by the runtime's own driver. */
const SUITE = `import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { memory } from 'koa-atomic-session/memory'
import { sqlite } from 'koa-atomic-session/sqlite'
import { conformance, INDEXED_FIELDS } from 'koa-atomic-session/testing'
const tests = []
const runner = { describe: (_, body) => body(), it: (name, body) => tests.push([name, body]) }
const folder = mkdtempSync(join(tmpdir(), 'suite-'))
process.on('exit', () => rmSync(folder, { recursive: true, force: true }))
let files = 0
for (const open of [() => memory(), () => sqlite(join(folder, ++files + '.db'))]) {
  conformance(runner, async () => open(), { cases: 50, makeIndexed: async () => open().indexed(INDEXED_FIELDS) })
}
for (const [name, body] of tests) {
  await body().catch((error) => {
    console.error(name, error)
    process.exitCode = 1
  })
}
if (tests.length < 200) throw new Error('only ' + tests.length + ' tests')
`

/** The README's first program, which counts a first visit. */
const [, README] = /<!-- run: app -->\n```ts\n([\s\S]*?)```/.exec(readFileSync('README.md', 'utf8'))
const QUICK_START = `import { once } from 'node:events'
process.env.SESSION_KEY = 'a key that nobody can guess'
process.env.PORT = '0'
const { server, sessions } = await import('./app.mjs')
if (!server.listening) await once(server, 'listening')
const text = await (await fetch('http://127.0.0.1:' + server.address().port)).text()
if (text !== 'page 1, seen /') throw new Error('said ' + text)
server.close()
server.closeAllConnections()
await sessions.close()
`

/** The examples of Request and Response, each on its own runtime. Their one line says the port. */
const EXAMPLES = Object.fromEntries(
  ['app', 'bun', 'deno', 'hono'].map((name) => [
    `${name}.mjs`,
    readFileSync(new URL(`../examples/fetch/${name}.mjs`, import.meta.url), 'utf8'),
  ]),
)
const FETCH = `import process from 'node:process'
process.env.PORT = '0'
const port = new Promise((resolve) => {
  console.log = (line) => resolve(/^port (\\d+)$/.exec(line)[1])
})
await import(globalThis.Bun ? './bun.mjs' : globalThis.Deno ? './deno.mjs' : './hono.mjs')
const base = 'http://127.0.0.1:' + (await port)
const cookieOf = (response) => response.headers.getSetCookie()[0].split(';')[0]
const ask = (path, cookie) => fetch(base + path, { headers: cookie ? { cookie } : {}, redirect: 'manual' })
const first = await ask('/')
let cookie = cookieOf(first)
const texts = [await first.text()]
const login = await ask('/login', cookie)
if (login.status !== 303) throw new Error('log-in answered ' + login.status)
const [before, after] = [cookie, cookieOf(login)]
texts.push(await (await ask('/', after)).text())
// A log-in ends the secret before it.
const old = await ask('/', before)
texts.push(String(old.status), await (await ask('/logout', after)).text())
if (texts.join() !== 'seen 1 times,seen 2 times,409,bye') throw new Error('said ' + texts)
process.exit(0)
`

const INSPECTOR = 'node_modules/koa-atomic-session/dist/cli/index.js'

/** One session in a SQLite file, for the inspector to find. */
const KEPT = `import Koa from 'koa'
import { atomicSession } from 'koa-atomic-session'
import { sqlite } from 'koa-atomic-session/sqlite'
const app = new Koa()
app.keys = ['a key that nobody can guess']
const sessions = atomicSession(app, { store: sqlite('sessions.db') })
app.use(async (ctx) => {
  ctx.body = (await ctx.session().set('user_id', 42)).id
})
const server = app.listen(0, async () => {
  await fetch('http://127.0.0.1:' + server.address().port)
  server.close()
  server.closeAllConnections()
  await sessions.close()
})
`

const TYPED = `import Koa from 'koa'
import { atomicSession, type SessionContext } from 'koa-atomic-session'
import { httpSessions } from 'koa-atomic-session/http'
import { memory } from 'koa-atomic-session/memory'
import { redis } from 'koa-atomic-session/redis'
import { sqlite } from 'koa-atomic-session/sqlite'

interface Shop { user_id: number; seen: string[] }
const app = new Koa<Koa.DefaultState, SessionContext<Shop>>()
app.keys = ['a key that nobody can guess']
export const sessions = atomicSession<Shop>(app, { store: memory(), maxAge: '1 month' })
app.use(async (ctx) => {
  const session = await ctx.session().inc('user_id').push('seen', ctx.path)
  const id: number | undefined = session.user_id
  ctx.body = String(id)
})
export const computed = (ctx: SessionContext<Shop>, path: string) => ctx.session().set({ [path]: 1 })
export function wrong(): void {
  // @ts-expect-error: a user_id is a number
  sessions.of(app.createContext({} as never, {} as never)).set('user_id', 'x')
}
export const other = () => [httpSessions({ keys: ['x'], store: sqlite('x.db') }), redis]

const server = app.listen(0, async () => {
  const address = server.address() as { port: number }
  const text = await (await fetch('http://127.0.0.1:' + address.port)).text()
  if (text !== '1') throw new Error('counted ' + text)
  server.close()
  server.closeAllConnections()
})
`

/** The types by augmentation, in an application that says nothing of its context. */
const AUGMENTED = `import Koa from 'koa'
import { atomicSession } from 'koa-atomic-session'

declare module 'koa-atomic-session' {
  interface SessionData { user_id: number; seen: string[] }
}
const app = new Koa()
export const sessions = atomicSession(app)
app.use(async (ctx) => {
  const session = await ctx.session().inc('user_id').push('seen', ctx.path)
  const id: number | undefined = session.user_id
  // @ts-expect-error: a user_id is a number
  ctx.session().set('user_id', 'x')
  // @ts-expect-error: no such field
  session.nobody
  ctx.body = id
})
`
const typescript = (module, moduleResolution, rest = {}) => {
  const compilerOptions = {
    strict: true,
    noEmit: true,
    target: 'es2022',
    module,
    moduleResolution,
    types: ['node'],
    skipLibCheck: false,
    ...rest,
  }
  return {
    'tsconfig.json': JSON.stringify({ compilerOptions, include: ['app.ts'] }),
    // In a program of its own: it holds for a whole program.
    'augmented.json': JSON.stringify({
      compilerOptions: { ...compilerOptions, noEmit: true },
      include: ['augmented.ts'],
    }),
    'app.ts': TYPED,
    'augmented.ts': AUGMENTED,
  }
}
/** Without Koa nothing of Koa's types is there, and no types of Keygrip. */
const WITHOUT_KOA = `import { createServer } from 'node:http'
import { isSessionError } from 'koa-atomic-session'
import { deviceBound, type HttpBinding } from 'koa-atomic-session/dbsc'
import { httpSessions } from 'koa-atomic-session/http'
import { memory } from 'koa-atomic-session/memory'

export const sessions = httpSessions({ keys: ['a key that nobody can guess'], store: memory() })
const binding: HttpBinding = deviceBound(sessions)
export const server = createServer(
  sessions.listener(async (request, response) => {
    if (await binding(request, response)) return
    try {
      const session = await sessions.of(request, response).inc('views')
      response.end('seen ' + session.views + ' times')
    } catch (error) {
      if (isSessionError(error)) response.end(error.code)
    }
  }),
)
`
const COMPILE = [['tsc'], ['tsc', '-p', 'augmented.json']]

/** `run` runs on each runtime, `oldest` and `newest` on that Node.js, everything else by npx on the newest. */
export const PROJECTS = [
  {
    name: 'Koa 3',
    // Node.js 20 has no SQLite of its own.
    dependencies: ['koa@3', 'fast-check@4', 'libsql'],
    drivers: ['libsql'],
    files: { 'app.mjs': ESM, 'app.cjs': COMMONJS, 'http.mjs': HTTP, 'suite.mjs': SUITE },
    commands: [
      ['run', 'app.mjs'],
      ['run', 'app.cjs'],
      ['run', 'http.mjs'],
      ['run', 'suite.mjs'],
    ],
  },
  {
    name: 'Koa 2, and the inspector',
    // Node.js 20 has no SQLite of its own.
    dependencies: ['koa@2', 'libsql'],
    drivers: ['libsql'],
    files: { 'app.mjs': ESM, 'app.cjs': COMMONJS, 'kept.mjs': KEPT },
    commands: [
      ['run', 'app.mjs'],
      ['run', 'app.cjs'],
      ['run', 'kept.mjs'],
      ['run', INSPECTOR, 'list', '--user', '42', '--store', 'sessions.db'],
      ['koa-atomic-session', 'list', '--user', '42', '--store', 'sessions.db'],
    ],
    prints: / 42 /,
  },
  {
    name: 'Request and Response: Hono, Bun, Deno',
    dependencies: ['hono@4', '@hono/node-server@2'],
    files: { ...EXAMPLES, 'fetch.mjs': FETCH },
    commands: [['run', 'fetch.mjs']],
  },
  {
    name: "The servers' tests on Request and Response",
    dependencies: ['./vitest', 'expect@30', 'koa@3', 'keygrip@1', '@hono/node-server@2', 'hono@4'],
    files: FETCH_TESTS,
    commands: [['run', 'tests.mjs']],
  },
  {
    name: 'Bound to a device',
    dependencies: ['jose@6'],
    files: { 'bound.mjs': BOUND },
    commands: [['run', 'bound.mjs']],
  },
  {
    name: "The README's quick start",
    dependencies: ['koa@3', 'libsql'],
    drivers: ['libsql'],
    files: { 'app.mjs': README.replace('SESSION_KEY!', 'SESSION_KEY'), 'start.mjs': QUICK_START },
    commands: [['run', 'start.mjs']],
  },
  {
    name: 'SQLite without a driver',
    dependencies: ['koa@3'],
    files: { 'app.mjs': README.replace('SESSION_KEY!', 'SESSION_KEY'), 'start.mjs': QUICK_START },
    // Before it listens, with what to install.
    commands: [['oldest', 'start.mjs']],
    refuses: /SessionUsageError.*npm install libsql/,
  },
  {
    name: 'Jest 30, which translates',
    dependencies: ['koa@3', 'jest@30', '@babel/preset-env@7'],
    files: {
      'app.test.js': TESTED,
      'jest.config.js': `module.exports = { transformIgnorePatterns: ['/node_modules/(?!koa-atomic-session|parse-duration)'] }`,
      'babel.config.js': `module.exports = { presets: [['@babel/preset-env', { targets: { node: 'current' } }]] }`,
    },
    commands: [['oldest', 'node_modules/jest/bin/jest.js']],
  },
  {
    name: 'Jest 30, which translates nothing, on Node.js 24.9 and later',
    dependencies: ['koa@3', 'jest@30'],
    files: { 'app.test.js': TESTED },
    commands: [['newest', '--experimental-vm-modules', 'node_modules/jest/bin/jest.js']],
  },
  {
    name: 'TypeScript 5.0, Koa 3, node16, exact optional properties',
    dependencies: ['koa@3', '@types/koa@3', '@types/node@20', 'typescript@~5.0.0'],
    files: {
      ...typescript('node16', 'node16', { exactOptionalPropertyTypes: true }),
      'package.json': '{"private":true,"type":"module"}',
    },
    commands: COMPILE,
  },
  {
    name: 'TypeScript 5.9, Koa 2, node16',
    dependencies: ['koa@2', '@types/koa@2', '@types/node@20', 'typescript@5.9'],
    files: { ...typescript('node16', 'node16'), 'package.json': '{"private":true,"type":"module"}' },
    commands: COMPILE,
  },
  {
    name: 'TypeScript 6, Koa 3, nodenext, to CommonJS',
    dependencies: ['koa@3', '@types/koa@3', '@types/node@22', 'typescript@6'],
    files: {
      ...typescript('nodenext', 'nodenext', { noEmit: false, outDir: 'out', rootDir: '.' }),
      'package.json': '{"private":true,"type":"commonjs"}',
    },
    commands: [...COMPILE, ['run', 'out/app.js']],
  },
  {
    name: 'TypeScript 7, Koa 2, nodenext',
    dependencies: ['koa@2', '@types/koa@2', '@types/node@22', 'typescript@7'],
    files: { ...typescript('nodenext', 'nodenext'), 'package.json': '{"private":true,"type":"module"}' },
    commands: COMPILE,
  },
  {
    name: 'TypeScript 7, Koa 3, bundler',
    dependencies: ['koa@3', '@types/koa@3', '@types/node@24', 'typescript@7'],
    files: typescript('esnext', 'bundler'),
    commands: COMPILE,
  },
  ...['5.0', '5.9', '6', '7'].map((version) => ({
    name: `TypeScript ${version}, without Koa`,
    dependencies: ['@types/node@20', `typescript@${version === '5.0' ? '~5.0.0' : version}`],
    files: {
      ...typescript('nodenext', 'nodenext', { exactOptionalPropertyTypes: true }),
      'app.ts': WITHOUT_KOA,
      'package.json': '{"private":true,"type":"module"}',
    },
    commands: [['tsc']],
  })),
]
