import Koa from 'koa'
import { atomicSession } from 'koa-atomic-session'
import { laneRoutes } from './routes.mjs'

/** The second lane: every change is a command that the database applies. */
export function atomicLane({ store, keys, secure, proxy }) {
  const app = new Koa({ proxy })
  app.keys = keys
  const sessions = atomicSession(app, { store, key: 'lab.atomic', secure })

  return laneRoutes(app, {
    async start(ctx) {
      await ctx.session().regenerate()
      await ctx.session().set({ name: 'Ada', admin: true, views: 0, cart: [] })
    },
    async state(ctx) {
      return (await ctx.session()).data
    },
    async count(ctx, { slowly }) {
      const session = await ctx.session()
      if (!session.name) ctx.throw(401)
      await slowly()
      await session.inc('views')
      return session.views
    },
    async cart(ctx, { item, slowly }) {
      const session = await ctx.session()
      await slowly()
      await session.push('cart', item)
    },
    logout: (ctx) => ctx.session().destroy(),
    /** An administrator has no request of the visitor's, and names the session from outside. */
    async drop(ctx) {
      await sessions.at((await ctx.session()).id).unset('admin')
    },
  })
}
