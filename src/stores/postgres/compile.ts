import { type Chain, type Command, type Path, pullsByFields, type Value } from '../../algebra/index.ts'
import { tag } from '../shared/json.ts'

/**
 * The chain as JSON for the function (sql/apply.sql): `[conditions, commands]`. A condition is `[path, value]` or `[path]`,
 * a command is `[name, path, …arguments]`. Keys and values are part of a bound parameter, never SQL.
 */
export function compile({ conditions, commands }: Chain): string {
  return JSON.stringify([
    conditions.map(({ path, value }) => (value === undefined ? [path] : [path, tag(value)])),
    commands.map(compileCommand),
  ])
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
      // The update's answer carries the data before; to the function it is a removal.
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
