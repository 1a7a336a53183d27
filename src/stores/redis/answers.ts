import { type Data, type Found, type Problem, printPath, type Value } from '../../algebra/index.ts'
import { recordOf, UNREAD } from '../../contract/record.ts'
import type { Access, Change, Updated } from '../../contract/store.ts'
import { decode } from '../shared/json.ts'
import type { Reading } from '../shared/oracle.ts'
import { type FixedList, fixedItem, hashOf, horizonOf, isMeta, type MetaList, storedFrom } from './stored.ts'

/**
 * What the script answers to `load` and `create`: only `now` if there is no session. `state` is a word for this state of the
 * session, and comes with the remembered `ops` before the last.
 */
export interface FoundAnswer {
  readonly now: number
  /** The key is another program's. */
  readonly foreign?: true
  readonly ops?: readonly (string | number)[]
  readonly state?: string
  readonly meta?: MetaList
  readonly data?: Data
  /** In place of the data: they are those that the caller holds. */
  readonly held?: true
  /** In place of the data, where places were named: what stands there; null for a list, an object, or nothing. */
  readonly values?: readonly Value[]
}

/** What the script answers to `update`. `clamped`: the index has kept the session from sliding all the way. */
export type UpdateAnswer =
  | ChangedAnswer
  | AppliedAnswer
  | RefusedAnswer
  | { readonly outcome: 'absent' | 'expired' | 'forgotten' }
  /** The secret is not the live one, or the change holds for one state of the session and it has another. */
  | { readonly outcome: 'other' }

/** Where no data come along. `last`: the last operation, if it is not this one. */
type AppliedAnswer = readonly [
  outcome: 'held' | 'done',
  now: number,
  version: number,
  expires: number,
  created: number,
  maxAge: number | null,
  fixed: FixedList,
  rest?: { readonly clamped?: true; readonly last?: string },
]

interface ChangedAnswer {
  readonly outcome: 'changed'
  readonly now: number
  readonly clamped?: true
  readonly meta: MetaList
  /** What the chain's `take` has found, in a list; absent for an operation that is sent again. */
  readonly taken?: readonly [Value?]
  readonly data: Data
}

/** `index` counts the chain's conditions or commands. */
type RefusedAnswer = { readonly outcome: 'refused' } & (
  | { readonly kind: 'size'; readonly bytes: number; readonly limit: number }
  | { readonly kind: 'condition'; readonly index: number }
  | { readonly kind: 'type'; readonly index: number; readonly found: Found }
)

/**
 * The object of a reply: JSON text; and if fields of its `data` are stored apart, a list of that text and then their
 * names and values in turn. For a change whose data nobody needs it is a list of JSON.
 */
// biome-ignore lint/suspicious/noExplicitAny: what JSON.parse gives
export function parse(reply: string | readonly string[]): any {
  if (typeof reply === 'string') return decode(reply)
  const [text, ...apart] = reply
  const answer = decode(text!)
  const fields: [string, Value][] = []
  for (let i = 0; i < apart.length; i += 2) fields.push([JSON.parse(apart[i]!), decode(apart[i + 1]!)])
  // Not by assignment: a field with the name __proto__ would give the data another prototype.
  return { ...answer, data: { ...answer.data, ...Object.fromEntries(fields) } }
}

/** What the oracle judges, and a word for this state of it, if that was asked for. */
export interface StateReading extends Reading {
  readonly state: string | undefined
  /** Until when the index has the session's values, null where nothing limits it. */
  readonly horizon: number | null
  /** What stands there is another program's. */
  readonly foreign: boolean
  /** What stands at the places that were named; the data are left out then. */
  readonly values: readonly Value[]
}

export function readingOf(id: string, answer: FoundAnswer): StateReading {
  const { now, state, meta, held, data = held ? UNREAD : {}, values = [] } = answer
  const foreign = answer.foreign === true || (meta !== undefined && !isMeta(meta))
  if (foreign || !meta) return { stored: undefined, now, state, horizon: null, foreign, values: [] }
  return {
    stored: storedFrom(id, { meta, data, ops: answer.ops }),
    now,
    state,
    horizon: horizonOf(meta),
    foreign,
    values,
  }
}

/** The answer of `Store.update`; undefined if the script leaves it to the oracle. */
export function updatedOf(answer: UpdateAnswer, access: Access, change: Change): Updated | undefined {
  if (isApplied(answer)) return appliedOf(answer, access, change)
  switch (answer.outcome) {
    case 'changed': {
      const { outcome, now, taken, meta } = answer
      const stored = storedFrom(access.id, answer)
      const { bytes } = stored
      // An operation that is sent again is answered without the proof, so its secret may be any.
      const live = hashOf(meta) === (change.rotation?.to ?? access.proof.hash ?? hashOf(meta))
      const secret = live ? 'current' : 'superseded'
      return { outcome, record: recordOf(stored), secret, now, bytes, ...(taken && { taken: taken[0] }) }
    }
    case 'refused':
      return { outcome: answer.outcome, problem: problemOf(answer, change) }
    case 'other':
      return undefined
    default:
      return answer
  }
}

/** Whether the change is applied, and the index has kept the session from sliding all the way. */
export function isClamped(answer: UpdateAnswer): boolean {
  if (isApplied(answer)) return answer[7]?.clamped === true
  return answer.outcome === 'changed' && answer.clamped === true
}

function isApplied(answer: UpdateAnswer): answer is AppliedAnswer {
  return Array.isArray(answer)
}

function appliedOf(answer: AppliedAnswer, { id }: Access, { op }: Change): Updated {
  const [outcome, now, version, expires, created, maxAge, fixed, rest] = answer
  const record = {
    id,
    version,
    created,
    expires,
    maxAge,
    authAt: fixedItem(fixed, 'authAt'),
    rotated: fixedItem(fixed, 'rotated'),
    epoch: fixedItem(fixed, 'epoch'),
    last: rest?.last ?? op,
  }
  const device = fixedItem(fixed, 'device')
  return { outcome, record: device ? { ...record, device } : record, secret: 'current', now }
}

function problemOf(answer: RefusedAnswer, { chain }: Change): Problem {
  switch (answer.kind) {
    case 'size':
      return { kind: answer.kind, bytes: answer.bytes, limit: answer.limit }
    case 'condition':
      return { kind: answer.kind, path: printPath(chain.conditions[answer.index]!.path) }
    case 'type': {
      const { kind, path } = chain.commands[answer.index]!
      return { kind: answer.kind, command: kind, path: printPath(path), found: answer.found }
    }
  }
}
