import Koa from 'koa'
import { createSession } from 'koa-session'
import { laneRoutes } from './routes.mjs'

/** What an application on koa-session does: it changes an object, which is written back whole after the request. */
export const WHOLE_ACTIONS = {
  start(ctx) {
    ctx.session = { name: 'Ada', admin: true, views: 0, cart: [] }
  },
  state: (ctx) => ctx.session.toJSON(),
  async count(ctx, { slowly }) {
    if (!ctx.session.name) ctx.throw(401)
    await slowly()
    ctx.session.views += 1
    return ctx.session.views
  },
  async cart(ctx, { item, slowly }) {
    await slowly()
    ctx.session.cart.push(item)
  },
  logout(ctx) {
    ctx.session = null
  },
}

/** The first lane: koa-session reads the whole session before a request and writes it back whole afterwards. */
export function wholeLane({ store, keys, secure, proxy }) {
  const app = new Koa({ proxy })
  app.keys = keys
  app.use(createSession({ store, key: 'lab.whole', secure }, app))
  /** An administrator has no request of the visitor's, so the stored session is read, changed and written. */
  const drop = async (ctx) => {
    const key = ctx.cookies.get('lab.whole')
    const session = await store.get(key)
    delete session.admin
    await store.set(key, session)
  }
  return laneRoutes(app, { ...WHOLE_ACTIONS, drop })
}
