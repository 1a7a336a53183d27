import { NotSent } from './outcome.ts'

/** After so many milliseconds the next change need not wait for the one before: that one may have lost its connection. */
const PATIENCE = 1000

/**
 * Changes of one session in this process, one after another. Each would otherwise read what the next one is just about to
 * replace, and most of their tries would fail; a few hundred at once would keep each other busy for minutes. It is
 * no lock: other processes don't wait, and against them a change compares.
 */
export class Turns {
  readonly #timeout: number
  /** Those who wait, oldest first, for each session with a change under way. */
  readonly #waiting = new Map<string, Set<() => void>>()

  /** `timeout`: after so many milliseconds a change waits no longer, and is not sent. */
  constructor(timeout: number) {
    this.#timeout = timeout
  }

  /** Waits until all that came before for this session has ended, however it did. Answers how to end this turn. */
  async begin(id: string): Promise<() => void> {
    const waiting = this.#waiting.get(id)
    if (waiting) await this.#wait(waiting)
    else this.#waiting.set(id, new Set())
    const late = setTimeout(() => end(), PATIENCE)
    const end = once(() => {
      clearTimeout(late)
      this.#next(id)
    })
    return end
  }

  #wait(waiting: Set<() => void>): Promise<void> {
    return new Promise((resolve, reject) => {
      const go = () => {
        clearTimeout(late)
        resolve()
      }
      const late = setTimeout(() => {
        waiting.delete(go)
        reject(new NotSent(new Error('the changes of its session that came before it took too long')))
      }, this.#timeout)
      waiting.add(go)
    })
  }

  #next(id: string): void {
    const waiting = this.#waiting.get(id)!
    const [go] = waiting
    if (!go) this.#waiting.delete(id)
    else {
      waiting.delete(go)
      go()
    }
  }
}

/** A turn that was late has been ended for it. */
function once(end: () => void): () => void {
  let ended = false
  return () => {
    if (!ended) end()
    ended = true
  }
}
