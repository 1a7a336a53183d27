// node examples/fetch/hono.mjs
import { serve } from '@hono/node-server'
import { getConnInfo } from '@hono/node-server/conninfo'
import { Hono } from 'hono'
import { answer, sessions } from './app.mjs'

const app = new Hono()
app.get('/hello', (c) =>
  sessions.fetch(c.req.raw, async (session) => {
    const { views = 0 } = await session
    return c.text(`hello, you have seen ${views} pages`)
  }),
)
app.all('*', (c) => answer(c.req.raw, { client: getConnInfo(c).remote.address }))

serve({ fetch: app.fetch, port: Number(process.env.PORT ?? 3000) }, ({ port }) => console.log(`port ${port}`))
