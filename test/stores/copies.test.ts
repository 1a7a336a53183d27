import { describe, expect, it } from 'vitest'
import { commands } from '../../src/algebra/index.ts'
import { chainOf, changed, changeOf, hashOf, MINUTE, randomId, visitor } from '../../src/testing/harness.ts'
import { kinds } from '../security/stores.ts'

const { inc, set } = commands
/** Redis keeps large fields apart, PostgreSQL compresses them. */
const DATA = { blob: 'x'.repeat(50_000), other: 'y'.repeat(9000), at: new Date(1_700_000_000_000), n: 0 }

describe('every store of this package', () => {
  for (const kind of kinds('copies')) {
    it.skipIf(kind.missing)(`leaves out the data of which a reader has a copy: ${kind.name}`, async () => {
      const { store, close } = await kind.open()
      await store.setup()
      const { access, record } = await visitor(store, DATA)
      const first = await store.load(access)
      if (first.outcome !== 'live') throw new Error(first.outcome)
      // Where the store knows the size, a process keeps a copy. Memory has the data in the process already.
      if (kind.name === 'memory') expect(first.bytes).toBeUndefined()
      else expect(first.bytes).toBeGreaterThan(59_000)
      expect((await store.load(access, record)).outcome).toBe('held')

      const second = changed(await store.update(access, changeOf(chainOf(inc('n')))))
      expect((await store.load(access, record)).outcome).toBe('live')
      expect((await store.load(access, second)).outcome).toBe('held')
      expect((await store.update(access, changeOf(chainOf(inc('n')), { held: second }))).outcome).toBe('held')

      const third = await store.load(access)
      if (third.outcome !== 'live') throw new Error(third.outcome)
      const rotation = { to: hashOf(randomId()), grace: MINUTE, epoch: 'e' }
      const rotated = changed(await store.update(access, changeOf(chainOf(set('user', 1)), { rotation })))
      for (const hash of [rotation.to, access.proof.hash]) {
        const answer = await store.load({ ...access, proof: { hash } }, rotated)
        expect(answer).toMatchObject({ outcome: 'held', record: { epoch: 'e', last: rotated.last } })
        expect(answer).not.toHaveProperty('record.data')
      }
      await close()
    })
  }
})
