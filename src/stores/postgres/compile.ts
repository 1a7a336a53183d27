import { type Chain, type Command, type Path, pullsByFields, type Value } from '../../algebra/index.ts'
import { tag } from '../shared/json.ts'
import { NATIVE } from '../shared/oracle.ts'

/**
 * The chain as the server-side function takes it, JSON: `[conditions, commands]`, where a condition is `[path, value]`
 * or `[path]`, and a command `[name, path, …arguments]`. Keys and values are data of a bound parameter, never SQL.
 */
export function compile({ conditions, commands }: Chain): string {
  return JSON.stringify([
    conditions.map(({ path, value }) => (value === undefined ? [path] : [path, tag(value)])),
    commands.map(compileCommand),
  ])
}

/** What the server-side function knows. A chain with anything else is computed by the oracle, and its result is written. */
const KNOWN: ReadonlySet<string> = new Set(NATIVE)

export function knows({ commands }: Chain): boolean {
  return commands.every(({ kind }) => KNOWN.has(kind))
}

function compileCommand(command: Command): [name: string, path: Path, ...values: unknown[]] {
  const { kind, path } = command
  switch (command.kind) {
    case 'set':
    case 'min':
    case 'max':
      return [kind, path, tag(command.value)]
    case 'unset':
    case 'currentDate':
      return [kind, path]
    case 'take':
      // The update's answer carries what was there; to the function it is a removal.
      return ['unset', path]
    case 'inc':
    case 'mul':
      return [kind, path, command.by]
    case 'rename':
      return [kind, path, command.to]
    case 'push':
      return command.slice === undefined
        ? [kind, path, list(command.values)]
        : [kind, path, list(command.values), command.slice]
    case 'addToSet':
    case 'pullAll':
      return [kind, path, list(command.values)]
    case 'pull':
      return pullsByFields(command) ? ['pullFields', path, tag(command.value)] : ['pullAll', path, [tag(command.value)]]
    case 'pop':
      return [kind, path, command.end]
    default:
      throw new TypeError(`${kind} is not known to the server-side function`)
  }
}

function list(values: readonly Value[]): unknown[] {
  return values.map(tag)
}
