/** A call that is given up when its time is over, between the calls that began before and after it. */
interface Waiting {
  /** When that is, by `performance.now()`. */
  readonly until: number
  giveUp: () => void
  before: Waiting | undefined
  after: Waiting | undefined
}

/**
 * Gives up what has not ended within a time that is the same for all. One timer serves all of them: to set and clear one
 * for each call costs more than everything else that a call needs here. It keeps the process alive only while somebody waits.
 *
 * They stand in the order in which they come due, because all of them have the same time. Whoever leaves lets go of its
 * neighbours and of its request. A Set does not: when it grows, its former table keeps what was in it, and the table after
 * it. Once one of these is old, all that come later become old with it, and requests are kept until the next full collection.
 */
export class Deadlines {
  readonly #within: number
  #first: Waiting | undefined
  #last: Waiting | undefined
  /** Fires when the first of those is due that waited as it was set, or before. */
  #timer: NodeJS.Timeout | undefined

  constructor(within: number) {
    this.#within = within
  }

  /** Calls `giveUp` once, unless what this answers is deleted before. `now`: by `performance.now()`. */
  add(now: number, giveUp: () => void): Waiting {
    const waiting: Waiting = { until: now + this.#within, giveUp, before: this.#last, after: undefined }
    if (this.#last) this.#last.after = waiting
    else this.#first = waiting
    this.#last = waiting
    if (!this.#timer) this.#timer = setTimeout(this.#due, this.#within)
    else if (this.#first === waiting) this.#timer.ref()
    return waiting
  }

  /** It has ended. */
  delete(waiting: Waiting): void {
    const { before, after } = waiting
    // It has left already.
    if (!before && this.#first !== waiting) return
    if (before) before.after = after
    else this.#first = after
    if (after) after.before = before
    else this.#last = before
    waiting.before = waiting.after = undefined
    waiting.giveUp = nothing
    if (!this.#first) this.#timer?.unref()
  }

  readonly #due = (): void => {
    this.#timer = undefined
    for (let first = this.#first; first; first = this.#first) {
      const rest = first.until - performance.now()
      if (rest > 0) {
        // A call that began meanwhile may have set it, and later than this one is due.
        clearTimeout(this.#timer)
        this.#timer = setTimeout(this.#due, rest)
        break
      }
      const { giveUp } = first
      this.delete(first)
      giveUp()
    }
  }
}

const nothing = (): void => {}
