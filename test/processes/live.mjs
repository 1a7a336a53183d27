// One process of the test of live sockets: an application with WebSockets, on a store that tells, from the built package.
process.stdin.resume().once('end', () => process.exit(1))
const { createServer } = await import('node:http')
const { WebSocketServer } = await import('ws')
const { httpSessions } = await import('koa-atomic-session/http')

/** As an application opens them: a client for the store, and one that listens. */
const STORES = {
  async redis(url, prefix) {
    const { createClient } = await import('redis')
    const { redis } = await import('koa-atomic-session/redis')
    const client = await createClient({ url }).connect()
    return redis(client, { prefix, subscriber: await client.duplicate().connect() })
  },
  async postgres(connectionString, table) {
    const { default: pg } = await import('pg')
    const { postgres } = await import('koa-atomic-session/postgres')
    const listener = new pg.Client({ connectionString })
    await listener.connect()
    return postgres(new pg.Pool({ connectionString }), { table, listener })
  },
}
const { KIND, URL: url, NAME } = process.env
const sessions = httpSessions({
  keys: [process.env.SESSION_KEY],
  store: await STORES[KIND](url, NAME),
  index: ['user_id'],
  // Only what the store tells comes in time.
  recheck: '1 hour',
  timeout: 30_000,
})
await sessions.ensureIndex()

const server = createServer(
  sessions.listener(async (request, response) => {
    if (request.url === '/login')
      await sessions.of(request, response).rotate({ authenticated: true }).set('user_id', 42)
    else if (request.url === '/everywhere') await sessions.destroyAll('user_id', 42)
    else if (request.url === '/rotate') await sessions.of(request, response).rotate()
    response.end()
  }),
)
const sockets = new WebSocketServer({ noServer: true })
server.on('upgrade', async (request, socket, head) => {
  const handle = sessions.upgrade(request)
  const { ended } = handle
  // From here on the store tells.
  await sessions.watch(handle).next()
  sockets.handleUpgrade(request, socket, head, (one) => {
    const end = () => one.close(4001, ended.reason.code)
    if (ended.aborted) end()
    else ended.addEventListener('abort', end)
    one.send('open')
  })
})
server.listen(0, '127.0.0.1', () => process.stdout.write(`port ${server.address().port}\n`))
