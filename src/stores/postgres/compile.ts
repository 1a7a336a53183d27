import { type Chain, type Command, indexOf, type Path, pullsByFields, type Value } from '../../algebra/index.ts'
import { tag } from '../shared/json.ts'

/**
 * The chain as JSON for the function (sql/apply.sql): `[conditions, commands]`. A condition is `[path, value]` or `[path]`,
 * a command is `[index, name, path, …arguments]`. Keys and values are part of a bound parameter, never SQL. Commands are
 * sorted by their paths, so the function opens each value once; of several that fail it tells the lowest index.
 */
export function compile({ conditions, commands }: Chain): string {
  return JSON.stringify([
    conditions.map(({ path, value }) => (value === undefined ? [path] : [path, tag(value)])),
    commands
      .flatMap((command, i) => compileCommand(command).map((compiled): Indexed => [i, ...compiled]))
      .sort(([, , a], [, , b]) => compare(a, b)),
  ])
}

type Compiled = readonly [name: string, path: Path, ...values: unknown[]]
type Indexed = readonly [index: number, ...Compiled]

/** Indexes of a list by their number, before all other keys. */
function compare(a: Path, b: Path): number {
  const at = a.findIndex((key, i) => key !== b[i])
  const [one = '', other = ''] = [a[at], b[at]]
  const [index, otherIndex] = [indexOf(one), indexOf(other)]
  if (index >= 0 && otherIndex >= 0) return index - otherIndex
  if (index >= 0 || otherIndex >= 0) return otherIndex - index
  return one < other ? -1 : one > other ? 1 : 0
}

function compileCommand(command: Command): Compiled[] {
  const { kind, path } = command
  switch (command.kind) {
    case 'set':
    case 'min':
    case 'max':
      return [[kind, path, tag(command.value)]]
    case 'unset':
    case 'currentDate':
      return [[kind, path]]
    case 'take':
      // The update's answer carries the data before; to the function it is a removal.
      return [['unset', path]]
    case 'inc':
    case 'mul':
      return [[kind, path, command.by]]
    case 'rename':
      return [
        ['unset', path],
        [kind, command.to, path],
      ]
    case 'push':
      return [[kind, path, list(command.values), ...(command.slice === undefined ? [] : [command.slice])]]
    case 'addToSet':
    case 'pullAll':
      return [[kind, path, list(command.values)]]
    case 'pull':
      return [
        pullsByFields(command) ? ['pullFields', path, tag(command.value)] : ['pullAll', path, [tag(command.value)]],
      ]
    case 'pop':
      return [[kind, path, command.end]]
    default:
      throw new TypeError(`${kind} is not known to the server-side function`)
  }
}

function list(values: readonly Value[]): unknown[] {
  return values.map(tag)
}
