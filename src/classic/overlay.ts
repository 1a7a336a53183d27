import { type Data, equal, isList, isObject, type List, type Path, type Value } from '../algebra/index.ts'
import { identityOf, type Lens, print, slideOf } from './difference.ts'

/** A state of a session, and which objects of an earlier one its objects are. */
export interface Overlaid {
  readonly data: Data
  readonly origin: Lens['origin']
}

/**
 * What this request changed, laid over what others have changed meanwhile. What they removed stays removed, unless this
 * request assigned it again; to two writes of one field the later one, which is this, wins. Pure.
 */
export function overlay(before: Data, mine: Data, theirs: Data, lens: Lens): Overlaid {
  const overlay = new Overlay(lens)
  const data = overlay.fields(before, mine, theirs, [])
  return { data, origin: (later) => overlay.origins.get(later) }
}

class Overlay {
  readonly origins = new WeakMap<object, Value>()
  readonly #lens: Lens

  constructor(lens: Lens) {
    this.#lens = lens
  }

  fields(before: Data, mine: Data, theirs: Data, path: Path): Data {
    const result: Record<string, Value> = {}
    for (const key of new Set([...Object.keys(theirs), ...Object.keys(mine)])) {
      const value = this.#value(at(before, key), at(mine, key), at(theirs, key), [...path, key])
      if (value !== undefined) result[key] = value
    }
    this.origins.set(result, theirs)
    return result
  }

  #value(old: Value | undefined, mine: Value | undefined, theirs: Value | undefined, path: Path): Value | undefined {
    const { names, origin } = this.#lens
    if (equal(old, mine)) return theirs
    if (!isObject(mine) && equal(old, theirs)) return mine
    const lists = isList(theirs) && (isList(old) || (old === undefined && names.list(path)))
    if (mine === undefined) return this.#removed(old, theirs, path)
    if (names.counter(path) && isCount(mine) && isCount(old) && isCount(theirs)) {
      const sum = (theirs ?? 0) + mine - (old ?? 0)
      return Number.isFinite(sum) ? sum : mine
    }
    if (isList(mine)) {
      if (lists) return this.#list(isList(old) ? old : [], mine, theirs, path)
      if (theirs === undefined && isList(old)) {
        const added = without(mine, old)
        return added.length > 0 ? added : undefined
      }
    } else if (isObject(mine)) {
      if (isObject(old) && origin(mine) === old) {
        return isObject(theirs) && this.#same(old, mine, theirs, path) ? this.fields(old, mine, theirs, path) : theirs
      }
      const waiting = old === undefined && Object.keys(mine).length === 0
      if (isObject(theirs) && (waiting || names.below(path))) {
        return this.fields(isObject(old) ? old : {}, mine, theirs, path)
      }
    }
    return mine
  }

  /** Of what is named, what others have added meanwhile stays: nobody has seen it. */
  #removed(old: Value | undefined, theirs: Value | undefined, path: Path): Value | undefined {
    if (this.#lens.names.list(path) && isList(old) && isList(theirs)) {
      const added = without(theirs, old)
      return added.length > 0 ? added : undefined
    }
    if (this.#lens.names.below(path) && isObject(old) && isObject(theirs)) {
      const rest = this.fields(old, {}, theirs, path)
      return Object.keys(rest).length > 0 ? rest : undefined
    }
    return undefined
  }

  /** Whether theirs is the object that was read: it has the same id, or else at least half of its values. */
  #same(old: Data, mine: Data, theirs: Data, path: Path): boolean {
    const id = identityOf(old, mine)
    if (id !== undefined) return equal(old[id], at(theirs, id))
    const plain = Object.keys(old).filter(
      (key) => typeof old[key] !== 'object' && !this.#lens.names.counter([...path, key]),
    )
    const kept = plain.filter((key) => equal(old[key], at(theirs, key)))
    return 2 * kept.length >= plain.length
  }

  #list(old: List, mine: List, theirs: List, path: Path): List {
    const { origin } = this.#lens
    const read = new Set(old)
    const changed: [was: string, change: Data][] = []
    const rest = mine.map((element) => {
      const was = isObject(element) ? origin(element) : undefined
      if (was === undefined || !read.has(was) || equal(was, element)) return element
      changed.push([print(was), element as Data])
      return was
    })
    const added = without(rest, old)
    const gone = without(old, rest)
    const open = [...changed]
    const kept = without(theirs, gone).map((element) => {
      const text = open.length > 0 ? print(element) : ''
      const turn = open.findIndex(([was]) => was === text)
      if (turn < 0) return element
      const [[, change]] = open.splice(turn, 1) as [[string, Data]]
      return this.fields(origin(change) as Data, change, element as Data, path)
    })
    if (added.length === 0 && gone.length === 0 && changed.length === 0) return arranged(mine, theirs)
    const first = rest.findIndex((element) => added.every((one) => one !== element))
    const front = first > 0 ? rest.slice(0, first) : []
    const result = [...front, ...kept, ...added.slice(front.length)]
    return slideOf(old, mine) > 0 ? result.slice(-mine.length) : result
  }
}

function isCount(value: Value | undefined): value is number | undefined {
  return value === undefined || typeof value === 'number'
}

function at(data: Data, key: string): Value | undefined {
  return Object.hasOwn(data, key) ? data[key] : undefined
}

/** The elements of a list that are not in the other, each as often as it is there more often. */
function without(list: List, other: List): List {
  const counts = new Map<string, number>()
  for (const element of other) {
    const text = print(element)
    counts.set(text, (counts.get(text) ?? 0) + 1)
  }
  return list.filter((element) => {
    const count = counts.get(print(element)) ?? 0
    if (count > 0) counts.set(print(element), count - 1)
    return count === 0
  })
}

/** Another order of the same elements. What others have added meanwhile comes after them. */
function arranged(mine: List, theirs: List): List {
  const both = without(mine, without(mine, theirs))
  return [...both, ...without(theirs, both)]
}
