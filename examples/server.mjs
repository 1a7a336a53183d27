import { createServer } from 'node:http'
import Koa from 'koa'
import { openStore } from 'koa-atomic-session/open'
import { atomicLane } from './lab/atomic.mjs'
import { classicLane } from './lab/classic.mjs'
import { labPage } from './lab/page.mjs'
import { wholeLane } from './lab/whole.mjs'
import { openWholeStore } from './lab/whole-store.mjs'
import { createShop } from './shop/app.mjs'

/**
 * The examples under one address: the race lab at `/`, the shop at `/shop` and `/devices`. With `proxy` a proxy before
 * them ends TLS and says so in X-Forwarded-Proto; then `secure: true` gives the cookies their `__Host-Http-`.
 */
export async function createExamples({ url, keys, secure, proxy }) {
  const settings = { keys, secure, proxy }
  const opened = await openStore(url)
  // koa-session keeps its own, on the same kind of database.
  const whole = await openWholeStore(url)
  const shop = createShop({ store: opened.store, ...settings })
  await shop.sessions.ensureIndex()

  const lab = new Koa().use(labPage).callback()
  const listeners = {
    '/lab/atomic/': atomicLane({ store: opened.store, ...settings }),
    '/lab/classic/': classicLane({ store: opened.store, ...settings }),
    '/lab/whole/': wholeLane({ store: whole.store, ...settings }),
    '/lab/': lab,
    '/shop': shop.app.callback(),
    '/devices': shop.app.callback(),
    '/login': shop.app.callback(),
    '/logout': shop.app.callback(),
  }
  const server = createServer((request, response) => {
    const prefix = Object.keys(listeners).find((one) => request.url.startsWith(one))
    return (listeners[prefix] ?? lab)(request, response)
  })
  const close = async () => {
    shop.close()
    await new Promise((resolve) => {
      server.close(resolve)
      server.closeIdleConnections()
    })
    await opened.close()
    await whole.close()
  }
  return { server, store: opened.store.name, close }
}
