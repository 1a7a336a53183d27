import assert from 'node:assert/strict'
import { commands } from '../../algebra/index.ts'
import type { Access, SessionRecord, Store } from '../../contract/store.ts'
import { afterHeld } from '../../contract/transition.ts'
import {
  chainOf,
  changed,
  changeOf,
  dataOf,
  hashOf,
  holding,
  type MakeStore,
  MINUTE,
  type Runner,
  randomId,
  sharing,
  visitor,
} from '../harness.ts'
import { bind } from './devices.ts'

const BLOB = 'x'.repeat(5000)

/** What a reader that has a copy then knows of the session: all of it, whether the store has sent the data or not. */
async function read(store: Store, access: Access, copy: SessionRecord): Promise<SessionRecord> {
  const loaded = await store.load(access, copy)
  assert.ok('record' in loaded, JSON.stringify(loaded))
  if (loaded.outcome !== 'held') return loaded.record
  const { created, version, last } = loaded.record
  assert.deepEqual(
    { created, version, last },
    { created: copy.created, version: copy.version, last: copy.last },
    'held names the data of the copy',
  )
  assert.ok(!('data' in loaded.record), 'held sends no data')
  return { ...loaded.record, data: copy.data }
}

/** A reader with a copy learns the same as one without. A store may send the data all the same. */
export function copies({ describe, it }: Runner, make: MakeStore): void {
  describe('copies', () => {
    const open = sharing(make)
    const { inc, push, set } = commands

    /** Asserts that a reader with this copy learns what one without learns, and answers it. */
    async function assertSame(store: Store, access: Access, copy: SessionRecord): Promise<SessionRecord> {
      const [with_, without] = [await read(store, access, copy), await store.load(access)]
      assert.ok(without.outcome === 'live')
      assert.deepEqual(with_, without.record)
      return with_
    }

    it('lets a reader keep the data that it has, and tells everything else', async () => {
      const store = await open()
      const data = { blob: BLOB, at: new Date(1_700_000_000_123), list: [], none: {} }
      const { access, holder, record } = await visitor(store, data)
      assert.deepEqual(await assertSame(store, access, record), record)
      await assertSame(store, holder, record)
      const after = changed(await store.update(access, changeOf(chainOf([inc('n'), push('list', [1])]))))
      await assertSame(store, access, after)
      assert.deepEqual(await dataOf(store, access), after.data)
    })

    it('sends the data to a reader whose copy is of another version, or of another operation', async () => {
      const store = await open()
      const { access, record } = await visitor(store, { blob: BLOB, n: 1 })
      const second = changed(await store.update(access, changeOf(chainOf(inc('n')))))
      for (const old of [record, { ...second, version: 3 }, { ...second, last: '' }, { ...second, last: randomId() }]) {
        const loaded = await store.load(access, { ...old, data: {} } as SessionRecord)
        assert.ok(loaded.outcome === 'live', JSON.stringify(old.last))
        assert.deepEqual(loaded.record, second)
      }
    })

    it('tells whoever has a copy what somebody else has done besides the data: a touch, a log-in, another idle time', async () => {
      const store = await open()
      const { access, record } = await visitor(store, { blob: BLOB })
      const touches = [
        { idle: 30 * MINUTE, atLeast: 0 },
        { idle: MINUTE, atLeast: 0, maxAge: 40 * MINUTE },
      ]
      for (const slide of touches) {
        const touched = changed(await store.update(access, changeOf(chainOf([]), { slide })))
        const seen = await assertSame(store, access, record)
        assert.equal(seen.expires, touched.expires)
        assert.equal(seen.maxAge, touched.maxAge)
      }
      changed(await store.update(access, changeOf(chainOf([]), { authenticated: true })))
      assert.ok((await assertSame(store, access, record)).authAt !== null)
    })

    it('knows a copy also after a rotation, for the new secret and for the old one within its grace', async () => {
      const store = await open()
      for (const grace of [0, MINUTE]) {
        const { access, hash, record } = await visitor(store, { blob: BLOB })
        const rotation = { to: hashOf(randomId()), grace, epoch: randomId() }
        const rotated = changed(await store.update(access, changeOf(chainOf(inc('n')), { rotation, held: undefined })))
        const next = { ...access, proof: { hash: rotation.to } }
        for (const copy of [record, rotated]) assert.equal((await assertSame(store, next, copy)).epoch, rotation.epoch)
        const late = await store.load({ ...access, proof: holding(hash, record) }, rotated)
        assert.equal(
          late.outcome === 'live' || late.outcome === 'held' ? late.secret : late.outcome,
          grace ? 'grace' : 'rotated',
        )
        if (grace) await assertSame(store, access, rotated)
      }
    })

    it('opens nothing for a copy: no wrong secret, no session that is gone, has expired or belongs to a device', async () => {
      const store = await open()
      const { access, record } = await visitor(store, { blob: BLOB })
      const outcome = async (access: Access) => (await store.load(access, record)).outcome
      assert.equal(await outcome({ ...access, proof: { hash: hashOf('wrong') } }), 'stale')
      assert.equal(await outcome({ ...access, proof: { created: record.created + 1 } }), 'absent')
      assert.equal(await outcome({ ...access, maxLifetime: 0 }), 'expired')
      changed(await store.update({ ...access, bound: true }, changeOf(chainOf([]), { device: bind({ grace: 0 }) })))
      assert.equal(await outcome(access), 'unbound')
      await store.destroy(access)
      assert.equal(await outcome(access), 'absent')
    })

    it('sends the data of a session that has begun anew under the same id and secret', async () => {
      const store = await open()
      const { id, hash, access, record } = await visitor(store, { of: 'one', blob: BLOB })
      assert.equal(await store.destroy(access), true)
      const next = await visitor(store, { of: 'another' }, { id, hash, created: record.created - 1000 })
      assert.equal(next.record.version, record.version)
      assert.equal((await assertSame(store, access, record)).data.of, 'another')
    })

    it('sends the data of a session that was restored, and has come to the same version with other data', async () => {
      const store = await open()
      const { id, hash, access, record } = await visitor(store, { v: 'one', blob: BLOB })
      const lost = changed(await store.update(access, changeOf(chainOf(set('v', 'lost')))))
      assert.equal(await store.destroy(access), true)
      await visitor(store, record.data, { id, hash, created: record.created })
      const kept = changed(await store.update(access, changeOf(chainOf(set('v', 'kept')))))
      assert.equal(kept.version, lost.version)
      assert.equal((await assertSame(store, access, lost)).data.v, 'kept')
    })

    it('takes a copy for a change too whose holder has not read the session in this request', async () => {
      const store = await open()
      const { access, record } = await visitor(store, { n: 0, blob: BLOB })
      // As it was when it was copied: what came besides the data does not matter.
      changed(await store.update(access, changeOf(chainOf([]), { slide: { idle: 30 * MINUTE, atLeast: 0 } })))
      const change = changeOf(chainOf(inc('n')), { held: record })
      const answer = await store.update(access, change)
      const after = answer.outcome === 'held' ? afterHeld(record, change, answer) : changed(answer)
      await assertSame(store, access, after)
      assert.equal(after.data.n, 1)
    })

    it('judges by the limits of who asks, whatever copy comes with it', async () => {
      const store = await open()
      const { access, record } = await visitor(store, { n: 0, blob: BLOB }, { created: 1_700_000_000_000 })
      assert.equal((await store.load({ ...access, maxLifetime: 60 * MINUTE }, record)).outcome, 'expired')
      const change = (maxBytes: number) => changeOf(chainOf(push('list', [1])), { held: record, maxBytes })
      assert.equal((await store.update(access, change(2000))).outcome, 'refused')
      assert.notEqual((await store.update(access, change(10_000))).outcome, 'refused')
    })

    it('loses none of 200 changes of two holders, each of whom goes on with a copy of their own', async () => {
      const store = await open()
      const { access, record } = await visitor(store, { n: 0, blob: BLOB })
      const changes = async (times: number) => {
        let copy = record
        for (let time = 0; time < times; time++) {
          const change = changeOf(chainOf(inc('n')), { held: copy })
          const answer = await store.update(access, change)
          copy = answer.outcome === 'held' ? afterHeld(copy, change, answer) : changed(answer)
          if (time % 10 === 0) copy = await read(store, access, copy)
        }
      }
      await Promise.all([changes(100), changes(100)])
      assert.deepEqual(await dataOf(store, access), { n: 200, blob: BLOB })
    })
  })
}
