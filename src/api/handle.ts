import { inspect } from 'node:util'
import type { DestroyOptions } from '../cookie/site-data.ts'
import type { Step } from '../visit/step.ts'
import type { Visit } from '../visit/visit.ts'
import { Awaitable, SESSION } from './awaitable.ts'
import { Call } from './call.ts'
import { Chain } from './chain.ts'
import { ADD, TAKE } from './chaining.ts'
import type { Session, SessionHandle } from './types.ts'

/** See {@link SessionHandle}. */
export class Handle<D> extends Awaitable<D> implements SessionHandle<D> {
  readonly #visit: Visit

  constructor(visit: Visit) {
    super()
    this.#visit = visit
  }

  override [ADD](change: (step: Step) => Step): Chain<D> {
    return new Chain<D>(this.#visit)[ADD](change)
  }

  override [TAKE](change: (step: Step) => Step): Promise<unknown> {
    return new Chain<D>(this.#visit)[TAKE](change)
  }

  /** Asks at once, because the read must keep its place among the commands. Async, so what is thrown rejects. */
  override async [SESSION](): Promise<Session<D>> {
    return this.#visit.current<Session<D>>()
  }

  update(): Call<Session<D>> {
    return new Call(this.#visit, this.#visit.reload(), () => this.#visit.current<Session<D>>())
  }

  destroy(options?: DestroyOptions): Call<void> {
    return new Call(this.#visit, this.#visit.destroy(options), () => {})
  }

  regenerate(): Call<Session<D>> {
    return new Call(this.#visit, this.#visit.regenerate(), () => this.#visit.current<Session<D>>())
  }

  [inspect.custom](): string {
    return 'SessionHandle {}'
  }
}
