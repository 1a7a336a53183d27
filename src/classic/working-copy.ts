import type { Data } from '../algebra/index.ts'
import { DATA } from '../api/loaded.ts'
import type { Session, SessionHandle } from '../api/types.ts'
import { SessionUsageError } from '../errors/index.ts'
import { difference } from './difference.ts'
import type { Hints } from './hints.ts'
import type { Names } from './names.ts'
import { type Change, type Form, SessionObject } from './object.ts'
import { overlay } from './overlay.ts'
import { type Besides, isEmpty, isGone, isOver, store } from './sending.ts'

// biome-ignore lint/suspicious/noExplicitAny: the fields of a session that nobody has described
type Fields = any

export type Callback = (error?: unknown) => void

/** What is to be stored: one chain, and what goes with it. */
interface Due {
  readonly change: Change
  readonly besides: Besides
}

/**
 * One request's working copy of its session: the object that the application changes, what was read, and the order of
 * what it asks for. What it changed is stored as one chain of commands, when it saves and when the request ends.
 *
 * Over 300 lines, because saving, ending and beginning again wait for one another, so their order has to be read in one place.
 */
export class WorkingCopy {
  readonly #of: () => SessionHandle<Fields>
  readonly #names: Names
  readonly #hints: Hints
  readonly #shown: SessionObject
  #session: Session<Fields> | undefined
  /** The store has failed: an error for who looks at the session. */
  #failure: unknown
  /** A failure that ends the request, whoever saw it. */
  #broken: unknown
  /** The session has ended meanwhile: what is written to it is dropped. */
  #over: unknown
  #isNew = true
  #looked = false

  #removed = false
  #destroyed = false
  #touch: Besides['touch']
  #rotate = false

  #tail: Promise<void> = Promise.resolve()
  #waiting = 0

  /** `make`: an object without fields, whose methods act on this working copy. */
  constructor(
    of: () => SessionHandle<Fields>,
    form: Form & { make(copy: WorkingCopy): object },
    names: Names,
    hints: Hints,
  ) {
    this.#of = of
    this.#names = names
    this.#hints = hints
    this.#shown = new SessionObject(form, names, () => form.make(this))
  }

  /** Reads the session. Never rejects: a failure is for who looks. */
  async load(): Promise<void> {
    try {
      this.#session = await this.#of()
      this.#isNew = this.#session.isNew
      this.#shown.show(dataOf(this.#session))
    } catch (error) {
      if (isOver(error)) {
        this.#over = error
        this.#shown.show({})
      } else this.#failure = error
    }
  }

  /** What the application sees; undefined where it has been removed. */
  get object(): object | undefined {
    if (this.#failure !== undefined) throw this.#failure
    const { object } = this.#shown
    if (!object) {
      throw new SessionUsageError('The session has not been read yet: install classic() before middleware that uses it')
    }
    this.#looked = true
    return this.#removed ? undefined : object
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

  /** The names of the data that an object of it holds now. */
  namesOf(object: object): string[] {
    return this.#shown.namesOf(object)
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
    this.#shown.replace(fields)
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

  /** As `destroy`, where the object has no fields any more and stays: what it is given later begins another session. */
  empty(): Promise<void> {
    return this.#run(async () => {
      this.#removed = true
      await this.#store(true)
      this.#removed = false
      this.#touch = undefined
    })
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
      this.#shown.show((await this.#of().update()).data)
    }, callback)
  }

  /** Stores what is left when the request ends; undefined where there is nothing to wait for. */
  commit(): Promise<void> | undefined {
    if (this.#broken !== undefined) return Promise.reject(this.#broken)
    if (this.#waiting > 0) return this.#finish()
    const due = this.#due()
    if (!due && (!this.#removed || this.#destroyed)) return undefined
    this.#waiting++
    const done = this.#store(false, due)
    const over = () => {
      this.#waiting--
    }
    this.#tail = done.then(over, over)
    return done
  }

  /** The same for a request that has failed: its own error counts, so a failure here is only reported. */
  commitFailed(report: (failure: unknown) => void): Promise<void> {
    return Promise.resolve()
      .then(() => this.commit())
      .catch(report)
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

  /** What is to be stored now; undefined where nothing is. Throws for what no session can keep. */
  #due(): Due | undefined {
    const [touch, rotate] = [this.#touch, this.#rotate]
    if (!this.#looked || this.#removed || !this.#shown.object) return undefined
    const change = this.#shown.change()
    return isEmpty(change.chain) && !touch && !rotate ? undefined : { change, besides: { touch, rotate } }
  }

  /** `strict`: somebody waits for it, and has to know when it could not be stored. */
  async #store(strict: boolean, known?: Due): Promise<void> {
    if (this.#removed) {
      if (this.#destroyed) return
      await this.#of().destroy()
      this.#destroyed = true
      return
    }
    let due: Due | undefined
    if (this.#destroyed && this.#shown.namesOf(this.#shown.object).length > 0) await this.#begin(true)
    else due = known
    due ??= this.#due()
    if (!due) return
    try {
      if (this.#over) throw this.#over
      await this.#send(due)
    } catch (error) {
      if (!isOver(error)) throw error
      this.#over = error
      if (due.besides.rotate && isGone(error)) return this.#goOn(due.change)
      // A plain request's writes are dropped, as if they had come before the log-out.
      if (strict || due.besides.rotate) throw error
    }
  }

  /** Who logs in when the session has just ended gets another one, with what this request has written and nothing else. */
  async #goOn({ after, lens }: Change): Promise<void> {
    const { data } = overlay(this.#shown.before, after, {}, lens)
    await this.#begin(true)
    const chain = difference({}, data, { names: this.#names, origin: () => undefined })
    const change = { chain, after: data, lens, made: [] }
    await this.#send({ change, besides: { touch: this.#touch, rotate: false } })
    this.#shown.show(data)
  }

  /** Another session, without data; `assigned`: the object's fields are to be stored in it. */
  async #begin(assigned = false): Promise<void> {
    this.#session = await this.#of().regenerate()
    this.#isNew = true
    this.#over = undefined
    this.#destroyed = false
    this.#removed = false
    this.#rotate = false
    if (assigned) this.#shown.forget()
    else this.#shown.show({})
  }

  async #send({ change, besides }: Due): Promise<void> {
    const { before } = this.#shown
    await store(this.#of(), this.#shown, change, besides)
    this.#hints(before, change.chain)
    this.#shown.stored(change)
    if (this.#touch === besides.touch) this.#touch = undefined
    if (besides.rotate) this.#rotate = false
  }
}

/** What the store has told, without the copies and the freezing for who is given the data: nothing here changes them. */
function dataOf(session: Session<Fields>): Data {
  return (session as unknown as { readonly [DATA]: Data })[DATA]
}

/** In a turn of its own, so what a callback throws is the process's to know, as with every callback. */
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
