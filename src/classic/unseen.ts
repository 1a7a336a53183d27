import type { Value } from '../algebra/index.ts'
import { copyOut, type Origins } from './json.ts'

/** Where an object carries its fields that nobody had looked at. */
const UNSEEN = Symbol('koa-atomic-session.unseen')

interface Carrier {
  readonly [UNSEEN]: Unseen
}

type Accessor = PropertyDescriptor & ThisType<Carrier>

/** The accessors of more names are made again: names can be visitors' words. */
const MOST_NAMES = 1000

/**
 * One accessor for each name, which finds the field by the object that it is called on. With functions of their own V8
 * would give each object a hidden class of its own, and those outlive many requests.
 */
const accessors = new Map<string, Accessor>()

/** The fields of one object that are copied only when somebody looks at them. */
export class Unseen {
  readonly #origins: Origins
  readonly #object: object
  readonly #stored = new Map<string, Value>()
  /** What was copied or assigned since. */
  readonly #shown = new Map<string, unknown>()

  constructor(object: object, origins: Origins) {
    this.#object = object
    this.#origins = origins
    Object.defineProperty(object, UNSEEN, { value: this })
  }

  lay(name: string, value: Value): void {
    this.#stored.set(name, value)
    Object.defineProperty(this.#object, name, accessorOf(name))
  }

  /** Nobody has looked at this field, assigned it or defined it again. */
  has(name: string): boolean {
    if (!this.#stored.has(name)) return false
    return Object.getOwnPropertyDescriptor(this.#object, name)?.get === accessorOf(name).get
  }

  look(name: string): unknown {
    if (this.#stored.has(name)) this.assign(name, copyOut(this.#stored.get(name)!, this.#origins))
    return this.#shown.get(name)
  }

  /** The accessor stays: to make a property of it would cost more than all the rest. */
  assign(name: string, value: unknown): void {
    this.#stored.delete(name)
    this.#shown.set(name, value)
  }
}

function accessorOf(name: string): Accessor {
  const known = accessors.get(name)
  if (known) return known
  const accessor: Accessor = {
    get() {
      return this[UNSEEN].look(name)
    },
    set(value) {
      this[UNSEEN].assign(name, value)
    },
    enumerable: true,
    configurable: true,
  }
  if (accessors.size === MOST_NAMES) accessors.clear()
  accessors.set(name, accessor)
  return accessor
}
