import { SessionUsageError } from '../errors/index.ts'

/** More than any handler writes; a loop that never awaits is refused beyond it. */
const LONGEST = 1000

/** A request's calls, one after another in the order in which they were written, and the failures that nobody saw. */
export class Queue {
  readonly #background: (error: unknown) => void
  readonly #failures: unknown[] = []
  #tail: Promise<unknown> = Promise.resolve()
  #waiting = 0
  #settled: boolean

  /** `told`: nobody waits for the end of this request, as with a socket, so each failure is told at once. */
  constructor(background: (error: unknown) => void, told: boolean) {
    this.#background = background
    this.#settled = told
  }

  get empty(): boolean {
    return this.#waiting === 0
  }

  add<T>(work: () => Promise<T>): Promise<T> {
    if (this.#waiting >= LONGEST) {
      // Not thrown: where a socket's messages call this, nobody is there to catch it, and the process would end. It comes
      // later than `await` looks at the call, so whoever waits sees it.
      const error = new SessionUsageError(
        `One request has ${LONGEST} session commands waiting: await them, or write them as one chain`,
      )
      return new Promise((_, reject) => setImmediate(reject, error))
    }
    this.#waiting++
    const result = this.#tail.then(work)
    this.#tail = result.then(this.#done, this.#done)
    return result
  }

  readonly #done = (): void => {
    this.#waiting--
  }

  /** A call has failed. Unless somebody watches it, its failure is the request's. */
  failed(error: unknown, watched: boolean): void {
    if (watched) return
    if (this.#settled || this.#failures.length >= LONGEST) this.#background(error)
    else this.#failures.push(error)
  }

  /** Waits until nothing is left, also of what is added meanwhile. */
  async drain(): Promise<void> {
    while (this.#waiting > 0) await this.#tail
  }

  /** The request is over: throws as `raise` does, and reports later failures elsewhere. */
  settle(): void {
    this.#settled = true
    this.raise()
  }

  /** Throws the first failure that nobody watched, and reports the others elsewhere. */
  raise(): void {
    if (this.#failures.length === 0) return
    const [failure, ...others] = this.#failures.splice(0)
    for (const other of others) this.#background(other)
    throw failure
  }
}
