import { createHash } from 'node:crypto'
import { REMEMBERED_OPS } from '../../store.ts'
import { functionSql } from './functions.ts'

/** The texts of a table's statements. Names are quoted; everything of a visitor's travels as a parameter. */
export interface Statements {
  readonly create: Statement
  readonly load: Statement
  /** The live sessions whose ids come after one, so many of them. */
  readonly page: Statement
  readonly update: Statement
  /** The same update, with the data before it. */
  readonly take: Statement
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
const ms = (time: string) => `(extract(epoch FROM ${time}) * 1000)::bigint`
const after = (time: string, duration: string) => `${time} + ${duration} * interval '1 millisecond'`

/**
 * All that is stored, as one column of JSON: one column costs the answer less than thirteen, and no parser that the
 * application has set for its own columns comes in between.
 */
const STORED = `json_build_array(${ms(NOW)}, s.version, ${ms('s.expires')}, ${ms('s.created')}, s.max_age, ${ms('s.auth_at')},
  ${ms('s.rotated')}, s.epoch, s.hash, s.previous, ${ms('s.previous_until')}, s.ops, s.id, s.data`

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
  ops text[] NOT NULL
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
  const update = updateSql(qualified, apply)
  return {
    create: named(`INSERT INTO ${qualified} AS s
  (id, hash, data, version, created, expires, max_age, auth_at, rotated, epoch, ops)
  VALUES ($1, $2, CASE WHEN $8::jsonb IS NULL THEN $3::jsonb ELSE ${apply}($3::jsonb, $8::jsonb, ${ms(NOW)}, NULL) END, 1, coalesce(${after('to_timestamp(0)', '$4::float8')}, ${NOW}),
    ${after(NOW, 'coalesce($5::float8, $6::float8)')}, $5, CASE WHEN $7::boolean THEN ${NOW} END, ${NOW}, '', '{}')
  ON CONFLICT DO NOTHING RETURNING ${STORED}) AS answer`),
    load: named(`SELECT ${STORED}) AS answer FROM ${qualified} AS s WHERE s.id = $1`),
    page: named(
      `SELECT ${STORED}) AS answer FROM ${qualified} AS s WHERE s.id > $1 AND s.expires > ${NOW} ORDER BY s.id LIMIT $2`,
    ),
    update: named(update('', '', '')),
    // The row is locked before it is read, so that what is read is what the update removes from.
    take: named(
      update(
        `FROM (SELECT id, data FROM ${qualified} WHERE id = $1 FOR UPDATE) AS before`,
        'AND s.id = before.id',
        ', before.data',
      ),
    ),
    destroy: named(`DELETE FROM ${qualified} AS s WHERE ${live('s.previous = $2')}`),
    prune: named(`DELETE FROM ${qualified} WHERE id IN (
  SELECT id FROM ${qualified} WHERE expires <= ${NOW} ORDER BY expires LIMIT $1 FOR UPDATE SKIP LOCKED)`),
    find: (field) =>
      named(
        `SELECT ${STORED}) AS answer FROM ${qualified} AS s WHERE ${expression(field)} = $1::jsonb AND s.expires > ${NOW}`,
      ),
    destroyAll: (field) =>
      named(`DELETE FROM ${qualified} WHERE ${expression(field)} = $1::jsonb AND id IS DISTINCT FROM $2`),
  }
}

/** `$1` id, `$2` the secret's hash or null, `$3` else the record's `created`, `$4` the longest lifetime or null. */
const live = (previous: string) => `s.id = $1 AND s.expires > ${NOW}
  AND ($2::text IS NULL OR s.hash = $2 OR (${previous}))
  AND ($3::float8 IS NULL OR s.created = ${after('to_timestamp(0)', '$3::float8')})
  AND ($4::float8 IS NULL OR ${after('s.created', '$4::float8')} > ${NOW})`

/**
 * `$5` operation id, `$6` chain or null, `$7` the application's idle time, `$8` the session's own (null: as it is,
 * negative: none), `$9` the least slide, `$10` to `$13` the rotation's from, to, grace and epoch or null, `$14`
 * authenticated, `$15` the largest size that may grow or null, `$16` the version after the change if the caller holds
 * the data, `$17` whether anybody waits for the answer, `$18` since when it may have been sent before or null,
 * `$19` the only version that it may apply to or null.
 */
function updateSql(qualified: string, apply: string): (from: string, where: string, more: string) => string {
  const maxAge = `CASE WHEN $8::float8 IS NULL THEN s.max_age WHEN $8 >= 0 THEN $8 END`
  const expires = after(NOW, `coalesce(${maxAge}, $7::float8)`)
  const due = `($8::float8 IS NOT NULL OR ${expires} - s.expires >= $9::float8 * interval '1 millisecond')`
  // Not before the last one, though this statement may have begun before it and then waited for the row.
  const op = `($5::text || '@' || greatest(${ms(NOW)}, split_part(s.ops[cardinality(s.ops)], '@', 2)::bigint))`
  const touch = `($6::jsonb IS NULL AND $10::text IS NULL AND NOT $14::boolean)`
  return (from, where, more) => `UPDATE ${qualified} AS s SET
  data = CASE WHEN $6::jsonb IS NULL THEN s.data ELSE ${apply}(s.data, $6::jsonb, ${ms(NOW)}, $15::integer) END,
  version = s.version + coalesce(sign(jsonb_array_length($6::jsonb -> 1)), 0),
  max_age = ${maxAge},
  expires = CASE WHEN ${due} THEN ${expires} ELSE s.expires END,
  auth_at = CASE WHEN $14::boolean THEN ${NOW} ELSE s.auth_at END,
  hash = coalesce($11::text, s.hash),
  previous = coalesce($10::text, s.previous),
  previous_until = CASE WHEN $10::text IS NULL THEN s.previous_until ELSE ${after(NOW, '$12::float8')} END,
  rotated = CASE WHEN $10::text IS NULL THEN s.rotated ELSE ${NOW} END,
  epoch = coalesce($13::text, s.epoch),
  ops = CASE WHEN ${touch} THEN s.ops WHEN cardinality(s.ops) < ${REMEMBERED_OPS} THEN s.ops || ${op} ELSE s.ops[2:] || ${op} END
${from} WHERE ${live(`s.previous = $2 AND s.previous_until > ${NOW}`)} ${where}
  AND ($10::text IS NULL OR s.hash = $10)
  AND ($19::integer IS NULL OR s.version = $19)
  AND CASE WHEN ${touch} THEN ${due} ELSE NOT EXISTS (SELECT FROM unnest(s.ops) AS o WHERE starts_with(o, $5 || '@')) END
  AND ($18::float8 IS NULL OR ${touch} OR cardinality(s.ops) < ${REMEMBERED_OPS} OR split_part(s.ops[1], '@', 2)::float8 < $18)
RETURNING CASE
  WHEN NOT $17::boolean THEN json_build_array(${ms(NOW)}, s.version, ${ms('s.expires')}, NULL, s.max_age, NULL, NULL, NULL, s.hash)
  WHEN s.version = $16::integer THEN json_build_array(${ms(NOW)}, s.version, ${ms('s.expires')})
  ELSE ${STORED}${more}) END AS answer`
}
