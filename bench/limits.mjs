// The limit: the same application with hand-written driver commands. `hash` is undefined where the cookie is trusted.
import { createHash, randomBytes } from 'node:crypto'
import { createRequire } from 'node:module'
import Keygrip from 'keygrip'
import { dataOf, drivers, KEY, koa } from './app.mjs'

const require = createRequire(import.meta.url)

/** A hash with a field for each value; what the driver can't do in one command is a script. */
async function redisCommands(client) {
  const script = async (text) => {
    const sha = await client.scriptLoad(text)
    return (id, hash) => client.evalSha(sha, { keys: [`bare:${id}`], arguments: hash ? [hash] : [] })
  }
  const guard = `if ARGV[1] and redis.call('HGET', KEYS[1], 'hash') ~= ARGV[1] then return false end `
  const inc = await script(`${guard}return redis.call('HINCRBYFLOAT', KEYS[1], 'n', 1)`)
  const read = await script(`${guard}return redis.call('HGETALL', KEYS[1])`)
  const many = await script(`${guard}
local list = cjson.decode(redis.call('HGET', KEYS[1], 'list') or '[]')
list[#list + 1] = 1
while #list > 5 do table.remove(list, 1) end
redis.call('HSET', KEYS[1], 'list', cjson.encode(list), 'last', '"many"')
return redis.call('HINCRBYFLOAT', KEYS[1], 'n', 1)`)
  const parse = (entries) => {
    const data = {}
    for (let i = 0; i < entries.length; i += 2) if (entries[i] !== 'hash') data[entries[i]] = JSON.parse(entries[i + 1])
    return data
  }
  return {
    create: (id, hash, data) => {
      const values = Object.entries(data).map(([name, value]) => [name, JSON.stringify(value)])
      return client.hSet(`bare:${id}`, { hash, ...Object.fromEntries(values) })
    },
    inc: (id, hash) => (hash ? inc(id, hash) : client.hIncrByFloat(`bare:${id}`, 'n', 1)),
    forget: (id, hash) => (hash ? inc(id, hash) : client.hIncrByFloat(`bare:${id}`, 'n', 1)),
    many,
    read: async (id, hash) =>
      parse(hash ? await read(id, hash) : Object.entries(await client.hGetAll(`bare:${id}`)).flat()),
  }
}

