import { expect } from 'vitest'
import { isSessionError } from '../../src/errors/index.ts'

/** What clients were told of their changes: applied, surely not, or nobody knows. */
export class History {
  readonly applied: number[] = []
  readonly refused: number[] = []
  readonly unknown: number[] = []

  /** Runs a change that pushes the number `n`, and notes what it was told. */
  async note(n: number, change: () => PromiseLike<unknown>): Promise<void> {
    try {
      await change()
      this.applied.push(n)
    } catch (error) {
      if (!isSessionError(error)) throw error
      if (error.applied === false) this.refused.push(n)
      else this.unknown.push(n)
    }
  }

  /**
   * Nothing lost, nothing twice, nothing that was refused; the counter lies between what was acknowledged and what may
   * have been applied besides (after Jepsen's checkers for sets and counters).
   */
  check(list: readonly number[], counter: number): void {
    const found = new Map<number, number>()
    for (const n of list) found.set(n, (found.get(n) ?? 0) + 1)
    expect({
      lost: this.applied.filter((n) => !found.has(n)),
      twice: [...found].filter(([, times]) => times > 1).map(([n]) => n),
      phantom: this.refused.filter((n) => found.has(n)),
    }).toEqual({ lost: [], twice: [], phantom: [] })
    expect(counter).toBe(list.length)
    expect(counter).toBeGreaterThanOrEqual(this.applied.length)
    expect(counter).toBeLessThanOrEqual(this.applied.length + this.unknown.length)
  }
}
