import type { Visit } from '../visit/visit.ts'

/**
 * Something that stands in the visit's queue, and whether anybody watches what becomes of it. Where nobody does, its
 * failure is the request's failure instead of an unhandled rejection, which would end the process.
 */
export class Watched<T> {
  readonly #begun: Promise<T>
  #watched = false

  constructor(visit: Visit, begun: Promise<T>) {
    this.#begun = begun
    begun.catch((error) => visit.failed(error, this.#watched))
  }

  /** From now on somebody sees how it ends. */
  watch(): Promise<T> {
    this.#watched = true
    return this.#begun
  }
}

/**
 * What a method of a session answers: a promise that knows whether anybody watches it. Where nobody does, a failure is
 * the request's, as that of a chain is, instead of ending the process as an unhandled rejection.
 */
export class Call<T> implements Promise<T> {
  readonly [Symbol.toStringTag] = 'Promise'
  readonly #begun: Watched<unknown>
  readonly #result: () => T | Promise<T>

  /**
   * `begun` stands in the queue of the visit; `result` is asked for when it has succeeded, if anybody waits.
   *
   * @internal
   */
  constructor(visit: Visit, begun: Promise<unknown>, result: () => T | Promise<T>) {
    this.#begun = new Watched(visit, begun)
    this.#result = result
  }

  then<A = T, B = never>(
    onfulfilled?: ((value: T) => A | PromiseLike<A>) | null,
    onrejected?: ((reason: unknown) => B | PromiseLike<B>) | null,
  ): Promise<A | B> {
    return this.#begun.watch().then(this.#result).then(onfulfilled, onrejected)
  }

  catch<B = never>(onrejected?: ((reason: unknown) => B | PromiseLike<B>) | null): Promise<T | B> {
    return this.then(null, onrejected)
  }

  finally(onfinally?: (() => void) | null): Promise<T> {
    return this.then().finally(onfinally)
  }
}
