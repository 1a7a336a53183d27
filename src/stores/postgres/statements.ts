import { createHash } from 'node:crypto'
import { inOrder } from '../shared/named.ts'
import { type Answer, COMPLETE, HELD, IDS, millis, NONE, REMEMBERED, STORED, TAKEN, UPDATED } from './answers.ts'
import { SHAPES, type Shape } from './direct.ts'
import type { Parameters } from './parameters.ts'
import { BEFORE_SQL } from './sql/before.sql.ts'
import { CANDIDATES_SQL } from './sql/candidates.sql.ts'
import { CHANGE_SQL } from './sql/change.sql.ts'
import { COMPLETE_SQL } from './sql/complete.sql.ts'
import { CREATE_SQL } from './sql/create.sql.ts'
import { DESTROY_SQL } from './sql/destroy.sql.ts'
import { DESTROY_ALL_SQL } from './sql/destroy-all.sql.ts'
import { FIND_SQL } from './sql/find.sql.ts'
import { FUNCTION_SQL } from './sql/function.sql.ts'
import { LOAD_SQL } from './sql/load.sql.ts'
import { PAGE_SQL } from './sql/page.sql.ts'
import { PRUNE_SQL } from './sql/prune.sql.ts'
import { REMOVE_SQL } from './sql/remove.sql.ts'
import { THESE_SQL } from './sql/these.sql.ts'
import { UPDATE_SQL } from './sql/update.sql.ts'
import { WRITE_SQL } from './sql/write.sql.ts'

/** A prepared statement, whose rows are read as `Row`. Names are quoted; everything of a visitor's is a parameter. */
export interface Statement<Name extends string = string> {
  readonly name: string
  readonly text: string
  readonly read: Answer<Name>['read']
  /** The parameters in the order of the text's `$1`, `$2`, …; throws if one is missing. */
  readonly valuesOf: (parameters: Parameters) => unknown[]
}

export type Statements = ReturnType<typeof statements>

/** What the statements tell, and where: see listener.ts. */
export interface Telling {
  readonly channel: string
  /** Changes of the data, too. */
  readonly changes: boolean
}

/** The statements of one table. Without `telling` they are the same as if there were none. */
export function statements(schema: string, table: string, telling?: Telling) {
  const tell = tellingOf(telling)
  const SESSIONS = tableName(schema, table)
  const APPLY = functionName(schema)
  const DATA = FUNCTION_SQL({ APPLY })
  const update = { SESSIONS, DATA, FROM_BEFORE: '', ANSWER: UPDATED.sql }
  const change = (data: string) =>
    statement(CHANGE_SQL({ SESSIONS, DATA: data, ANSWER: UPDATED.sql }) + tell.changed, UPDATED)
  return {
    create: statement(CREATE_SQL({ SESSIONS, APPLY, ANSWER: STORED.sql }), STORED),
    load: statement(LOAD_SQL({ SESSIONS, ANSWER: STORED.sql }), STORED),
    /** The same, but for the data that the caller holds. */
    held: statement(LOAD_SQL({ SESSIONS, ANSWER: HELD.sql }), HELD),
    /** What `load` answers, and the operations that are remembered. */
    look: statement(LOAD_SQL({ SESSIONS, ANSWER: REMEMBERED.sql }), REMEMBERED),
    page: statement(PAGE_SQL({ SESSIONS, ANSWER: STORED.sql }), STORED),
    /** A change of the data and nothing else, by the function. */
    change: change(DATA),
    /** The same by jsonb's own operators, for chains of these shapes. */
    direct: {
      set: change(SHAPES.set({ OTHERWISE: DATA })),
      inc: change(SHAPES.inc({ OTHERWISE: DATA })),
      push: change(SHAPES.push({ OTHERWISE: DATA })),
      both: change(SHAPES.both({ OTHERWISE: DATA })),
    } satisfies Record<Shape, Statement>,
    update: statement(UPDATE_SQL(update) + tell.updated, UPDATED),
    /** The update whose answer carries the data before it. */
    take: statement(
      UPDATE_SQL({ ...update, FROM_BEFORE: BEFORE_SQL({ SESSIONS }), ANSWER: TAKEN.sql }) + tell.updated,
      TAKEN,
    ),
    /** What the oracle has made of a session that was read. */
    write: statement(WRITE_SQL({ SESSIONS }) + tell.written, NONE),
    destroy: statement(DESTROY_SQL({ SESSIONS }) + tell.removed, NONE),
    /** The removal of a session that was read and judged. */
    remove: statement(REMOVE_SQL({ SESSIONS }) + tell.removed, NONE),
    /** What is there of what `setup()` makes. */
    complete: statement(COMPLETE_SQL, COMPLETE),
    prune: statement(PRUNE_SQL({ SESSIONS }), NONE),
    these: statement(THESE_SQL({ SESSIONS, ANSWER: STORED.sql }), STORED),
    find: (field: string) => statement(FIND_SQL({ SESSIONS, FIELD: indexed(field), ANSWER: STORED.sql }), STORED),
    candidates: (field: string) => statement(CANDIDATES_SQL({ SESSIONS, FIELD: indexed(field), ANSWER: IDS.sql }), IDS),
    destroyAll: (field: string) =>
      statement(DESTROY_ALL_SQL({ SESSIONS, FIELD: indexed(field), WHICH: 'true' }) + tell.removed, NONE),
    destroyThese: (field: string) =>
      statement(
        DESTROY_ALL_SQL({ SESSIONS, FIELD: unindexed(field), WHICH: 'id = ANY (:ids::text[])' }) + tell.removed,
        NONE,
      ),
  }
}

