import { setTimeout as pause } from 'node:timers/promises'
import { type Chain, type Data, printPath, type Value } from '../algebra/index.ts'
import type { SessionChain } from '../api/chain.ts'
import type { SessionHandle } from '../api/handle.ts'
import type { Session } from '../api/loaded.ts'
import { textOf } from '../data/key.ts'
import { ConditionFailedError, InvalidPathError, isSessionError, SessionUsageError } from '../errors/index.ts'
import { difference } from './difference.ts'
import type { Hints } from './hints.ts'
import { copyOut, type Kept, kept, keyOf, type Origins, own } from './json.ts'
import type { Names } from './names.ts'
import { overlay } from './overlay.ts'

// biome-ignore lint/suspicious/noExplicitAny: the fields of a session that nobody has described
type Fields = any

export type Callback = (error?: unknown) => void

/** What the session objects of one server are like. */
export interface Form {
  /** An object without data; its methods act on this working copy. */
  make(copy: WorkingCopy): object
  /** What the object itself has, so that no field can be called so. */
  readonly members: ReadonlySet<string>
  /** Fields that are not data, as the server's usual library does not save them. */
  ignores(name: string): boolean
}

/** What is to be stored: one chain, and what goes with it. */
interface Due {
  readonly chain: Chain
  readonly after: Data
  readonly made: Kept
  readonly touch: { readonly maxAge: number | null | undefined } | undefined
  readonly rotate: boolean
}

/** For how long changes are laid over what others change meanwhile, in milliseconds. */
const PATIENCE = 2000

/**
 * One request's working copy of its session: the object that the application changes, what was read, and the order of
 * what it asks for. What it changed is stored as one chain of commands, when it saves and when the request ends.
 */
export class WorkingCopy {
  readonly #of: () => SessionHandle<Fields>
  readonly #form: Form
  readonly #names: Names
  readonly #hints: Hints
  #session: Session<Fields> | undefined
  /** The store has failed: an error for who looks at the session. */
  #failure: unknown
  /** A failure that ends the request, whoever saw it. */
  #broken: unknown
  /** The session has ended meanwhile: what is written to it is dropped. */
  #over: unknown
  #isNew = true

  /** What was read, or stored last. */
  #before: Data = {}
  #object: object | undefined
  /** The properties at which nobody has looked yet. */
  #unseen = new Map<string, () => unknown>()
  #origins: Origins = new WeakMap()
  #looked = false

  #removed = false
  #destroyed = false
  #touch: Due['touch']
  #rotate = false

  #tail: Promise<void> = Promise.resolve()
  #waiting = 0

  constructor(of: () => SessionHandle<Fields>, form: Form, names: Names, hints: Hints) {
    this.#of = of
    this.#form = form
    this.#names = names
    this.#hints = hints
  }

  /** Reads the session. Never rejects: a failure is for who looks. */
  async load(): Promise<void> {
    try {
      this.#session = await this.#of()
      this.#isNew = this.#session.isNew
      this.#show(this.#session.data)
    } catch (error) {
      if (isOver(error)) {
        this.#over = error
        this.#show({})
      } else this.#failure = error
    }
  }

  /** What the application sees; undefined where it has been removed. */
  get object(): object | undefined {
    if (this.#failure !== undefined) throw this.#failure
    if (!this.#object) {
      throw new SessionUsageError(
        'The session has not been read yet: let classic() stand before what looks at the session',
      )
    }
    this.#looked = true
    return this.#removed ? undefined : this.#object
  }

  get looked(): boolean {
    return this.#looked
  }

  get isNew(): boolean {
    return this.#isNew
  }

  /** The session's public name. */
  get id(): string | undefined {
    return this.#session?.id
  }

  /** Milliseconds; null: as the application has it. */
  get maxAge(): number | null {
    const own = this.#touch?.maxAge
    return own === undefined ? (this.#session?.maxAge ?? null) : own
  }

  /** The names of the data that it holds now. */
  namesOf(object: object): string[] {
    return Object.keys(object).filter((name) => !this.#form.ignores(name))
  }

  /** Slides the expiry with the next save; with an argument gives the session its own idle time. */
  touch(maxAge?: number | null): void {
    this.#touch = { maxAge: maxAge ?? (maxAge === null ? null : this.#touch?.maxAge) }
  }

  /** `ctx.session = {…}`: these fields and no others. */
  replace(fields: object): void {
    if (this.#failure !== undefined) throw this.#failure
    this.#looked = true
    this.#removed = false
    if (fields === this.#object) return
    const object = this.#form.make(this)
    for (const name of Object.keys(fields)) {
      const value = (fields as Fields)[name]
      if (name === '__proto__') own(object, name, value)
      // As koa-session does: what the object has a setter for is set by it, what it can't take is passed over.
      else Reflect.set(object, name, value)
    }
    this.#object = object
    this.#unseen = new Map()
  }

  /** `ctx.session = null`: removed when the request ends. */
  remove(): void {
    this.#looked = true
    this.#removed = true
  }

  save(callback?: Callback): Promise<void> {
    return this.#run(() => this.#store(true), callback)
  }

  destroy(callback?: Callback): Promise<void> {
    this.remove()
    return this.#run(() => this.#store(true), callback)
  }

  /** A new secret for the same data, in one update with the next save. */
  rotate(callback?: Callback): Promise<void> {
    return this.#run(async () => {
      this.#rotate = true
    }, callback)
  }

  /** Another session, without data. */
  regenerate(callback?: Callback): Promise<void> {
    return this.#run(
      () =>
        this.#begin().catch((error) => {
          // The data of before must not go on under what was to be a new session.
          this.#broken = this.#failure = error
          throw error
        }),
      callback,
    )
  }

