import type { Visit } from '../visit/visit.ts'
import { UNKNOWN } from './guard.ts'

/**
 * A promise from the visit's queue, and whether anyone watches it. If no one does, its failure becomes the request's
 * failure. Otherwise it would be an unhandled rejection, which ends the process.
 */
export class Watched<T> {
  readonly #begun: Promise<T>
  #watched = false

  constructor(visit: Visit, begun: Promise<T>) {
    this.#begun = begun
    begun.catch((error) => visit.failed(error, this.#watched))
  }

  /** From now on someone sees how it ends. */
  watch(): Promise<T> {
    this.#watched = true
    return this.#begun
  }
}

/**
 * What a method of a session returns: a promise that knows whether it is awaited. If it is not, its failure is the
 * request's failure, as with a chain, instead of an unhandled rejection that ends the process.
 */
export class Call<T> implements Promise<T> {
  static {
    Object.setPrototypeOf(Call.prototype, UNKNOWN)
  }

  readonly [Symbol.toStringTag] = 'Promise'
  readonly #begun: Watched<unknown>
  readonly #result: () => T | Promise<T>

  /**
   * `begun` is in the visit's queue. `result` is called after it has succeeded, and only if someone waits.
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
