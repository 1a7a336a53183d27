import {
  type Chain,
  type Command,
  type Condition,
  type Data,
  indexOf,
  isDate,
  isList,
  isObject,
  type List,
  MAX_PADDING,
  type Path,
  printPath,
  pullsByFields,
  type Value,
  valueAt,
} from '../../algebra/index.ts'
import type { Document } from './client.ts'

/** An update in MongoDB's own operators, and what must hold of the document for them to mean what the oracle means. */
export interface Native {
  readonly filter: Document
  readonly update: Record<string, Document>
}

/** Above this an integer is not exact as a double, while MongoDB would go on counting in 64-bit integers. */
const EXACT = 2 ** 53

/** The numbers of the types that a session holds (https://www.mongodb.com/docs/manual/reference/bson-types/). */
const NUMBER = [1, 16, 18]
const OBJECT = 3
const ARRAY = 4
const DATE = 9
const NULL = 10
const TYPES = [...NUMBER, 2, OBJECT, ARRAY, 5, 7, 8, DATE, NULL]

/**
 * The chain as one update document, or undefined where MongoDB's operators mean something else for these values.
 *
 * Every clause of the filter is sound, not complete: where it matches, the operators do what the oracle does. Where it
 * does not, nothing is known yet, and the caller looks.
 */
export function compile(chain: Chain): Native | undefined {
  const bad: Document[] = []
  const good: Document[] = []
  const update: Record<string, Document> = {}
  for (const condition of chain.conditions) if (!compileCondition(condition, good, bad)) return undefined
  for (const command of chain.commands) {
    const compiled = compileCommand(command)
    if (!compiled) return undefined
    put(update, compiled, command.path)
    guard(command, good, bad)
  }
  return { filter: { ...(good.length > 0 && { $and: good }), ...(bad.length > 0 && { $nor: bad }) }, update }
}

/**
 * The chain for a document that holds exactly the data `before`, of which the oracle has made `after`. Nothing needs to
 * be guarded, and where an operator means something else the result itself is written.
 */
export function compileKnown(chain: Chain, before: Data, after: Data): Record<string, Document> {
  const update: Record<string, Document> = {}
  for (const command of chain.commands) {
    // What only changes what is there has nothing to do; an operator might fail on the way to it.
    if (EDITING.has(command.kind) && valueAt(before, command.path) === undefined) continue
    const result = valueAt(after, command.path)
    const native = COMPUTING.has(command.kind) ? undefined : compileCommand(command)
    put(update, native ?? (result === undefined ? ['$unset', 1] : ['$set', result]), command.path)
  }
  return update
}

/** They do nothing where nothing is. A command that is not among them writes there what the oracle makes of it. */
const EDITING: ReadonlySet<Command['kind']> = new Set(['unset', 'take', 'rename', 'pull', 'pullAll', 'pop'])

/** Their result is a number or a date, which is as short as the command. */
const COMPUTING: ReadonlySet<Command['kind']> = new Set(['inc', 'mul', 'min', 'max'])

/** Where a path of the session lies in the stored document. */
export function field(path: Path): string {
  return `data.${printPath(path)}`
}

function put(update: Record<string, Document>, [operator, value]: readonly [string, unknown], path: Path): void {
  update[operator] ??= {}
  update[operator][field(path)] = value
}

function compileCommand(command: Command): readonly [operator: string, value: unknown] | undefined {
  switch (command.kind) {
    case 'set':
      return ['$set', command.value]
    case 'unset':
    case 'take':
      return ['$unset', 1]
    case 'inc':
    case 'mul':
      return limitOf(command) >= 1 ? [`$${command.kind}`, command.by] : undefined
    case 'min':
    case 'max':
      return [`$${command.kind}`, command.value]
    case 'rename':
      return ['$rename', field(command.to)]
    case 'push':
      return ['$push', { $each: command.values, ...(command.slice !== undefined && { $slice: command.slice }) }]
    case 'addToSet':
      return comparable(command.values) ? ['$addToSet', { $each: command.values }] : undefined
    case 'pullAll':
      return compilePull(command.values)
    case 'pull':
      return pullsByFields(command) ? compileFields(command.value) : compilePull([command.value])
    case 'pop':
      return ['$pop', command.end]
    case 'currentDate':
      return ['$currentDate', true]
    default:
      // A command that is not here is computed by the oracle, by compare-and-set.
      return undefined
  }
}

