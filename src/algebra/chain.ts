import type { Command } from './commands.ts'
import { indexOf, overlap, type Path, parsePath, printPath } from './path.ts'
import { Refusal } from './problem.ts'
import { sizeOf } from './size.ts'
import { copyValue, type Data, findBson, isObject, type Value } from './value.ts'

/** The value that must be at `path` for a chain to apply; `undefined`: there must be none. */
export interface Condition {
  readonly path: Path
  readonly value: Value | undefined
}

/** Commands that one atomic update applies, all of them or none, if every condition holds. Frozen plain data. */
export interface Chain {
  readonly conditions: readonly Condition[]
  readonly commands: readonly Command[]
}

/** The most commands, and the most conditions: more than any page has fields. The check for overlaps compares each pair. */
const MAX_PARTS = 256

export const EMPTY_CHAIN: Chain = Object.freeze({ conditions: Object.freeze([]), commands: Object.freeze([]) })

/** The chain with more commands at its end; throws a {@link Refusal} if two of them touch the same place. */
export function extend(chain: Chain, more: readonly Command[]): Chain {
  const commands = [...chain.commands]
  for (const command of more) {
    for (const path of places(command)) {
      for (const earlier of commands) {
        const other = places(earlier).find((place) => overlap(path, place))
        if (other) throw new Refusal({ kind: 'overlap', path: printPath(path), other: printPath(other) })
      }
    }
    if (command.kind === 'rename' && overlap(command.path, command.to)) {
      throw new Refusal({ kind: 'overlap', path: printPath(command.path), other: printPath(command.to) })
    }
    commands.splice(turnOf(command, commands), 0, command)
    assertFew(commands)
  }
  return Object.freeze({ conditions: chain.conditions, commands: Object.freeze(commands) })
}

/**
 * The position of a command among the others: in the order written, except that within a list the lower index comes
 * first. Otherwise the order in which a chain is written would decide whether it fails: a higher index fills the gap with
 * `null`, on which `inc` and `push` fail. MongoDB sorts them too (https://www.mongodb.com/docs/manual/reference/operator/update/).
 */
function turnOf(command: Command, others: readonly Command[]): number {
  const later = others.findIndex((other) => {
    const at = command.path.findIndex((key, i) => key !== other.path[i])
    const index = indexOf(command.path[at] ?? '')
    return index >= 0 && indexOf(other.path[at] ?? '') > index
  })
  return later < 0 ? others.length : later
}

export function condition(path: unknown, value: unknown): Condition {
  const at = parsePath(path)
  return Object.freeze({ path: at, value: value === undefined ? undefined : copyValue(value, path as string) })
}

/** What a visitor's value is compared with. One that is missing in a request must prove nothing, so it is refused. */
export function comparison(path: unknown, value: unknown, command: 'if' | 'takeIf'): Condition {
  const asked = condition(path, value)
  const refuse = (reason: string): never => {
    throw new Refusal({ kind: 'value', path: path as string, reason })
  }
  if (asked.value === undefined)
    refuse(`${command}() got undefined to compare with; ifMissing() asks for nothing being there`)
  if (asked.value === null && command === 'takeIf') refuse('takeIf() got null to compare with, which proves nothing')
  return asked
}

/** The chain with one more condition. All conditions are judged on the data before the chain. */
export function onlyIf(chain: Chain, condition: Condition): Chain {
  const conditions = [...chain.conditions, condition]
  assertFew(conditions)
  return Object.freeze({ conditions: Object.freeze(conditions), commands: chain.commands })
}

function assertFew({ length }: readonly unknown[]): void {
  if (length > MAX_PARTS) throw new Refusal({ kind: 'size', bytes: length, limit: MAX_PARTS })
}

/** The paths of every value that a command changes. */
export function places(command: Command): readonly Path[] {
  return command.kind === 'rename' ? [command.path, command.to] : [command.path]
}

/** Whether it is a `pull` with an object, which removes the elements that have these fields. */
export function pullsByFields(command: Command & { kind: 'pull' }): command is typeof command & { value: Data } {
  return isObject(command.value)
}

/** Whether the answer to this chain carries what one of its commands has removed. */
export function takes(chain: Chain): boolean {
  return chain.commands.some(({ kind }) => kind === 'take')
}

/** Whether any command can add data. A session above its limit can still be made smaller. */
export function canGrow(chain: Chain): boolean {
  return chain.commands.some(({ kind }) => !SHRINKING.has(kind))
}

const SHRINKING: ReadonlySet<Command['kind']> = new Set(['unset', 'take', 'pop', 'pull', 'pullAll'])

/** Roughly the bytes that a chain carries, and an upper bound of what it can add to a session. */
export function weigh(chain: Chain): number {
  let bytes = 0
  for (const command of chain.commands) {
    for (const path of places(command)) bytes += sizeOf(printPath(path)) + padding(path)
    bytes += 'value' in command ? sizeOf(command.value) : 'values' in command ? sizeOf(command.values) : 32
  }
  for (const { path, value } of chain.conditions)
    bytes += sizeOf(printPath(path)) + (value === undefined ? 0 : sizeOf(value))
  return bytes
}

/** The name of the first BSON type in what a command or a condition brings; undefined if there is none. */
export function bsonIn(part: Command | Condition): string | undefined {
  return 'value' in part ? findBson(part.value) : 'values' in part ? findBson(part.values) : undefined
}

/** An index past the end of a list fills the gap with `null`, which is five bytes of JSON for each. */
function padding(path: Path): number {
  return path.reduce((sum, key) => sum + (/^\d{1,4}$/.test(key) ? 5 * Number(key) : 0), 0)
}
