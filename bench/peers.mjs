// The peers, each as its README sets it up, with the same routes.
import { dataOf, drivers, KEY, koa } from './app.mjs'

/** An application whose `ctx.session` is an object that is read before the request and written after it. */
const objectRoutes = {
  '/create': (ctx, query) => Object.assign(ctx.session, dataOf(query.bytes)),
  '/read': (ctx) => void ctx.session.n,
  '/inc': (ctx) => {
    ctx.session.n = (ctx.session.n ?? 0) + 1
  },
  '/many': (ctx) => {
    ctx.session.n = (ctx.session.n ?? 0) + 1
    ctx.session.list = [...(ctx.session.list ?? []), 1].slice(-5)
    ctx.session.last = 'many'
  },
  '/login': (ctx) => {
    ctx.session.user = 1
  },
  '/count': (ctx) => ctx.set('x-count', String(ctx.session.n)),
}

const koaSession = (driver) => async (url) => {
  const client = await drivers[driver](url)
  const { createSession, default: session = createSession } = await import('koa-session')
  const store = {
    get: async (key) => JSON.parse((await client.get(key)) ?? 'null'),
    set: (key, value, maxAge) =>
      driver === 'ioredis'
        ? client.set(key, JSON.stringify(value), 'PX', maxAge)
        : client.set(key, JSON.stringify(value), { PX: maxAge }),
    destroy: (key) => client.del(key),
  }
  return koa((app) => app.use(session({ store, key: 'koa.sess' }, app)), objectRoutes)
}

async function koaGenericSession(url) {
  const client = await drivers.redis(url)
  const { default: session } = await import('koa-generic-session')
  const store = {
    get: async (key) => JSON.parse((await client.get(key)) ?? 'null'),
    set: (key, value, ttl) => client.set(key, JSON.stringify(value), { PX: ttl ?? 86_400_000 }),
    destroy: (key) => client.del(key),
  }
  return koa((app) => app.use(session({ store, key: 'koa.gen' })), objectRoutes)
}

const express = (storeOf) => async (url) => {
  const { default: expressApp } = await import('express')
  const { default: session } = await import('express-session')
  const store = await storeOf(url, session)
  const app = expressApp()
  app.use(session({ secret: KEY, resave: false, saveUninitialized: false, store, name: 'express.sid' }))
  for (const [path, route] of Object.entries(objectRoutes)) {
    app.all(path, (req, res) => {
      route({ session: req.session, set: (name, value) => res.setHeader(name, value) }, req.query)
      res.send('done')
    })
  }
  app.all('/none', (_, res) => res.send('done'))
  return app
}

async function fastifySession(url) {
  const { default: fastify } = await import('fastify')
  const { default: cookie } = await import('@fastify/cookie')
  const { default: session } = await import('@fastify/session')
  const { RedisStore } = await import('connect-redis')
  const app = fastify()
  app.register(cookie)
  app.register(session, {
    secret: KEY,
    saveUninitialized: false,
    cookie: { secure: false, maxAge: 86_400_000 },
    cookieName: 'fastify.sid',
    store: new RedisStore({ client: await drivers.redis(url) }),
  })
  for (const [path, route] of Object.entries(objectRoutes)) {
    app.all(path, async (req, res) => {
      route({ session: req.session, set: (name, value) => res.header(name, value) }, req.query)
      return 'done'
    })
  }
  app.all('/none', async () => 'done')
  await app.ready()
  return (req, res) => app.routing(req, res)
}

export const PEER_SUBJECTS = {
  'koa-session': koaSession('redis'),
  'koa-session, ioredis': koaSession('ioredis'),
  'koa-generic-session': koaGenericSession,
  'express-session, connect-redis': express(async (url) => {
    const { RedisStore } = await import('connect-redis')
    return new RedisStore({ client: await drivers.redis(url) })
  }),
  '@fastify/session, connect-redis': fastifySession,
  'express-session, connect-pg-simple': express(async (url, session) => {
    const { default: connect } = await import('connect-pg-simple')
    const Store = connect(session)
    return new Store({ pool: await drivers.postgres(url), createTableIfMissing: true, pruneSessionInterval: false })
  }),
  'express-session, express-mysql-session': express(async (url, session) => {
    const { default: connect } = await import('express-mysql-session')
    const Store = connect(session)
    // Ours is called sessions.
    const schema = { tableName: 'peers' }
    const store = new Store({ clearExpired: false, createDatabaseTable: true, schema }, await drivers.mysql(url))
    await store.onReady()
    return store
  }),
  'express-session, connect-mongo': express(async (url) => {
    const { MongoStore, default: Connect = MongoStore } = await import('connect-mongo')
    return (Connect.create ? Connect : MongoStore).create({ mongoUrl: url, dbName: 'bench' })
  }),
}
