// node bench/races.mjs: what overlapping requests lose with ctx.session as an object, here and on koa-session.
// The test that holds our column on every store is test/classic/races.test.ts.
import Koa from 'koa'
import { createSession } from 'koa-session'
import { classic } from '../dist/classic/index.js'
import { atomicSession } from '../dist/index.js'
import { memory } from '../dist/stores/memory/index.js'

const ROUNDS = 40
const MANY = 500
const AT_ONCE = 25

/** A store that takes a turn of the event loop for each call, as one on a server does at least. */
const later = () => new Promise((resolve) => setImmediate(resolve))

const LIBRARIES = {
  'koa-session'(app, count) {
    const rows = new Map()
    const called = async (work) => {
      count()
      await later()
      return work()
    }
    const store = {
      get: (key) => called(() => JSON.parse(rows.get(key) ?? 'null')),
      set: (key, session) => called(() => void rows.set(key, JSON.stringify(session))),
      destroy: (key) => called(() => void rows.delete(key)),
    }
    app.use(createSession({ store }, app))
  },
  classic(app, count) {
    const store = memory()
    for (const method of ['create', 'load', 'update', 'destroy']) {
      const { [method]: work } = store
      store[method] = async (...values) => {
        count()
        await later()
        return work.apply(store, values)
      }
    }
    const sessions = atomicSession(app, { store, property: 'atomic' })
    classic(app, sessions, { counters: ['views'], lists: ['seen'] })
  },
}

/** One application; `handler` is what the next requests do. */
async function serve(install) {
  const app = new Koa()
  app.keys = ['a key that nobody can guess, for the benchmark']
  const state = { calls: 0, handler: () => {} }
  install(app, () => state.calls++)
  app.use(async (ctx) => {
    await state.handler(ctx)
    ctx.body = { session: ctx.session }
  })
  const server = app.listen(0, '127.0.0.1')
  await new Promise((resolve) => server.once('listening', resolve))
  const base = `http://127.0.0.1:${server.address().port}`
  const visit = async (fields) => {
    let cookie = ''
    const ask = async (path) => {
      const response = await fetch(base + path, { headers: { cookie } })
      return (await response.json()).session
    }
    state.handler = (ctx) => Object.assign(ctx.session, fields)
    const response = await fetch(base)
    cookie = response.headers
      .getSetCookie()
      .map((set) => set.split(';')[0])
      .join('; ')
    await response.text()
    return ask
  }
  const close = () => {
    server.closeAllConnections()
    server.close()
  }
  return { state, visit, close }
}

/** A request that has read the session, another that does its work meanwhile, then the rest of the first. */
async function overlap({ state, visit }, fields, meanwhile) {
  const ask = await visit(fields)
  let open
  let began
  const gate = new Promise((resolve) => (open = resolve))
  const inside = new Promise((resolve) => (began = resolve))
  state.handler = async (ctx) => {
    if (ctx.path !== '/late') return meanwhile(ctx)
    const { session } = ctx
    session.views++
    began()
    await gate
  }
  const late = ask('/late')
  await inside
  await ask('/')
  open()
  await late
  state.handler = () => {}
  return (await ask('/')) ?? {}
}

async function races(install) {
  const served = await serve(install)
  const figures = {}
  const count = async (name, fields, meanwhile, isWrong) => {
    let wrong = 0
    for (let i = 0; i < ROUNDS; i++) if (isWrong(await overlap(served, fields, meanwhile))) wrong++
    figures[name] = `${wrong} of ${ROUNDS}`
  }
  const admin = { user: { name: 'visitor', role: 'admin' }, role: 'admin', views: 0 }
  const logOut = (ctx) => {
    ctx.session = null
  }
  const drop = (ctx) => {
    delete ctx.session.role
    delete ctx.session.user.role
  }
  await count('log-outs undone', admin, logOut, (session) => session.user !== undefined)
  await count('dropped roles back', admin, drop, (session) => (session.role ?? session.user?.role) !== undefined)

  const ask = await served.visit({ views: 0, seen: [] })
  served.state.handler = (ctx) => {
    ctx.session.views++
    ctx.session.seen.push(ctx.query.i)
    ctx.session[`field ${ctx.query.i}`] = true
  }
  served.state.calls = 0
  let next = 0
  const some = async () => {
    while (next < MANY) await ask(`/?i=${next++}`)
  }
  await Promise.all(Array.from({ length: AT_ONCE }, some))
  const calls = (served.state.calls / MANY).toFixed(2)
  served.state.handler = () => {}
  const session = await ask('/')
  figures['fields kept'] = `${Object.keys(session).filter((name) => name.startsWith('field ')).length} of ${MANY}`
  figures['views counted'] = `${session.views} of ${MANY}`
  figures['elements of a list kept'] = `${new Set(session.seen).size} of ${MANY}`
  figures['store calls per request'] = calls
  served.close()
  return figures
}

const columns = {}
for (const [name, install] of Object.entries(LIBRARIES)) columns[name] = await races(install)
console.log(''.padEnd(26), ...Object.keys(columns).map((name) => name.padStart(12)))
for (const row of Object.keys(columns.classic)) {
  console.log(row.padEnd(26), ...Object.values(columns).map((figures) => figures[row].padStart(12)))
}
