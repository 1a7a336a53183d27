// One application for everything that answers a Request with a Response. It counts, logs in and logs out.
import { randomBytes } from 'node:crypto'
import { fetchSessions } from 'koa-atomic-session/fetch'
import { openStore } from 'koa-atomic-session/open'

const { store } = await openStore(process.env.STORE ?? 'memory:')
await store.setup()
export const sessions = fetchSessions({ keys: [process.env.SESSION_KEY ?? randomBytes(32).toString('base64')], store })

const ROUTES = {
  '/': async (session) => new Response(`seen ${(await session.inc('views')).views} times`),
  '/login': async (session) => {
    await session.rotate({ authenticated: true }).set('user_id', 42)
    return new Response(null, { status: 303, headers: { location: '/' } })
  },
  '/logout': async (session) => {
    await session.destroy()
    return new Response('bye')
  },
}

export function answer(request, use) {
  const route = ROUTES[new URL(request.url).pathname] ?? (() => new Response('nothing here', { status: 404 }))
  return sessions.fetch(request, route, use)
}
