import type {
  Access,
  Change,
  IndexedStore,
  IndexValue,
  InspectableStore,
  Loaded,
  NewSession,
  SessionRecord,
  Store,
  Updated,
} from '../contract/store.ts'
import { type About, type Caller, type StoreCall, traced } from '../diagnostics/tracing.ts'
import { StoreError } from '../errors/index.ts'

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

/** Who asks, of calls that wait for each other. */
export interface Asking extends Caller {
  /** When the present call was asked for, which then waited for its turn. */
  readonly asked: number
  /** When a call of theirs was given up: what was waiting behind it then is not tried, or their deadlines would add up. */
  givenUp: number
}

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
  /** The store's clock and this process's, when it last answered. The store had read its own before. */
  #clock: { readonly store: number; readonly here: number } | undefined

  constructor(store: Store, timeout: number) {
    this.#store = store
    this.#timeout = timeout
  }

  load(access: Access, asking?: Asking): Promise<Loaded> {
    return this.#call({ operation: 'load', caller: asking }, () => this.#store.load(access))
  }

  update(access: Access, change: Change, asking?: Asking): Promise<Updated> {
    const send: Send<Updated> = (attempt, sent) =>
      attempt === 0
        ? this.#store.update(access, change)
        : this.#updateAgain(access, { ...change, repeatedSince: this.#storeTime(sent) })
    return this.#call({ operation: 'update', caller: asking, chain: change.chain }, send)
  }

  async #updateAgain(access: Access, change: Change): Promise<Updated> {
    const answer = await this.#store.update(access, change)
    if (answer.outcome !== 'forgotten') return answer
    const lost = new StoreError(
      this.#store.name,
      'lost a reply, and too much has happened since to tell what became of it',
      'unknown',
    )
    lost.final = true
    throw lost
  }

  destroy(access: Access, asking?: Asking): Promise<boolean> {
    return this.#call({ operation: 'destroy', caller: asking }, () => this.#store.destroy(access))
  }

  /** For a store that can. */
  get(id: string): Promise<SessionRecord | undefined> {
    return this.#call({ operation: 'get' }, () => (this.#store as InspectableStore).get(id))
  }

  /** For a store that can. */
  find(field: string, value: IndexValue, maxLifetime: number): Promise<SessionRecord[]> {
    return this.#call({ operation: 'find' }, () => (this.#store as IndexedStore).find(field, value, maxLifetime))
  }

  /** For a store that can. Where a reply was lost, the answer does not count those that were removed by the first try. */
  destroyAll(field: string, value: IndexValue, except: string | undefined): Promise<number> {
    return this.#call({ operation: 'destroyAll' }, () => (this.#store as IndexedStore).destroyAll(field, value, except))
  }

  create(session: NewSession, asking?: Asking): Promise<SessionRecord | undefined> {
    const send = async () => {
      const record = await this.#store.create(session)
      if (record) return record
      // The id is taken, perhaps by an earlier try, ours or the driver's: then the secret, which only it knew, opens it.
      const access: Access = { id: session.id, proof: { hash: session.hash }, maxLifetime: Number.POSITIVE_INFINITY }
      const loaded = await this.#store.load(access)
      return loaded.outcome === 'live' ? loaded.record : undefined
    }
    return this.#call({ operation: 'create', caller: asking }, send)
  }

  /** The store's time at a moment of this process, or before. */
  #storeTime(here: number): number {
    return this.#clock ? Math.floor(this.#clock.store + here - this.#clock.here - SKEW) : 0
  }

  #call<T>(about: About & { readonly caller?: Asking | undefined }, send: Send<T>): Promise<T> {
    return traced(this.#store.name, about, (call) => this.#within(send, call, about.caller))
  }

  async #within<T>(send: Send<T>, traced: StoreCall | undefined, asking: Asking | undefined): Promise<T> {
    if (asking && asking.asked <= asking.givenUp) {
      throw new StoreError(this.#store.name, 'did not answer what this request asked before', false)
    }
    this.#admit()
    this.#waiting++
    const call = { over: false }
    return new Promise<T>((resolve, reject) => {
      const timer = setTimeout(() => {
        call.over = true
        this.#waiting--
        this.#hanging++
        if (asking) asking.givenUp = performance.now()
        reject(new StoreError(this.#store.name, `did not answer within ${this.#timeout} ms`, 'unknown'))
      }, this.#timeout)
      const end = () => {
        if (call.over) return
        clearTimeout(timer)
        this.#waiting--
      }
      this.#attempt(send, call, traced).then(
        (result) => {
          end()
          // An answer that comes too late for its request still says that the store is there.
          this.#answered(result)
          resolve(result)
        },
        (error) => {
          end()
          reject(error)
        },
      )
    })
  }

  #answered(result: unknown): void {
    this.#hanging = 0
    this.#pause = PROBES.first
    if (typeof result === 'object' && result !== null && 'now' in result && typeof result.now === 'number') {
      this.#clock = { store: result.now, here: performance.now() }
    }
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
        if (failure.applied === false || error.final || pause === undefined || call.over) throw failure
        await new Promise((resolve) => setTimeout(resolve, pause))
        if (call.over) throw failure
      }
    }
  }
}
