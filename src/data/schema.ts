import {
  commands as build,
  type Command,
  type Data,
  equal,
  isList,
  isObject,
  type Path,
  printPath,
  type Value,
} from '../algebra/index.ts'
import { InvalidValueError, SessionUsageError } from '../errors/index.ts'
import type { StandardSchema } from './standard.ts'
import { type Within, within } from './within.ts'

export type { OutputOf, StandardSchema } from './standard.ts'

interface Issue {
  readonly message: string
  readonly path?: readonly (PropertyKey | { readonly key: PropertyKey })[] | undefined
  /** What valibot (`never`) and arktype (`removed`) say of a key that a strict object does not have. */
  readonly expected?: unknown
}

/**
 * The commands with what the schema makes of their values: coerced, trimmed, transformed, without unknown keys where it
 * strips them. A command that writes an unknown key which the schema strips is left out. Those `judged` before stay.
 * Throws for what the schema refuses at its place, before any I/O.
 *
 * A session is never whole from its start, so each value is judged by the schema of its own place; other fields may be
 * missing. Rules and transforms over several fields are not asked there. Where a place can't be looked up (see
 * {@link within}), the whole must be valid with this value alone and without other changes, otherwise it is refused.
 *
 * What a command makes of the data that are there (`inc`, `mul`, `rename`) can't be known before: of those only the
 * place is asked about.
 */
export function conform(
  commands: readonly Command[],
  schema: StandardSchema,
  judged: readonly Command[] = [],
): readonly Command[] {
  return commands.flatMap((command) => (judged.includes(command) ? [command] : conformed(command, schema)))
}

function conformed(command: Command, schema: StandardSchema): Command[] {
  const { kind, path } = command
  switch (kind) {
    case 'set':
    case 'min':
    case 'max': {
      const value = outputOf(path, command.value, schema)
      return value === DROPPED ? [] : [build[kind](printPath(path), value)]
    }
    case 'push':
    case 'addToSet': {
      const values = outputOf(path, command.values, schema)
      if (values === DROPPED) return []
      const at = printPath(path)
      return [kind === 'push' ? build.push(at, values, command.slice) : build.addToSet(at, values)]
    }
    case 'inc':
    case 'mul':
    case 'currentDate':
      return accepts(path, schema) ? [command] : []
    case 'rename':
      return accepts(command.to, schema) ? [command] : refuse(command.to, 'unknown key')
    default:
      return [command]
  }
}

const DROPPED = Symbol('dropped')

/** What the schema makes of a value at a place. */
function outputOf(path: Path, value: Value, schema: StandardSchema): unknown {
  const at = within(schema, path)
  if (at === 'nothing') return refuse(path, 'nothing can be here')
  if (at === 'dropped') return DROPPED
  if (at === 'anything') return value
  if (at === undefined) return outputOfWhole(path, value, schema)
  const { issues, value: output } = validate(at, thawed(value))
  return issues ? refuse(path, issues[0]?.message) : output
}

/** Whether the schema has this place, for what is not known beforehand; false where it strips what is there. */
function accepts(path: Path, schema: StandardSchema): boolean {
  const at: Within = within(schema, path)
  if (at === 'nothing') return refuse(path, 'nothing can be here')
  if (at !== undefined) return at !== 'dropped'
  const { issues = [] } = validate(schema, nested(path, null))
  const unknown = issues.find((issue) => isUnknown(issue, path))
  return unknown ? refuse(path, unknown.message) : true
}

/** For a place that can't be looked up: the whole, with this value alone. */
function outputOfWhole(path: Path, value: Value, schema: StandardSchema): unknown {
  const { issues, value: whole } = validate(schema, nested(path, thawed(value)))
  if (issues) {
    const related = issues.find(({ path: at = [] }) => leads(at, path) || leads(path, at))
    return refuse(
      path,
      related?.message ?? `it can't be validated while other fields are missing: ${issues[0]?.message}`,
    )
  }
  const [output, rest] = split(whole, path)
  if (output === undefined) return DROPPED
  // Beside the value there may be defaults, which come without it, too.
  const without = validate(schema, nested(path.slice(0, -1), {}))
  const defaults = without.issues ? {} : split(without.value, path)[1]
  return equal(rest, defaults) || equal(rest, {}) ? output : refuse(path, 'it changes more than this path')
}

/** What is at a path, and all that is beside it. */
function split(data: unknown, [key, ...below]: Path): [at: unknown, rest: Data] {
  if (typeof data !== 'object' || data === null || !Object.hasOwn(data, key!)) return [undefined, (data ?? {}) as Data]
  const { [key!]: child, ...rest } = data as Record<string, unknown>
  if (below.length === 0) return [child, rest as Data]
  const [at, beside] = split(child, below)
  return [at, (equal(beside, {}) ? rest : { ...rest, [key!]: beside }) as Data]
}

function refuse(path: Path, issue = 'refused'): never {
  const error = new InvalidValueError(printPath(path), 'the schema refuses it (see error.issue)')
  // Its text may quote what a visitor has sent: it is there for who asks, and in no log.
  throw Object.defineProperty(error, 'issue', { value: issue, enumerable: false })
}

/**
 * The schema has no such key, or has refused an object on the way to it. zod says so of the object that would have the key,
 * the others of the key itself.
 */
function isUnknown({ path: at = [], expected }: Issue, path: Path): boolean {
  return leads(at, path) && (at.length < path.length || expected === 'never' || expected === 'removed')
}

interface Result {
  readonly issues?: readonly Issue[] | undefined
  readonly value?: unknown
}

function validate(schema: StandardSchema, value: unknown): Result {
  const result = schema['~standard'].validate(value) as Result | PromiseLike<Result>
  if ('then' in result) {
    result.then(undefined, () => {})
    throw new SessionUsageError('The schema validates asynchronously: a session needs one that validates synchronously')
  }
  return result
}

/** A copy that a schema may write on: arktype puts its results into what it was given. */
function thawed(value: Value): unknown {
  if (isList(value)) return value.map(thawed)
  if (isObject(value)) return Object.fromEntries(Object.entries(value).map(([key, child]) => [key, thawed(child)]))
  return value
}

function nested(path: Path, value: unknown): unknown {
  return path.reduceRight<unknown>((child, key) => ({ [key]: child }), value)
}

const keyOf = (part: PropertyKey | { readonly key: PropertyKey }) => String(typeof part === 'object' ? part.key : part)

function leads(start: NonNullable<Issue['path']>, path: NonNullable<Issue['path']>): boolean {
  return start.every((part, i) => i < path.length && keyOf(part) === keyOf(path[i]!))
}
