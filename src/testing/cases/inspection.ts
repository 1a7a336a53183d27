import assert from 'node:assert/strict'
import type { InspectableStore, SessionRecord, Store } from '../../contract/store.ts'
import { eventually, type MakeStore, type Runner, randomId, visitor } from '../harness.ts'

/** For stores that have `list` and `get`; any other passes. */
export function inspection({ describe, it }: Runner, make: MakeStore): void {
  describe('inspection', () => {
    const open = async () => {
      const store = await make()
      return 'list' in store ? (store as Store as InspectableStore) : undefined
    }
    const all = async (store: InspectableStore) => {
      const records: SessionRecord[] = []
      for await (const record of store.list()) records.push(record)
      return records
    }

    it('lists every live session once, and no other', async () => {
      const store = await open()
      if (!store) return
      assert.deepEqual(await all(store), [])
      const dead = await visitor(store, {}, { idle: 1 })
      const gone = await visitor(store)
      await store.destroy(gone.access)
      // More than the stores fetch at a time.
      const made: SessionRecord[] = []
      for (let i = 0; i < 30; i++) {
        made.push(
          ...(await Promise.all(Array.from({ length: 40 }, async (_, n) => (await visitor(store, { n })).record))),
        )
      }
      const byId = (a: SessionRecord, b: SessionRecord) => (a.id < b.id ? -1 : 1)
      const listed = await eventually(
        () => all(store),
        (records) => !records.some(({ id }) => id === dead.id),
      )
      assert.deepEqual(listed.sort(byId), made.sort(byId))
    })

    it('gets a live session by its id', async () => {
      const store = await open()
      if (!store) return
      const { id, record } = await visitor(store, { n: 1 })
      assert.deepEqual(await store.get(id), record)
      assert.equal(await store.get(randomId()), undefined)
      const dead = await visitor(store, {}, { idle: 1 })
      await eventually(
        () => store.get(dead.id),
        (found) => found === undefined,
      )
    })
  })
}
