import {
  type Chain,
  type Command,
  type Condition,
  type Data,
  equal,
  isList,
  isObject,
  type List,
  type Path,
  type Value,
} from '../algebra/index.ts'
import type { Names } from './names.ts'

/** What is known of the two states of a session besides themselves. */
export interface Lens {
  readonly names: Names
  /** What an object of the later state was when the session was read; undefined for one that the application assigned. */
  readonly origin: (later: object) => Value | undefined
}

/** One chain may have 256 parts; a session that changed at more places is written field by field. */
const MOST = 200
/** How many elements of a list are set one by one, before the list is set as a whole. */
const FEW_ELEMENTS = 16
/** How far a list that keeps its last elements is looked for. */
const LONGEST_SLIDE = 100
const WITNESSES = 3
const SHORT = 100

/**
 * Why the commands for a part of an object matter to the object: `free` ones mean the same whatever became of it, `tied`
 * ones do no harm where it is gone, and `strict` ones would bring it back.
 */
const FREE = 0
const TIED = 1
const STRICT = 2
type Need = typeof FREE | typeof TIED | typeof STRICT

/**
 * The commands that lead from one state of a session to another, and what must still hold for them.
 *
 * An object that was changed in place is changed in the store, if it is still the one that was read; one that was
 * assigned replaces whatever is there. Named counters and lists change by what was added to them, whoever else does so.
 * Pure: on the state `before` the chain makes `after`.
 */
export function difference(before: Data, after: Data, lens: Lens): Chain {
  const draft = new Draft(lens)
  draft.fields(before, after, [])
  if (draft.commands.length > MOST || draft.conditions.length > MOST) return byFields(before, after, draft)
  return draft
}

/** The same with one command for each field of the session that has changed at several places. */
function byFields(before: Data, after: Data, { commands, conditions }: Chain): Chain {
  const counts = new Map<string, number>()
  for (const { path } of [...commands, ...conditions]) counts.set(path[0]!, (counts.get(path[0]!) ?? 0) + 1)
  const whole = [...counts].filter(([key, count]) => count > 2 && Object.hasOwn(after, key)).map(([key]) => key)
  const kept = ({ path }: { path: Path }) => !whole.includes(path[0]!)
  return {
    commands: [
      ...commands.filter(kept),
      ...whole.map((key): Command => ({ kind: 'set', path: [key], value: after[key]! })),
    ],
    conditions: [
      ...conditions.filter(kept),
      ...whole.map((key) => ({ path: [key], value: Object.hasOwn(before, key) ? before[key] : undefined })),
    ],
  }
}

class Draft implements Chain {
  readonly commands: Command[] = []
  readonly conditions: Condition[] = []
  readonly #names: Names
  readonly #origin: Lens['origin']

  constructor({ names, origin }: Lens) {
    this.#names = names
    this.#origin = origin
  }

