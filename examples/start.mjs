import { randomBytes } from 'node:crypto'
import { createApp } from './app.mjs'
import { openStore } from './store.mjs'

const url = process.env.STORE ?? 'sessions.db'
const opened = await openStore(url).catch(fail)
const { app, sessions } = createApp(opened.store)
// A key of this run only: after a restart every visitor begins anew. A real application keeps its key.
app.keys = [process.env.SESSION_KEY ?? randomBytes(32).toString('base64')]
await sessions.ensureIndex().catch(fail)

const server = app.listen(Number(process.env.PORT ?? 3000), () => {
  console.log(`Open http://localhost:${server.address().port} (sessions are kept in ${opened.store.name})`)
})
server.on('error', (error) => {
  console.error(error.code === 'EADDRINUSE' ? `Port ${error.port} is taken: PORT=3001 npm start` : error.message)
  process.exit(1)
})
for (const signal of ['SIGINT', 'SIGTERM']) {
  process.once(signal, () => {
    server.close(async () => {
      await opened.close()
      process.exit(0)
    })
    server.closeIdleConnections()
  })
}

function fail(error) {
  const reason = error.cause?.message || error.message || error.code
  console.error(`The sessions' store ${url.replace(/\/\/[^/@]*@/, '//')} can't be opened: ${reason}`)
  process.exit(1)
}
