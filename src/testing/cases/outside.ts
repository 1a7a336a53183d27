import assert from 'node:assert/strict'
import { commands } from '../../algebra/index.ts'
import { accessFromOutside } from '../../contract/record.ts'
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
  visitor,
} from '../harness.ts'

/** Changes by whoever looks after the store: they know the session's id and when it began, and no secret. */
export function outside({ describe, it }: Runner, make: MakeStore): void {
  describe('changes from outside', () => {
    const open = sharing(make)
    /** Such a change does not keep the session alive. */
    const slide = { idle: 20 * MINUTE, atLeast: Number.MAX_SAFE_INTEGER }

    it('apply without a secret, and neither slide the session nor end a request that has it', async () => {
      const store = await open()
      const { record, access, holder } = await visitor(store, { role: 'admin' })
      const chain = chainOf([commands.unset('role'), commands.push('notices', ['x'])])
      const after = changed(await store.update(accessFromOutside(record), changeOf(chain, { slide })))
      assert.deepEqual(after, { ...record, data: { notices: ['x'] }, version: 2, last: after.last })
      const seen = changed(await store.update(holder, changeOf(chainOf(commands.inc('n')), { held: record })))
      assert.deepEqual(seen.data, { notices: ['x'], n: 1 })
      assert.deepEqual(await dataOf(store, access), { notices: ['x'], n: 1 })
    })

    it('give what was taken, and refuse what a visitor is refused', async () => {
      const store = await open()
      const { record } = await visitor(store, { flash: 'Saved', n: 1 })
      const taken = await store.update(accessFromOutside(record), changeOf(chainOf(commands.take('flash')), { slide }))
      assert.ok(taken.outcome === 'changed' && taken.taken === 'Saved')
      const text = await store.update(accessFromOutside(record), changeOf(chainOf(commands.push('n', [1])), { slide }))
      assert.equal(text.outcome, 'refused')
      const condition = { path: ['n'], value: 2 }
      const other = await store.update(
        accessFromOutside(record),
        changeOf(chainOf(commands.inc('n'), condition), { slide }),
      )
      assert.deepEqual(other, { outcome: 'refused', problem: { kind: 'condition', path: 'n' } })
    })

    it('count once, however often they are sent', async () => {
      const store = await open()
      const { record, access } = await visitor(store, { n: 0 })
      const change = changeOf(chainOf(commands.inc('n')), { slide })
      await store.update(accessFromOutside(record), change)
      changed(await store.update(accessFromOutside(record), { ...change, repeatedSince: record.created - 1000 }))
      assert.deepEqual(await dataOf(store, access), { n: 1 })
    })

    it('pass over another session under the same id, and one that is gone; without any proof they change nothing', async () => {
      const store = await open()
      const { record, access } = await visitor(store, { n: 0 })
      const chain = chainOf(commands.inc('n'))
      const other = accessFromOutside({ ...record, created: record.created - 1 })
      assert.equal((await store.update(other, changeOf(chain, { slide }))).outcome, 'absent')
      const bare = { ...other, proof: {} }
      assert.equal((await store.update(bare, changeOf(chain, { slide }))).outcome, 'stale')
      assert.deepEqual(await dataOf(store, access), { n: 0 })
      await store.destroy(access)
      assert.equal((await store.update(accessFromOutside(record), changeOf(chain, { slide }))).outcome, 'absent')
      assert.equal((await store.load(access)).outcome, 'absent')
    })

    it('say nothing about secrets: a new one whose response was lost stays unused', async () => {
      const store = await open()
      const { record, access } = await visitor(store, { n: 0 })
      const rotation = { to: hashOf('never arrived'), grace: 0 }
      changed(await store.update(access, changeOf(chainOf([]), { rotation })))
      changed(await store.update(accessFromOutside(record), changeOf(chainOf(commands.inc('n')), { slide })))
      const loaded = await store.load(access)
      assert.ok(loaded.outcome === 'live' && loaded.secret === 'lost')
      assert.deepEqual(loaded.record.data, { n: 1 })
    })

    it("lose nothing beside the visitor's own changes and rotations, and bring nothing back after a log-out", async () => {
      const store = await open()
      const { record, access } = await visitor(store, { mine: 0, theirs: 0 })
      const theirs = async () =>
        (await store.update(accessFromOutside(record), changeOf(chainOf(commands.inc('theirs')), { slide }))).outcome
      const mine = async () => (await store.update(access, changeOf(chainOf(commands.inc('mine'))))).outcome
      const both = Array.from({ length: 10 }, () => [theirs(), mine()]).flat()
      // An automatic rotation beside them: the visitor's requests are within its grace.
      const rotation = { to: hashOf('next'), grace: MINUTE }
      const rotated = store.update(access, changeOf(chainOf([]), { rotation }))
      assert.deepEqual([...new Set(await Promise.all(both))], ['changed'])
      assert.equal((await rotated).outcome, 'changed')
      const live = { ...access, proof: { hash: rotation.to } }
      assert.deepEqual(await dataOf(store, live), { mine: 10, theirs: 10 })

      const late = Array.from({ length: 10 }, () => theirs())
      assert.equal(await store.destroy(live), true)
      for (const outcome of await Promise.all(late)) assert.ok(outcome === 'changed' || outcome === 'absent')
      assert.equal(await theirs(), 'absent')
      assert.equal((await store.load(live)).outcome, 'absent')
    })

    it('close a session under a condition: from then on no secret opens it, and it can be removed', async () => {
      const store = await open()
      const { record, access, holder } = await visitor(store, { user: 1 })
      const close = (user: number) => {
        const rotation = { to: hashOf(randomId()), grace: 0, epoch: randomId() }
        return store.update(
          accessFromOutside(record),
          changeOf(chainOf([], { path: ['user'], value: user }), { slide, rotation }),
        )
      }
      assert.equal((await close(2)).outcome, 'refused')
      assert.deepEqual(await dataOf(store, access), { user: 1 })
      changed(await close(1))
      for (const one of [access, holder]) {
        assert.equal((await store.load(one)).outcome, 'rotated')
        assert.equal((await store.update(one, changeOf(chainOf(commands.set('user', 2))))).outcome, 'rotated')
      }
      assert.equal(await store.destroy(accessFromOutside(record)), true)
      assert.equal((await store.load(access)).outcome, 'absent')
    })

    it('never close one that has become somebody else at the same moment', async () => {
      const store = await open()
      for (let i = 0; i < 10; i++) {
        const { record, access } = await visitor(store, { user: 1 })
        const mine = { path: ['user'], value: 1 }
        const to = () => ({ to: hashOf(randomId()), grace: 0, epoch: randomId() })
        const logIn = changeOf(chainOf(commands.set('user', 2)), { rotation: to(), authenticated: true })
        const [closed, loggedIn] = await Promise.all([
          store.update(accessFromOutside(record), changeOf(chainOf([], mine), { slide, rotation: to() })),
          store.update(access, logIn),
        ])
        const outcomes = [closed.outcome, loggedIn.outcome].join()
        assert.ok(['changed,rotated', 'refused,changed'].includes(outcomes), outcomes)
      }
    })
  })
}
