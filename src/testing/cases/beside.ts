import assert from 'node:assert/strict'
import { commands } from '../../algebra/index.ts'
import type { IndexedStore, Store } from '../../contract/store.ts'
import { chainOf, changed, changeOf, MINUTE, type Runner, visitor } from '../harness.ts'

/** Two stores over the same sessions, as two processes have them: one without an index, and one with it. */
export interface Beside {
  readonly plain: Store
  readonly indexed: IndexedStore
}

/** What an application meets that adds an index to running sessions, and rolls that out. */
export function beside({ describe, it }: Runner, make: () => Promise<Beside>): void {
  describe('an index beside a process without it', () => {
    const forever = Number.POSITIVE_INFINITY
    const idsOf = async (store: IndexedStore, value: number) =>
      (await store.find('user_id', value, forever)).map(({ id }) => id).sort()

    it('finds and removes the sessions that are older than the index', async () => {
      const { plain, indexed } = await make()
      await plain.setup()
      const mine = [await visitor(plain, { user_id: 1 }), await visitor(plain, { user_id: 1 })]
      const other = await visitor(plain, { user_id: 2 })
      await indexed.setup()
      assert.deepEqual(await idsOf(indexed, 1), mine.map(({ id }) => id).sort())
      assert.equal(await indexed.destroyAll('user_id', 1, undefined), 2)
      for (const { access } of mine) assert.equal((await indexed.load(access)).outcome, 'absent')
      assert.equal((await indexed.load(other.access)).outcome, 'live')
    })

    it('misses no session that is begun or changed without it, again and again', async () => {
      const { plain, indexed } = await make()
      await plain.setup()
      await indexed.setup()
      const known = await visitor(indexed, { user_id: 10 })
      for (const value of [11, 12, 13]) {
        const { id } = await visitor(plain, { user_id: value })
        changed(await plain.update(known.access, changeOf(chainOf(commands.set('user_id', value)))))
        assert.deepEqual(await idsOf(indexed, value), [id, known.id].sort())
        assert.deepEqual(await idsOf(indexed, value - 1), [])
        assert.equal(await indexed.destroyAll('user_id', value, known.id), 1)
      }
    })

    it('misses no session that slides without it, and lets none end before its time', async () => {
      const { plain, indexed } = await make()
      await plain.setup()
      await indexed.setup()
      const { id, access } = await visitor(indexed, { user_id: 20 }, { idle: 2 * MINUTE })
      const slide = { idle: 60 * MINUTE, atLeast: 0 }
      const { expires, created } = changed(await plain.update(access, changeOf(chainOf([]), { slide })))
      assert.ok(expires >= created + slide.idle)
      assert.deepEqual(await idsOf(indexed, 20), [id])
      assert.equal(changed(await indexed.update(access, changeOf(chainOf([])))).expires, expires)
      assert.equal(await indexed.destroyAll('user_id', 20, undefined), 1)
    })
  })
}
