// Many sessions in a store, as copies of the one that is there: what is measured is the store's own structure, not our
// inserts. Each answers the cookies of some of them, which lie anywhere among all.
import { createHash } from 'node:crypto'
import { createRequire } from 'node:module'
import { keygripOf } from '../dist/cookie/keys.js'
import { KEY } from './app.mjs'

const require = createRequire(import.meta.url)
const idOf = (i) => createHash('md5').update(String(i)).digest('hex').slice(0, 22)

/** The copies have the secret of the first one, so that its cookie with another id is theirs. */
function cookiesOf(cookie, ids) {
  const [, name, secret] = /(sid)=s\.[\w-]{22}\.([\w-]{43})/.exec(cookie)
  const keygrip = keygripOf([KEY])
  return ids.map((id) => {
    const value = `s.${id}.${secret}`
    return `${name}=${value}.${keygrip.sign(`${name}=${value}`)}`
  })
}

const some = (count, visitors) =>
  Array.from({ length: visitors }, (_, i) => idOf(Math.floor((i * count) / visitors) + 1))

export const FILL = {
  async redis(url, count, visitors, cookie) {
    const client = await require('redis').createClient({ url }).connect()
    const [one] = await client.keys('session:*')
    const script = `for _, id in ipairs(ARGV) do redis.call('COPY', KEYS[1], 'session:' .. id) end return 1`
    for (let i = 1; i <= count; i += 5000) {
      const ids = Array.from({ length: Math.min(5000, count - i + 1) }, (_, j) => idOf(i + j))
      await client.eval(script, { keys: [one], arguments: ids })
    }
    // A snapshot that is still being written would be measured, too.
    while (/rdb_bgsave_in_progress:1/.test(await client.info('persistence')))
      await new Promise((resolve) => setTimeout(resolve, 100))
    await client.sendCommand(['SAVE'])
    await client.close()
    return cookiesOf(cookie, some(count, visitors))
  },
  async postgres(url, count, visitors, cookie) {
    const pool = new (require('pg').Pool)({ connectionString: url })
    const { rows } = await pool.query(
      `SELECT column_name AS name FROM information_schema.columns WHERE table_name = 'sessions' AND column_name <> 'id'`,
    )
    const columns = rows.map(({ name }) => `"${name}"`).join(', ')
    await pool.query(
      `INSERT INTO sessions (id, ${columns}) SELECT left(md5(i::text), 22), ${columns} FROM (SELECT * FROM sessions LIMIT 1) AS one, generate_series(1, ${count}) AS i`,
    )
    await pool.query('VACUUM ANALYZE sessions')
    await pool.query('CHECKPOINT')
    await pool.end()
    return cookiesOf(cookie, some(count, visitors))
  },
  async mariadb(url, count, visitors, cookie) {
    const pool = require('mysql2/promise').createPool({ uri: url })
    const [rows] = await pool.query('SHOW COLUMNS FROM sessions')
    const columns = rows.map(({ Field }) => `\`${Field}\``).filter((name) => name !== '`id`')
    await pool.query(
      `INSERT INTO sessions (id, ${columns}) SELECT LEFT(MD5(seq), 22), ${columns} FROM (SELECT * FROM sessions LIMIT 1) AS one, seq_1_to_${count}`,
    )
    await pool.query('ANALYZE TABLE sessions')
    await pool.end()
    return cookiesOf(cookie, some(count, visitors))
  },
  async mongodb(url, count, visitors, cookie) {
    const client = await require('mongodb').MongoClient.connect(url)
    const collection = client.db().collection('sessions')
    const { _id, ...rest } = await collection.findOne()
    for (let i = 1; i <= count; i += 5000) {
      const documents = Array.from({ length: Math.min(5000, count - i + 1) }, (_, j) => ({ _id: idOf(i + j), ...rest }))
      await collection.insertMany(documents, { ordered: false })
    }
    await client.close()
    return cookiesOf(cookie, some(count, visitors))
  },
  async sqlite(file, count, visitors, cookie) {
    const database = new (require('libsql'))(file)
    const columns = database
      .prepare('PRAGMA table_info(sessions)')
      .all()
      .map(({ name }) => name)
      .filter((name) => name !== 'id')
      .join(', ')
    database.exec(
      `WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ${count}) INSERT INTO sessions (id, ${columns}) SELECT lower(hex(randomblob(11))), ${columns} FROM (SELECT * FROM sessions LIMIT 1), n`,
    )
    database.exec('PRAGMA wal_checkpoint(TRUNCATE)')
    const ids = database.prepare('SELECT id FROM sessions ORDER BY random() LIMIT ?').all(visitors)
    database.close()
    return cookiesOf(
      cookie,
      ids.map(({ id }) => id),
    )
  },
}
