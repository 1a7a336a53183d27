import type { Command, Path, Value } from './command/index.ts'
import { InvalidValueError, SessionUsageError } from './errors.ts'

/** What zod, valibot, arktype and others have in common (https://standardschema.dev), as far as it is used. */
export interface StandardSchema<Output = unknown> {
  readonly '~standard': {
    readonly version: 1
    readonly validate: (value: unknown) => unknown
    readonly types?: { readonly input: unknown; readonly output: Output } | undefined
  }
}

/** The data that a schema describes. */
export type OutputOf<S extends StandardSchema> = NonNullable<S['~standard']['types']>['output']

interface Issue {
  readonly message: string
  readonly path?: readonly (PropertyKey | { readonly key: PropertyKey })[] | undefined
}

/**
 * Throws for a value that the schema refuses at its place, before any I/O. A session is never whole from its start, so
 * that only what is said of the place itself or of what lies within it counts: other fields may be missing.
 *
 * What a command computes from the data that are there (`inc`, `mul`) can't be known before, and is not asked about.
 */
export function conform(commands: readonly Command[], schema: StandardSchema): void {
  for (const command of commands) {
    const value = written(command)
    if (value === undefined) continue
    const issue = issueAt(command.path, value, schema)
    if (!issue) continue
    const error = new InvalidValueError(command.path.join('.'), 'the schema refuses it (see error.issue)')
    // Its text may quote what a visitor has sent: it is there for who asks, and in no log.
    throw Object.defineProperty(error, 'issue', { value: issue.message, enumerable: false })
  }
}

/** What a command puts at its path, as far as it is known beforehand. */
function written(command: Command): Value | undefined {
  switch (command.kind) {
    case 'set':
    case 'min':
    case 'max':
      return command.value
    case 'push':
    case 'addToSet':
      return command.values
    default:
      return undefined
  }
}

function issueAt(path: Path, value: Value, schema: StandardSchema): Issue | undefined {
  // A number in a path is an index where there is a list, else a key; only the schema knows which.
  const asIndex = issuesOf(nested(path, value, true), schema)
  const misread = path.some(isIndex) && asIndex.some(({ path: at = [] }) => at.length < path.length && leads(at, path))
  const issues = misread ? issuesOf(nested(path, value, false), schema) : asIndex
  return issues.find(({ path: at = [] }) => at.length >= path.length && leads(path, at))
}

function issuesOf(value: unknown, schema: StandardSchema): readonly Issue[] {
  const result = schema['~standard'].validate(value) as { readonly issues?: readonly Issue[] } | Promise<unknown>
  if (result instanceof Promise) {
    result.catch(() => {})
    throw new SessionUsageError('The schema answers later: a session needs one that validates at once')
  }
  return result.issues ?? []
}

function nested(path: Path, value: unknown, lists: boolean): unknown {
  const [key, ...rest] = path
  if (key === undefined) return value
  const child = nested(rest, value, lists)
  if (!lists || !isIndex(key)) return { [key]: child }
  const list: unknown[] = []
  // Only its own place is looked at: a list of a million empty ones need not be made for it.
  list[Math.min(Number(key), 1000)] = child
  return list
}

const isIndex = (key: string) => /^\d+$/.test(key)
const keyOf = (part: PropertyKey | { readonly key: PropertyKey }) => String(typeof part === 'object' ? part.key : part)

function leads(start: NonNullable<Issue['path']>, path: NonNullable<Issue['path']>): boolean {
  return start.every((part, i) => keyOf(part) === keyOf(path[i]!))
}
