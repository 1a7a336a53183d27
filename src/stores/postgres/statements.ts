import { createHash } from 'node:crypto'
import { REMEMBERED_OPS } from '../../contract/store.ts'
import { directSql, SHAPES, type Shape } from './direct.ts'
import { functionSql } from './functions.ts'

/** The texts of a table's statements. Names are quoted; everything of a visitor's travels as a parameter. */
export interface Statements {
  readonly create: Statement
  readonly load: Statement
  /** What it loads, and the operations that are remembered. */
  readonly look: Statement
  /** The live sessions whose ids come after one, so many of them. */
  readonly page: Statement
  readonly update: Statement
  /** The same update, with the data before it. */
  readonly take: Statement
  /** The update for a change of the data and nothing else, by the function or, where a shape is given, directly. */
  readonly change: (shape?: Shape) => Statement
  readonly destroy: Statement
  readonly prune: Statement
  readonly find: (field: string) => Statement
  readonly destroyAll: (field: string) => Statement
}

export interface Statement {
  readonly name: string
  readonly text: string
}

/** The statement's own time: no other process's clock, and the same in all its parts. */
const NOW = 'statement_timestamp()::timestamptz(3)'
const ms = (time: string) => `(date_part('epoch', ${time}) * 1000)::bigint`
const after = (time: string, duration: string) => `${time} + ${duration} * interval '1 millisecond'`

/**
 * What is sent back is one column of JSON: one column costs the answer less than ten, and no parser that the application
 * has set for its own columns comes in between.
 */
const RECORD = `${ms(NOW)}, s.version, ${ms('s.expires')}, ${ms('s.created')}, s.max_age, ${ms('s.auth_at')}, ${ms('s.rotated')}, s.epoch`
const STORED = `${RECORD}, s.data, s.id, s.hash, s.previous, ${ms('s.previous_until')}`

export function quote(name: string): string {
  return `"${name.replaceAll('"', '""')}"`
}

function literal(text: string): string {
  return `'${text.replaceAll("'", "''")}'`
}

/** What PostgreSQL compares for a field of `index`; the index must be made of just this expression. */
function expression(field: string): string {
  return `(data #> ${literal(`{${field.split('.').join(',')}}`)})`
}

export function functionName(schema: string): string {
  return `${quote(schema)}.koa_atomic_session_v1`
}

/** Everything that a role with the right to create runs once; it may be run again, by several processes at once. */
export function schemaSql(schema: string, table: string, fields: readonly string[]): string {
  const qualified = `${quote(schema)}.${quote(table)}`
  return [
    // CREATE … IF NOT EXISTS fails when two run at the same moment.
    `SELECT pg_advisory_xact_lock(hashtext('koa-atomic-session'))`,
    `CREATE TABLE IF NOT EXISTS ${qualified} (
  id text COLLATE "C" PRIMARY KEY,
  hash text COLLATE "C" NOT NULL,
  previous text COLLATE "C",
  previous_until timestamptz(3),
  data jsonb NOT NULL,
  version integer NOT NULL,
  created timestamptz(3) NOT NULL,
  expires timestamptz(3) NOT NULL,
  max_age double precision,
  auth_at timestamptz(3),
  rotated timestamptz(3) NOT NULL,
  epoch text COLLATE "C" NOT NULL,
  ops text COLLATE "C" NOT NULL,
  remembered smallint NOT NULL
) WITH (fillfactor = 80)`,
    `CREATE INDEX IF NOT EXISTS ${quote(`${table}_expires`)} ON ${qualified} (expires)`,
    // By hash, because a B-tree refuses values of a few kilobytes, and with them the session.
    ...fields.map(
      (field) =>
        `CREATE INDEX IF NOT EXISTS ${quote(`${table}_by_${field}`)} ON ${qualified} USING hash (${expression(field)}) WHERE ${expression(field)} IS NOT NULL`,
    ),
    functionSql(functionName(schema)),
  ].join(';\n')
}

