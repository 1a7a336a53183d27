/** A call that is given up when its time is over. */
interface Waiting {
  /** When that is, by `performance.now()`. */
  readonly until: number
  readonly giveUp: () => void
}

/**
 * Gives up what has not ended within a time that is the same for all. One timer serves all of them: to set and clear one
 * for each call costs more than everything else that a call needs here. It keeps the process alive only while somebody waits.
 */
export class Deadlines {
  readonly #within: number
  /** In the order in which they come due, because all of them have the same time. */
  readonly #waiting = new Set<Waiting>()
  /** Fires when the first of those is due that waited as it was set, or before. */
  #timer: NodeJS.Timeout | undefined

  constructor(within: number) {
    this.#within = within
  }

  /** Calls `giveUp` once, unless what this answers is deleted before. `now`: by `performance.now()`. */
  add(now: number, giveUp: () => void): Waiting {
    const waiting = { until: now + this.#within, giveUp }
    this.#waiting.add(waiting)
    if (!this.#timer) this.#timer = setTimeout(this.#due, this.#within)
    else if (this.#waiting.size === 1) this.#timer.ref()
    return waiting
  }

  /** It has ended. */
  delete(waiting: Waiting): void {
    this.#waiting.delete(waiting)
    if (this.#waiting.size === 0) this.#timer?.unref()
  }

  readonly #due = (): void => {
    this.#timer = undefined
    for (const waiting of this.#waiting) {
      const rest = waiting.until - performance.now()
      if (rest > 0) {
        // A call that began meanwhile may have set it, and later than this one is due.
        clearTimeout(this.#timer)
        this.#timer = setTimeout(this.#due, rest)
        break
      }
      this.#waiting.delete(waiting)
      waiting.giveUp()
    }
  }
}
