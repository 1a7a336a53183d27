/** Removes what has expired, again and again, where an application has set `pruneEvery`. */
export class Pruning {
  readonly #every: number
  readonly #prune: () => Promise<unknown>
  #timer: NodeJS.Timeout | undefined

  /** `prune` never rejects. */
  constructor(every: number, prune: () => Promise<unknown>) {
    this.#every = every
    this.#prune = prune
  }

  begin(): void {
    if (this.#every > 0 && !this.#timer) this.#wait()
  }

  end(): void {
    clearTimeout(this.#timer)
    this.#timer = undefined
  }

  /** Half to one and a half times the interval, so processes that start together don't all prune at once. */
  #wait(): void {
    const pause = this.#every * (0.5 + Math.random())
    this.#timer = setTimeout(() => {
      void this.#prune().finally(() => this.#timer && this.#wait())
    }, pause).unref()
  }
}
