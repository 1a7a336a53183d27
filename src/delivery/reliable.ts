import type {
  Access,
  Change,
  Held,
  IndexedStore,
  IndexValue,
  InspectableStore,
  Loaded,
  NewSession,
  Page,
  SessionRecord,
  Store,
  Updated,
} from '../contract/store.ts'
import { type About, type Caller, type StoreCall, traced } from '../diagnostics/tracing.ts'
import { StoreError } from '../errors/index.ts'
import { Breaker } from './breaker.ts'
import { type Reading, readingOf, storeTime } from './clock.ts'
import { Deadlines } from './deadlines.ts'

/**
 * The first retry comes at once, the others later and later. Most lost replies come from a closed connection, which the
 * driver has already replaced.
 */
const PAUSES = [0, 25, 100, 250, 500]

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

/** Who hears at once what this process learns of sessions, and what it does to them: see `Watching`. */
export interface Hearing {
  began(asking: Asking | undefined): void
  /** `sent`: when it was asked for, by this process's clock. */
  answered(access: Access, answer: Loaded | Updated, sent: number, asking?: Asking): void
  removed(access: Access, sent: number): void
  removedAll(field: string, value: IndexValue): void
}

/**
 * A store whose every call ends within `timeout`, whatever the driver does, and which sends again what a lost
 * connection may have swallowed. Sending again is sound: a store applies an operation id once, and loading, creating
 * and destroying can be repeated.
 */
export class ReliableStore {
  readonly #store: Store
  readonly #timeout: number
  readonly #breaker: Breaker
  readonly #deadlines: Deadlines
  /** The store's clock when it last answered. */
  #clock: Reading | undefined
  #hearing: Hearing | undefined

  constructor(store: Store, timeout: number) {
    this.#store = store
    this.#timeout = timeout
    this.#breaker = new Breaker(store.name)
    this.#deadlines = new Deadlines(timeout)
  }

  /** From now on every answer is heard. Until then that costs nothing. */
  set hearing(hearing: Hearing) {
    this.#hearing = hearing
  }

  load(access: Access, asking?: Asking, held?: Held): Promise<Loaded> {
    const loading = this.#call({ operation: 'load', caller: asking }, () => this.#store.load(access, held))
    return this.#hearing
      ? this.#heard(loading, (to, answer, sent) => to.answered(access, answer, sent, asking))
      : loading
  }

  update(access: Access, change: Change, asking?: Asking): Promise<Updated> {
    const updating = this.#update(access, change, asking)
    return this.#hearing
      ? this.#heard(updating, (to, answer, sent) => to.answered(access, answer, sent, asking))
      : updating
  }

  #update(access: Access, change: Change, asking: Asking | undefined): Promise<Updated> {
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
      'lost a reply, and too many changes have followed to know whether it was applied',
      'unknown',
    )
    lost.final = true
    throw lost
  }

  destroy(access: Access, asking?: Asking): Promise<boolean> {
    const removing = this.#call({ operation: 'destroy', caller: asking }, () => this.#store.destroy(access))
    if (!this.#hearing) return removing
    return this.#heard(removing, (to, removed, sent) => removed && to.removed(access, sent))
  }

  /** For a store that can. */
  get(id: string): Promise<SessionRecord | undefined> {
    return this.#call({ operation: 'get' }, () => (this.#store as InspectableStore).get(id))
  }

  /** For a store that can. */
  find(field: string, value: IndexValue, maxLifetime: number, page: Page): Promise<SessionRecord[]> {
    const store = this.#store as IndexedStore
    return this.#call({ operation: 'find' }, () => store.find(field, value, maxLifetime, page))
  }

  /** For a store that can. If a reply was lost, the answer does not count what the first try removed. */
  destroyAll(
    field: string,
    value: IndexValue,
    except: string | undefined,
    limit: number,
    reading?: object,
  ): Promise<number> {
    const store = this.#store as IndexedStore
    const removing = this.#call({ operation: 'destroyAll' }, () =>
      store.destroyAll(field, value, except, limit, reading),
    )
    return this.#hearing ? this.#heard(removing, (to, count) => count > 0 && to.removedAll(field, value)) : removing
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
    const creating = this.#call({ operation: 'create', caller: asking }, send)
    return this.#hearing ? this.#heard(creating, (to) => to.began(asking)) : creating
  }

  /** The answer, once it was told. It is told before the caller has it. */
  async #heard<T>(asked: Promise<T>, tell: (to: Hearing, answer: T, sent: number) => unknown): Promise<T> {
    const sent = performance.now()
    const answer = await asked
    tell(this.#hearing!, answer, sent)
    return answer
  }

  /** The store's time at a moment of this process, or before. */
  #storeTime(here: number): number {
    return this.#clock ? Math.floor(storeTime(this.#clock, here) - SKEW) : 0
  }

  #call<T>(about: About & { readonly caller?: Asking | undefined }, send: Send<T>): Promise<T> {
    return traced(this.#store.name, about, (call) => this.#within(send, call, about.caller))
  }

  #within<T>(send: Send<T>, traced: StoreCall | undefined, asking: Asking | undefined): Promise<T> {
    return new Promise<T>((resolve, reject) => {
      if (asking && asking.asked <= asking.givenUp) {
        throw new StoreError(this.#store.name, 'did not answer an earlier call of this request', false)
      }
      this.#breaker.begin()
      const call = { send, traced, sent: performance.now(), over: false }
      const deadline = this.#deadlines.add(call.sent, () => {
        call.over = true
        this.#breaker.giveUp()
        if (asking) asking.givenUp = performance.now()
        reject(new StoreError(this.#store.name, `did not answer within ${this.#timeout} ms`, 'unknown'))
      })
      const end = () => {
        if (call.over) return
        this.#deadlines.delete(deadline)
        this.#breaker.end()
      }
      const answered = (result: T) => {
        end()
        // An answer that comes too late for its request still says that the store is there.
        this.#answered(result)
        resolve(result)
      }
      const failed = (error: unknown) => {
        end()
        reject(error)
      }
      // Nearly every call is sent once, so the first time goes without the promises that sending again needs.
      first(call).then(answered, (error) => again(error, call).then(answered, failed))
    })
  }

  #answered(result: unknown): void {
    this.#breaker.answered()
    if (typeof result === 'object' && result !== null && 'now' in result && typeof result.now === 'number') {
      this.#clock = readingOf(result.now)
    }
  }
}

/** One call to the store, however often it is sent. */
interface Sending<T> {
  readonly send: Send<T>
  readonly traced: StoreCall | undefined
  /** When it was sent first. */
  readonly sent: number
  /** Its deadline has passed. */
  readonly over: boolean
}

function first<T>({ send, sent }: Sending<T>): Promise<T> {
  try {
    return send(0, sent)
  } catch (error) {
    return Promise.reject(error)
  }
}

/** Sends a call that has failed again, as long as that is sound and there is time. */
async function again<T>(failed: unknown, call: Sending<T>): Promise<T> {
  let error = failed
  let unknown: StoreError | undefined
  for (let attempt = 1; ; attempt++) {
    if (!(error instanceof StoreError)) throw error
    if (error.applied === 'unknown') unknown = error
    // A later try that was definitely not applied says nothing about an earlier one.
    const failure = unknown ?? error
    const pause = PAUSES[attempt - 1]
    if (failure.applied === false || error.final || pause === undefined || call.over) throw failure
    await new Promise((resolve) => setTimeout(resolve, pause))
    if (call.over) throw failure
    if (call.traced) call.traced.attempts = attempt + 1
    try {
      return await call.send(attempt, call.sent)
    } catch (next) {
      error = next
    }
  }
}
