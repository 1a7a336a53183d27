import type { Chain } from '../../command/index.ts'
import { tag } from '../json.ts'

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
 * list, a list that loses more than one element, more bytes than `fits` allows. The parameters begin with `$first`.
 */
export function directSql(shape: Shape, first: number, fits: string, otherwise: string): string {
  const { inc, push } = SHAPES[shape]
  let next = first
  const parameter = (type: string) => `$${next++}::${type}`
  // The casts fail on other types, and only CASE is sure to evaluate what comes first first.
  const types = [fits]
  const values = []
  const fields = []
  const set = parameter('jsonb')
  if (inc) {
    const key = parameter('text')
    const old = `coalesce(s.data -> ${key}, '0')`
    types.push(`${old} BETWEEN '-${MOST}' AND '${MOST}'`)
    values.push(`scale((${old})::numeric) = 0`)
    fields.push(key, `(${old})::numeric + ${parameter('numeric')}`)
  }
  if (push) {
    const key = parameter('text')
    const old = `coalesce(s.data -> ${key}, '[]')`
    const [added, room] = [parameter('jsonb'), parameter('integer')]
    types.push(`jsonb_typeof(${old}) = 'array'`)
    values.push(`jsonb_array_length(${old}) <= ${room} + 1`)
    fields.push(key, `CASE WHEN jsonb_array_length(${old}) > ${room} THEN ${old} - 0 ELSE ${old} END || ${added}`)
  }
  const applies = values.length > 0 ? `CASE WHEN ${types.join(' AND ')} THEN ${values.join(' AND ')} END` : types[0]
  const data = fields.length > 0 ? `s.data || ${set} || jsonb_build_object(${fields.join(', ')})` : `s.data || ${set}`
  return `CASE WHEN ${applies} THEN ${data} ELSE ${otherwise} END`
}
