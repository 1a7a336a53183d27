import type { Visit } from '../visit/visit.ts'

/**
 * What a method of a session answers: a promise that knows whether anybody watches it. Where nobody does, a failure is
 * the request's, as that of a chain is, instead of ending the process as an unhandled rejection.
 */
export class Call<T> implements Promise<T> {
  readonly [Symbol.toStringTag] = 'Promise'
  readonly #begun: Promise<unknown>
  readonly #result: () => T | Promise<T>
  #watched = false

  /**
   * `begun` stands in the queue of the visit; `result` is asked for when it has succeeded, if anybody waits.
   *
   * @internal
   */
  constructor(visit: Visit, begun: Promise<unknown>, result: () => T | Promise<T>) {
    this.#begun = begun
    this.#result = result
    begun.catch((error) => visit.failed(error, this.#watched))
  }

  then<A = T, B = never>(
    onfulfilled?: ((value: T) => A | PromiseLike<A>) | null,
    onrejected?: ((reason: unknown) => B | PromiseLike<B>) | null,
  ): Promise<A | B> {
    this.#watched = true
    return this.#begun.then(this.#result).then(onfulfilled, onrejected)
  }

  catch<B = never>(onrejected?: ((reason: unknown) => B | PromiseLike<B>) | null): Promise<T | B> {
    return this.then(null, onrejected)
  }

  finally(onfinally?: (() => void) | null): Promise<T> {
    return this.then().finally(onfinally)
  }
}
