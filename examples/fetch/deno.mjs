// deno run -A examples/fetch/deno.mjs
import process from 'node:process'
import { answer } from './app.mjs'

Deno.serve(
  { port: Number(process.env.PORT ?? 3000), onListen: ({ port }) => console.log(`port ${port}`) },
  (request, info) => answer(request, { client: info.remoteAddr.hostname }),
)
