import { createServer, type RequestListener, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import express from 'express'
import expressSession from 'express-session'
import Koa from 'koa'
import { atomicSession } from 'koa-atomic-session'
import { httpSessions } from 'koa-atomic-session/http'
import { memory } from 'koa-atomic-session/memory'
import { createSession } from 'koa-session'
import { KEY } from '../visitor.ts'

// biome-ignore lint/suspicious/noExplicitAny: code that was written for another library
export type Loose = any

/** The application before, with express-session: `/login?as=ann` logs in, any other page counts. */
export function expressBefore(options: Partial<expressSession.SessionOptions>) {
  const store = new expressSession.MemoryStore()
  const app = express()
  app.use(expressSession({ secret: 'short', resave: false, saveUninitialized: false, store, ...options }))
  app.get('/favicon.ico', (_, response) => void response.end())
  app.use((request, response) => {
    const session = request.session as Loose
    if (request.query.as) session.user = request.query.as
    session.views = (session.views ?? 0) + 1
    response.json({ user: session.user, views: session.views })
  })
  return { app, store }
}

/** The application before, with koa-session. Without `rows` the cookie holds the data. */
export function koaBefore(options: Loose = {}, rows?: Map<string, Loose>) {
  const app = new Koa()
  app.keys = ['short']
  const store = rows && {
    get: async (key: string, _: unknown, { ctx }: Loose) => ctx && rows.get(key),
    set: async (key: string, session: object) => void rows.set(key, session),
    destroy: async (key: string) => void rows.delete(key),
  }
  app.use(createSession({ ...(store && { store }), ...options }, app))
  app.use((ctx: Loose) => {
    if (ctx.path === '/favicon.ico') return
    if (ctx.query.as) ctx.session.user = ctx.query.as
    ctx.session.views = (ctx.session.views ?? 0) + 1
    ctx.body = { user: ctx.session.user, views: ctx.session.views }
  })
  return { app: app.callback() as RequestListener, store }
}

/** The new application on Express: `/` counts, `/logout` logs out, `/fail` counts and fails. */
export function expressAfter(adopt: Loose) {
  const app = express()
  app.set('env', 'test')
  const sessions = httpSessions<Loose>({ keys: [KEY], store: memory(), index: ['user'], adopt })
  // A browser asks for it by itself.
  app.get('/favicon.ico', (_, response) => void response.end())
  app.use(sessions.express())
  app.use(async (request: Loose, response) => {
    if (request.path === '/logout')
      return request
        .session()
        .destroy()
        .then(() => response.json({}))
    const { user, views } = await request.session().inc('views')
    if (request.path === '/fail') throw new Error('a mistake')
    response.json({ user, views })
  })
  return { app, sessions }
}

/** The same on Koa. */
export function koaAfter(adopt: Loose) {
  const app = new Koa()
  app.silent = true
  app.keys = [KEY]
  const sessions = atomicSession<Loose>(app, { store: memory(), index: ['user'], adopt })
  app.use(async (ctx: Loose) => {
    if (ctx.path === '/favicon.ico') return
    if (ctx.path === '/logout') {
      await ctx.session().destroy()
      ctx.body = {}
      return
    }
    const { user, views } = await ctx.session().inc('views')
    if (ctx.path === '/fail') throw new Error('a mistake')
    ctx.body = { user, views }
  })
  return { app: app.callback() as RequestListener, sessions }
}

export async function listen(listener: RequestListener): Promise<{ server: Server; base: string; port: number }> {
  const server = createServer(listener)
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  return { server, base: `http://127.0.0.1:${port}`, port }
}
