import { apply, type Command, commands, type Data, Refusal } from '../algebra/index.ts'
import type { Store } from '../contract/store.ts'
import { errorOf, InvalidPathError } from '../errors/index.ts'
import type { Adopted, Settings } from '../settings/options.ts'
import { check, conforming, EMPTY_STEP, withCommands } from './step.ts'

const NOTHING: Data = Object.freeze({})

/** An earlier session's data, for a visitor without our cookie: asked for once, and only when the session is used. */
export class Adoption {
  readonly #settings: Settings
  readonly #context: unknown
  #pending: boolean
  #data: Data = NOTHING

  constructor(settings: Settings, context: unknown, possible: boolean) {
    this.#settings = settings
    this.#context = context
    this.#pending = possible && settings.adopt !== undefined
  }

  /** An earlier session may still be handed over. */
  get pending(): boolean {
    return this.#pending
  }

  /** What was handed over; asks for it if that has not happened. */
  async data(store: Store): Promise<Data> {
    if (this.#pending) {
      this.#pending = false
      this.#data = adopted(await this.#settings.adopt!(this.#context), store, this.#settings)
    }
    return this.#data
  }

  /** The visitor logs out: what is handed over only later would come back with the next request. */
  async forget(store: Store): Promise<void> {
    await this.data(store)
    this.#data = NOTHING
  }
}

/** The data that an earlier session hands over, as a chain that sets each of its fields would make them. */
function adopted(data: Adopted, store: Store, { schema, maxBytes }: Settings): Data {
  try {
    const step = conforming(withCommands(EMPTY_STEP, Object.entries(data ?? {}).map(setField)), schema)
    check(step, store, maxBytes)
    const result = apply({}, step.chain, 0)
    if (!result.ok) throw errorOf(result.problem)
    return result.data
  } catch (error) {
    throw error instanceof Refusal ? errorOf(error.problem) : error
  }
}

/** An earlier session's keys are names, not paths. */
function setField([key, value]: [string, unknown]): Command {
  if (key.includes('.')) throw new InvalidPathError(key, "a key with '.' in it; hand it over by another name")
  return commands.set(key, value)
}
