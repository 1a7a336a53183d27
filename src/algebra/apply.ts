import { canonical } from './canonical.ts'
import { type Chain, pullsByFields } from './chain.ts'
import type { Command } from './commands.ts'
import { Draft, type Wrong } from './draft.ts'
import { indexOf, type Path, printPath } from './path.ts'
import { type Found, type Problem, Refusal } from './problem.ts'
import { type Data, equal, isDate, isList, isObject, type List, typeOf, type Value } from './value.ts'

/** What a chain makes of a session's data, or why it applies nothing. `taken` is what `take` removed. */
export type Applied =
  | { readonly ok: true; readonly data: Data; readonly taken: Value | undefined }
  | { readonly ok: false; readonly problem: Problem }

/**
 * The meaning of every command: what each store must do with a chain. Pure: it does not change the given data, and shares
 * with the result whatever the chain does not touch. `now` is the store's clock, in milliseconds, for `currentDate`.
 */
export function apply(data: Data, chain: Chain, now: number): Applied {
  for (const { path, value } of chain.conditions) {
    if (!equal(valueAt(data, path), value)) return { ok: false, problem: { kind: 'condition', path: printPath(path) } }
  }
  try {
    let taken: Value | undefined
    const draft = new Draft(data)
    for (const command of chain.commands) {
      if (command.kind === 'take') taken = valueAt(data, command.path)
      run(draft, command, now)
    }
    return { ok: true, data: draft.data, taken }
  } catch (error) {
    if (error instanceof Refusal) return { ok: false, problem: error.problem }
    throw error
  }
}

/** The value at a path, or undefined if there is none. */
export function valueAt(data: Data, path: Path): Value | undefined {
  let node: Value | undefined = data
  for (const key of path) {
    if (isObject(node)) node = Object.hasOwn(node, key) ? node[key] : undefined
    else if (isList(node)) node = node[indexOf(key)]
    else return undefined
  }
  return node
}

function run(draft: Draft, command: Command, now: number): Draft {
  const { kind, path } = command
  const wrong = (found: Found): never => {
    throw new Refusal({ kind: 'type', command: kind, path: printPath(path), found })
  }
  const listAt = (old: Value): List => (isList(old) ? old : wrong(typeOf(old)))
  switch (command.kind) {
    case 'set':
      return draft.place(path, () => command.value, wrong)
    case 'currentDate':
      return draft.place(path, () => new Date(now), wrong)
    case 'unset':
    case 'take':
      return draft.edit(path, () => undefined)
    case 'inc':
      return draft.place(path, (old) => number(old, (n) => n + command.by, wrong), wrong)
    case 'mul':
      return draft.place(path, (old) => number(old, (n) => n * command.by, wrong), wrong)
    case 'min':
      return draft.place(path, (old) => extreme(old, command.value, (a, b) => b < a, wrong), wrong)
    case 'max':
      return draft.place(path, (old) => extreme(old, command.value, (a, b) => b > a, wrong), wrong)
    case 'push':
      return draft.place(path, (old = []) => cut([...listAt(old), ...command.values], command.slice), wrong)
    case 'addToSet':
      return draft.place(path, (old = []) => union(listAt(old), command.values), wrong)
    case 'pull': {
      const matches = pullsByFields(command) ? having(command.value) : among([command.value])
      return draft.edit(path, (old) => without(listAt(old), matches))
    }
    case 'pullAll':
      return draft.edit(path, (old) => without(listAt(old), among(command.values)))
    case 'pop':
      return draft.edit(path, (old) => (command.end === 1 ? listAt(old).slice(0, -1) : listAt(old).slice(1)))
    case 'rename':
      return move(draft, path, command.to, wrong)
  }
}

function move(draft: Draft, from: Path, to: Path, wrong: Wrong): Draft {
  const value = valueAt(draft.data, from)
  if (value === undefined) return draft
  if (crossesList(draft.data, from) || crossesList(draft.data, to)) return wrong('element')
  return draft.edit(from, () => undefined).place(to, () => value, wrong)
}

function crossesList(node: Value | undefined, path: Path): boolean {
  for (const key of path) {
    if (isList(node)) return true
    if (!isObject(node)) return false
    node = Object.hasOwn(node, key) ? node[key] : undefined
  }
  return false
}

function number(old: Value | undefined, change: (n: number) => number, wrong: Wrong): number {
  if (old !== undefined && typeof old !== 'number') return wrong(typeOf(old))
  const result = change(old ?? 0)
  // A sum that is -0 is stored as 0, because not every database has a negative zero.
  return Number.isFinite(result) ? result + 0 : wrong('a result that is no finite number')
}

function extreme(
  old: Value | undefined,
  value: number | Date,
  beats: (old: number | Date, value: number | Date) => boolean,
  wrong: Wrong,
): Value {
  if (old === undefined) return value
  const comparable = typeof value === 'number' ? typeof old === 'number' : isDate(old)
  if (!comparable) return wrong(typeOf(old))
  return beats(old as number | Date, value) ? value : old
}

function cut(list: List, slice: number | undefined): List {
  if (slice === undefined) return list
  return slice < 0 ? list.slice(slice) : list.slice(0, slice)
}

function union(list: List, values: List): List {
  const seen = new Set(list.map(canonical))
  const result = [...list]
  for (const value of values) {
    const text = canonical(value)
    if (!seen.has(text)) result.push(value)
    seen.add(text)
  }
  return result
}

type Matches = (value: Value) => boolean

/** Whether a value is one of these. */
function among(values: List): Matches {
  const texts = new Set(values.map(canonical))
  return (value) => texts.has(canonical(value))
}

/** Whether a value is an object that has all of these fields, each with an equal value. */
function having(fields: Data): Matches {
  const texts = Object.entries(fields).map(([key, value]) => [key, canonical(value)] as const)
  return (value) =>
    isObject(value) && texts.every(([key, text]) => Object.hasOwn(value, key) && canonical(value[key]!) === text)
}

function without(list: List, matches: Matches): List {
  return list.filter((value) => !matches(value))
}
