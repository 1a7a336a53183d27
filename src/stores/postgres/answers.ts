import { type Problem, printPath, valueAt } from '../../algebra/index.ts'
import type { Access, Change, SessionRecord, Updated } from '../../contract/store.ts'
import type { StoredSession } from '../../contract/transition.ts'
import { revive } from '../shared/json.ts'

export interface Found {
  readonly now: number
  readonly stored: StoredSession
}

/** Where an answer has the time until which the session lives. */
export const EXPIRES = 2

// biome-ignore lint/suspicious/noExplicitAny: what JSON.parse gives
export function read(answer: string): any[] {
  const row = JSON.parse(answer)
  return answer.includes('"$date"') ? revive(row) : row
}

export function storedOf(answer: string): Found {
  const row = read(answer)
  const [now, , , , , , , , , id, hash, previous, until, ops = ''] = row
  return {
    now,
    stored: {
      ...recordFrom(id, row),
      hash,
      previous: previous === null ? null : { hash: previous, until },
      ops: ops.split(' ').slice(0, -1),
    },
  }
}

// biome-ignore lint/suspicious/noExplicitAny: what JSON.parse gives
function recordFrom(id: string, row: any[]): SessionRecord {
  const [, version, expires, created, maxAge, authAt, rotated, epoch, data] = row
  return { id, data, version, created, expires, maxAge, authAt, rotated, epoch }
}

// biome-ignore lint/suspicious/noExplicitAny: what JSON.parse gives
export function answerOf(row: any[], { id, proof }: Access, change: Change, wanted: boolean): Updated {
  const [now, version, expires, , maxAge, , , , data, current, before] = row
  const grace = 'hash' in proof && !change.rotation && !current
  if (!wanted) return { outcome: 'done', expires, maxAge, grace, now }
  if (data === null) return { outcome: 'held', version, expires, now }
  const take = change.chain.commands.find(({ kind }) => kind === 'take')
  const taken = take && valueAt(before, take.path)
  return { outcome: 'changed', record: recordFrom(id, row), grace, now, taken }
}

/** The function tells which command or condition it was; what that is called stands in the chain. */
export function problemOf(detail: string, { chain }: Change): Problem {
  const problem = JSON.parse(detail)
  if (problem.kind === 'size') return problem
  if (problem.kind === 'condition') return { kind: 'condition', path: printPath(chain.conditions[problem.index]!.path) }
  const { kind, path } = chain.commands[problem.index]!
  return { kind: 'type', command: kind, path: printPath(path), found: problem.found }
}
