// Everything that is measured: the same small application, on Koa, Express or Fastify, with its sessions kept by each.
import { createHash, randomBytes } from 'node:crypto'
import { createRequire } from 'node:module'
import Keygrip from 'keygrip'
import Koa from 'koa'
import { atomicSession } from '../dist/index.js'
import { openStore } from '../dist/stores/open.js'

const require = createRequire(import.meta.url)
const KEY = 'a key that nobody can guess, for the benchmark'
const blob = (bytes) => Object.fromEntries(Array.from({ length: 16 }, (_, i) => [`f${i}`, 'x'.repeat(bytes / 16)]))

/** Redis, PostgreSQL or MongoDB as the peers' stores want them. */
const drivers = {
  async redis(url) {
    const client = require('redis').createClient({ url })
    await client.connect()
    return client
  },
  async postgres(url) {
    return new (require('pg').Pool)({ connectionString: url })
  },
  async mongodb(url) {
    return require('mongodb').MongoClient.connect(url)
  },
}

/** A Koa application of these routes; `session` is installed first. */
function koa(install, routes) {
  const app = new Koa()
  app.keys = [KEY]
  // What fails is counted, not printed.
  app.silent = true
  install(app)
  app.use(async (ctx) => {
    if (ctx.path !== '/none') await routes[ctx.path](ctx, ctx.query)
    ctx.body = 'done'
  })
  return app.callback()
}

