import type { Chain } from '../../algebra/index.ts'
import { tag } from '../shared/json.ts'
import type { Parameters } from './parameters.ts'
import { BOTH_SQL } from './sql/both.sql.ts'
import { INC_SQL } from './sql/inc.sql.ts'
import { PUSH_SQL } from './sql/push.sql.ts'
import { SET_SQL } from './sql/set.sql.ts'

/**
 * What jsonb's own operators compute as the oracle does: fields of the top are set, a whole number is added to one, and a
 * list is appended to one. Each shape is a statement of its own, because an expression that is not needed is made ready
 * all the same.
 */
export const SHAPES = { set: SET_SQL, inc: INC_SQL, push: PUSH_SQL, both: BOTH_SQL }

export type Shape = keyof typeof SHAPES

export interface Direct {
  readonly shape: Shape
  readonly parameters: Parameters
}

/** Sums of whole numbers up to this are the same as doubles and as decimals. */
const MOST = 1e15
/** More elements than a list can have. */
const ENDLESS = 1e9

/** The chain as far as it alone can tell. Whether the session holds the right values is judged in the statement. */
export function directOf({ conditions, commands }: Chain): Direct | undefined {
  if (conditions.length > 0) return undefined
  const set: Record<string, unknown> = {}
  let inc: Parameters | undefined
  let push: Parameters | undefined
  for (const command of commands) {
    const [key, deeper] = command.path
    if (deeper !== undefined) return undefined
    if (command.kind === 'set') {
      set[key!] = tag(command.value)
    } else if (command.kind === 'inc' && !inc && Number.isInteger(command.by) && Math.abs(command.by) <= MOST) {
      inc = { counter: key, by: command.by }
    } else if (command.kind === 'push' && !push) {
      const { values, slice = -ENDLESS } = command
      const room = Math.min(-slice, ENDLESS) - values.length
      if (room < 0) return undefined
      push = { list: key, added: JSON.stringify(values.map(tag)), room }
    } else {
      return undefined
    }
  }
  const shape = inc ? (push ? 'both' : 'inc') : push ? 'push' : 'set'
  return { shape, parameters: { set: JSON.stringify(set), ...inc, ...push } }
}
