// One server process of the tests: an application on the store that STORE names, from the built package.
import Koa from 'koa'
import { atomicSession } from 'koa-atomic-session'
import { openStore } from '../../examples/store.mjs'

const { store } = await openStore(process.env.STORE)
await store.setup()
const app = new Koa()
app.keys = [process.env.SESSION_KEY]
atomicSession(app, { store, timeout: 30_000 })

/** Requests that wait for another one to go on. */
const waiting = []

const routes = {
  'POST /login': (ctx) => ctx.session().set({ user: 1, role: 'admin' }),
  'POST /work': (ctx) => ctx.session().inc('n').push('list', Number(ctx.query.i)),
  'POST /inc': async (ctx) => {
    for (let i = Number(ctx.query.times); i > 0; i--) await ctx.session().inc('n')
  },
  'POST /slow': async (ctx) => {
    const session = await ctx.session()
    process.stdout.write('slow\n')
    await new Promise((resolve) => waiting.push(resolve))
    await session.set('last', 'slow')
  },
  'POST /go': () => waiting.splice(0).forEach((go) => void go()),
  'POST /demote': (ctx) => ctx.session().unset('role'),
  'POST /logout': (ctx) => ctx.session().destroy(),
  'GET /': async (ctx) => {
    ctx.body = (await ctx.session()).data
  },
}

app.use(async (ctx) => {
  const route = routes[`${ctx.method} ${ctx.path}`]
  if (!route) return
  const done = route(ctx)
  if (ctx.path !== '/go') await done
  ctx.body ??= { done: true }
})
app.silent = true

const server = app.listen(0, '127.0.0.1', () => process.stdout.write(`port ${server.address().port}\n`))
