import type { Chain } from '../../algebra/index.ts'
import { tag } from '../shared/json.ts'
import { fits, flat } from './functions.ts'

/**
 * What jsonb's own operators compute as the oracle does: fields of the top that are set, one of them that a whole number
 * is added to, and one that a list is appended to. `shape` tells which of the last two, `values` are the statement's
 * last parameters.
 */
export interface Direct {
  readonly shape: Shape
  readonly values: readonly unknown[]
}

export type Shape = keyof typeof SHAPES

/** A statement for each: an expression that is not needed is made ready all the same. */
export const SHAPES = {
  set: { inc: false, push: false },
  inc: { inc: true, push: false },
  push: { inc: false, push: true },
  both: { inc: true, push: true },
} as const

/** Sums of whole numbers up to this are the same as doubles and as decimals. */
const MOST = 1e15
/** More elements than a list can have. */
const ENDLESS = 1e9

/** The chain as far as it alone can tell; what the session holds decides in the statement. */
export function directOf({ conditions, commands }: Chain): Direct | undefined {
  if (conditions.length > 0) return undefined
  const set: Record<string, unknown> = {}
  let inc: unknown[] | undefined
  let push: unknown[] | undefined
  for (const command of commands) {
    const [key, deeper] = command.path
    if (deeper !== undefined) return undefined
    if (command.kind === 'set') {
      set[key!] = tag(command.value)
    } else if (command.kind === 'inc' && !inc && Number.isInteger(command.by) && Math.abs(command.by) <= MOST) {
      inc = [key, command.by]
    } else if (command.kind === 'push' && !push) {
      const { values, slice = -ENDLESS } = command
      const room = Math.min(-slice, ENDLESS) - values.length
      if (room < 0) return undefined
      push = [key, JSON.stringify(values.map(tag)), room]
    } else {
      return undefined
    }
  }
  const shape = inc ? (push ? 'both' : 'inc') : push ? 'push' : 'set'
  return { shape, values: [JSON.stringify(set), ...(inc ?? []), ...(push ?? [])] }
}

/**
 * The data after the change, or what `otherwise` says where the session holds something else there: no whole number, no
 * list, a list that loses more than one element; or more bytes than `$limit` says. The parameters begin with `$first`.
 */
export function directSql(shape: Shape, limit: string, first: number, otherwise: string): string {
  const { inc, push } = SHAPES[shape]
  let next = first
  const parameter = (type: string) => `$${next++}::${type}`
  const types = [fits('data', limit)]
  const values = []
  const old = ['data']
  const fields = []
  const set = parameter('jsonb')
  if (inc) {
    const [key, by] = [parameter('text'), parameter('numeric')]
    old.push(`coalesce(data -> ${key}, '0') AS number`)
    types.push(`number BETWEEN '-${MOST}' AND '${MOST}'`)
    values.push('scale(number::numeric) = 0')
    fields.push(key, `number::numeric + ${by}`)
  }
  if (push) {
    const [key, added, room] = [parameter('text'), parameter('jsonb'), parameter('integer')]
    old.push(`coalesce(data -> ${key}, '[]') AS list`)
    types.push(`jsonb_typeof(list) = 'array'`)
    values.push(`jsonb_array_length(list) <= ${room} + 1`)
    fields.push(key, `CASE WHEN jsonb_array_length(list) > ${room} THEN list - 0 ELSE list END || ${added}`)
  }
  // Within an AND, PostgreSQL may begin with anything: what fails on other types is behind a CASE. OFFSET 0 keeps the
  // data unpacked where the planner would unpack them at every use.
  const applies = values.length > 0 ? `CASE WHEN ${types.join(' AND ')} THEN ${values.join(' AND ')} END` : types[0]
  return `(SELECT CASE
    WHEN ${applies}
    THEN data || ${set}${fields.length > 0 ? ` || jsonb_build_object(${fields.join(', ')})` : ''}
    ELSE ${otherwise} END
  FROM (SELECT ${old.join(', ')} FROM (SELECT ${flat('s.data')} AS data OFFSET 0) AS whole) AS old)`
}
