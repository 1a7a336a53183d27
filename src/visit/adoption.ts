import { apply, type Command, commands, type Data, isObject, Refusal } from '../algebra/index.ts'
import type { Store } from '../contract/store.ts'
import type { CookieJar } from '../cookie/jar.ts'
import { type OldCookie, oldCookieOf } from '../cookie/old.ts'
import { innerKey, key } from '../data/key.ts'
import { errorOf } from '../errors/index.ts'
import type { Settings } from '../settings/settings.ts'
import { type Earlier, earlierOf, NO_EARLIER } from './earlier.ts'
import { check, conforming, EMPTY_STEP, withCommands } from './step.ts'

/**
 * An earlier session, for a visitor without our cookie: asked for once, and only when the session is used. It is kept until
 * what it has become is stored, so a chain that fails leaves it to the next one.
 */
export class Adoption {
  /** Nobody can have an earlier session: one for all requests, because it keeps nothing. */
  static readonly #none = new Adoption(undefined, undefined)

  /** `present`: the request has a cookie of ours. */
  static of(settings: Settings, context: unknown, present: boolean): Adoption {
    return settings.adopt && !present ? new Adoption(settings, context) : Adoption.#none
  }

  /** Until it has been asked for. */
  #settings: Settings | undefined
  readonly #context: unknown
  #earlier: Earlier = NO_EARLIER

  private constructor(settings: Settings | undefined, context: unknown) {
    this.#settings = settings
    this.#context = context
  }

  /** An earlier session may still be handed over. */
  get pending(): boolean {
    return this.#settings !== undefined || this.#earlier !== NO_EARLIER
  }

  /** What was handed over; asks for it if that has not happened. */
  async earlier(store: Store): Promise<Earlier> {
    const settings = this.#settings
    if (settings) {
      this.#settings = undefined
      this.#earlier = earlierOf(await settings.adopt!(this.#context), settings, (data) => dataOf(data, store, settings))
    }
    return this.#earlier
  }

  /** What was handed over is stored. When `forget` fails, no cookie is removed, and it is handed over once more. */
  async done(jar: CookieJar): Promise<void> {
    const { forget } = this.#earlier
    if (forget) {
      const removed: OldCookie[] = []
      await forget((name, place) => {
        jar.assertRemovable()
        removed.push(oldCookieOf(name, place))
      })
      for (const cookie of removed) jar.remove(cookie)
    }
    this.#earlier = NO_EARLIER
  }

  /** The visitor logs out: what is handed over only later would come back with the next request. */
  async forget(store: Store, jar: CookieJar): Promise<void> {
    await this.earlier(store)
    await this.done(jar)
  }
}

/** The data that an earlier session hands over, as a chain that sets each of its fields would make them. */
function dataOf(data: object, store: Store, { schema, maxBytes }: Settings): Data {
  try {
    const step = conforming(withCommands(EMPTY_STEP, Object.entries(data).map(setField)), schema)
    check(step, store, maxBytes)
    const result = apply({}, step.chain, 0)
    if (!result.ok) throw errorOf(result.problem)
    return result.data
  } catch (error) {
    throw error instanceof Refusal ? errorOf(error.problem) : error
  }
}

/** An earlier session's keys are texts, not paths. */
function setField([text, value]: [string, unknown]): Command {
  return commands.set(key(text), withKeys(value, new Map()))
}

/** A value with every key as a key of a session. What is no plain data stays as it is, for the checks to come. */
function withKeys(value: unknown, seen: Map<unknown, unknown>): unknown {
  const before = seen.get(value)
  if (before) return before
  if (Array.isArray(value)) {
    // A hole stays one.
    const list: unknown[] = new Array(value.length)
    seen.set(value, list)
    value.forEach((element, i) => {
      list[i] = withKeys(element, seen)
    })
    return list
  }
  if (!isObject(value) || !isPlain(value)) return value
  const object: Record<string, unknown> = {}
  seen.set(value, object)
  for (const [text, part] of Object.entries(value)) object[innerKey(text)] = withKeys(part, seen)
  return object
}

function isPlain(value: object): boolean {
  const properties = Object.values(Object.getOwnPropertyDescriptors(value))
  const prototype = Object.getPrototypeOf(value)
  return (prototype === null || Object.getPrototypeOf(prototype) === null) && !properties.some(({ get }) => get)
}