  /** What changed under the keys of an object. */
  fields(before: Data, after: Data, path: Path): Need {
    let need: Need = FREE
    const add = (of: Need) => {
      if (of > need) need = of
    }
    for (const key of Object.keys(before))
      if (!Object.hasOwn(after, key)) add(this.#removed(before[key]!, [...path, key]))
    for (const key of Object.keys(after)) {
      const [old, value] = [Object.hasOwn(before, key) ? before[key] : undefined, after[key]!]
      if (old !== value) add(this.#placed(old, value, [...path, key]))
    }
    return need
  }

  #removed(old: Value, path: Path): Need {
    // What was added to a named list meanwhile has been seen by nobody.
    const counted = (this.#names.list(path) && isList(old)) || (this.#names.below(path) && isObject(old))
    if (counted) this.conditions.push({ path, value: old })
    this.commands.push({ kind: 'unset', path })
    return counted ? FREE : TIED
  }

  #placed(old: Value | undefined, value: Value, path: Path): Need {
    if (equal(old, value)) return FREE
    if (this.#names.counter(path) && this.#counted(old, value, path)) return FREE
    if (isList(value) && (isList(old) || (old === undefined && this.#names.list(path)))) {
      return this.#list(old ?? [], value, path)
    }
    if (isObject(value)) {
      if (old === undefined && Object.keys(value).length === 0) {
        // Made for what is to come, as `flash ??= {}` does: whatever another request has put there meanwhile stays.
        this.conditions.push({ path, value: undefined })
      } else if (isObject(old) && this.#origin(value) === old) return this.#inPlace(old, value, path, FREE)
      else if (this.#names.below(path) && (old === undefined || isObject(old)))
        return this.fields(old ?? {}, value, path)
    }
    this.commands.push({ kind: 'set', path, value })
    return STRICT
  }

  #counted(old: Value | undefined, value: Value, path: Path): boolean {
    if (typeof value !== 'number' || (old !== undefined && typeof old !== 'number')) return false
    const by = value - (old ?? 0)
    // What is lost by rounding could not be made by adding.
    if (!(Math.abs((old ?? 0) + by - value) <= Number.EPSILON * Math.abs(value))) return false
    this.commands.push({ kind: 'inc', path, by })
    return true
  }

  /** An object that is still the one that was read, with other fields. */
  #inPlace(old: Data, value: Data, path: Path, least: Need): Need {
    const conditions = this.conditions.length
    const need = Math.max(this.fields(old, value, path), least) as Need
    const id = ['id', '_id'].find(
      (key) => isPlain(old[key]) && Object.hasOwn(value, key) && equal(old[key], value[key]),
    )
    if (id !== undefined) this.conditions.push({ path: [...path, id], value: old[id] })
    else if (need !== FREE) {
      const seen = this.#witnesses(old, value, path)
      this.conditions.push(...seen)
      // Without any, the change would make an object that another request has removed.
      if (need === STRICT && this.conditions.length === conditions) this.conditions.push(this.#last(old, path))
    }
    return need
  }

  /** A few plain values that were seen and not changed: those of the object, or else of the objects within it. */
  #witnesses(old: Data, value: Data, path: Path): Condition[] {
    let level: [Data, Data, Path][] = [[old, value, path]]
    for (let left = 64; level.length > 0 && left > 0; left -= level.length) {
      const found: Condition[] = []
      const next: typeof level = []
      for (const [before, after, at] of level) {
        for (const key of Object.keys(before)) {
          if (!Object.hasOwn(after, key)) continue
          const [seen, now, place] = [before[key]!, after[key]!, [...at, key]]
          if (isPlain(seen) && equal(seen, now) && !this.#names.counter(place)) found.push({ path: place, value: seen })
          else if (isObject(seen) && isObject(now) && (seen === now || this.#origin(now) === seen)) {
            next.push([seen, now, place])
          }
          if (found.length === WITNESSES) return found
        }
      }
      if (found.length > 0) return found
      level = next.slice(0, left)
    }
    return []
  }

  /** Where nothing stayed as it was: what stood in place of a change, or the object as a whole. */
  #last(old: Data, path: Path): Condition {
    const key = Object.keys(old).find((key) => isPlain(old[key]) && !this.#names.counter([...path, key]))
    return key === undefined ? { path, value: old } : { path: [...path, key], value: old[key] }
  }

  #list(old: List, value: List, path: Path): Need {
    const need = this.#names.list(path) ? FREE : TIED
    if (old.length <= value.length && old.every((element, i) => equal(element, value[i]))) {
      this.commands.push({ kind: 'push', path, values: value.slice(old.length), slice: undefined })
      return need
    }
    const slid = slideOf(old, value)
    if (slid > 0) {
      const values = value.slice(old.length - slid)
      this.commands.push({ kind: 'push', path, values, slice: -value.length })
      return need
    }
    const gone = pulled(old, value)
    if (gone) {
      this.commands.push({ kind: 'pullAll', path, values: gone })
      return need
    }
    if (old.length === value.length) {
      const changed = value.flatMap((element, i) => (equal(element, old[i]) ? [] : [i]))
      if (changed.length <= FEW_ELEMENTS) {
        for (const i of changed) this.#element(old[i]!, value[i]!, [...path, String(i)])
        return STRICT
      }
    }
    this.conditions.push({ path, value: old })
    this.commands.push({ kind: 'set', path, value })
    return STRICT
  }

  /** An index names a place, not an element, so that it counts only while the element is there. */
  #element(old: Value, value: Value, path: Path): void {
    if (isObject(old) && isObject(value) && this.#origin(value) === old) this.#inPlace(old, value, path, STRICT)
    else {
      this.conditions.push({ path, value: old })
      this.commands.push({ kind: 'set', path, value })
    }
  }
}

/** By what objects are known. */
const IDENTITIES = ['id', '_id', 'uid', 'sub', 'email', 'username']

/** The key by which an object is known, where that has not changed. */
export function identityOf(old: Data, value: Data): string | undefined {
  return IDENTITIES.find(
    (key) => Object.hasOwn(old, key) && isPlain(old[key]) && Object.hasOwn(value, key) && equal(old[key], value[key]),
  )
}

/** Short and without parts: what costs nothing to compare. */
function isPlain(value: Value | undefined): boolean {
  return typeof value === 'string' ? value.length <= SHORT : typeof value === 'number' || typeof value === 'boolean'
}

/**
 * How many elements left at the front of a list of which the last are kept, `[...list, x].slice(-10)`; 0 where it is not
 * such a change.
 */
export function slideOf(old: List, value: List): number {
  for (let left = 1; left < old.length && left <= LONGEST_SLIDE; left++) {
    const kept = old.length - left
    // It loses at most as many as it gets, and less than it keeps: otherwise it was made of something else.
    if (left > kept || kept + left > value.length) continue
    let same = 0
    while (same < kept && equal(old[left + same], value[same])) same++
    if (same === kept) return left
  }
  return 0
}

/** The elements that are missing, where removing each that is equal to one of them leaves just the others. */
function pulled(old: List, value: List): List | undefined {
  if (value.length >= old.length) return undefined
  const gone: Value[] = []
  let next = 0
  for (const element of old) {
    if (next < value.length && equal(element, value[next])) next++
    else gone.push(element)
  }
  if (next < value.length) return undefined
  const staying = new Set(value.map(print))
  return gone.some((element) => staying.has(print(element))) ? undefined : gone
}

/** One text for all values that are equal, whatever the order of their keys. */
export function print(value: Value): string {
  return JSON.stringify(value, (_, part: Value) =>
    isObject(part)
      ? Object.fromEntries(
          Object.keys(part)
            .sort()
            .map((key) => [key, part[key]!]),
        )
      : part,
  )
}
