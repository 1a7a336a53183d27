import { StoreError } from './errors.ts'
import type { Access, Change, Loaded, NewSession, SessionRecord, Store, Updated } from './store.ts'

/** Retries come at once, then ever later: most lost replies are a closed connection, which the driver has replaced. */
const PAUSES = [0, 25, 100, 250, 500]

/**
 * How many calls may wait for the store at once. A store that hangs fills it within moments; further requests then
 * fail at once instead of piling up.
 */
const MAX_WAITING = 10_000

/**
 * A store whose every call ends within `timeout`, whatever the driver does, and which sends again what a lost
 * connection may have swallowed. Sending again is sound: a store applies an operation id once, and loading, creating
 * and destroying can be repeated.
 */
export class ReliableStore {
  readonly #store: Store
  readonly #timeout: number
  #waiting = 0

  constructor(store: Store, timeout: number) {
    this.#store = store
    this.#timeout = timeout
  }

  load(access: Access): Promise<Loaded> {
    return this.#call(() => this.#store.load(access))
  }

  update(access: Access, change: Change): Promise<Updated> {
    return this.#call(() => this.#store.update(access, change))
  }

  destroy(access: Access): Promise<boolean> {
    return this.#call(() => this.#store.destroy(access))
  }

  create(session: NewSession): Promise<SessionRecord | undefined> {
    return this.#call(async (attempt) => {
      const record = await this.#store.create(session)
      if (record || attempt === 0) return record
      // The id is taken, perhaps by the attempt whose reply was lost: then the secret, which only it knew, opens it.
      const access: Access = { id: session.id, proof: { hash: session.hash }, maxLifetime: Number.POSITIVE_INFINITY }
      const loaded = await this.#store.load(access)
      return loaded.outcome === 'live' ? loaded.record : undefined
    })
  }

  async #call<T>(send: (attempt: number) => Promise<T>): Promise<T> {
    const { name } = this.#store
    if (this.#waiting >= MAX_WAITING)
      throw new StoreError(name, `has ${MAX_WAITING} calls waiting and takes no more`, false)
    this.#waiting++
    let timer: NodeJS.Timeout | undefined
    let over = false
    const deadline = new Promise<never>((_, reject) => {
      timer = setTimeout(() => {
        over = true
        reject(new StoreError(name, `did not answer within ${this.#timeout} ms`, 'unknown'))
      }, this.#timeout)
    })
    try {
      return await Promise.race([this.#attempt(send, () => over), deadline])
    } finally {
      clearTimeout(timer)
      this.#waiting--
    }
  }

  async #attempt<T>(send: (attempt: number) => Promise<T>, over: () => boolean): Promise<T> {
    for (let attempt = 0; ; attempt++) {
      try {
        return await send(attempt)
      } catch (error) {
        const pause = PAUSES[attempt]
        if (!(error instanceof StoreError) || error.applied === false || pause === undefined || over()) throw error
        await new Promise((resolve) => setTimeout(resolve, pause))
        if (over()) throw error
      }
    }
  }
}