export function statements(schema: string, table: string): Statements {
  const qualified = `${quote(schema)}.${quote(table)}`
  const named = (text: string): Statement => ({
    // A connection may serve several tables, and a name stands for one text.
    name: `koa_atomic_session_${createHash('sha256').update(text).digest('base64url').slice(0, 12)}`,
    text,
  })
  const apply = functionName(schema)
  const shapes = Object.keys(SHAPES) as Shape[]
  const direct = new Map(shapes.map((shape) => [shape, named(changeSql(qualified, apply, shape))]))
  const change = named(changeSql(qualified, apply))
  return {
    create: named(`INSERT INTO ${qualified} AS s
  (id, hash, data, version, created, expires, max_age, auth_at, rotated, epoch, ops, remembered)
  VALUES ($1, $2, CASE WHEN $8::jsonb IS NULL THEN $3::jsonb ELSE ${apply}($3::jsonb, $8::jsonb, ${ms(NOW)}, NULL) END, 1, coalesce(${after('to_timestamp(0)', '$4::float8')}, ${NOW}),
    ${after(NOW, 'coalesce($5::float8, $6::float8)')}, $5, CASE WHEN $7::boolean THEN ${NOW} END, ${NOW}, '', '', 0)
  ON CONFLICT DO NOTHING RETURNING json_build_array(${STORED}) AS answer`),
    load: named(`SELECT json_build_array(${STORED}) AS answer FROM ${qualified} AS s WHERE s.id = $1`),
    look: named(`SELECT json_build_array(${STORED}, s.ops) AS answer FROM ${qualified} AS s WHERE s.id = $1`),
    page: named(
      `SELECT json_build_array(${STORED}) AS answer FROM ${qualified} AS s WHERE s.id > $1 AND s.expires > ${NOW} ORDER BY s.id LIMIT $2`,
    ),
    update: named(updateSql(qualified, apply)),
    change: (shape) => (shape ? direct.get(shape)! : change),
    // The row is locked before it is read, so that what is read is what the update removes from.
    take: named(
      updateSql(qualified, apply, {
        from: `FROM (SELECT id, data FROM ${qualified} WHERE id = $1 FOR UPDATE) AS before`,
        where: 'AND s.id = before.id',
        more: ', before.data',
      }),
    ),
    destroy: named(`DELETE FROM ${qualified} AS s WHERE ${live('s.previous = $2')}`),
    prune: named(`DELETE FROM ${qualified} WHERE id IN (
  SELECT id FROM ${qualified} WHERE expires <= ${NOW} ORDER BY expires LIMIT $1 FOR UPDATE SKIP LOCKED)`),
    find: (field) =>
      named(
        `SELECT json_build_array(${STORED}) AS answer FROM ${qualified} AS s WHERE ${expression(field)} = $1::jsonb AND s.expires > ${NOW}`,
      ),
    destroyAll: (field) =>
      named(`DELETE FROM ${qualified} WHERE ${expression(field)} = $1::jsonb AND id IS DISTINCT FROM $2`),
  }
}

/** `$1` id, `$2` the secret's hash or null, `$3` else the record's `created`, `$4` the longest lifetime or null. */
const live = (previous: string) => `s.id = $1 AND s.expires > ${NOW}
  AND (s.hash = $2::text OR (${previous}) OR s.created = ${after('to_timestamp(0)', '$3::float8')})
  AND ($4::float8 IS NULL OR ${after('s.created', '$4::float8')} > ${NOW})`
const LIVE = live(`s.previous = $2 AND s.previous_until > ${NOW}`)

/*
 * Of both updates: `$5` operation id, `$6` chain, `$7` the application's idle time, `$8` the least slide, `$9` the
 * largest size that may grow or null, `$10` whether anybody waits for the data, `$11` the version after the change if the
 * caller holds the data.
 */
