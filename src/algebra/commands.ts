import { type Path, parsePath } from './path.ts'
import { Refusal } from './problem.ts'
import { copyValue, isDate, type List, type Value } from './value.ts'

/**
 * One change of a session's data, as frozen plain data. The names and meanings are MongoDB's update operators'
 * (https://www.mongodb.com/docs/manual/reference/operator/update/), `apply.ts` defines them exactly.
 */
export type Command =
  | { readonly kind: 'set'; readonly path: Path; readonly value: Value }
  | { readonly kind: 'unset'; readonly path: Path }
  | { readonly kind: 'inc' | 'mul'; readonly path: Path; readonly by: number }
  | { readonly kind: 'min' | 'max'; readonly path: Path; readonly value: number | Date }
  | { readonly kind: 'rename'; readonly path: Path; readonly to: Path }
  | { readonly kind: 'push'; readonly path: Path; readonly values: List; readonly slice: number | undefined }
  | { readonly kind: 'addToSet' | 'pullAll'; readonly path: Path; readonly values: List }
  | { readonly kind: 'pull'; readonly path: Path; readonly value: Value }
  | { readonly kind: 'pop'; readonly path: Path; readonly end: 1 | -1 }
  | { readonly kind: 'currentDate'; readonly path: Path }
  /** Removes like `unset`, and the update's answer carries what was there. */
  | { readonly kind: 'take'; readonly path: Path }

export type CommandName = Command['kind']

// What this file exports, types aside, are the commands' constructors and nothing else: their names are reserved.

const freeze = <T extends Command>(command: T): T => Object.freeze(command)

export function set(path: unknown, value: unknown): Command {
  const at = parsePath(path)
  return freeze({ kind: 'set', path: at, value: copyValue(value, path as string) })
}

export function unset(path: unknown): Command {
  return freeze({ kind: 'unset', path: parsePath(path) })
}

export function inc(path: unknown, by: unknown = 1): Command {
  return freeze({ kind: 'inc', path: parsePath(path), by: finite(path as string, by, 'inc') })
}

export function mul(path: unknown, by: unknown): Command {
  return freeze({ kind: 'mul', path: parsePath(path), by: finite(path as string, by, 'mul') })
}

export function min(path: unknown, value: unknown): Command {
  return freeze({ kind: 'min', path: parsePath(path), value: comparable(path as string, value, 'min') })
}

export function max(path: unknown, value: unknown): Command {
  return freeze({ kind: 'max', path: parsePath(path), value: comparable(path as string, value, 'max') })
}

export function rename(path: unknown, to: unknown): Command {
  return freeze({ kind: 'rename', path: parsePath(path), to: parsePath(to) })
}

export function push(path: unknown, values: unknown, slice?: unknown): Command {
  const at = parsePath(path)
  if (slice !== undefined && !Number.isSafeInteger(slice)) {
    throw new Refusal({
      kind: 'value',
      path: path as string,
      reason: 'slice must be an integer, such as -10 for the last ten',
    })
  }
  return freeze({ kind: 'push', path: at, values: list(path as string, values), slice: slice as number | undefined })
}

export function addToSet(path: unknown, values: unknown): Command {
  return freeze({ kind: 'addToSet', path: parsePath(path), values: list(path as string, values) })
}

export function pull(path: unknown, value: unknown): Command {
  return freeze({ kind: 'pull', path: parsePath(path), value: copyValue(value, path as string) })
}

export function pullAll(path: unknown, values: unknown): Command {
  return freeze({ kind: 'pullAll', path: parsePath(path), values: list(path as string, values) })
}

export function pop(path: unknown, end: unknown = 1): Command {
  const at = parsePath(path)
  if (end !== 1 && end !== -1) {
    throw new Refusal({
      kind: 'value',
      path: path as string,
      reason: 'pop takes 1 (the last element) or -1 (the first)',
    })
  }
  return freeze({ kind: 'pop', path: at, end })
}

export function currentDate(path: unknown): Command {
  return freeze({ kind: 'currentDate', path: parsePath(path) })
}

export function take(path: unknown): Command {
  return freeze({ kind: 'take', path: parsePath(path) })
}

function finite(path: string, by: unknown, name: string): number {
  if (typeof by === 'number' && Number.isFinite(by)) return by === 0 ? 0 : by
  throw new Refusal({ kind: 'value', path, reason: `${name} takes a finite number` })
}

function comparable(path: string, value: unknown, name: string): number | Date {
  const copy = copyValue(value, path)
  if (typeof copy === 'number' || isDate(copy)) return copy
  throw new Refusal({ kind: 'value', path, reason: `${name} takes a number or a Date` })
}

function list(path: string, values: unknown): List {
  if (Array.isArray(values)) return copyValue(values, path) as List
  throw new Refusal({ kind: 'value', path, reason: 'the values must come as a list' })
}
