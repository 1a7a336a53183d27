import { type Chain, type Command, type Data, type Path, pullsByFields, type Value } from '../../command/index.ts'
import { tag } from '../json.ts'
import { NATIVE } from '../result.ts'

/** Strings and lists, which JSON and Lua read alike. */
export type Argument = string | readonly Argument[]

/**
 * The chain as the script takes it: `[conditions, commands]`, where a condition is `[path, value]` or `[path]`, and a
 * command `[name, path, …arguments]`. A path is the top-level key, then the keys below it as JSON texts; every value is a
 * JSON text too, which the script splices as it is: a Lua table could not tell `[]` from `{}`.
 */
export function compile({ conditions, commands }: Chain): Argument {
  return [
    conditions.map(({ path, value }) => (value === undefined ? [pathOf(path)] : [pathOf(path), json(value)])),
    commands.map(compileCommand),
  ]
}

/** What the script knows. A chain with anything else is computed by the oracle, and its result is written. */
const KNOWN: ReadonlySet<string> = new Set(NATIVE)

export function knows({ commands }: Chain): boolean {
  return commands.every(({ kind }) => KNOWN.has(kind))
}

function compileCommand(command: Command): [name: string, path: Argument, ...values: Argument[]] {
  const { kind } = command
  const path = pathOf(command.path)
  switch (command.kind) {
    case 'set':
    case 'min':
    case 'max':
      return [kind, path, json(command.value)]
    case 'unset':
    case 'take':
    case 'currentDate':
      return [kind, path]
    case 'inc':
    case 'mul':
      return [kind, path, json(command.by)]
    case 'rename':
      return [kind, path, pathOf(command.to)]
    case 'push':
      return command.slice === undefined
        ? [kind, path, command.values.map(json)]
        : [kind, path, command.values.map(json), json(command.slice)]
    case 'addToSet':
    case 'pullAll':
      return [kind, path, command.values.map(json)]
    case 'pull':
      return pullsByFields(command)
        ? ['pullFields', path, fieldsOf(command.value)]
        : ['pullAll', path, [json(command.value)]]
    case 'pop':
      return [kind, path, json(command.end)]
    default:
      throw new TypeError(`${kind} is not known to the script`)
  }
}

/** A path as the script reads it. */
export function pathOf([top, ...rest]: Path): Argument {
  return [top!, ...rest.map((key) => JSON.stringify(key))]
}

function fieldsOf(fields: Data): Argument {
  return Object.entries(fields).map(([key, value]) => [JSON.stringify(key), json(value)])
}

export function json(value: Value): string {
  return JSON.stringify(tag(value))
}
