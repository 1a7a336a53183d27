import { afterEach, describe, it, vi } from 'vitest'
import { kinds } from '../../security/stores.ts'
import { model } from './run.ts'

/** `npm run soak` runs a hundred times as many on memory. */
const RUNS = Number(process.env.INTERLEAVINGS ?? 1000)
const SEED = Number(process.env.MODEL_SEED ?? Date.now() % 0x7fffffff)

describe('one browser, several requests, one session: own pages log nobody out, and what is older is shut out', () => {
  afterEach(() => void vi.useRealTimers())

  for (const kind of kinds('model')) {
    const runs = kind.name === 'memory' ? RUNS : 200
    const name = `in ${runs} orders on ${kind.name} (seed ${SEED})`
    it.skipIf(kind.missing)(name, { timeout: 300_000 + 100 * runs }, async () => {
      const { store, close } = await kind.open()
      // Time can pass at will only where the store's clock is that of this process.
      const faked = kind.name === 'memory'
      if (faked) vi.useFakeTimers({ toFake: ['Date', 'performance'], now: 1_800_000_000_000 })
      await store.setup()
      await model(store, faked ? (ms) => void vi.advanceTimersByTime(ms) : undefined, runs, SEED)
      await close()
    })
  }
})