const commands = {
  redis: async (url) => redisCommands(await drivers.redis(url)),
  /** The same commands by their names in ioredis. */
  async ioredis(url) {
    const client = await drivers.ioredis(url)
    return redisCommands({
      scriptLoad: (text) => client.script('LOAD', text),
      evalSha: (sha, { keys, arguments: values }) => client.evalsha(sha, keys.length, ...keys, ...values),
      hSet: (key, fields) => client.hset(key, fields),
      hIncrByFloat: (key, field, by) => client.hincrbyfloat(key, field, by),
      hGetAll: (key) => client.hgetall(key),
    })
  },

  /** One row with a document, and named statements. */
  async postgres(url) {
    const pool = await drivers.postgres(url)
    await pool
      .query(
        `CREATE TABLE IF NOT EXISTS bare (id text PRIMARY KEY, hash text, data jsonb, expires timestamptz DEFAULT now() + interval '1 day')`,
      )
      // Several processes create it at the same moment.
      .catch(() => {})
    const where = 'WHERE id = $1 AND expires > now() AND ($2::text IS NULL OR hash = $2)'
    const n = `to_jsonb((data->>'n')::float8 + 1)`
    const inc = `UPDATE bare SET data = jsonb_set(data, '{n}', ${n}) ${where}`
    const last = `CASE WHEN jsonb_array_length(data->'list') < 5 THEN data->'list' ELSE (data->'list') - 0 END || '1'`
    const many = `UPDATE bare SET data = data || jsonb_build_object('n', ${n}, 'list', ${last}, 'last', 'many') ${where}`
    const run = (name, text) => (id, hash) => pool.query({ name, text, values: [id, hash] })
    return {
      create: (id, hash, data) => pool.query('INSERT INTO bare VALUES ($1, $2, $3)', [id, hash, data]),
      inc: run('inc', `${inc} RETURNING data`),
      forget: run('forget', inc),
      many: run('many', `${many} RETURNING data`),
      read: async (id, hash) => (await run('read', `SELECT data FROM bare ${where}`)(id, hash)).rows[0].data,
    }
  },

  /** One row with a document, and prepared statements; MariaDB's UPDATE answers no data. */
  async mysql(url) {
    const pool = await drivers.mysql(url)
    await pool
      .query(
        `CREATE TABLE IF NOT EXISTS bare (id varchar(64) PRIMARY KEY, hash varchar(64), data longtext, expires datetime(3) DEFAULT (NOW(3) + INTERVAL 1 DAY))`,
      )
      .catch(() => {})
    const where = 'WHERE id = ? AND expires > NOW(3) AND (? IS NULL OR hash = ?)'
    const n = `JSON_EXTRACT(data, '$.n') + 1`
    const list = `JSON_ARRAY_APPEND(IF(JSON_LENGTH(data, '$.list') < 5, JSON_EXTRACT(data, '$.list'), JSON_REMOVE(JSON_EXTRACT(data, '$.list'), '$[0]')), '$', 1)`
    const inc = `UPDATE bare SET data = JSON_SET(data, '$.n', ${n}) ${where}`
    const many = `UPDATE bare SET data = JSON_SET(data, '$.n', ${n}, '$.list', JSON_COMPACT(${list}), '$.last', 'many') ${where}`
    const run =
      (text) =>
      (id, hash = null) =>
        pool.execute(text, [id, hash, hash])
    const read = async (id, hash) => JSON.parse((await run(`SELECT data FROM bare ${where}`)(id, hash))[0][0].data)
    const then = (text) => async (id, hash) => {
      await run(text)(id, hash)
      return read(id, hash)
    }
    return {
      create: (id, hash, data) =>
        pool.execute('INSERT INTO bare (id, hash, data) VALUES (?, ?, ?)', [id, hash, JSON.stringify(data)]),
      inc: then(inc),
      forget: run(inc),
      many: then(many),
      read,
    }
  },

  /** One document with MongoDB's own operators. */
  async mongodb(url) {
    const collection = (await drivers.mongodb(url)).db('bench').collection('bare')
    const filter = (id, hash) => ({ _id: id, expires: { $gt: new Date() }, ...(hash && { hash }) })
    const one = { $inc: { 'data.n': 1 } }
    const three = { ...one, $push: { 'data.list': { $each: [1], $slice: -5 } }, $set: { 'data.last': 'many' } }
    const after = { returnDocument: 'after' }
    return {
      create: (id, hash, data) => collection.insertOne({ _id: id, hash, data, expires: new Date(Date.now() + 1e9) }),
      inc: (id, hash) => collection.findOneAndUpdate(filter(id, hash), one, after),
      forget: (id, hash) => collection.updateOne(filter(id, hash), one),
      many: (id, hash) => collection.findOneAndUpdate(filter(id, hash), three, after),
      read: async (id, hash) => (await collection.findOne(filter(id, hash))).data,
    }
  },

  /** A file of its own, as durable as ours. */
  async sqlite(file) {
    const Database = require('libsql')
    const database = new Database(`${file}.bare`)
    database.exec('PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA busy_timeout = 1500')
    database.exec('CREATE TABLE IF NOT EXISTS bare (id TEXT PRIMARY KEY, hash TEXT, data TEXT, expires INTEGER)')
    const where = 'WHERE id = ? AND expires > ? AND (? IS NULL OR hash = ?)'
    const n = `json_extract(data, '$.n') + 1`
    const list = `json_insert(CASE WHEN json_array_length(data, '$.list') < 5 THEN json_extract(data, '$.list') ELSE json_remove(data -> '$.list', '$[0]') END, '$[#]', 1)`
    const inc = `UPDATE bare SET data = json_set(data, '$.n', ${n}) ${where}`
    const many = `UPDATE bare SET data = json_set(data, '$.n', ${n}, '$.list', json(${list}), '$.last', 'many') ${where}`
    const get = (text) => {
      const statement = database.prepare(text)
      return async (id, hash) => JSON.parse(statement.get(id, Date.now(), hash ?? null, hash ?? null).data)
    }
    const run = (text) => {
      const statement = database.prepare(text)
      return async (id, hash) => statement.run(id, Date.now(), hash ?? null, hash ?? null)
    }
    const insert = database.prepare('INSERT INTO bare VALUES (?, ?, ?, ?)')
    return {
      create: async (id, hash, data) => insert.run(id, hash, JSON.stringify(data), Date.now() + 1e9),
      inc: get(`${inc} RETURNING data`),
      forget: run(inc),
      many: get(`${many} RETURNING data`),
      read: get(`SELECT data FROM bare ${where}`),
    }
  },
}

/** `checked` verifies the cookie's MAC and the secret's hash, as we do; `bare` trusts the cookie. */
export const limit = (checked, driver) => async (url) => {
  const kind = /^(redis|postgres|mongodb|mysql):/.exec(url)?.[1] ?? 'sqlite'
  const { create, inc, forget, many, read } = await commands[driver ?? kind](url)
  const keygrip = new Keygrip([KEY], 'sha256')
  const hashOf = (secret) => createHash('sha256').update(secret).digest('base64url')
  const credential = (ctx) => {
    const value = /(?:^|; )bare=([^;]+)/.exec(ctx.req.headers.cookie)[1]
    if (!checked) return [value.slice(0, 22)]
    const [id, secret, mac] = value.split('.')
    if (!keygrip.verify(`bare=${id}.${secret}`, mac)) throw new Error('forged')
    return [id, hashOf(secret)]
  }
  const begin = async (ctx, data) => {
    const [id, secret] = [randomBytes(16).toString('base64url'), randomBytes(32).toString('base64url')]
    await create(id, hashOf(secret), data)
    ctx.set('set-cookie', `bare=${id}.${secret}.${keygrip.sign(`bare=${id}.${secret}`)}`)
  }
  return koa(() => {}, {
    '/create': (ctx, query) => begin(ctx, dataOf(query.bytes)),
    '/login': (ctx) => begin(ctx, { user: 1 }),
    '/read': (ctx) => read(...credential(ctx)),
    '/inc': (ctx) => inc(...credential(ctx)),
    '/forget': (ctx) => forget(...credential(ctx)),
    // Two commands, as the changes may depend on what was read.
    '/many': async (ctx) => {
      const visitor = credential(ctx)
      await read(...visitor)
      await many(...visitor)
    },
    '/count': async (ctx) => ctx.set('x-count', String((await read(...credential(ctx))).n)),
  })
}
