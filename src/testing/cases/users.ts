import assert from 'node:assert/strict'
import { commands } from '../../algebra/index.ts'
import { accessFromOutside } from '../../contract/record.ts'
import type { IndexedStore, SessionRecord } from '../../contract/store.ts'
import {
  chainOf,
  changed,
  changeOf,
  dataOf,
  hashOf,
  type MakeStore,
  MINUTE,
  type Runner,
  randomId,
  sharing,
  type Visitor,
  visitor,
} from '../harness.ts'

/** What is done to all sessions of a user at once, as `updateAll` and the option `limit` do it, while they are used. */
export function users({ describe, it }: Runner, make: MakeStore<IndexedStore>): void {
  describe("all of a user's sessions", () => {
    const open = sharing(make)
    const forever = Number.POSITIVE_INFINITY
    const slide = { idle: 20 * MINUTE, atLeast: Number.MAX_SAFE_INTEGER }
    const explicit = () => ({ to: hashOf(randomId()), grace: 0, epoch: randomId() })

    /** Every session that is found, a page after another, is given a command while it is the user's. */
    async function* reach(store: IndexedStore, user: number, limit: number) {
      const condition = { path: ['user_id'], value: user }
      for (let after = ''; ; ) {
        const page = await store.find('user_id', user, forever, { limit, after })
        for (const record of page) {
          const change = changeOf(chainOf(commands.inc('n'), condition), { slide, answer: false })
          yield { id: record.id, outcome: (await store.update(accessFromOutside(record), change)).outcome }
        }
        if (page.length < limit) return
        after = page.at(-1)!.id
      }
    }

    it('are each changed once, whatever their visitors do meanwhile', async () => {
      const store = await open()
      const many = await Promise.all(Array.from({ length: 40 }, () => visitor(store, { user_id: 180 })))
      const doings: ((one: Visitor) => Promise<unknown>)[] = [
        ({ access }) => store.destroy(access),
        ({ access }) => store.update(access, changeOf(chainOf([]), { rotation: explicit() })),
        ({ access }) => store.update(access, changeOf(chainOf(commands.set('user_id', 181)))),
        ({ access }) => store.update(access, changeOf(chainOf(commands.inc('mine')))),
      ]
      const outcomes = new Map<string, string>()
      const reaching = (async () => {
        for await (const { id, outcome } of reach(store, 180, 7)) {
          assert.ok(!outcomes.has(id), 'none comes twice')
          outcomes.set(id, outcome)
        }
      })()
      await Promise.all([reaching, ...many.map((one, i) => doings[i % 4]!(one))])
      for (const [i, { record, access }] of many.entries()) {
        const outcome = outcomes.get(record.id)
        const applied = outcome === 'changed' || outcome === 'done'
        if (i % 4 === 0) assert.equal((await store.load(access)).outcome, 'absent')
        else {
          const data = changed(await store.update(accessFromOutside(record), changeOf(chainOf([]), { slide }))).data
          // Who stays the user's is reached, and who becomes another's only before.
          if (i % 4 !== 2) assert.ok(applied, outcome)
          assert.equal(data.n, applied ? 1 : undefined)
          assert.equal(data.user_id, i % 4 === 2 ? 181 : 180)
          assert.equal(data.mine, i % 4 === 3 ? 1 : undefined)
        }
      }
    })

    it('come down to the newest log-ins without a lock, and none comes back', async () => {
      const store = await open()
      const max = 3
      const newest = (a: SessionRecord, b: SessionRecord) => b.authAt! - a.authAt! || (a.id < b.id ? 1 : -1)
      const trim = async () => {
        const all = (await store.find('user_id', 190, forever)).sort(newest)
        await Promise.all(all.slice(max).map((one) => store.destroy(accessFromOutside(one))))
      }
      const logIns = Array.from({ length: 12 }, async () => {
        const one = await visitor(store, { user_id: 190 }, { authenticated: true })
        await trim()
        // Its own request goes on, or finds it gone.
        const { outcome } = await store.update(one.access, changeOf(chainOf(commands.inc('n')), { held: one.record }))
        assert.ok(['changed', 'held', 'absent'].includes(outcome), outcome)
        return one
      })
      const all = await Promise.all(logIns)
      const left = all
        .map(({ record }) => record)
        .sort(newest)
        .slice(0, max)
      const found = await store.find('user_id', 190, forever)
      assert.deepEqual(found.map(({ id }) => id).sort(), left.map(({ id }) => id).sort())
      for (const { id, access } of all) {
        if (left.some((one) => one.id === id)) assert.deepEqual(await dataOf(store, access), { user_id: 190, n: 1 })
        else assert.equal((await store.load(access)).outcome, 'absent')
      }
    })
  })
}
