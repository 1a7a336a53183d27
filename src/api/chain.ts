import { inspect } from 'node:util'
import type { Value } from '../algebra/index.ts'
import { conditionsOf, EMPTY_STEP, extended, type Step } from '../visit/step.ts'
import type { Visit } from '../visit/visit.ts'
import { Awaitable, SESSION } from './awaitable.ts'
import { Watched } from './call.ts'
import { ADD, TAKE } from './chaining.ts'
import type { Session, SessionChain } from './types.ts'

/** See {@link SessionChain}. */
export class Chain<D> extends Awaitable<D> implements SessionChain<D> {
  readonly #visit: Visit
  readonly #begun: Watched<Value | undefined>
  #step: Step
  #fault: unknown
  #started = false
  /** Someone waits for the session, so the store should send it. */
  #wanted = false

  private constructor(visit: Visit, step: Step) {
    super()
    this.#visit = visit
    this.#step = step
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

  /** A chain that begins with this change, under the conditions of `before`. One that throws takes no place in the order. */
  static of<D>(visit: Visit, change: (step: Step) => Step, before = EMPTY_STEP): Chain<D> {
    return new Chain<D>(visit, extended(conditionsOf(before), change, visit))
  }

  static take<D>(visit: Visit, change: (step: Step) => Step): Promise<Value | undefined> {
    return Chain.of<D>(visit, change).#begun.watch()
  }

  override [ADD](change: (step: Step) => Step): Chain<D> {
    const step = this.#started ? undefined : this.#extended(change)
    // Asked again, because the chain may have begun while its next command was checked: Bun and Deno have run microtasks
    // within calls that a server's native code makes (https://github.com/oven-sh/bun/pull/39826).
    if (!step || this.#started) return Chain.of<D>(this.#visit, change, this.#step)
    this.#step = step
    return this
  }

  #extended(change: (step: Step) => Step): Step {
    try {
      return extended(this.#step, change, this.#visit)
    } catch (error) {
      // The chain is already in the queue. With a fault it does nothing, instead of applying its first half.
      this.#fault = error
      this.#begun.watch()
      throw error
    }
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
