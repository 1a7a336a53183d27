/**
 * The values of something that changes, for whoever may be slower than it: who does not read in time finds only the
 * newest one. So however slow a reader is, one value is kept for it.
 */
export class Latest<T> implements AsyncIterableIterator<T> {
  readonly #left: (latest: Latest<T>) => void
  #waiting: ((result: IteratorResult<T, undefined>) => void)[] = []
  #next: { readonly value: T } | undefined
  #over = false

  /** `left`: its reader wants no more. */
  constructor(left: (latest: Latest<T>) => void) {
    this.#left = left
  }

  offer(value: T): void {
    if (this.#over) return
    const reader = this.#waiting.shift()
    if (reader) reader({ done: false, value })
    else this.#next = { value }
  }

  /** No more will come. What has not been read yet is not worth reading any more. */
  end(): void {
    this.#over = true
    this.#next = undefined
    for (const reader of this.#waiting.splice(0)) reader({ done: true, value: undefined })
  }

  async next(): Promise<IteratorResult<T, undefined>> {
    if (this.#next) {
      const { value } = this.#next
      this.#next = undefined
      return { done: false, value }
    }
    if (this.#over) return { done: true, value: undefined }
    return new Promise((resolve) => this.#waiting.push(resolve))
  }

  async return(): Promise<IteratorResult<T, undefined>> {
    this.end()
    this.#left(this)
    return { done: true, value: undefined }
  }

  [Symbol.asyncIterator](): this {
    return this
  }
}
