import { StoreError } from '../errors/index.ts'

/** How many calls may wait for the store at once. */
const MAX_WAITING = 10_000
/** After so many calls without an answer, and none with one, the store is taken to be gone. */
const MAX_HANGING = 10
/** Then it is tried at longer and longer intervals, because a driver needs silence to notice that its connection is dead. */
const PROBES = { first: 250, longest: 2000 }

/**
 * Keeps calls away from a store that does not answer, because they would pile up. One goes through now and then to try
 * it.
 */
export class Breaker {
  readonly #name: string
  #waiting = 0
  /** Calls that were given up since the last answer; a driver may keep them forever. */
  #hanging = 0
  #nextProbe = 0
  #pause = PROBES.first

  constructor(name: string) {
    this.#name = name
  }

  /** A call begins, or is refused because the store is down. */
  begin(): void {
    this.#admit()
    this.#waiting++
  }

  /** A call has ended in time, with an answer or with an error. */
  end(): void {
    this.#waiting--
  }

  /** A call has not ended in time. */
  giveUp(): void {
    this.#waiting--
    this.#hanging++
  }

  /** The store is there: it has answered, even where that came too late. */
  answered(): void {
    this.#hanging = 0
    this.#pause = PROBES.first
  }

  #admit(): void {
    if (this.#waiting >= MAX_WAITING) {
      throw new StoreError(this.#name, `has ${MAX_WAITING} calls waiting and takes no more`, false)
    }
    if (this.#hanging < MAX_HANGING) return
    const now = performance.now()
    if (now < this.#nextProbe) throw new StoreError(this.#name, 'does not answer', false)
    this.#nextProbe = now + this.#pause
    this.#pause = Math.min(2 * this.#pause, PROBES.longest)
  }
}
