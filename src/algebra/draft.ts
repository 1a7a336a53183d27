import { indexOf, MAX_PADDING, type Path } from './path.ts'
import type { Found } from './problem.ts'
import { type Data, isList, isObject, type List, typeOf, type Value } from './value.ts'

/** Refuses a command by what it has met. */
export type Wrong = (found: Found) => never

/**
 * Data that the commands of one chain change. An object or a list is copied when it is changed for the first time, and
 * from then on in place: only the draft knows the copy. So many paths into one object take one copy of it, and not one
 * each. The data that it begins with stay as they are, and are shared wherever nothing was changed.
 */
export class Draft {
  #data: Value
  /** The copies. */
  readonly #own = new Set<object>()

  constructor(data: Data) {
    this.#data = data
  }

  get data(): Data {
    return this.#data as Data
  }

  /** Writes at a path and creates missing parents. Calls `wrong` if a value that holds no keys is in the way. */
  place(path: Path, make: (old?: Value) => Value, wrong: Wrong): this {
    this.#data = this.#place(this.#data, path, make, wrong, 0)
    return this
  }

  /** Changes the value at a path, or removes it. Does nothing if there is none. */
  edit(path: Path, change: (old: Value) => Value | undefined): this {
    this.#data = this.#edit(this.#data, path, change, 0)
    return this
  }

  #place(node: Value | undefined, path: Path, make: (old?: Value) => Value, wrong: Wrong, at: number): Value {
    if (at === path.length) return make(node)
    const key = path[at]!
    if (node === undefined) return this.#object({ [key]: this.#place(undefined, path, make, wrong, at + 1) })
    if (isObject(node)) {
      const old = Object.hasOwn(node, key) ? node[key] : undefined
      const next = this.#place(old, path, make, wrong, at + 1)
      const copy = this.#object(node)
      copy[key] = next
      return copy
    }
    const index = isList(node) ? indexOf(key) : -1
    if (!isList(node) || index < 0) return wrong(typeOf(node))
    if (index > node.length + MAX_PADDING) return wrong('a list that ends far before this index')
    const next = this.#place(node[index], path, make, wrong, at + 1)
    const copy = this.#list(node)
    while (copy.length < index) copy.push(null)
    copy[index] = next
    return copy
  }

  #edit(node: Value, path: Path, change: (old: Value) => Value | undefined, at: number): Value {
    const key = path[at]!
    const last = at === path.length - 1
    if (isObject(node) && Object.hasOwn(node, key)) {
      const next = last ? change(node[key]!) : this.#edit(node[key]!, path, change, at + 1)
      const copy = this.#object(node)
      if (next === undefined) delete copy[key]
      else copy[key] = next
      return copy
    }
    const index = isList(node) ? indexOf(key) : -1
    if (!isList(node) || index < 0 || index >= node.length) return node
    const next = last ? change(node[index]!) : this.#edit(node[index]!, path, change, at + 1)
    const copy = this.#list(node)
    // MongoDB's $unset leaves null in a list, so no other element moves.
    copy[index] = next ?? null
    return copy
  }

  #object(node: Data): Record<string, Value> {
    return this.#own.has(node) ? (node as Record<string, Value>) : this.#owned({ ...node })
  }

  #list(node: List): Value[] {
    return this.#own.has(node) ? (node as Value[]) : this.#owned([...node])
  }

  #owned<T extends object>(copy: T): T {
    this.#own.add(copy)
    return copy
  }
}
