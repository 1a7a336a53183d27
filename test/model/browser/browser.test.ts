import { memory } from 'koa-atomic-session/memory'
import { afterEach, describe, it, vi } from 'vitest'
import { model } from './run.ts'

/** `npm run soak` runs a hundred times as many. */
const RUNS = Number(process.env.INTERLEAVINGS ?? 1000)

describe('one browser, several requests, one session', () => {
  const seed = Number(process.env.MODEL_SEED ?? Date.now() % 0x7fffffff)
  afterEach(() => void vi.useRealTimers())

  it(`in ${RUNS} orders on memory (seed ${seed})`, { timeout: 60_000 + 30 * RUNS }, async () => {
    vi.useFakeTimers({ toFake: ['Date', 'performance'], now: 1_800_000_000_000 })
    await model(memory({ max: 1e6 }), (ms) => void vi.advanceTimersByTime(ms), RUNS, seed)
  })
})
