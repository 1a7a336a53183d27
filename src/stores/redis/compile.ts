import { type Chain, type Command, type Path, pullsByFields, type Value } from '../../algebra/index.ts'
import { tag } from '../shared/json.ts'
import { NATIVE } from '../shared/oracle.ts'

/**
 * Adds a chain to what the script is told: five words for each condition and then for each command: what it is, the
 * top-level key, the path below it, and what goes with it. Every key, path and value is JSON text, which the script
 * splices as it is; `''` for what there is none of.
 */
export function compile({ conditions, commands }: Chain, words: string[] = []): string[] {
  for (const { path, value } of conditions) {
    words.push('if', keyOf(path), restOf(path), value === undefined ? '' : json(value), '')
  }
  for (const command of commands) {
    const [kind, value, extra] = compileCommand(command)
    words.push(kind, keyOf(command.path), restOf(command.path), value, extra)
  }
  return words
}

/** What the script knows. A chain with anything else is computed by the oracle, and its result is written. */
const KNOWN: ReadonlySet<string> = new Set(NATIVE)

export function knows({ commands }: Chain): boolean {
  return commands.every(({ kind }) => KNOWN.has(kind))
}

function compileCommand(command: Command): [kind: string, value: string, extra: string] {
  const { kind } = command
  switch (command.kind) {
    case 'set':
    case 'min':
    case 'max':
      return [kind, json(command.value), '']
    case 'unset':
    case 'take':
    case 'currentDate':
      return [kind, '', '']
    case 'inc':
    case 'mul':
      return [kind, json(command.by), '']
    case 'rename':
      return [kind, keyOf(command.to), JSON.stringify(command.to.slice(1))]
    case 'push':
      return [kind, json(command.values), command.slice === undefined ? '' : json(command.slice)]
    case 'addToSet':
    case 'pullAll':
      return [kind, json(command.values), '']
    case 'pull':
      return pullsByFields(command) ? ['pullFields', json(command.value), ''] : ['pullAll', json([command.value]), '']
    case 'pop':
      return [kind, json(command.end), '']
    default:
      throw new TypeError(`${kind} is not known to the script`)
  }
}

/** The top-level key of a path. */
function keyOf(path: Path): string {
  return JSON.stringify(path[0])
}

/** The list of the keys below it. */
function restOf(path: Path): string {
  return path.length === 1 ? '' : JSON.stringify(path.slice(1))
}

export function json(value: Value): string {
  return JSON.stringify(tag(value))
}
