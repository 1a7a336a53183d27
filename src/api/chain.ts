import { inspect } from 'node:util'
import type { Value } from '../algebra/index.ts'
import { EMPTY_STEP, extended, type Step } from '../visit/step.ts'
import type { Visit } from '../visit/visit.ts'
import { Awaitable, SESSION } from './awaitable.ts'
import { Watched } from './call.ts'
import { ADD, TAKE } from './chaining.ts'
import type { Session, SessionChain } from './types.ts'

/** See {@link SessionChain}. */
export class Chain<D> extends Awaitable<D> implements SessionChain<D> {
  readonly #visit: Visit
  readonly #begun: Watched<Value | undefined>
  #step = EMPTY_STEP
  #fault: unknown
  #started = false
  /** Someone waits for the session, so the store should send it. */
  #wanted = false

  constructor(visit: Visit) {
    super()
    this.#visit = visit
    // The chain takes its place in the request's order now. Its commands are complete only after this turn of the event
    // loop, because `session.set(…).unset(…)` still adds to it, and `await` looks at it another turn later.
    const begun = visit.enqueue(async () => {
      await undefined
      this.#started = true
      if (this.#fault) throw this.#fault
      return visit.run(this.#step, this.#wanted)
    })
    this.#begun = new Watched(visit, begun)
  }

  override [ADD](change: (step: Step) => Step): Chain<D> {
    if (this.#started) return new Chain<D>(this.#visit)[ADD](change)
    try {
      this.#step = extended(this.#step, change, this.#visit)
    } catch (error) {
      // The chain is already in the queue. With a fault it does nothing, instead of applying its first half.
      this.#fault = error
      this.#begun.watch()
      throw error
    }
    return this
  }

  override [TAKE](change: (step: Step) => Step): Promise<Value | undefined> {
    return this[ADD](change).#begun.watch()
  }

  override [SESSION](): Promise<Session<D>> {
    this.#wanted = true
    return this.#begun.watch().then(() => this.#visit.current<Session<D>>())
  }

  [inspect.custom](): string {
    return 'SessionChain {}'
  }
}
