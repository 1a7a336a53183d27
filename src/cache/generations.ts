interface Kept<V> {
  readonly value: V
  readonly weight: number
}

/**
 * Keeps what was asked for last, up to a weight. When the young generation is full it becomes the old one, and what is
 * old by then and was not asked for is forgotten. So nothing has to be put in order when something is asked for, as it
 * is with every request.
 */
export class Generations<V> {
  /** What each of the two may weigh. */
  readonly #most: number
  #young = new Map<string, Kept<V>>()
  #old = new Map<string, Kept<V>>()
  #weight = 0

  constructor(limit: number) {
    this.#most = limit / 2
  }

  get(key: string): V | undefined {
    const young = this.#young.get(key)
    if (young) return young.value
    const old = this.#old.get(key)
    if (!old) return undefined
    this.set(key, old.value, old.weight)
    return old.value
  }

  /** In place of what has this key. What is too heavy for a generation is not kept. */
  set(key: string, value: V, weight: number): void {
    this.delete(key)
    if (weight > this.#most) return
    if (this.#weight + weight > this.#most) {
      this.#old = this.#young
      this.#young = new Map()
      this.#weight = 0
    }
    this.#young.set(key, { value, weight })
    this.#weight += weight
  }

  delete(key: string): void {
    const young = this.#young.get(key)
    if (young) this.#weight -= young.weight
    this.#young.delete(key)
    this.#old.delete(key)
  }
}
