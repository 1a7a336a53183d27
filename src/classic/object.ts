import type { Chain, Data, Value } from '../algebra/index.ts'
import { textOf } from '../data/key.ts'
import { InvalidPathError } from '../errors/index.ts'
import { difference, type Lens } from './difference.ts'
import { copyOut, type Kept, kept, keyOf, type Origins, own } from './json.ts'
import type { Names } from './names.ts'

/** What the session objects of one server are like. */
export interface Form {
  /** What the object itself has, so that no field can be called so. */
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
  /** The properties at which nobody has looked yet. */
  #unseen = new Map<string, () => unknown>()

  constructor(form: Form, names: Names, make: () => object) {
    this.#form = form
    this.#names = names
    this.#make = make
  }

  /** Undefined until something was read. Made when somebody looks. */
  get object(): object | undefined {
    if (!this.#object && this.#read) {
      this.#object = this.#make()
      for (const key of Object.keys(this.#before)) this.#lay(this.#object, textOf(key), this.#before[key]!)
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
    this.#unseen = new Map()
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
    this.#unseen = new Map()
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
      const value = this.#isUnseen(object, name)
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

  #isUnseen(object: object, name: string): boolean {
    const getter = this.#unseen.get(name)
    return getter !== undefined && Object.getOwnPropertyDescriptor(object, name)?.get === getter
  }

  /** What the objects among what was made were when the session was read. */
  #originOf(made: Kept): Lens['origin'] {
    if (made.length === 0) return () => undefined
    const origins = new Map(made.map(([raw, value]) => [value, this.#origins.get(raw)]))
    return (later) => origins.get(later as Data)
  }

  /** A field that is copied only when somebody looks at it. */
  #lay(object: object, name: string, value: Value): void {
    if (typeof value !== 'object' || value === null) {
      // No member is called so, and an ordinary assignment is several times as fast.
      if (name === '__proto__') own(object, name, value)
      else (object as Record<string, unknown>)[name] = value
      return
    }
    const origins = this.#origins
    const get = () => {
      const copy = copyOut(value, origins)
      own(object, name, copy)
      return copy
    }
    const set = (assigned: unknown) => own(object, name, assigned)
    Object.defineProperty(object, name, { get, set, enumerable: true, configurable: true })
    this.#unseen.set(name, get)
  }
}
