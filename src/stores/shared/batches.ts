/** How many expired sessions one statement removes: few enough that no request waits for it. */
export const PRUNE_BATCH = 1000

/** Removes in batches until one is not full; answers how many were removed in all. `remove` answers for one batch. */
export async function pruned(remove: () => Promise<number>): Promise<number> {
  for (let total = 0; ; ) {
    const removed = await remove()
    total += removed
    if (removed < PRUNE_BATCH) return total
  }
}
