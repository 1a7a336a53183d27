import { type Chain, type Command, type Path, pullsByFields } from '../../algebra/index.ts'
import { encode } from '../shared/json.ts'

/**
 * Adds a chain to the words for the script: five for each condition, and then five for each command. They are its kind,
 * the top-level key, the path below it, and two that depend on the kind. Keys, paths and values are JSON text, which the
 * script splices as it is. `''` stands for an absent word.
 */
export function compile({ conditions, commands }: Chain, words: string[] = []): string[] {
  for (const { path, value } of conditions) {
    words.push('if', keyOf(path), restOf(path), value === undefined ? '' : encode(value), '')
  }
  for (const command of commands) {
    const [kind, value, extra] = compileCommand(command)
    words.push(kind, keyOf(command.path), restOf(command.path), value, extra)
  }
  return words
}

function compileCommand(command: Command): [kind: string, value: string, extra: string] {
  const { kind } = command
  switch (command.kind) {
    case 'set':
    case 'min':
    case 'max':
      return [kind, encode(command.value), '']
    case 'unset':
    case 'take':
    case 'currentDate':
      return [kind, '', '']
    case 'inc':
    case 'mul':
      return [kind, encode(command.by), '']
    case 'rename':
      return [kind, keyOf(command.to), JSON.stringify(command.to.slice(1))]
    case 'push':
      return [kind, encode(command.values), command.slice === undefined ? '' : encode(command.slice)]
    case 'addToSet':
    case 'pullAll':
      return [kind, encode(command.values), '']
    case 'pull':
      return pullsByFields(command)
        ? ['pullFields', encode(command.value), '']
        : ['pullAll', encode([command.value]), '']
    case 'pop':
      return [kind, encode(command.end), '']
    default:
      throw new TypeError(`${kind} is not known to the script`)
  }
}

/** The top-level key of a path. */
function keyOf(path: Path): string {
  return JSON.stringify(path[0])
}

/** The list of the keys below it, `''` for none. */
function restOf(path: Path): string {
  return path.length === 1 ? '' : JSON.stringify(path.slice(1))
}
