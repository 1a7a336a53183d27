import type fc from 'fast-check'

/** The act of fast-check's scheduler: when a turn is over, everything that follows from it has happened too. */
export async function act(turn: () => Promise<void>): Promise<void> {
  await turn()
  // Twice, because what the turn has put off itself may stand behind the first one.
  for (let time = 0; time < 2; time++) await new Promise((resolve) => setImmediate(resolve))
}

/**
 * Which of all that waits happens next. One thing happens at a time, so every order that requests can meet is one that
 * a run can take, and a seed brings it back.
 */
export class Order {
  /** Counts what has happened. */
  now = 0
  readonly #scheduler: fc.Scheduler
  /** What the network and the store still have to do; pages that wait for something of their own don't count. */
  #inFlight = 0
  #quiet: (() => void) | undefined

  constructor(scheduler: fc.Scheduler) {
    this.#scheduler = scheduler
  }

  /** Does the work when its turn comes. */
  turn<T>(label: string, work: () => Promise<T> | T): Promise<T> {
    this.#inFlight++
    return this.#scheduled(label, work).finally(() => {
      this.#inFlight--
      setImmediate(() => this.#inFlight === 0 && this.#quiet?.())
    })
  }

  /** A page waits for something that takes as long as it likes, and mostly longer than a call to the store. */
  async pause(): Promise<void> {
    for (let turn = 0; turn < 4; turn++) await this.#scheduled('a page waits', () => {})
  }

  /** Nothing is on its way: not to the store, not back, not to the browser. */
  async quiet(): Promise<void> {
    if (this.#inFlight === 0) return
    await new Promise<void>((resolve) => {
      this.#quiet = resolve
    })
    this.#quiet = undefined
  }

  /** Lets things happen until this has ended. */
  run(until: Promise<void>): Promise<void> {
    return this.#scheduler.waitFor(until)
  }

  #scheduled<T>(label: string, work: () => Promise<T> | T): Promise<T> {
    return new Promise((resolve, reject) => {
      const builder = async () => {
        this.now++
        await (async () => work())().then(resolve, reject)
      }
      this.#scheduler.scheduleSequence([{ label, builder }])
    })
  }
}
