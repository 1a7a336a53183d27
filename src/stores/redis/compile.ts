import { type Chain, type Command, type Path, pullsByFields, type Value } from '../../command/index.ts'
import { tag } from '../json.ts'
import { NATIVE } from '../result.ts'

/**
 * The chain as the script takes it: five words for each condition and then for each command: what it is, the top-level
 * key, the path below it, and what goes with it. Every key, path and value is JSON text, which the script splices as it
 * is; `''` for what there is none of.
 */
export function compile({ conditions, commands }: Chain): string[] {
  const words: string[] = []
  for (const { path, value } of conditions)
    words.push('if', ...pathOf(path), value === undefined ? '' : json(value), '')
  for (const command of commands) words.push(...compileCommand(command))
  return words
}

/** What the script knows. A chain with anything else is computed by the oracle, and its result is written. */
const KNOWN: ReadonlySet<string> = new Set(NATIVE)

export function knows({ commands }: Chain): boolean {
  return commands.every(({ kind }) => KNOWN.has(kind))
}

type Words = [kind: string, key: string, path: string, value: string, extra: string]

function compileCommand(command: Command): Words {
  const { kind } = command
  const [key, path] = pathOf(command.path)
  switch (command.kind) {
    case 'set':
    case 'min':
    case 'max':
      return [kind, key, path, json(command.value), '']
    case 'unset':
    case 'take':
    case 'currentDate':
      return [kind, key, path, '', '']
    case 'inc':
    case 'mul':
      return [kind, key, path, json(command.by), '']
    case 'rename': {
      const [top, ...rest] = command.to
      return [kind, key, path, JSON.stringify(top), JSON.stringify(rest)]
    }
    case 'push':
      return [kind, key, path, json(command.values), command.slice === undefined ? '' : json(command.slice)]
    case 'addToSet':
    case 'pullAll':
      return [kind, key, path, json(command.values), '']
    case 'pull':
      return pullsByFields(command)
        ? ['pullFields', key, path, json(command.value), '']
        : ['pullAll', key, path, json([command.value]), '']
    case 'pop':
      return [kind, key, path, json(command.end), '']
    default:
      throw new TypeError(`${kind} is not known to the script`)
  }
}

/** A path as the script reads it: the top-level key, and the list of the keys below it. */
export function pathOf([top, ...rest]: Path): [key: string, path: string] {
  return [JSON.stringify(top), rest.length === 0 ? '' : JSON.stringify(rest)]
}

export function json(value: Value): string {
  return JSON.stringify(tag(value))
}
