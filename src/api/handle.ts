import { inspect } from 'node:util'
import type { Step } from '../visit/step.ts'
import type { Visit } from '../visit/visit.ts'
import { Call } from './call.ts'
import { SessionChain } from './chain.ts'
import { ADD, Commands } from './commands.ts'
import type { Session } from './loaded.ts'

/**
 * What `ctx.session()` returns: nothing has been read, and nothing will be until it is awaited. Every command can be
 * called on it right away. One a request, however often it is asked for.
 */
export class SessionHandle<D> extends Commands<D> implements PromiseLike<Session<D>> {
  readonly #visit: Visit

  constructor(visit: Visit) {
    super()
    this.#visit = visit
  }

  /** @internal */
  override [ADD](change: (step: Step) => Step): SessionChain<D> {
    return new SessionChain<D>(this.#visit)[ADD](change)
  }

  /**
   * Loads the session, once a request. A visitor without one gets a new session, for which nothing is read.
   *
   * @throws {@link StoreError} when the store fails: nobody gets an empty session in place of their own.
   */
  then<A = Session<D>, B = never>(
    onfulfilled?: ((session: Session<D>) => A | PromiseLike<A>) | null,
    onrejected?: ((reason: unknown) => B | PromiseLike<B>) | null,
  ): Promise<A | B> {
    // Asked for now, so that it stands in its place among the commands; what that throws rejects.
    return (async () => this.#visit.current<D>())().then(onfulfilled, onrejected)
  }

  catch<B = never>(onrejected?: ((reason: unknown) => B | PromiseLike<B>) | null): Promise<Session<D> | B> {
    return this.then(null, onrejected)
  }

  finally(onfinally?: (() => void) | null): Promise<Session<D>> {
    return this.then().finally(onfinally)
  }

  /** Reads the session anew. */
  update(): Call<Session<D>> {
    return new Call(this.#visit, this.#visit.reload(), () => this.#visit.current<D>())
  }

  /** Removes the session and its cookie without reading it. */
  destroy(): Call<void> {
    return new Call(this.#visit, this.#visit.destroy(), () => {})
  }

  /** Removes the session without reading it, and goes on with a brand new one without data. */
  regenerate(): Call<Session<D>> {
    return new Call(this.#visit, this.#visit.regenerate(), () => this.#visit.current<D>())
  }

  [inspect.custom](): string {
    return 'SessionHandle {}'
  }
}
