// One server process of the tests: an application on the store that STORE names, from the built package.
process.stdin.resume().once('end', () => process.exit(1))
if (process.env.CLOCK_SKEW) {
  const now = Date.now
  Date.now = () => now() + Number(process.env.CLOCK_SKEW)
}
const { default: Koa } = await import('koa')
const { atomicSession, isSessionError } = await import('koa-atomic-session')
const { openStore } = await import('koa-atomic-session/open')

const { store, close } = await openStore(process.env.STORE)
const app = new Koa()
app.keys = [process.env.SESSION_KEY]
app.silent = true
const index = process.env.INDEX ? [process.env.INDEX] : []
const sessions = atomicSession(app, {
  store,
  index,
  timeout: Number(process.env.TIMEOUT ?? 30_000),
  maxAge: '10 minutes',
})
await sessions.ensureIndex()

/** Requests that wait for another one to go on. */
const waiting = []
const letGo = () => waiting.splice(0).forEach((go) => void go())
// For when the server takes no requests any more.
process.on('SIGUSR2', letGo)

const routes = {
  'POST /login': (ctx) => {
    const { bytes } = ctx.query
    return ctx.session().set({ user: 1, role: 'admin', ...(bytes && { about: 'x'.repeat(Number(bytes)) }) })
  },
  'POST /work': (ctx) => ctx.session().inc('n').push('list', Number(ctx.query.i)),
  'POST /inc': async (ctx) => {
    let unknown = 0
    for (let i = Number(ctx.query.times); i > 0; i--) {
      try {
        await ctx.session().inc('n')
      } catch (error) {
        if (error.code !== 'ERR_SESSION_STORE') throw error
        // What was surely not applied is still to do.
        if (error.applied === false) i++
        else unknown++
      }
    }
    ctx.body = { unknown }
  },
  'POST /slow': async (ctx) => {
    const session = await ctx.session()
    process.stdout.write('slow\n')
    await new Promise((resolve) => waiting.push(resolve))
    await session.set('last', 'slow')
  },
  // What only an administrator may do, as the session is when it is done.
  'POST /delete': async (ctx) => {
    const session = await ctx.session()
    process.stdout.write(`deleting as ${session.role}\n`)
    await new Promise((resolve) => waiting.push(resolve))
    await session.if('role', 'admin').inc('deleted')
  },
  'POST /drop': (ctx) => sessions.at(ctx.query.id).unset('role').push('notices', 'no administrator any more'),
  'POST /drop-all': async (ctx) => {
    ctx.body = { changed: await sessions.updateAll('user', 1, (s) => s.unset('role')) }
  },
  'GET /id': async (ctx) => {
    ctx.body = (await ctx.session()).id
  },
  // Two updates, and a halt between them.
  'POST /steps': async (ctx) => {
    await ctx.session().push('list', 'first')
    process.stdout.write('between\n')
    await new Promise((resolve) => waiting.push(resolve))
    await ctx.session().push('list', 'second')
  },
  'POST /go': letGo,
  'POST /demote': (ctx) => ctx.session().unset('role'),
  'POST /touch': (ctx) => ctx.session().touch(Number(ctx.query.ms)),
  'POST /rotate': (ctx) => ctx.session().rotate(),
  'POST /regenerate': async (ctx) => (await ctx.session().regenerate()).set('user', 2),
  'POST /logout': (ctx) => ctx.session().destroy(),
  'GET /': async (ctx) => {
    ctx.body = (await ctx.session()).data
  },
  'GET /stats': (ctx) => {
    globalThis.gc()
    ctx.body = { heap: process.memoryUsage().heapUsed, handles: process.getActiveResourcesInfo().length }
  },
}

app.use(async (ctx, next) => {
  try {
    await next()
  } catch (error) {
    if (!isSessionError(error)) throw error
    ctx.status = error.status
    ctx.body = { code: error.code, applied: error.applied }
  }
})
app.use(async (ctx) => {
  const route = routes[`${ctx.method} ${ctx.path}`]
  if (!route) return
  const done = route(ctx)
  if (ctx.path !== '/go') await done
  ctx.body ??= { done: true }
})

const server = app.listen(0, '127.0.0.1', () => process.stdout.write(`port ${server.address().port}\n`))
// Each byte is an order to delete, and its answer is a line.
server.on('upgrade', (request, socket) => {
  const session = sessions.upgrade(request)
  socket.on('error', () => {})
  socket.on('data', async (orders) => {
    for (const _ of orders) {
      const told = await session
        .if('role', 'admin')
        .inc('deleted')
        .then(
          () => 'deleted',
          (error) => error.code,
        )
      socket.write(`${told}\n`)
    }
  })
  socket.write('HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n')
})
process.once('SIGTERM', () => {
  server.close(async () => {
    await close()
    process.exit(0)
  })
  server.closeIdleConnections()
  process.stdout.write('closing\n')
})
