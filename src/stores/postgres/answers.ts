import { type Problem, printPath, valueAt } from '../../algebra/index.ts'
import type { Bytes } from '../../contract/bytes.ts'
import { lastOf, type StoredSession, UNREAD, withData } from '../../contract/record.ts'
import type { Access, Change, Held, Outline, Updated } from '../../contract/store.ts'
import { decode, revive } from '../shared/json.ts'
import type { Reading } from '../shared/oracle.ts'

/** A statement's own time: no other process's clock, and the same in all parts of the statement. */
export const NOW = 'statement_timestamp()::timestamptz(3)'
export const NOW_MS = millis(NOW)

export function millis(time: string): string {
  return `(date_part('epoch', ${time}) * 1000)::bigint`
}

/** One of the remembered operations with its time, counted from 1; `''` for 0. */
function operation(place: string): string {
  return `split_part(' ' || s.ops, ' ', ${place} + 1)`
}

/**
 * What a statement answers: a JSON list in one column. That costs less than ten columns, and the parsers that the application
 * has set for its own columns don't change it.
 */
export interface Answer<Name extends string> {
  /** The column's SQL. */
  readonly sql: string
  /** `bytes`: of all of it; undefined where the driver does not show the text. */
  // biome-ignore lint/suspicious/noExplicitAny: what JSON.parse gives
  readonly read: (list: unknown) => Record<Name, any> & { bytes: Bytes }
}

/** One list of names makes both: what the server puts into the list, and what is read out of it. */
function answer<Name extends string>(columns: Record<Name, string>): Answer<Name> {
  const names = Object.keys(columns) as Name[]
  return {
    sql: `json_build_array(${Object.values(columns).join(', ')})`,
    read: (list) => {
      // pg.native has no parsers for one query alone, so there the driver has read the JSON already.
      const values = typeof list === 'string' ? decode(list) : revive(list)
      const row = {} as ReturnType<Answer<Name>['read']>
      row.bytes = typeof list === 'string' ? list.length : undefined
      for (let i = 0; i < names.length; i++) row[names[i]!] = values[i]
      return row
    },
  }
}

/** Of its operations the last: few look at the others. */
const LAST = operation('s.remembered')

const RECORD = {
  now: NOW_MS,
  version: 's.version',
  expires: millis('s.expires'),
  created: millis('s.created'),
  maxAge: 's.max_age',
  authAt: millis('s.auth_at'),
  rotated: millis('s.rotated'),
  epoch: 's.epoch',
  device: 's.device',
  ops: LAST,
}

const SESSION = {
  ...RECORD,
  data: 's.data',
  id: 's.id',
  hash: 's.hash',
  previous: 's.previous',
  until: millis('s.previous_until'),
  kind: 's.previous_kind',
}

const CHANGE = {
  ...RECORD,
  // Not if nobody waits for the data, nor if the caller can compute them, from this version and the operation before this one.
  data: `CASE WHEN :wanted::boolean AND s.version || ' ' || split_part(${operation('s.remembered - :remembers::integer')}, '@', 1) IS DISTINCT FROM :held::text THEN s.data END`,
}

/** The session without its data, if they are the ones of the mark; see {@link markOf}. */
const HELD_SESSION = {
  ...SESSION,
  data: `CASE WHEN s.version || ' ' || split_part(${LAST}, '@', 1) || ' ' || ${millis('s.created')} IS DISTINCT FROM :held::text THEN s.data END`,
}

/** What names the data that somebody holds. */
export function markOf({ version, last, created }: Held): string {
  return `${version} ${last} ${created}`
}

/** The session as it is stored; with all of the operations that it remembers. */
export const STORED = answer(SESSION)
export const HELD = answer(HELD_SESSION)
export const REMEMBERED = answer({ ...SESSION, ops: 's.ops' })
/** The session after an update. */
export const UPDATED = answer(CHANGE)
/** The same, with the data before it. */
export const TAKEN = answer({ ...CHANGE, before: 'before.data' })
/** The ids of sessions, in their order. */
export const IDS = answer({ ids: "coalesce(json_agg(s.id ORDER BY s.id), '[]')" })
/** What is there of the table, see sql/complete.sql. */
export const COMPLETE = answer({ kind: '', columns: '', indexes: '', hasFunction: '' })
/** No row is answered. */
export const NONE = answer({})

type Stored = ReturnType<typeof STORED.read>
type Recorded = Record<keyof typeof RECORD, Stored['data']>

export function storedOf(row: Stored): Reading & { readonly stored: StoredSession } {
  const { now, data, id, hash, previous, until, kind, ops, bytes } = row
  return {
    now,
    stored: {
      ...timesFrom(id, row),
      data: data ?? UNREAD,
      hash,
      // A row from before the column tells no kind. Then the secret counts as ended, not as stolen.
      previous: previous === null ? null : { hash: previous, until, kind: kind ?? 'explicit' },
      ops: ops.split(' ').filter(Boolean),
      bytes,
    },
  }
}

/** What a stored session and its record have in common, without the data. */
function timesFrom(id: string, row: Recorded): Omit<Outline, 'last'> {
  const { version, created, expires, maxAge, authAt, rotated, epoch, device } = row
  const times = { id, version, created, expires, maxAge, authAt, rotated, epoch }
  return device === null ? times : { ...times, device: JSON.parse(device) }
}

/** The answer of an update that was applied for the live secret, or for the new one that it has set. */
export function updatedOf(
  row: ReturnType<typeof UPDATED.read> & { readonly before?: Stored['data'] },
  { id }: Access,
  change: Change,
  wanted: boolean,
): Updated {
  const { now, data, before, bytes } = row
  const record = { ...timesFrom(id, row), last: lastOf([row.ops]) }
  const secret = 'current'
  if (!wanted) return { outcome: 'done', record, secret, now }
  if (data === null) return { outcome: 'held', record, secret, now }
  const take = change.chain.commands.find(({ kind }) => kind === 'take')
  const taken = take && valueAt(before, take.path)
  return { outcome: 'changed', record: withData(record, data), secret, now, taken, bytes }
}

/** The function tells which command or condition it was. Its name and path are in the chain. */
export function problemOf(detail: string, { chain }: Change): Problem {
  const problem = JSON.parse(detail)
  if (problem.kind === 'size') return problem
  if (problem.kind === 'condition') return { kind: 'condition', path: printPath(chain.conditions[problem.index]!.path) }
  const { kind, path } = chain.commands[problem.index]!
  return { kind: 'type', command: kind, path: printPath(path), found: problem.found }
}