/** Up to where a number may be for MongoDB's integers to count as doubles do. */
function limitOf({ kind, by }: { kind: 'inc' | 'mul'; by: number }): number {
  return kind === 'inc' ? EXACT - Math.abs(by) : EXACT / Math.max(1, Math.abs(by))
}

/**
 * What the command must and must not meet. MongoDB itself refuses most of this; other servers of its protocol take null
 * for nothing, or let a name be a list's index.
 *
 * A clause on a type also looks into a list that it meets. So what must be no list stands under `$nor` with all other
 * types, and what may be one is asked for by `$or`.
 */
function guard(command: Command, good: Document[], bad: Document[]): void {
  const { path } = command
  const at = field(path)
  switch (command.kind) {
    case 'unset':
    case 'take':
      bad.push(
        ...prefixes(path)
          .filter((_, i) => indexOf(path[i + 1]!) < 0)
          .map(list),
      )
      break
    case 'set':
    case 'currentDate':
      parents(path, good, bad)
      break
    case 'inc':
    case 'mul': {
      const limit = limitOf(command)
      bad.push(not(at, NUMBER), { [at]: { $gt: limit } }, { [at]: { $lt: -limit } })
      parents(path, good, bad)
      break
    }
    case 'min':
    case 'max':
      bad.push(not(at, isDate(command.value) ? [DATE] : NUMBER))
      parents(path, good, bad)
      break
    case 'rename':
      bad.push(...prefixes(path).map(list), ...prefixes(command.to).map(list))
      parents(command.to, good, bad)
      break
    default:
      good.push(missingOr(at, [ARRAY]))
      parents(path, good, bad)
  }
}

/** A parent that is there is an object, or where the next key is an index a list that reaches near it. */
function parents(path: Path, good: Document[], bad: Document[]): void {
  prefixes(path).forEach((at, i) => {
    const index = indexOf(path[i + 1]!)
    if (index >= 0 && index <= MAX_PADDING) good.push(missingOr(at, [OBJECT, ARRAY]))
    else bad.push(not(at, [OBJECT]))
  })
}

/** The fields above a path, outermost first. */
function prefixes(path: Path): string[] {
  return path.slice(1).map((_, i) => field(path.slice(0, i + 1)))
}

function not(at: string, types: readonly number[]): Document {
  return { [at]: { $type: TYPES.filter((type) => !types.includes(type)) } }
}

function missingOr(at: string, types: readonly number[]): Document {
  return { $or: [{ [at]: { $exists: false } }, { [at]: { $type: types } }] }
}

function list(at: string): Document {
  return { [at]: { $type: ARRAY } }
}

/** `$pull` takes a query, in which a value also matches a list that holds it. */
function compilePull(values: List): readonly [string, Document] | undefined {
  return values.every(isScalar) ? ['$pull', { $in: values, $not: { $type: ARRAY } }] : undefined
}

/**
 * In a query null also matches a field that is missing. Servers other than MongoDB's own take a number for the index of an
 * element that is a list.
 */
function compileFields(fields: Data): readonly [string, Document] | undefined {
  const entries = Object.entries(fields)
  const isPlain = ([key, value]: [string, Value]) => value !== null && isScalar(value) && indexOf(key) < 0
  if (entries.length === 0 || !entries.every(isPlain)) return undefined
  return ['$pull', Object.fromEntries(entries.map(([key, value]) => [key, { $eq: value, $not: { $type: ARRAY } }]))]
}

function isScalar(value: Value): boolean {
  return !isList(value) && !isObject(value)
}

function compileCondition({ path, value }: Condition, good: Document[], bad: Document[]): boolean {
  const at = field(path)
  if (value === undefined) {
    good.push({ [at]: { $exists: false } })
    return true
  }
  if (isList(value) || isObject(value) || path.some((key) => indexOf(key) >= 0)) return false
  good.push({ [at]: value === null ? { $type: NULL } : { $eq: value } })
  bad.push(...[...prefixes(path), at].map(list))
  return true
}

/** MongoDB compares objects with the order of their keys; with one key there is no order. */
function comparable(value: Value): boolean {
  if (isList(value)) return value.every(comparable)
  return !isObject(value) || (Object.keys(value).length === 1 && Object.values(value).every(comparable))
}