  /** What others have stored meanwhile, and nothing of what was not saved. */
  reload(callback?: Callback): Promise<void> {
    return this.#run(async () => {
      if (this.#over) throw this.#over
      this.#show((await this.#of().update()).data)
    }, callback)
  }

  /** Stores what is left when the request ends; undefined where there is nothing to wait for. */
  commit(): Promise<void> | undefined {
    if (this.#broken !== undefined) return Promise.reject(this.#broken)
    if (this.#waiting > 0) return this.#finish()
    const due = this.#due()
    return due || (this.#removed && !this.#destroyed) ? this.#run(() => this.#store(false)) : undefined
  }

  async #finish(): Promise<void> {
    // A callback may have begun more.
    for (let tail: unknown; tail !== this.#tail; ) {
      tail = this.#tail
      await tail
    }
    if (this.#broken !== undefined) throw this.#broken
    await this.#store(false)
  }

  /** One after another, in the order in which they were asked for; a callback belongs to its turn. */
  #run(work: () => Promise<void>, callback?: Callback): Promise<void> {
    this.#looked = true
    this.#waiting++
    const done = this.#tail.then(() => {
      if (this.#failure !== undefined) throw this.#failure
      return work()
    })
    this.#tail = done
      .then(
        () => told(callback),
        (error) => told(callback, error),
      )
      .then(() => {
        this.#waiting--
      })
    return done
  }

  #show(data: Data): void {
    this.#before = this.#visible(data)
    this.#origins = new WeakMap()
    this.#object = this.#form.make(this)
    this.#unseen = new Map()
    for (const key of Object.keys(this.#before)) this.#lay(this.#object, textOf(key), this.#before[key]!)
  }

  /** A field that is copied only when somebody looks at it. */
  #lay(object: object, name: string, value: Value): void {
    if (typeof value !== 'object' || value === null) {
      own(object, name, value)
      return
    }
    const get = () => {
      const copy = copyOut(value, this.#origins)
      own(object, name, copy)
      return copy
    }
    Object.defineProperty(object, name, {
      get,
      set: (assigned) => own(object, name, assigned),
      enumerable: true,
      configurable: true,
    })
    this.#unseen.set(name, get)
  }

  #visible(data: Data): Data {
    const { members, ignores } = this.#form
    const hidden = Object.keys(data).filter((key) => members.has(textOf(key)) || ignores(textOf(key)))
    if (hidden.length === 0) return data
    return Object.fromEntries(Object.entries(data).filter(([key]) => !hidden.includes(key)))
  }

  /** What is to be stored now; undefined where nothing is. Throws for what no session can keep. */
  #due(): Due | undefined {
    const [touch, rotate, object] = [this.#touch, this.#rotate, this.#object]
    if (!object || this.#removed || !this.#looked) return undefined
    const made: Kept = []
    const after: Record<string, Value> = {}
    for (const name of this.namesOf(object)) {
      if (this.#form.members.has(name)) throw new InvalidPathError(name, `the session object itself has '${name}'`)
      const key = keyOf(name, this.#before, true)
      const { get } = Object.getOwnPropertyDescriptor(object, name)!
      const value =
        get && get === this.#unseen.get(name)
          ? this.#before[key]
          : kept((object as Fields)[name], [name], this.#origins, made)
      if (value !== undefined) after[key] = value
    }
    const origins = new Map(made.map(([raw, value]) => [value, this.#origins.get(raw)]))
    const chain = difference(this.#before, after, { names: this.#names, origin: (later) => origins.get(later as Data) })
    if (isEmpty(chain) && !touch && !rotate) return undefined
    return { chain, after, made, touch, rotate }
  }

  /** `strict`: somebody waits for it, and has to know when it could not be stored. */
  async #store(strict: boolean): Promise<void> {
    if (this.#removed) {
      if (this.#destroyed) return
      await this.#of().destroy()
      this.#destroyed = true
      return
    }
    if (this.#destroyed && this.#object && this.namesOf(this.#object).length > 0) await this.#begin(this.#object)
    const due = this.#due()
    if (!due) return
    try {
      if (this.#over) throw this.#over
      await this.#send(due)
    } catch (error) {
      if (!isOver(error)) throw error
      this.#over = error
      if (due.rotate && isGone(error)) return this.#goOn(due)
      // A plain request's writes are dropped, as if they had come before the log-out.
      if (strict || due.rotate) throw error
    }
  }

  /** Who logs in when the session has just ended gets another one, with what this request has written and nothing else. */
  async #goOn({ after, made }: Due): Promise<void> {
    const { data } = overlay(this.#before, after, {}, this.#lens(made))
    await this.#begin(this.#object)
    const chain = difference({}, data, { names: this.#names, origin: () => undefined })
    await this.#send({ chain, after: data, made: [], touch: this.#touch, rotate: false })
    this.#show(data)
  }

  async #begin(object?: object): Promise<void> {
    this.#session = await this.#of().regenerate()
    this.#isNew = true
    this.#over = undefined
    this.#destroyed = false
    this.#removed = false
    this.#rotate = false
    this.#show({})
    if (object) this.#object = object
  }

  /** Stores it, and lays it over what others have stored meanwhile as often as they come in between. */
  async #send(due: Due): Promise<void> {
    const { after, made, touch, rotate } = due
    const handle = this.#of()
    const until = performance.now() + PATIENCE
    let { chain } = due
    for (let longest = 1; !isEmpty(chain) || touch || rotate; longest = Math.min(2 * longest, 64)) {
      try {
        await send(handle, chain, touch, rotate)
        break
      } catch (error) {
        if (!isConflict(error)) throw error
        if (performance.now() > until) throw new ConditionFailedError(error.path)
      }
      await pause(Math.random() * longest)
      const theirs = this.#visible((await handle.update()).data)
      const laid = overlay(this.#before, after, theirs, this.#lens(made))
      chain = difference(theirs, laid.data, { names: this.#names, origin: laid.origin })
    }
    this.#hints(this.#before, chain)
    this.#before = after
    for (const [raw, value] of made) this.#origins.set(raw, value)
    if (this.#touch === touch) this.#touch = undefined
    if (rotate) this.#rotate = false
  }

  #lens(made: Kept): { names: Names; origin: (later: object) => Value | undefined } {
    const origins = new Map(made.map(([raw, value]) => [value, this.#origins.get(raw)]))
    return { names: this.#names, origin: (later) => origins.get(later as Data) }
  }
}

function isEmpty({ commands }: Chain): boolean {
  return commands.length === 0
}

function isOver(error: unknown): boolean {
  return isSessionError(error) && (error.code === 'ERR_SESSION_GONE' || error.code === 'ERR_SESSION_ROTATED')
}

function isGone(error: unknown): boolean {
  return isSessionError(error) && error.code === 'ERR_SESSION_GONE'
}

function isConflict(error: unknown): error is { path: string } {
  return isSessionError(error) && (error.code === 'ERR_SESSION_CONDITION' || error.code === 'ERR_SESSION_TYPE')
}

/** The difference in the words of the public interface. */
async function send(
  handle: SessionHandle<Fields>,
  { commands, conditions }: Chain,
  touch: Due['touch'],
  rotate: boolean,
) {
  let chain: SessionHandle<Fields> | SessionChain<Fields> = handle
  if (rotate) chain = chain.rotate()
  if (touch) chain = chain.touch(touch.maxAge)
  for (const { path, value } of conditions) chain = chain.if(printPath(path), value)
  for (const command of commands) {
    const path = printPath(command.path)
    if (command.kind === 'set') chain = chain.set(path, command.value)
    else if (command.kind === 'unset') chain = chain.unset(path)
    else if (command.kind === 'inc') chain = chain.inc(path, command.by)
    else if (command.kind === 'pullAll') chain = chain.pullAll(path, command.values)
    else if (command.kind === 'push') {
      const { slice } = command
      chain = chain.pushAll(path, command.values, slice === undefined ? {} : { slice })
    }
  }
  await chain
}

/** In a turn of its own, so that what a callback throws is the process's to know, as with every callback. */
function told(callback: Callback | undefined, error?: unknown): Promise<void> | undefined {
  if (!callback) return undefined
  return new Promise((resolve) => {
    process.nextTick(() => {
      try {
        callback(error)
      } finally {
        resolve()
      }
    })
  })
}
