/** How long a change waits for its turn, in milliseconds: the one before may have lost its connection. */
const PATIENCE = 1000

/**
 * Changes of one session in this process, one after another. Each would otherwise read what the next one is just about to
 * replace, and most of their tries would be in vain. It is no lock: other processes don't wait, nor does a change whose
 * turn is late, and against both a change compares.
 */
export class Turns {
  readonly #last = new Map<string, Promise<unknown>>()

  /** Runs the work when all that came before it for this session has ended, however it did. */
  async take<T>(id: string, work: () => Promise<T>): Promise<T> {
    const before = this.#last.get(id)
    const turn = before ? settled(before).then(work) : work()
    this.#last.set(id, turn)
    try {
      return await turn
    } finally {
      if (this.#last.get(id) === turn) this.#last.delete(id)
    }
  }
}

function settled(before: Promise<unknown>): Promise<void> {
  return new Promise((resolve) => {
    const waiting = setTimeout(resolve, PATIENCE)
    const go = () => {
      clearTimeout(waiting)
      resolve()
    }
    before.then(go, go)
  })
}
