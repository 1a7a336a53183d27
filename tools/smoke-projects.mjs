// The fresh projects of `npm run smoke`: what they install, what is in them, and what is run.

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
const SUBPATHS = ['memory', 'sqlite', 'mongodb', 'postgres', 'redis', 'http', 'open']

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

const TYPED = `import Koa from 'koa'
import { atomicSession, type SessionContext } from 'koa-atomic-session'
import { httpSessions } from 'koa-atomic-session/http'
import { memory } from 'koa-atomic-session/memory'
import { redis } from 'koa-atomic-session/redis'
import { sqlite } from 'koa-atomic-session/sqlite'

interface Shop { user_id: number; seen: string[] }
const app = new Koa<Koa.DefaultState, SessionContext<Shop>>()
export const sessions = atomicSession<Shop>(app, { store: memory(), maxAge: '1 month' })
app.use(async (ctx) => {
  const session = await ctx.session().inc('user_id').push('seen', ctx.path)
  const id: number | undefined = session.user_id
  // @ts-expect-error: a user_id is a number
  session.set('user_id', 'x')
  ctx.body = id
})
export const other = [httpSessions({ keys: ['x'], store: sqlite('x.db') }), redis]
`
const typescript = (module, moduleResolution, types = []) => ({
  'tsconfig.json': JSON.stringify({
    compilerOptions: {
      strict: true,
      noEmit: true,
      target: 'es2022',
      module,
      moduleResolution,
      types,
      skipLibCheck: false,
    },
    include: ['app.ts'],
  }),
  'app.ts': TYPED,
})

export const PROJECTS = [
  { name: 'Koa 3, ES modules', dependencies: ['koa@3'], files: { 'app.mjs': ESM }, commands: [['node', 'app.mjs']] },
  { name: 'Koa 2, CommonJS', dependencies: ['koa@2'], files: { 'app.cjs': COMMONJS }, commands: [['node', 'app.cjs']] },
  {
    name: 'TypeScript 5.9, Koa 2, node16',
    dependencies: ['koa@2', '@types/koa@2', '@types/node@20', 'typescript@5.9'],
    files: { ...typescript('node16', 'node16', ['node']), 'package.json': '{"private":true,"type":"module"}' },
    commands: [['tsc']],
  },
  {
    name: 'TypeScript 6, Koa 3, nodenext, to CommonJS',
    dependencies: ['koa@3', '@types/koa@3', '@types/node@22', 'typescript@6'],
    files: typescript('nodenext', 'nodenext', ['node']),
    commands: [['tsc']],
  },
  {
    name: 'TypeScript 7, Koa 3, bundler',
    dependencies: ['koa@3', '@types/koa@3', '@types/node@24', 'typescript@7'],
    files: typescript('esnext', 'bundler', ['node']),
    commands: [['tsc']],
  },
]