const byFunction = (apply: string) => `${apply}(s.data, $6::jsonb, ${ms(NOW)}, $9::integer)`
const isNew = `strpos(' ' || s.ops, ' ' || $5::text || '@') = 0`
// A time has thirteen digits until 2286. It is not before the last one, though this statement may have begun before that
// one and then waited for the row.
const remembering = `CASE WHEN s.remembered < ${REMEMBERED_OPS} THEN s.ops ELSE substr(s.ops, strpos(s.ops, ' ') + 1) END
    || $5 || '@' || greatest(${ms(NOW)} || ' ', right(s.ops, 14))`
const remembered = `least(s.remembered + 1, ${REMEMBERED_OPS})`
const answer = (more = '') =>
  `json_build_array(${RECORD}, CASE WHEN $10::boolean AND s.version IS DISTINCT FROM $11::integer THEN s.data END, s.hash = $2${more}) AS answer`

/**
 * A change of the data, which is most of what applications do: each expression that is not in the text is one that the
 * server need not make ready. A shape's own parameters begin with `$12`.
 */
function changeSql(qualified: string, apply: string, shape?: Shape): string {
  const expires = after(NOW, 'coalesce(s.max_age, $7::float8)')
  const byIt = byFunction(apply)
  return `UPDATE ${qualified} AS s SET
  data = ${shape ? directSql(shape, '$9::integer', 12, byIt) : byIt},
  version = s.version + 1,
  expires = CASE WHEN ${expires} - s.expires >= $8::float8 * interval '1 millisecond' THEN ${expires} ELSE s.expires END,
  ops = ${remembering},
  remembered = ${remembered}
WHERE ${LIVE} AND ${isNew}
RETURNING ${answer()}`
}

/**
 * Everything that an update can be, the chain null where there is none: `$12` the session's own idle time (null: as it
 * is, negative: none), `$13` to `$16` the rotation's from, to, grace and epoch or null, `$17` authenticated, `$18` since
 * when it may have been sent before or null, `$19` the only version that it may apply to or null.
 */
function updateSql(qualified: string, apply: string, { from = '', where = '', more = '' } = {}): string {
  const maxAge = `CASE WHEN $12::float8 IS NULL THEN s.max_age WHEN $12 >= 0 THEN $12 END`
  const expires = after(NOW, `coalesce(${maxAge}, $7::float8)`)
  const due = `($12::float8 IS NOT NULL OR ${expires} - s.expires >= $8::float8 * interval '1 millisecond')`
  const touch = `($6::jsonb IS NULL AND $13::text IS NULL AND NOT $17::boolean)`
  return `UPDATE ${qualified} AS s SET
  data = CASE WHEN $6::jsonb IS NULL THEN s.data ELSE ${byFunction(apply)} END,
  version = s.version + coalesce(sign(jsonb_array_length($6::jsonb -> 1)), 0),
  max_age = ${maxAge},
  expires = CASE WHEN ${due} THEN ${expires} ELSE s.expires END,
  auth_at = CASE WHEN $17::boolean THEN ${NOW} ELSE s.auth_at END,
  hash = coalesce($14::text, s.hash),
  previous = coalesce($13::text, s.previous),
  previous_until = CASE WHEN $13::text IS NULL THEN s.previous_until ELSE ${after(NOW, '$15::float8')} END,
  rotated = CASE WHEN $13::text IS NULL THEN s.rotated ELSE ${NOW} END,
  epoch = coalesce($16::text, s.epoch),
  ops = CASE WHEN ${touch} THEN s.ops ELSE ${remembering} END,
  remembered = CASE WHEN ${touch} THEN s.remembered ELSE ${remembered} END
${from} WHERE ${LIVE} ${where}
  AND ($13::text IS NULL OR s.hash = $13)
  AND ($19::integer IS NULL OR s.version = $19)
  AND CASE WHEN ${touch} THEN ${due} ELSE ${isNew} END
  AND ($18::float8 IS NULL OR ${touch} OR s.remembered < ${REMEMBERED_OPS} OR split_part(split_part(s.ops, ' ', 1), '@', 2)::float8 < $18)
RETURNING ${answer(more)}`
}
