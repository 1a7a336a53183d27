import type { Chain, Data, Value } from '../algebra/index.ts'
import { textOf } from '../data/key.ts'
import { InvalidPathError } from '../errors/index.ts'
import { difference, type Lens } from './difference.ts'
import { assign, type Kept, kept, keyOf, type Origins, own } from './json.ts'
import type { Names } from './names.ts'
import { Unseen } from './unseen.ts'

/** What the session objects of one server are like. */
export interface Form {
  /** What the object itself has, so no field can be called so. */
  readonly members: ReadonlySet<string>
  /** Fields that are not data, as the server's usual library does not save them. */
  ignores(name: string): boolean
}

/** What the application has made of the object, and how that differs from what was read. */
export interface Change {
  readonly chain: Chain
  readonly after: Data
  readonly lens: Lens
  /** What each part of `after` was made of. */
  readonly made: Kept
}

/** The object that the application sees, and what it was made of: what was read, or stored last. */
export class SessionObject {
  readonly #form: Form
  readonly #names: Names
  /** Makes an object without fields. */
  readonly #make: () => object
  #before: Data = {}
  #read = false
  #object: object | undefined
  /** Not a WeakMap, which would cost the garbage collector more: it lives as long as a request. */
  #origins: Origins = new Map()
  /** The fields at which nobody has looked yet. */
  #unseen: Unseen | undefined

  constructor(form: Form, names: Names, make: () => object) {
    this.#form = form
    this.#names = names
    this.#make = make
  }

  /** Undefined until something was read. Made when somebody looks. */
  get object(): object | undefined {
    if (!this.#object && this.#read) {
      this.#object = this.#make()
      this.#lay(this.#object)
    }
    return this.#object
  }

  get before(): Data {
    return this.#before
  }

  /** Makes an object of what was read. */
  show(data: Data): void {
    this.#before = this.visible(data)
    this.#origins = new Map()
    this.#unseen = undefined
    this.#object = undefined
    this.#read = true
  }

  /** What was read is forgotten; the object stays, as one that was assigned. */
  forget(): void {
    const { object } = this
    this.show({})
    this.#object = object
  }

  /** Makes an object of fields that the application assigns. */
  replace(fields: object): void {
    if (fields === this.#object) return
    const object = this.#make()
    for (const name of Object.keys(fields)) {
      const value = (fields as Record<string, unknown>)[name]
      if (name === '__proto__') own(object, name, value)
      // As koa-session does: what the object has a setter for is set by it, what it can't take is passed over.
      else Reflect.set(object, name, value)
    }
    this.#object = object
    this.#unseen = undefined
  }

  /** The names of the data that an object holds. */
  namesOf(object: object | undefined): string[] {
    return Object.keys(object ?? {}).filter((name) => !this.#form.ignores(name))
  }

  /** The data that the object can show. The others stay as they are. */
  visible(data: Data): Data {
    const { members, ignores } = this.#form
    const hides = (key: string) => members.has(textOf(key)) || ignores(textOf(key))
    if (!Object.keys(data).some(hides)) return data
    return Object.fromEntries(Object.entries(data).filter(([key]) => !hides(key)))
  }

  /** How the object differs from what was read. Throws for what no session can keep. */
  change(): Change {
    const made: Kept = []
    const after: Record<string, Value> = {}
    const object = this.object ?? {}
    for (const name of this.namesOf(object)) {
      if (this.#form.members.has(name)) throw new InvalidPathError(name, `the session object itself has '${name}'`)
      const key = keyOf(name, this.#before, true)
      const value = this.#unseen?.has(name)
        ? this.#before[key]
        : kept((object as Record<string, unknown>)[name], [name], this.#origins, made)
      if (value !== undefined) after[key] = value
    }
    const lens: Lens = { names: this.#names, origin: this.#originOf(made) }
    return { chain: difference(this.#before, after, lens), after, lens, made }
  }

  /** The change has been stored: it is what later ones start from. */
  stored({ after, made }: Change): void {
    this.#before = after
    for (const [raw, value] of made) this.#origins.set(raw, value)
  }

  /** What the objects among what was made were when the session was read. */
  #originOf(made: Kept): Lens['origin'] {
    if (made.length === 0) return () => undefined
    const origins = new Map(made.map(([raw, value]) => [value, this.#origins.get(raw)]))
    return (later) => origins.get(later as Data)
  }

  /** The fields of what was read. What holds others is copied only when somebody looks at it. */
  #lay(object: object): void {
    for (const key of Object.keys(this.#before)) {
      const value = this.#before[key]!
      const name = textOf(key)
      if (typeof value === 'object' && value !== null) {
        this.#unseen ??= new Unseen(object, this.#origins)
        this.#unseen.lay(name, value)
      } else assign(object, name, value)
    }
  }
}
