import type { Command, Path, Value } from '../algebra/index.ts'
import { InvalidValueError, SessionUsageError } from '../errors/index.ts'

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
  /** What zod says of a key that a strict object does not have. */
  readonly code?: unknown
  readonly keys?: unknown
  /** What valibot (`never`) and arktype (`removed`) say of it. */
  readonly expected?: unknown
}

/**
 * Throws for a value that the schema refuses at its place, before any I/O. A session is never whole from its start, so
 * that only what is said of the place itself or of what lies within it counts: other fields may be missing.
 *
 * What a command makes of the data that are there (`inc`, `mul`, `rename`) can't be known before: of those only the place
 * is asked about, which a strict object may not have. A rule over several fields (a union of objects, a refinement of a
 * parent) can't be asked about either, because the other fields are not there to be seen.
 */
export function conform(commands: readonly Command[], schema: StandardSchema): void {
  for (const command of commands) {
    const place = written(command)
    const issue = place && issueAt(place, schema)
    if (!issue) continue
    const error = new InvalidValueError(place.path.join('.'), 'the schema refuses it (see error.issue)')
    // Its text may quote what a visitor has sent: it is there for who asks, and in no log.
    throw Object.defineProperty(error, 'issue', { value: issue.message, enumerable: false })
  }
}

interface Place {
  readonly path: Path
  /** Undefined where it is not known beforehand. */
  readonly value: Value | undefined
}

/** Where a command puts something, and what. */
function written(command: Command): Place | undefined {
  switch (command.kind) {
    case 'set':
    case 'min':
    case 'max':
      return command
    case 'push':
    case 'addToSet':
      return { path: command.path, value: command.values }
    case 'inc':
    case 'mul':
    case 'currentDate':
      return { path: command.path, value: undefined }
    case 'rename':
      return { path: command.to, value: undefined }
    default:
      return undefined
  }
}

function issueAt({ path, value }: Place, schema: StandardSchema): Issue | undefined {
  // A number in a path is an index where there is a list, else a key; only the schema knows which.
  if (!path.some(isIndex)) return issueOf(path, value, false, schema).issue
  // Only its own place is looked at: a list of a million empty ones need not be made for it.
  const near = path.map((key) => (isIndex(key) && Number(key) > LAST ? String(LAST) : key))
  const { issue, misread } = issueOf(near, value, true, schema)
  return misread ? issueOf(path, value, false, schema).issue : issue
}

function issueOf(
  path: Path,
  value: Value | undefined,
  lists: boolean,
  schema: StandardSchema,
): { issue: Issue | undefined; misread: boolean } {
  const issues = issuesOf(nested(path, value, lists), schema)
  const refuses = ({ path: at = [] }: Issue) => value !== undefined && at.length >= path.length && leads(path, at)
  const unknown = (issue: Issue) => isUnknown(issue, path)
  const above = ({ path: at = [] }: Issue) => at.length < path.length && leads(at, path)
  return {
    issue: issues.find((issue) => refuses(issue) || unknown(issue)),
    misread: issues.some((issue) => above(issue) && !unknown(issue)),
  }
}

/** The schema has no such key on the way to this place. It may say so of the object that would have it. */
function isUnknown({ path: at = [], code, keys, expected }: Issue, path: Path): boolean {
  if (at.length > path.length || !leads(at, path)) return false
  if (code === 'unrecognized_keys') return Array.isArray(keys) && keys.includes(path[at.length])
  return expected === 'never' || expected === 'removed'
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
  list[Number(key)] = child
  return list
}

const LAST = 1000
const isIndex = (key: string) => /^\d+$/.test(key)
const keyOf = (part: PropertyKey | { readonly key: PropertyKey }) => String(typeof part === 'object' ? part.key : part)

function leads(start: NonNullable<Issue['path']>, path: NonNullable<Issue['path']>): boolean {
  return start.every((part, i) => keyOf(part) === keyOf(path[i]!))
}
