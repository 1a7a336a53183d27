/**
 * What is within a session, as its properties show it: `session.user`, `session.list`. It reads as the plain object or
 * list that it is, and every change of it throws an error with the command to write. Freezing alone would not do: in
 * CommonJS without 'use strict' a change of a frozen object passes in silence.
 *
 * V8 clones no Proxy, so `structuredClone` takes `session.data`, which are plain and frozen.
 */
import { type Data, isBson, isDate, isList, type Value } from '../algebra/index.ts'
import { SessionUsageError } from '../errors/index.ts'
import { quoted } from './guard.ts'

/** For parts that were looked at before, where they stood and what was shown. A command may move a part. */
export type Parts = WeakMap<object, { readonly path: string; readonly shown: Value }>

/** A part of the data at this path. Linear in its size, once for each place where it stands. */
export function partAt(value: Value, path: string, parts: Parts): Value {
  // A Date can't be frozen, so each is a copy.
  if (isDate(value)) return new Date(value)
  if (typeof value !== 'object' || value === null || isBson(value)) return value
  const before = parts.get(value)
  if (before?.path === path) return before.shown
  let copy: Value[] | Record<string, Value> | undefined
  for (const key of Object.keys(value)) {
    const inner = (value as Data)[key]!
    const shown = partAt(inner, `${path}.${key}`, parts)
    if (shown === inner) continue
    copy ??= isList(value) ? [...value] : { ...(value as Data) }
    ;(copy as Record<string, Value>)[key] = shown
  }
  const target = Object.freeze(copy ?? value) as object
  const shown = new Proxy(target, isList(value) ? new ListHandler(path) : new PartHandler(path)) as Value
  parts.set(value, { path, shown })
  return shown
}

class PartHandler implements ProxyHandler<object> {
  readonly path: string

  constructor(path: string) {
    this.path = path
  }

  set(_: object, key: PropertyKey): never {
    return this.refuse(key, (path) => `set(${path}, value)`)
  }

  defineProperty(_: object, key: PropertyKey): never {
    return this.refuse(key, (path) => `set(${path}, value)`)
  }

  deleteProperty(_: object, key: PropertyKey): never {
    return this.refuse(key, (path) => `unset(${path})`)
  }

  protected refuse(key: PropertyKey, instead: (path: string) => string): never {
    const place = `${this.path}.${String(key)}`
    readOnly(place, instead(typeof key === 'symbol' ? 'path' : quoted(place)))
  }
}

/** The methods of a list that would change it, with the command for each. */
const CHANGES: ReadonlyMap<PropertyKey, (path: string) => string> = new Map([
  ['push', (path: string) => `push(${path}, value)`],
  ['unshift', (path: string) => `set(${path}, [value, ...list])`],
  ['pop', (path: string) => `pop(${path})`],
  ['shift', (path: string) => `pop(${path}, -1)`],
  ['splice', (path: string) => `pull(${path}, value)`],
  ['sort', (path: string) => `set(${path}, [...list].sort())`],
  ['reverse', (path: string) => `set(${path}, [...list].reverse())`],
  ['fill', (path: string) => `set(${path}, [...list].fill(value))`],
  ['copyWithin', (path: string) => `set(${path}, [...list])`],
])

class ListHandler extends PartHandler {
  get(target: object, key: PropertyKey): unknown {
    const instead = CHANGES.get(key)
    if (!instead) return Reflect.get(target, key)
    return () => readOnly(this.path, instead(quoted(this.path)))
  }

  override set(target: object, key: PropertyKey): never {
    if (key === 'length') readOnly(this.path, `pushAll(${quoted(this.path)}, [], { slice })`)
    return super.set(target, key)
  }
}

/** The command that does what an assignment to `place` was meant to do. */
export function readOnly(place: string, instead: string): never {
  // Keys may be data, such as addresses, so only those that a program can have written are shown.
  const name = quoted(place) === 'path' ? 'What a session shows' : `session.${place}`
  throw new SessionUsageError(`${name} is read-only. Write: await session.${instead}`)
}
