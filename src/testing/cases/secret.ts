import assert from 'node:assert/strict'
import { commands } from '../../algebra/index.ts'
import type { Access, Rotation, Store } from '../../contract/store.ts'
import {
  chainOf,
  changed,
  changeOf,
  eventually,
  hashOf,
  type MakeStore,
  MINUTE,
  type Runner,
  randomId,
  visitor,
} from '../harness.ts'

export function secret({ describe, it }: Runner, make: MakeStore): void {
  describe('secret', () => {
    let shared: Promise<Store> | undefined
    const open = () => (shared ??= make())
    const by = (access: Access, hash: string): Access => ({ ...access, proof: { hash } })
    const rotation = (from: string, to: string, more: Partial<Rotation> = {}): Rotation => ({
      from,
      to,
      grace: 0,
      ...more,
    })

    it('opens nothing with another secret', async () => {
      const store = await open()
      const { access } = await visitor(store, { a: 1 })
      const thief = by(access, hashOf('guess'))
      assert.deepEqual(await store.load(thief), { outcome: 'mismatch' })
      assert.deepEqual(await store.update(thief, changeOf(chainOf(commands.set('a', 2)))), { outcome: 'mismatch' })
      assert.equal(await store.destroy(thief), false)
      assert.equal((await store.load(access)).outcome, 'live')
    })

    it('rotates to a new secret with the same id and data, and reports the old one as reused', async () => {
      const store = await open()
      const { access, hash } = await visitor(store, { a: 1 })
      const next = hashOf(randomId())
      const change = changeOf(chainOf(commands.set('user', 7)), {
        rotation: rotation(hash, next, { epoch: 'e1' }),
        authenticated: true,
      })
      const record = changed(await store.update(access, change))
      assert.deepEqual(record.data, { a: 1, user: 7 })
      assert.equal(record.epoch, 'e1')
      assert.ok(record.authAt !== null)
      const reused = [await store.load(access), await store.update(access, changeOf(chainOf(commands.inc('a'))))]
      for (const answer of reused) assert.ok(answer.outcome === 'reused' && answer.ago >= 0 && answer.ago < MINUTE)
      assert.equal((await store.load(by(access, next))).outcome, 'live')
    })

    it('lets the old secret destroy after its grace, so that no log-out is too late', async () => {
      const store = await open()
      const { access, hash } = await visitor(store, { a: 1 })
      const next = hashOf(randomId())
      await store.update(access, changeOf(chainOf([]), { rotation: rotation(hash, next) }))
      assert.equal((await store.load(access)).outcome, 'reused')
      assert.equal(await store.destroy(access), true)
      assert.equal((await store.load(by(access, next))).outcome, 'absent')
    })

    it('lets the old secret through during its grace, marked as such, and reports it as reused afterwards', async () => {
      const store = await open()
      const { access, hash } = await visitor(store)
      const next = hashOf(randomId())
      await store.update(access, changeOf(chainOf([]), { rotation: rotation(hash, next, { grace: MINUTE }) }))
      const inGrace = await store.load(access)
      assert.equal(inGrace.outcome, 'live')
      assert.equal((inGrace as { grace: boolean }).grace, true)
      const late = await store.update(access, changeOf(chainOf(commands.inc('n'))))
      assert.equal((late as { grace?: boolean }).grace, true)
      const unawaited = await store.update(access, changeOf(chainOf(commands.inc('n')), { answer: false }))
      assert.equal((unawaited as { grace?: boolean }).grace, true)
      assert.deepEqual(changed(late).data, { n: 1 })
      // A second rotation with the shortest grace: by then the first secret is unknown, the second one past its time.
      await store.update(
        by(access, next),
        changeOf(chainOf([]), { rotation: rotation(next, hashOf(randomId()), { grace: 20 }) }),
      )
      assert.deepEqual(await store.load(access), { outcome: 'mismatch' })
      await eventually(
        () => store.load(by(access, next)),
        ({ outcome }) => outcome === 'reused',
      )
    })

    it('keeps the CSRF epoch unless a rotation brings a new one', async () => {
      const store = await open()
      const { access, hash } = await visitor(store)
      const next = hashOf(randomId())
      const record = changed(await store.update(access, changeOf(chainOf([]), { rotation: rotation(hash, next) })))
      assert.equal(record.epoch, '')
      assert.ok(record.rotated >= record.created)
    })

    it('goes on by what a request has loaded when the secret is rotated beside it', async () => {
      const store = await open()
      const { access, hash, record } = await visitor(store)
      await store.update(access, changeOf(chainOf([]), { rotation: rotation(hash, hashOf(randomId())) }))
      const holder: Access = { ...access, proof: { created: record.created } }
      const updated = await store.update(holder, changeOf(chainOf(commands.inc('n'))))
      assert.deepEqual(changed(updated).data, { n: 1 })
    })

    it('has one winner when many requests rotate at once, and applies nothing for the others', async () => {
      const store = await open()
      const { access, hash } = await visitor(store)
      const secrets = Array.from({ length: 50 }, () => hashOf(randomId()))
      const outcomes = await Promise.all(
        secrets.map((to) =>
          store.update(
            access,
            changeOf(chainOf(commands.inc('logins')), { rotation: rotation(hash, to, { grace: MINUTE }) }),
          ),
        ),
      )
      assert.equal(outcomes.filter(({ outcome }) => outcome === 'changed').length, 1)
      assert.equal(outcomes.filter(({ outcome }) => outcome === 'outrun').length, 49)
      const live = await Promise.all(secrets.map((to) => store.load(by(access, to))))
      const records = live.flatMap((loaded) => (loaded.outcome === 'live' ? [loaded.record] : []))
      assert.deepEqual(
        records.map(({ data }) => data),
        [{ logins: 1 }],
      )
    })
  })
}
