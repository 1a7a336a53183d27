import assert from 'node:assert/strict'
import { commands, condition } from '../../algebra/index.ts'
import type { IndexedStore } from '../../contract/store.ts'
import {
  chainOf,
  changed,
  changeOf,
  dataOf,
  eventually,
  type MakeStore,
  MINUTE,
  type Runner,
  sharing,
  visitor,
} from '../harness.ts'

/** The fields that a store given to the index cases must have been told to index. */
export const INDEXED_FIELDS: readonly string[] = ['user_id', 'org.name']

export function index({ describe, it }: Runner, make: MakeStore<IndexedStore>): void {
  describe('index', () => {
    const open = sharing(make)
    const forever = Number.POSITIVE_INFINITY
    const idsOf = async (store: IndexedStore, field: string, value: string | number | boolean) =>
      (await store.find(field, value, forever)).map(({ id }) => id).sort()

    it('finds the live sessions that hold a value, by its type too', async () => {
      const store = await open()
      const [a, b, c] = [
        await visitor(store, { user_id: 1, name: 'phone' }),
        await visitor(store, { user_id: 1, name: 'laptop' }),
        await visitor(store, { user_id: '1' }),
      ]
      await visitor(store, { user_id: true })
      const found = await store.find('user_id', 1, forever)
      assert.deepEqual(found.map(({ data }) => data.name).sort(), ['laptop', 'phone'])
      assert.deepEqual(await idsOf(store, 'user_id', 1), [a.id, b.id].sort())
      assert.deepEqual(await idsOf(store, 'user_id', '1'), [c.id])
      assert.deepEqual(await idsOf(store, 'user_id', 2), [])
    })

    it('follows every change of the field', async () => {
      const store = await open()
      const { id, access } = await visitor(store)
      const rotation = { to: access.proof.hash!, grace: 0, epoch: 'e' }
      assert.deepEqual(await idsOf(store, 'user_id', 20), [])
      await store.update(access, changeOf(chainOf(commands.set('user_id', 20)), { rotation }))
      assert.deepEqual(await idsOf(store, 'user_id', 20), [id])
      await store.update(access, changeOf(chainOf(commands.inc('user_id'))))
      assert.deepEqual(await idsOf(store, 'user_id', 20), [])
      assert.deepEqual(await idsOf(store, 'user_id', 21), [id])
      await store.update(access, changeOf(chainOf(commands.unset('user_id'))))
      assert.deepEqual(await idsOf(store, 'user_id', 21), [])
    })

    it('reads a dotted field, also when its parent changes as a whole', async () => {
      const store = await open()
      const { id, access } = await visitor(store, { org: { name: 'acme' } })
      assert.deepEqual(await idsOf(store, 'org.name', 'acme'), [id])
      await store.update(access, changeOf(chainOf(commands.set('org', { name: "o'hara" }))))
      assert.deepEqual(await idsOf(store, 'org.name', 'acme'), [])
      assert.deepEqual(await idsOf(store, 'org.name', "o'hara"), [id])
    })

    it('lets a session live as long as it slides, whether it still holds a value or no longer', async () => {
      const store = await open()
      const slide = { idle: 60 * MINUTE, atLeast: 0 }
      for (const lost of [[], [commands.unset('user_id')]]) {
        // Its first idle time is short, so its entry in the index soon ends.
        const { access } = await visitor(store, { user_id: 50 }, { idle: 2 * MINUTE })
        await store.update(access, changeOf(chainOf(lost), { slide: { idle: 2 * MINUTE, atLeast: 0 } }))
        for (const change of [changeOf(chainOf([]), { slide }), changeOf(chainOf(commands.inc('n')), { slide })]) {
          const { expires, created } = changed(await store.update(access, change))
          const loaded = await store.load(access)
          assert.ok(loaded.outcome === 'live' && loaded.record.expires === expires)
          assert.ok(expires >= created + slide.idle)
        }
      }
    })

    it('finds neither destroyed nor expired sessions', async () => {
      const store = await open()
      const gone = await visitor(store, { user_id: 30 })
      await visitor(store, { user_id: 30 }, { idle: 20 })
      await visitor(store, { user_id: 30 }, { created: 1_700_000_000_000 })
      await store.destroy(gone.access)
      const found = () => store.find('user_id', 30, 3_600_000)
      assert.deepEqual(await eventually(found, (records) => records.length === 0), [])
    })

    it('is as it was after a beginning, or a change, that was refused', async () => {
      const store = await open()
      const { id, access } = await visitor(store, { user_id: 80, text: 'x' })
      const other = { id, hash: access.proof.hash!, data: { user_id: 81 }, maxAge: null, idle: MINUTE }
      assert.equal(await store.create({ ...other, authenticated: true }), undefined)
      const { set, inc, unset } = commands
      for (const commands of [
        [set('user_id', 82), inc('text')],
        [unset('user_id'), inc('text')],
      ]) {
        assert.equal((await store.update(access, changeOf(chainOf(commands)))).outcome, 'refused')
      }
      const held = condition('text', 'y')
      assert.equal((await store.update(access, changeOf(chainOf(set('user_id', 83), held)))).outcome, 'refused')
      for (const value of [81, 82, 83]) {
        assert.deepEqual(await idsOf(store, 'user_id', value), [])
        assert.equal(await store.destroyAll('user_id', value, undefined), 0)
      }
      assert.deepEqual(await idsOf(store, 'user_id', 80), [id])
      assert.equal(await store.destroyAll('user_id', 80, undefined), 1)
    })

    it('finds in pages, in the order of ids, and passes over what no longer holds the value', async () => {
      const store = await open()
      const many = await Promise.all(Array.from({ length: 12 }, () => visitor(store, { user_id: 60 })))
      const sorted = many.sort((a, b) => (a.id < b.id ? -1 : 1))
      // One that ends, one that is somebody else's by now and one that dies of age: in different pages.
      await store.destroy(sorted[1]!.access)
      await store.update(sorted[2]!.access, changeOf(chainOf(commands.set('user_id', 61))))
      await visitor(store, { user_id: 60 }, { created: 1_700_000_000_000 })
      const left = sorted.filter((_, i) => i !== 1 && i !== 2).map(({ id }) => id)
      // By itself, and as a part of one reading.
      for (const reading of [undefined, {}]) {
        const pages: string[][] = []
        for (let after = ''; ; ) {
          const page = { limit: 4, after, ...(reading && { reading }) }
          const found = (await store.find('user_id', 60, 3_600_000, page)).map(({ id }) => id)
          pages.push(found)
          if (found.length < 4) break
          after = found.at(-1)!
        }
        assert.deepEqual(pages, [left.slice(0, 4), left.slice(4, 8), left.slice(8)])
      }
      assert.equal((await store.find('user_id', 60, 3_600_000)).length, 10)
    })

    it('shows in the later pages of a reading what is true by then', async () => {
      const store = await open()
      const many = await Promise.all(Array.from({ length: 12 }, () => visitor(store, { user_id: 90 })))
      const sorted = many.sort((a, b) => (a.id < b.id ? -1 : 1))
      const reading = {}
      const page = async (after: string) => await store.find('user_id', 90, 3_600_000, { limit: 3, after, reading })
      await page('')
      await page(sorted[2]!.id)
      await store.destroy(sorted[6]!.access)
      await store.update(sorted[7]!.access, changeOf(chainOf(commands.set('user_id', 91))))
      await store.update(sorted[9]!.access, changeOf(chainOf(commands.set('n', 1))))
      const third = await page(sorted[5]!.id)
      assert.deepEqual(
        third.map(({ id, data }) => [id, data.n]),
        [
          [sorted[8]!.id, undefined],
          [sorted[9]!.id, 1],
          [sorted[10]!.id, undefined],
        ],
      )
      assert.deepEqual(
        (await page(sorted[10]!.id)).map(({ id }) => id),
        [sorted[11]!.id],
      )
      assert.deepEqual(await page(sorted[11]!.id), [])
    })

    it('removes no more at a time than it is told, and two that remove leave none', async () => {
      const store = await open()
      const many = await Promise.all(Array.from({ length: 20 }, () => visitor(store, { user_id: 70 })))
      const { id: stays, access } = many.pop()!
      // The first one it would come to is somebody else's by now.
      const other = many.sort((a, b) => (a.id < b.id ? -1 : 1))[0]!
      await store.update(other.access, changeOf(chainOf(commands.set('user_id', 71))))
      assert.equal(await store.destroyAll('user_id', 70, stays, 3), 3)
      assert.equal((await idsOf(store, 'user_id', 70)).length, 16)
      const all = async (reading?: object) => {
        let count = 0
        for (let removed = 4; removed === 4; count += removed) {
          removed = await store.destroyAll('user_id', 70, stays, 4, reading)
          assert.ok(removed <= 4)
        }
        // Fewer than the limit say that none is left, whoever else removes.
        assert.deepEqual(await idsOf(store, 'user_id', 70), [stays])
        return count
      }
      const counts = await Promise.all([all(), all({}), all({})])
      assert.equal(counts[0]! + counts[1]! + counts[2]!, 15)
      assert.equal((await store.load(access)).outcome, 'live')
      assert.equal((await store.load(other.access)).outcome, 'live')
    })

    it('removes in later pages only what holds the value by then', async () => {
      const store = await open()
      const many = await Promise.all(Array.from({ length: 9 }, () => visitor(store, { user_id: 95 })))
      const reading = {}
      const removed = [await store.destroyAll('user_id', 95, undefined, 3, reading)]
      removed.push(await store.destroyAll('user_id', 95, undefined, 3, reading))
      const [leaves] = await store.find('user_id', 95, 3_600_000)
      const { access } = many.find(({ id }) => id === leaves!.id)!
      changed(await store.update(access, changeOf(chainOf(commands.set('user_id', 96)))))
      removed.push(await store.destroyAll('user_id', 95, undefined, 3, reading))
      assert.deepEqual(removed, [3, 3, 2])
      assert.deepEqual(await dataOf(store, access), { user_id: 96 })
    })

    it('removes by the type of the value too', async () => {
      const store = await open()
      const values = [0, '0', false, '{"$date":0}']
      await Promise.all(values.map((user_id) => visitor(store, { user_id })))
      await visitor(store, { user_id: new Date(0) })
      for (const value of values) {
        assert.equal(await store.destroyAll('user_id', value, undefined), 1)
        assert.equal(await store.destroyAll('user_id', value, undefined), 0)
      }
    })

    it('removes all sessions of a value but one, and no others', async () => {
      const store = await open()
      const mine = await Promise.all(Array.from({ length: 5 }, () => visitor(store, { user_id: 40 })))
      const other = await visitor(store, { user_id: 41 })
      const [here, ...elsewhere] = mine
      assert.equal(await store.destroyAll('user_id', 40, here!.id), 4)
      for (const { access } of elsewhere) assert.equal((await store.load(access)).outcome, 'absent')
      assert.deepEqual(await idsOf(store, 'user_id', 40), [here!.id])
      assert.equal(await store.destroyAll('user_id', 40, undefined), 1)
      assert.equal(await store.destroyAll('user_id', 40, undefined), 0)
      assert.equal((await store.load(other.access)).outcome, 'live')
    })
  })
}
