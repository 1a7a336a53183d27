import { randomBytes } from 'node:crypto'
import { createExamples } from './server.mjs'

const url = process.env.STORE || 'sessions.db'
// A key of this run only: after a restart every visitor begins anew. A real application keeps its key.
const keys = [process.env.SESSION_KEY ?? randomBytes(32).toString('base64')]
const { server, store, close } = await createExamples({ url, keys }).catch(fail)

server.listen(Number(process.env.PORT ?? 3000), () => {
  console.log(`Open http://localhost:${server.address().port} (sessions are kept in ${store})`)
})
server.on('error', (error) => {
  console.error(error.code === 'EADDRINUSE' ? `Port ${error.port} is taken: PORT=3001 npm start` : error.message)
  process.exit(1)
})
for (const signal of ['SIGINT', 'SIGTERM']) {
  process.once(signal, () => close().then(() => process.exit(0)))
}

function fail(error) {
  const reason = error.cause?.message ?? ''
  console.error(error.message.includes(reason) ? error.message : `${error.message}: ${reason}`)
  process.exit(1)
}
