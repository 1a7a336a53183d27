// What all subjects share: the small application, the drivers, the data of a session.
import { createRequire } from 'node:module'
import Koa from 'koa'

const require = createRequire(import.meta.url)
export const KEY = 'a key that nobody can guess, for the benchmark'

/** A session's data, of just so many bytes as JSON, in sixteen texts. */
export function dataOf(bytes) {
  const data = { n: 0, list: [] }
  for (let i = 0; i < 16; i++) data[`f${i}`] = ''
  const room = bytes - JSON.stringify(data).length
  if (room < 0) throw new Error(`a session of ${bytes} bytes is too small for the fields that it has here`)
  for (let i = 0; i < 16; i++) data[`f${i}`] = 'x'.repeat(Math.floor(room / 16) + (i < room % 16 ? 1 : 0))
  return data
}

/** Redis, PostgreSQL, MongoDB or MariaDB as the peers' stores want them. */
export const drivers = {
  async redis(url) {
    const client = require('redis').createClient({ url })
    await client.connect()
    return client
  },
  async ioredis(url) {
    const client = new (require('ioredis').Redis)(url)
    await client.ping()
    return client
  },
  async postgres(url) {
    return new (require('pg').Pool)({ connectionString: url })
  },
  async mysql(url) {
    return require('mysql2/promise').createPool({ uri: url })
  },
  async mongodb(url) {
    return require('mongodb').MongoClient.connect(url)
  },
}

/** A Koa application of these routes; `install` comes first. */
export function koa(install, routes) {
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
