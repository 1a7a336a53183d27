import { inspect } from 'node:util'
import { type Data, isBson, isDate, isList, type Value } from '../algebra/index.ts'
import { isReserved, type SessionView } from '../data/types.ts'
import { SessionUsageError } from '../errors/index.ts'
import type { Duration } from '../settings/duration.ts'
import type { Step } from '../visit/step.ts'
import type { Visit } from '../visit/visit.ts'
import { Call } from './call.ts'
import { SessionChain } from './chain.ts'
import { ADD, Commands } from './commands.ts'

const SHOW = Symbol('show')
const DATA = Symbol('data')

/** A loaded session: its data as read-only properties, and what can be done with it. */
export type Session<D> = LoadedSession<D> & SessionView<D>

/**
 * What a session has beside its data. The data are a picture: they show what the store held when this request last
 * heard of it, and its own commands as soon as they are applied.
 */
export class LoadedSession<D> extends Commands<D> {
  readonly #visit: Visit
  #pictures: Pictures | undefined

  constructor(visit: Visit) {
    super()
    this.#visit = visit
  }

  /** The session's public name, which proves nothing; undefined while the visitor has neither a session nor an open form. */
  get id(): string | undefined {
    return this.#visit.id
  }

  /** When the session began, by the store's clock; undefined for a new one. */
  get created(): Date | undefined {
    return date(this.#visit.record?.created)
  }

  /** When it will be over unless it is used; undefined for a new one. */
  get expires(): Date | undefined {
    return date(this.#visit.record?.expires)
  }

  /** Its idle time in milliseconds. */
  get maxAge(): number {
    return this.#visit.maxAge
  }

  /** When the visitor last proved who they are: `rotate({ authenticated: true })`. */
  get authAt(): Date | undefined {
    return date(this.#visit.record?.authAt ?? undefined)
  }

  /** Nothing is stored yet: the first command will create it. */
  get isNew(): boolean {
    return this.#visit.isNew
  }

  /** The data alone, read-only, whatever their keys are called. */
  get data(): SessionView<D> {
    return this[SHOW](this.#visit.data) as SessionView<D>
  }

  /** For the properties. */
  [SHOW](value: Value): Value {
    if (typeof value !== 'object') return value
    this.#pictures ??= new WeakMap()
    return picture(value, this.#pictures)
  }

  /** For the properties. */
  get [DATA](): Data {
    return this.#visit.data
  }

  toJSON(): SessionView<D> {
    return this.data
  }

  /** @internal */
  override [ADD](change: (step: Step) => Step): SessionChain<D> {
    return new SessionChain<D>(this.#visit)[ADD](change)
  }

  /**
   * Reads the session anew, so that it shows what other requests did. After a command, as in
   * `session.inc('views').then(session.update)`, the command has brought that already and nothing is read. Bound.
   *
   * @throws {@link SessionGoneError} when it has been destroyed or has expired meanwhile.
   */
  update(fresh?: unknown): Call<Session<D>> {
    const begun = fresh === undefined ? this.#visit.reload() : Promise.resolve()
    return new Call(this.#visit, begun, () => this.#visit.current<D>())
  }

  /** Removes the session and its cookie; no new one begins. Removing one that is gone is no error. */
  destroy(): Call<void> {
    return new Call(this.#visit, this.#visit.destroy(), () => {})
  }

  /** Removes the session, and goes on with a brand new one without data, which its first command saves. */
  regenerate(): Call<Session<D>> {
    return new Call(this.#visit, this.#visit.regenerate(), () => this.#visit.current<D>())
  }

  /**
   * A token for a form of this visitor. For one without a session it sets a cookie that holds no secret and costs no
   * I/O; the form stays valid when a session begins, and until log-in rotates it.
   */
  createCSRF(): string {
    return this.#visit.createCSRF()
  }

  /**
   * Throws a `CsrfError` (403) unless the token was made for this visitor and session by `createCSRF()` and the browser
   * does not say that the request comes from another site. Takes any value, such as a field of a parsed body.
   */
  assertCSRF(token: unknown): void {
    this.#visit.assertCSRF(token)
  }

  /** Throws a `FreshAuthRequiredError` (401) unless the visitor proved who they are within this time. */
  requireFresh(within: Duration): void {
    this.#visit.requireFresh(within)
  }

  [inspect.custom](): string {
    return `Session ${this.isNew ? '(new) ' : ''}${inspect(this.data)}`
  }
}

/** The session with its data as properties of its own. */
export function viewOf<D>(visit: Visit): Session<D> {
  return new Proxy(new LoadedSession<D>(visit), VIEW) as Session<D>
}

/** One for all sessions: handlers of its own would cost each request more than the Proxy. */
const VIEW: ProxyHandler<LoadedSession<unknown>> = {
  get(target, key) {
    const value = dataAt(target, key)
    if (value !== undefined) return target[SHOW](value)
    const member = Reflect.get(target, key, target)
    // Methods run on the session itself, which has the private fields that a Proxy lacks.
    return typeof member === 'function' && key !== 'constructor' ? member.bind(target) : member
  },
  has: (target, key) => dataAt(target, key) !== undefined || Reflect.has(target, key),
  ownKeys: (target) => Object.keys(target[DATA]).filter((key) => !isReserved(key)),
  getOwnPropertyDescriptor(target, key) {
    const value = dataAt(target, key)
    return value === undefined
      ? undefined
      : { value: target[SHOW](value), enumerable: true, configurable: true, writable: false }
  },
  set: (_, key) => readOnly(key, `set('${String(key)}', value)`),
  defineProperty: (_, key) => readOnly(key, `set('${String(key)}', value)`),
  deleteProperty: (_, key) => readOnly(key, `unset('${String(key)}')`),
}

function dataAt(session: LoadedSession<unknown>, key: string | symbol): Value | undefined {
  const data = session[DATA]
  return typeof key === 'string' && Object.hasOwn(data, key) && !isReserved(key) ? data[key] : undefined
}

function readOnly(key: string | symbol, instead: string): never {
  if (key === 'maxAge') instead = 'touch(maxAge)'
  throw new SessionUsageError(`session.${String(key)} is read-only. Write: await session.${instead}`)
}

/** What data show: for parts that were looked at before, what they showed then. */
type Pictures = WeakMap<object, Value>

/**
 * Data as the application sees them: frozen. A Date can't be frozen, so that each is a copy, and so is what holds one:
 * whoever changes it changes neither the store's data nor what this request believes them to be.
 */
export function picture(value: Value, pictures: Pictures = new WeakMap()): Value {
  if (isDate(value)) return new Date(value)
  if (typeof value !== 'object' || value === null || isBson(value)) return value
  const before = pictures.get(value)
  if (before !== undefined) return before
  let copy: Value[] | Record<string, Value> | undefined
  for (const key of Object.keys(value)) {
    const part = (value as Data)[key]!
    const shown = picture(part, pictures)
    if (shown === part) continue
    copy ??= isList(value) ? [...value] : { ...(value as Data) }
    ;(copy as Record<string, Value>)[key] = shown
  }
  const shown = Object.freeze(copy ?? value)
  pictures.set(value, shown)
  return shown
}

function date(time: number | undefined): Date | undefined {
  return time === undefined ? undefined : new Date(time)
}
