import { Refusal, type Value } from '../algebra/index.ts'
import { conform } from '../data/schema.ts'
import { errorOf } from '../errors/index.ts'
import { check, EMPTY_STEP, type Step } from '../visit/step.ts'
import type { Visit } from '../visit/visit.ts'
import { ADD, Commands } from './commands.ts'
import type { Session } from './loaded.ts'

/**
 * Commands written one after another: one atomic update.
 *
 * It runs once. Awaiting it gives the refreshed session. One that nobody awaits runs all the same, is settled before
 * the response ends, and its failure is the request's failure.
 */
export class SessionChain<D> extends Commands<D> implements PromiseLike<Session<D>> {
  readonly #visit: Visit
  readonly #result: Promise<Value | undefined>
  #step = EMPTY_STEP
  #fault: unknown
  #started = false
  /** Somebody waits for the session, so that the store should send it. */
  #wanted = false
  /** Somebody sees the failure, so that it need not fail the request by itself. */
  #watched = false

  constructor(visit: Visit) {
    super()
    this.#visit = visit
    // The place in the request's order is taken now; what the chain will hold is known only after this turn of the
    // event loop, because `session.set(…).unset(…)` adds to it, and `await` looks at it a turn later still.
    this.#result = visit.enqueue(async () => {
      await undefined
      this.#started = true
      if (this.#fault) throw this.#fault
      return visit.run(this.#step, this.#wanted)
    })
    this.#result.catch((error) => visit.failed(error, this.#watched))
  }

  /** @internal */
  override [ADD](change: (step: Step) => Step): SessionChain<D> {
    if (this.#started) return new SessionChain<D>(this.#visit)[ADD](change)
    try {
      const before = this.#step.chain.commands.length
      this.#step = change(this.#step)
      const { schema } = this.#visit.settings
      if (schema) conform(this.#step.chain.commands.slice(before), schema)
      check(this.#step, this.#visit.store, this.#visit.settings.maxBytes)
    } catch (error) {
      // The chain is in the queue already: with this it does nothing, instead of applying its first half.
      this.#fault = error instanceof Refusal ? errorOf(error.problem) : error
      this.#watched = true
      throw this.#fault
    }
    return this
  }

  /** The value that `take` removed. */
  async taken(): Promise<Value | undefined> {
    this.#watched = true
    return this.#result
  }

  then<A = Session<D>, B = never>(
    onfulfilled?: ((session: Session<D>) => A | PromiseLike<A>) | null,
    onrejected?: ((reason: unknown) => B | PromiseLike<B>) | null,
  ): Promise<A | B> {
    this.#watched = true
    this.#wanted = true
    return this.#result.then(() => this.#visit.current<D>()).then(onfulfilled, onrejected)
  }

  catch<B = never>(onrejected?: ((reason: unknown) => B | PromiseLike<B>) | null): Promise<Session<D> | B> {
    return this.then(null, onrejected)
  }

  finally(onfinally?: (() => void) | null): Promise<Session<D>> {
    return this.then().finally(onfinally)
  }
}
