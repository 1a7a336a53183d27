import Koa from 'koa'
import { atomicSession } from 'koa-atomic-session'
import { classic } from 'koa-atomic-session/classic'
import { laneRoutes } from './routes.mjs'
import { WHOLE_ACTIONS } from './whole.mjs'

/** The third lane: koa-session's code, unchanged. What a request changed is sent as commands. */
export function classicLane({ store, keys, secure, proxy }) {
  const app = new Koa({ proxy })
  app.keys = keys
  const sessions = atomicSession(app, { store, key: 'lab.classic', property: 'atomic', secure })
  classic(app, sessions, { counters: ['views'] })
  const drop = async (ctx) => sessions.at((await ctx.atomic()).id).unset('admin')
  return laneRoutes(app, { ...WHOLE_ACTIONS, drop })
}
