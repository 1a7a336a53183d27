/** What the store's clock showed, and this process's at that moment. The store had read its own a little before. */
export interface Reading {
  readonly store: number
  readonly here: number
}

/** The store has just said what time it is. */
export function readingOf(store: number): Reading {
  return { store, here: performance.now() }
}

/** The store's time at a moment of this process, in milliseconds. */
export function storeTime({ store, here }: Reading, at: number): number {
  return store + at - here
}