/** An application whose `ctx.session` is an object that is read before the request and written after it. */
const objectRoutes = {
  '/create': (ctx, query) => Object.assign(ctx.session, { n: 0, list: [], ...blob(query.bytes) }),
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

async function ours(url) {
  const { store } = await openStore(url)
  await store.setup()
  return koa((app) => atomicSession(app, { store, timeout: 10_000 }), {
    '/create': (ctx, query) => ctx.session().set({ n: 0, list: [], ...blob(query.bytes) }),
    '/read': async (ctx) => void (await ctx.session()).n,
    '/inc': (ctx) => ctx.session().inc('n'),
    '/forget': (ctx) => void ctx.session().inc('n'),
    '/read-inc': async (ctx) => (await ctx.session()).inc('n'),
    '/many': async (ctx) => (await ctx.session()).inc('n').pushAll('list', [1], { slice: -5 }).set('last', 'many'),
    '/login': (ctx) => ctx.session().rotate({ authenticated: true }).set('user', 1),
    '/count': async (ctx) => ctx.set('x-count', String((await ctx.session()).n)),
  })
}

/** The hand-written commands; `hash` is undefined where the cookie is trusted. */
const bare = {
  async redis(url) {
    const client = await drivers.redis(url)
    const text = `if redis.call('HGET', KEYS[1], 'hash') ~= ARGV[1] then return 0 end return redis.call('HINCRBYFLOAT', KEYS[1], 'n', '1')`
    const sha = await client.scriptLoad(text)
    const read = await client.scriptLoad(
      `if redis.call('HGET', KEYS[1], 'hash') ~= ARGV[1] then return false end return redis.call('HGETALL', KEYS[1])`,
    )
    return {
      create: (id, hash, data) =>
        client.hSet(`bare:${id}`, {
          hash,
          ...Object.fromEntries(Object.entries(data).map(([k, v]) => [k, JSON.stringify(v)])),
        }),
      inc: (id, hash) =>
        hash
          ? client.evalSha(sha, { keys: [`bare:${id}`], arguments: [hash] })
          : client.hIncrByFloat(`bare:${id}`, 'n', 1),
      read: (id, hash) =>
        hash ? client.evalSha(read, { keys: [`bare:${id}`], arguments: [hash] }) : client.hGetAll(`bare:${id}`),
    }
  },
  async postgres(url) {
    const pool = await drivers.postgres(url)
    await pool
      .query(
        `CREATE TABLE IF NOT EXISTS bare (id text PRIMARY KEY, hash text, data jsonb, expires timestamptz DEFAULT now() + interval '1 day')`,
      )
      .catch(() => {})
    const where = 'WHERE id = $1 AND expires > now() AND ($2::text IS NULL OR hash = $2)'
    const inc = `UPDATE bare SET data = jsonb_set(data, '{n}', to_jsonb((data->>'n')::float8 + 1)) ${where} RETURNING data`
    return {
      create: (id, hash, data) => pool.query('INSERT INTO bare VALUES ($1, $2, $3)', [id, hash, data]),
      inc: (id, hash) => pool.query({ name: 'inc', text: inc, values: [id, hash] }),
      read: (id, hash) => pool.query({ name: 'read', text: `SELECT data FROM bare ${where}`, values: [id, hash] }),
    }
  },
  async mongodb(url) {
    const collection = (await drivers.mongodb(url)).db('bench').collection('bare')
    const filter = (id, hash) => ({ _id: id, expires: { $gt: new Date() }, ...(hash && { hash }) })
    return {
      create: (id, hash, data) => collection.insertOne({ _id: id, hash, data, expires: new Date(Date.now() + 1e9) }),
      inc: (id, hash) =>
        collection.findOneAndUpdate(filter(id, hash), { $inc: { 'data.n': 1 } }, { returnDocument: 'after' }),
      read: (id, hash) => collection.findOne(filter(id, hash)),
    }
  },
  async sqlite(file) {
    const Database = require('libsql')
    const database = new Database(`${file}.bare`)
    database.exec('PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA busy_timeout = 1500')
    database.exec('CREATE TABLE IF NOT EXISTS bare (id TEXT PRIMARY KEY, hash TEXT, data TEXT, expires INTEGER)')
    const where = 'WHERE id = ? AND expires > ? AND (? IS NULL OR hash = ?)'
    const inc = database.prepare(
      `UPDATE bare SET data = json_set(data, '$.n', json_extract(data, '$.n') + 1) ${where} RETURNING data`,
    )
    const read = database.prepare(`SELECT data FROM bare ${where}`)
    const insert = database.prepare('INSERT INTO bare VALUES (?, ?, ?, ?)')
    return {
      create: async (id, hash, data) => insert.run(id, hash, JSON.stringify(data), Date.now() + 1e9),
      inc: async (id, hash) => JSON.parse(inc.get(id, Date.now(), hash ?? null, hash ?? null).data),
      read: async (id, hash) => JSON.parse(read.get(id, Date.now(), hash ?? null, hash ?? null).data),
    }
  },
}

/** The limit: one hand-written command a request. `checked` verifies the cookie's MAC and the secret's hash, as we do. */
const limit = (checked) => async (url) => {
  const kind = /^(redis|postgres|mongodb):/.exec(url)?.[1] ?? 'sqlite'
  const commands = await bare[kind](url)
  const keygrip = new Keygrip([KEY], 'sha256')
  const hashOf = (secret) => createHash('sha256').update(secret).digest('base64url')
  const credential = (ctx) => {
    const value = /(?:^|; )bare=([^;]+)/.exec(ctx.req.headers.cookie)[1]
    if (!checked) return [value.slice(0, 22)]
    const [id, secret, mac] = value.split('.')
    if (!keygrip.verify(`bare=${id}.${secret}`, mac)) throw new Error('forged')
    return [id, hashOf(secret)]
  }
  return koa(() => {}, {
    '/create': async (ctx, query) => {
      const [id, secret] = [randomBytes(16).toString('base64url'), randomBytes(32).toString('base64url')]
      await commands.create(id, hashOf(secret), { n: 0, list: [], ...blob(query.bytes) })
      ctx.set('set-cookie', `bare=${id}.${secret}.${keygrip.sign(`bare=${id}.${secret}`)}`)
    },
    '/login': async (ctx) => {
      const [id, secret] = [randomBytes(16).toString('base64url'), randomBytes(32).toString('base64url')]
      await commands.create(id, hashOf(secret), { user: 1 })
      ctx.set('set-cookie', `bare=${id}.${secret}.${keygrip.sign(`bare=${id}.${secret}`)}`)
    },
    '/read': (ctx) => commands.read(...credential(ctx)),
    '/inc': (ctx) => commands.inc(...credential(ctx)),
  })
}

const koaSession = (kind) => async (url) => {
  const client = await drivers[kind](url)
  const { createSession, default: session = createSession } = await import('koa-session')
  const store = {
    get: async (key) => JSON.parse((await client.get(key)) ?? 'null'),
    set: (key, value, maxAge) => client.set(key, JSON.stringify(value), { PX: maxAge }),
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

export const SUBJECTS = {
  koa: async () => koa(() => {}, { '/create': (ctx) => ctx.set('set-cookie', 'none=1') }),
  ours,
  bare: limit(false),
  checked: limit(true),
  'koa-session': koaSession('redis'),
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
  'express-session, connect-mongo': express(async (url) => {
    const { MongoStore, default: Connect = MongoStore } = await import('connect-mongo')
    return (Connect.create ? Connect : MongoStore).create({ mongoUrl: url, dbName: 'bench' })
  }),
}
