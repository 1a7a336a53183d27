import { StoreError } from './errors.ts'
import type { Access, Change, Loaded, NewSession, SessionRecord, Store, Updated } from './store.ts'
import { type Caller, type StoreCall, traced } from './tracing.ts'

/** Retries come at once, then ever later: most lost replies are a closed connection, which the driver has replaced. */
const PAUSES = [0, 25, 100, 250, 500]

/** How many calls may wait for the store at once. */
const MAX_WAITING = 10_000
/** After so many calls without an answer, and none with one, the store is taken to be gone. */
const MAX_HANGING = 10
/** Then it is tried at ever longer intervals, so that a driver whose connection is dead has the silence to notice it. */
const PROBES = { first: 250, longest: 2000 }

/** How far apart two readings of the store's clock may be, in milliseconds. */
const SKEW = 100

type Send<T> = (attempt: number, sent: number) => Promise<T>

/**
 * A store whose every call ends within `timeout`, whatever the driver does, and which sends again what a lost
 * connection may have swallowed. Sending again is sound: a store applies an operation id once, and loading, creating
 * and destroying can be repeated.
 */
export class ReliableStore {
  readonly #store: Store
  readonly #timeout: number
  #waiting = 0
  /** Calls that were given up since the last answer; a driver may keep them for ever. */
  #hanging = 0
  #nextProbe = 0
  #pause = PROBES.first

  constructor(store: Store, timeout: number) {
    this.#store = store
    this.#timeout = timeout
  }

  load(access: Access, caller?: Caller): Promise<Loaded> {
    return this.#call({ store: this.#store.name, operation: 'load', caller }, () => this.#store.load(access))
  }

  update(access: Access, change: Change, caller?: Caller): Promise<Updated> {
    const about = { store: this.#store.name, operation: 'update', caller, chain: change.chain } as const
    return this.#call(about, async (attempt, sent) => {
      if (attempt === 0) return this.#store.update(access, change)
      const answer = await this.#store.update(access, { ...change, repeatedAfter: performance.now() - sent + SKEW })
      if (answer.outcome !== 'forgotten') return answer
      throw new StoreError(
        this.#store.name,
        'lost a reply, and too much has happened since to tell what became of it',
        'unknown',
      )
    })
  }

  destroy(access: Access, caller?: Caller): Promise<boolean> {
    return this.#call({ store: this.#store.name, operation: 'destroy', caller }, () => this.#store.destroy(access))
  }

  create(session: NewSession, caller?: Caller): Promise<SessionRecord | undefined> {
    return this.#call({ store: this.#store.name, operation: 'create', caller }, async () => {
      const record = await this.#store.create(session)
      if (record) return record
      // The id is taken, perhaps by an earlier try, ours or the driver's: then the secret, which only it knew, opens it.
      const access: Access = { id: session.id, proof: { hash: session.hash }, maxLifetime: Number.POSITIVE_INFINITY }
      const loaded = await this.#store.load(access)
      return loaded.outcome === 'live' ? loaded.record : undefined
    })
  }

  #call<T>(about: Parameters<typeof traced>[0], send: Send<T>): Promise<T> {
    return traced(about, (call) => this.#within(send, call))
  }

  async #within<T>(send: Send<T>, traced: StoreCall | undefined): Promise<T> {
    this.#admit()
    this.#waiting++
    const call = { over: false }
    const sent = this.#attempt(send, call, traced)
    let timer: NodeJS.Timeout | undefined
    const deadline = new Promise<never>((_, reject) => {
      timer = setTimeout(() => {
        call.over = true
        this.#hanging++
        // An answer that comes too late for its request still says that the store is there.
        sent.then(this.#answered, () => {})
        reject(new StoreError(this.#store.name, `did not answer within ${this.#timeout} ms`, 'unknown'))
      }, this.#timeout)
    })
    try {
      const result = await Promise.race([sent, deadline])
      this.#answered()
      return result
    } finally {
      clearTimeout(timer)
      this.#waiting--
    }
  }

  readonly #answered = (): void => {
    this.#hanging = 0
    this.#pause = PROBES.first
  }

  /** A store that does not answer gets no more calls, but for one now and then to try it: they would pile up. */
  #admit(): void {
    const { name } = this.#store
    if (this.#waiting >= MAX_WAITING) {
      throw new StoreError(name, `has ${MAX_WAITING} calls waiting and takes no more`, false)
    }
    if (this.#hanging < MAX_HANGING) return
    const now = performance.now()
    if (now < this.#nextProbe) throw new StoreError(name, 'does not answer', false)
    this.#nextProbe = now + this.#pause
    this.#pause = Math.min(2 * this.#pause, PROBES.longest)
  }

  async #attempt<T>(send: Send<T>, call: { readonly over: boolean }, traced: StoreCall | undefined): Promise<T> {
    const sent = performance.now()
    let unknown: StoreError | undefined
    for (let attempt = 0; ; attempt++) {
      if (traced) traced.attempts = attempt + 1
      try {
        return await send(attempt, sent)
      } catch (error) {
        if (!(error instanceof StoreError)) throw error
        if (error.applied === 'unknown') unknown = error
        // That a later try was surely not applied says nothing of an earlier one.
        const failure = unknown ?? error
        const pause = PAUSES[attempt]
        if (failure.applied === false || pause === undefined || call.over) throw failure
        await new Promise((resolve) => setTimeout(resolve, pause))
        if (call.over) throw failure
      }
    }
  }
}
