import { memory } from 'koa-atomic-session/memory'
import { sqlite } from 'koa-atomic-session/sqlite'
import { describe, it } from 'vitest'
import { OPEN, STORES, serverOf } from '../stores/clients.ts'
import { interleave } from './interleavings.ts'

/** `npm run soak` runs a hundred times as many. */
const RUNS = Number(process.env.INTERLEAVINGS ?? 1000)

describe(`requests that race, in ${RUNS} orders: nothing comes back, nothing is lost, one secret opens it`, () => {
  const timeout = 300_000 + 30 * RUNS
  const seed = Date.now() % 0x7fffffff
  it(`CVE-2025-46336 CVE-2025-32441: memory (seed ${seed})`, { timeout }, () =>
    interleave(memory({ max: 1e6 }), RUNS, seed),
  )

  it(`CVE-2025-46336 CVE-2025-32441: sqlite (seed ${seed})`, { timeout }, () =>
    interleave(sqlite(':memory:'), RUNS, seed),
  )

  for (const kind of STORES) {
    const server = serverOf(kind)
    it.skipIf('missing' in server)(`CVE-2025-46336 CVE-2025-32441: ${kind} (seed ${seed})`, { timeout }, async () => {
      const { store, close } = await OPEN[kind]((server as { url: string }).url, 'interleavings')
      await interleave(store, RUNS, seed)
      await close()
    })
  }
})
