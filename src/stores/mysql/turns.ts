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
  /** For each session with a change under way. */
  readonly #lines = new Map<string, Line>()

  /** `timeout`: after so many milliseconds a change waits no longer, and is not sent. */
  constructor(timeout: number) {
    this.#timeout = timeout
  }

  /** Waits until all that came before for this session has ended, however it did. Answers how to end this turn. */
  async begin(id: string): Promise<() => void> {
    const line = this.#lines.get(id)
    if (line) return this.#wait(id, line)
    const first: Line = { since: 0, end: undefined, late: undefined, waiting: undefined }
    this.#lines.set(id, first)
    return this.#turn(id, first)
  }

  #turn(id: string, line: Line): () => void {
    line.since = performance.now()
    const end = () => {
      // A turn that was late has been ended for it.
      if (line.end !== end) return
      clearTimeout(line.late)
      line.end = line.late = undefined
      this.#next(id, line)
    }
    line.end = end
    if (line.waiting?.size) hurry(line)
    return end
  }

  #wait(id: string, line: Line): Promise<() => void> {
    line.waiting ??= new Set()
    hurry(line)
    const { waiting } = line
    return new Promise((resolve, reject) => {
      const go = () => {
        clearTimeout(late)
        resolve(this.#turn(id, line))
      }
      const late = setTimeout(() => {
        waiting.delete(go)
        reject(new NotSent(new Error('the changes of its session that came before it took too long')))
      }, this.#timeout)
      waiting.add(go)
    })
  }

  #next(id: string, { waiting }: Line): void {
    const [go] = waiting ?? []
    if (!go) this.#lines.delete(id)
    else {
      waiting?.delete(go)
      go()
    }
  }
}

/** The changes of one session. What only waiting needs is made when somebody waits, because nearly no change does. */
interface Line {
  /** When the turn that is under way began, by `performance.now()`. */
  since: number
  /** Ends it. */
  end: (() => void) | undefined
  /** Ends it for the next one. */
  late: NodeJS.Timeout | undefined
  /** Oldest first. */
  waiting: Set<() => void> | undefined
}

/** From now on somebody waits for the turn that is under way. */
function hurry(line: Line): void {
  if (line.end) line.late ??= setTimeout(line.end, Math.max(0, PATIENCE - (performance.now() - line.since)))
}
