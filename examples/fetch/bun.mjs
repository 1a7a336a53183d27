// bun examples/fetch/bun.mjs
import { answer } from './app.mjs'

const server = Bun.serve({
  port: Number(process.env.PORT ?? 3000),
  fetch: (request, server) => answer(request, { client: server.requestIP(request)?.address }),
})
console.log(`port ${server.port}`)