/**
 * What stands at the end of a statement that tells. The message leaves with the commit: the hash of the id, when the
 * session began, and what has become of it.
 */
function tellingOf(telling: Telling | undefined) {
  if (!telling) return { changed: '', updated: '', written: '', removed: '' }
  const { channel, changes } = telling
  const notify = (s: string, what: string) =>
    `pg_notify('${channel}', encode(sha256(convert_to(${s}id, 'UTF8')), 'base64') || ' ' || ${millis(`${s}created`)} || ' ' || ${what})`
  const rotated = notify('s.', "'rotated'")
  const version = notify('s.', 's.version')
  const otherwise = (when: string) => (changes ? ` WHEN ${when} THEN ${version}` : '')
  return {
    changed: changes ? `, ${version}` : '',
    updated: `, CASE WHEN :epoch::text IS NOT NULL THEN ${rotated}${otherwise(':changes::integer > 0')} END`,
    written: ` RETURNING CASE WHEN :hash <> :wasHash AND :kind = 'explicit' THEN ${rotated}${otherwise(':version::integer <> :wasVersion::integer')} END`,
    removed: ` RETURNING ${notify('', "'gone'")}`,
  }
}

/** A quoted name or text, which may hold anything; a parameter, unlike the two colons of a cast; an end of line. */
const TOKEN = /"(?:[^"]|"")*"|'(?:[^']|'')*'|(?<!:):([A-Za-z]+)|\n\s*/g

/** One list of names makes both: the `$n` of the text, and the order of the values. */
function statement<Name extends string>(sql: string, { read }: Answer<Name>): Statement<Name> {
  const names: string[] = []
  const text = sql.trim().replace(TOKEN, (token, name?: string) => {
    if (name === undefined) return token[0] === '\n' ? '\n' : token
    if (!names.includes(name)) names.push(name)
    return `$${names.indexOf(name) + 1}`
  })
  return {
    // A connection may serve several tables, and a name stands for one text.
    name: `koa_atomic_session_${createHash('sha256').update(text).digest('base64url').slice(0, 12)}`,
    text,
    read,
    valuesOf: (parameters) => inOrder(names, parameters),
  }
}

export function quote(name: string): string {
  return `"${name.replaceAll('"', '""')}"`
}

export function tableName(schema: string, table: string): string {
  return `${quote(schema)}.${quote(table)}`
}

/** Its version is part of the name: one that is changed gets another, and stands beside the old one. */
export function functionName(schema: string): string {
  return `${quote(schema)}.koa_atomic_session_v4`
}

function literal(text: string): string {
  return `'${text.replaceAll("'", "''")}'`
}

/** What PostgreSQL compares for a field of `index`; the index must be made of just this expression. */
export function indexed(field: string): string {
  return `(data #> ${literal(`{${field.split('.').join(',')}}`)})`
}

/**
 * The same for sessions that are named by their ids. No index is of this form, so the planner can't take one that leads
 * to all sessions that hold the value.
 */
function unindexed(field: string): string {
  return `jsonb_extract_path(data, ${field.split('.').map(literal).join(', ')})`
}
