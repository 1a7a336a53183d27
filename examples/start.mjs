import { randomBytes } from 'node:crypto'
import { createExamples } from './server.mjs'

const { STORE, PORT = '3000', HOST, SESSION_KEY } = process.env
if (!/^\d+$/.test(PORT) || Number(PORT) > 65_535) fail(new Error(`PORT must be a number up to 65535, not '${PORT}'`))
// A key of this run only: after a restart every visitor begins anew. A real application keeps its key.
const keys = [SESSION_KEY || randomBytes(32).toString('base64')]
if (keys[0].length < 16) fail(new Error('SESSION_KEY is too short to be a secret: openssl rand -base64 32'))
const { server, store, close } = await createExamples({ url: STORE || 'sessions.db', keys }).catch(fail)

// Any name logs in here: unless HOST says so, only this machine's browsers reach it.
server.listen(Number(PORT), HOST || '127.0.0.1', () => {
  const host = HOST?.replace(/.*:.*/, '[$&]') || 'localhost'
  console.log(`Open http://${host}:${server.address().port} (sessions are kept in ${store})`)
})
server.on('error', (error) => {
  fail(error.code === 'EADDRINUSE' ? new Error(`Port ${error.port} is taken: PORT=3001 npm start`) : error)
})
for (const signal of ['SIGINT', 'SIGTERM']) {
  process.once(signal, () => close().then(() => process.exit(0)))
}

function fail(error) {
  console.error(error.message)
  process.exit(1)
}
