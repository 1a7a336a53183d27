// Many sessions in a store, as copies of one that is there: what is measured is the store's own structure, not our inserts.
import { createRequire } from 'node:module'

const require = createRequire(import.meta.url)

export const FILL = {
  async redis(url, count) {
    const client = require('redis').createClient({ url })
    await client.connect()
    const [one] = await client.keys('session:*')
    const script = `for i = ARGV[1], ARGV[2] do redis.call('COPY', KEYS[1], 'session:copy' .. string.format('%018d', i)) end return 1`
    for (let i = 0; i < count; i += 10_000) {
      await client.eval(script, { keys: [one], arguments: [String(i), String(Math.min(count, i + 10_000) - 1)] })
    }
    await client.close()
  },
  async postgres(url, count) {
    const pool = new (require('pg').Pool)({ connectionString: url })
    const { rows } = await pool.query(
      `SELECT column_name AS name FROM information_schema.columns WHERE table_name = 'sessions' AND column_name <> 'id'`,
    )
    const columns = rows.map(({ name }) => `"${name}"`).join(', ')
    await pool.query(
      `INSERT INTO sessions (id, ${columns}) SELECT md5(i::text), ${columns} FROM (SELECT * FROM sessions LIMIT 1) AS one, generate_series(1, ${count}) AS i`,
    )
    await pool.query('VACUUM ANALYZE sessions')
    await pool.end()
  },
  async sqlite(file, count) {
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
    database.close()
  },
}
