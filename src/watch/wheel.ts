/** How finely the period is divided: what is due comes in a hundred small portions, not all at once. */
const SLOTS = 100

/**
 * Gives each of its items to `due` once a period, the first time within a period. One timer serves all of them, keeps no
 * process alive, and rests while there are none. Each item has a place at random, so those that came at once, as after a
 * restart, do not come due at once.
 */
export class Wheel<T> {
  readonly #step: number
  readonly #due: (item: T) => void
  readonly #slots: readonly Set<T>[] = Array.from({ length: SLOTS }, () => new Set<T>())
  readonly #places = new Map<T, number>()
  #timer: NodeJS.Timeout | undefined
  #slot = 0
  /** When the present slot is due. */
  #next = 0

  constructor(period: number, due: (item: T) => void) {
    this.#step = period / SLOTS
    this.#due = due
  }

  add(item: T): void {
    if (this.#places.has(item)) return
    const place = Math.floor(Math.random() * SLOTS)
    this.#places.set(item, place)
    this.#slots[place]!.add(item)
    if (this.#timer) return
    this.#next = performance.now() + this.#step
    this.#timer = setInterval(() => this.#turn(), this.#step).unref()
  }

  delete(item: T): void {
    const place = this.#places.get(item)
    if (place === undefined) return
    this.#places.delete(item)
    this.#slots[place]!.delete(item)
    if (this.#places.size === 0) this.clear()
  }

  clear(): void {
    clearInterval(this.#timer)
    this.#timer = undefined
    this.#places.clear()
    for (const slot of this.#slots) slot.clear()
  }

  /** Goes by the clock and not by how often it is called: a process that was busy makes up for what it has missed. */
  #turn(): void {
    const now = performance.now()
    for (let missed = 0; this.#timer && this.#next <= now; missed++) {
      // After a sleep every slot is due, and each of them once.
      if (missed === SLOTS) {
        this.#next = now + this.#step
        return
      }
      this.#next += this.#step
      const slot = this.#slots[this.#slot]!
      this.#slot = (this.#slot + 1) % SLOTS
      for (const item of [...slot]) this.#due(item)
    }
  }
}
