import assert from 'node:assert/strict'
import { commands, EMPTY_CHAIN } from '../../algebra/index.ts'
import type { Device, DeviceStep, Jwk } from '../../contract/device.ts'
import type { Access, Change, Store, Updated } from '../../contract/store.ts'
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

/** A session that is bound to a device opens for its device alone. */
export function devices({ describe, it }: Runner, make: MakeStore): void {
  describe('devices', () => {
    const open = sharing(make)

    it('bind a session once: the first key stays, whoever comes with another', async () => {
      const store = await open()
      const { access, record } = await visitor(store, { n: 1 })
      assert.ok(!('device' in record))
      const first = bind({ next: 'c1' })
      const after = changed(await step(store, access, first))
      assert.deepEqual({ ...after, device: undefined }, { ...record, last: after.last, device: undefined })
      const { since, ...device } = after.device!
      assert.deepEqual(device, { jwk: first.jwk, challenge: 'c1', previous: null })
      assert.ok(since >= record.created + MINUTE)
      // The same proof again, because its answer was lost.
      assert.deepEqual(changed(await step(store, access, { ...first, next: 'other' })).device, after.device)
      assert.deepEqual(await step(store, access, bind()), { outcome: 'unproven' })
      assert.deepEqual(await deviceOf(store, access), after.device)
    })

    it('bind nothing for another log-in than the one that asked for it', async () => {
      const store = await open()
      const { access } = await visitor(store)
      assert.deepEqual(await step(store, access, bind({ epoch: 'earlier' })), { outcome: 'unproven' })
      const to = hashOf(randomId())
      const live = { ...access, proof: { hash: to } }
      changed(await store.update(access, changeOf(chainOf([]), { rotation: { to, grace: MINUTE, epoch: 'e1' } })))
      assert.deepEqual(await step(store, live, bind()), { outcome: 'unproven' })
      assert.ok(changed(await step(store, live, bind({ epoch: 'e1' }))).device)
    })

    it('move on by each proof, and take the one before once more while its grace lasts', async () => {
      const store = await open()
      const { access } = await bound(store, { next: 'c1' })
      assert.deepEqual(await step(store, access, prove('c0', 'c2')), { outcome: 'unproven' })
      const second = changed(await step(store, access, prove('c1', 'c2'))).device!
      assert.equal(second.challenge, 'c2')
      assert.equal(second.previous?.challenge, 'c1')
      assert.deepEqual(changed(await step(store, access, prove('c1', 'c3'))).device, second)
      const third = changed(await step(store, access, { ...prove('c2', 'c3'), grace: 0 })).device!
      assert.equal(third.challenge, 'c3')
      for (const over of ['c1', 'c2']) {
        assert.deepEqual(await step(store, access, prove(over, 'c4')), { outcome: 'unproven' })
      }
      assert.deepEqual(await deviceOf(store, access), third)
      const other = await visitor(store)
      assert.deepEqual(await step(store, other.access, prove('c3', 'c4')), { outcome: 'unproven' })
    })

    it('keep everybody else out: nothing is shown, changed, slid or rotated', async () => {
      const store = await open()
      const { access, record } = await bound(store)
      const stolen: Access[] = [
        { ...access, bound: false },
        { ...access, bound: false, proof: { ...access.proof, created: record.created, epoch: record.epoch } },
      ]
      const changes: Partial<Change>[] = [
        {},
        { answer: false },
        { held: record },
        { slide: { idle: 60 * MINUTE, atLeast: 0 } },
        { rotation: { to: hashOf('thief'), grace: 0 } },
        { rotation: { to: hashOf('thief'), grace: 0, epoch: 'e' }, authenticated: true },
      ]
      for (const thief of stolen) {
        assert.deepEqual(await store.load(thief), { outcome: 'unbound' })
        for (const change of changes) {
          for (const chain of [chainOf(commands.inc('n')), chainOf(commands.take('n')), chainOf([])]) {
            assert.deepEqual(await store.update(thief, changeOf(chain, change)), { outcome: 'unbound' })
          }
        }
      }
      const loaded = await store.load(access)
      assert.ok(loaded.outcome === 'live')
      assert.deepEqual(loaded.record, record)
    })

    it('lose nothing themselves: they change and read what they hold, and stay bound', async () => {
      const store = await open()
      const { access, record } = await bound(store)
      const { device } = record
      const held = await store.update(access, changeOf(chainOf(commands.inc('n')), { held: record }))
      assert.ok(held.outcome === 'held' || held.outcome === 'changed')
      const blind = await store.update(access, changeOf(chainOf(commands.inc('n')), { answer: false }))
      assert.ok(blind.outcome === 'done' || blind.outcome === 'changed')
      const seen = changed(await store.update(access, changeOf(chainOf(commands.set('text', 'x'.repeat(3000))))))
      assert.deepEqual(seen.device, device)
      const taken = await store.update(access, changeOf(chainOf(commands.take('text'))))
      assert.ok(taken.outcome === 'changed' && taken.taken === 'x'.repeat(3000))
      assert.deepEqual(taken.record.device, device)
      assert.deepEqual(await dataOf(store, access), { n: 3 })
      assert.deepEqual(await store.load({ ...access, bound: false }), { outcome: 'unbound' })
    })

    it('may log out, and whoever looks after the store needs no device', async () => {
      const store = await open()
      const { record, access } = await bound(store)
      const outside = { ...access, bound: false, proof: { created: record.created } }
      changed(await store.update(outside, changeOf(chainOf(commands.inc('n')))))
      assert.equal(await store.destroy({ ...access, bound: false }), true)
      assert.deepEqual(await store.load(access), { outcome: 'absent' })
    })

    it('are not asked for before the end of their grace, because requests are on their way', async () => {
      const store = await open()
      const { access } = await visitor(store, { n: 0 })
      changed(await step(store, access, bind({ grace: MINUTE })))
      assert.equal((await store.load(access)).outcome, 'live')
      changed(await store.update(access, changeOf(chainOf(commands.inc('n')))))
    })

    it('stay through every new secret but that of a log-in', async () => {
      const store = await open()
      const { access, record } = await bound(store)
      const { device } = record
      const [a, b, c] = ['a', 'b', 'c'].map(() => hashOf(randomId())) as [string, string, string]
      const by = (hash: string): Access => ({ ...access, proof: { hash } })
      const rotated = async (from: Access, change: Partial<Change>) =>
        changed(await store.update(from, changeOf(chainOf([]), change)))
      assert.deepEqual((await rotated(access, { rotation: { to: a, grace: 0 } })).device, device)
      assert.deepEqual((await rotated(by(a), { rotation: { to: b, grace: 0, epoch: 'e' } })).device, device)
      assert.deepEqual(await store.load({ ...by(b), bound: false }), { outcome: 'unbound' })
      const after = await rotated(by(b), { rotation: { to: c, grace: 0, epoch: 'f' }, authenticated: true })
      assert.equal(after.device, undefined)
      assert.equal(await deviceOf(store, { ...by(c), bound: false }), undefined)
      assert.ok(changed(await step(store, { ...by(c), bound: false }, bind({ epoch: 'f' }))).device)
    })

    it('count a proof once, however often it is sent', async () => {
      const store = await open()
      const { access, record } = await bound(store, { next: 'c1' })
      const change = changeOf(EMPTY_CHAIN, { device: prove('c1', 'c2') })
      changed(await store.update(access, change))
      changed(await step(store, access, prove('c2', 'c3')))
      const again = await store.update(access, { ...change, repeatedSince: record.created - 1000 })
      assert.equal(changed(again).device?.challenge, 'c3')
      assert.equal((await deviceOf(store, access))?.challenge, 'c3')
    })

    it('of many that bind one session at once one does, beside every change of it', async () => {
      const store = await open()
      const { access } = await visitor(store, { n: 0 })
      const binds = Array.from({ length: 6 }, () => step(store, access, bind()))
      const others = Array.from({ length: 12 }, () => store.update(access, changeOf(chainOf(commands.inc('n')))))
      const outcomes = (await Promise.all(binds)).map(({ outcome }) => outcome).sort()
      assert.deepEqual(outcomes, ['changed', ...Array.from({ length: 5 }, () => 'unproven')])
      for (const { outcome } of await Promise.all(others)) assert.equal(outcome, 'changed')
      assert.deepEqual(await dataOf(store, access), { n: 12 })
      assert.ok(await deviceOf(store, access))
    })

    it('all go on that prove one challenge at once, and it moves once', async () => {
      const store = await open()
      const { access } = await bound(store, { next: 'c1' })
      const proofs = await Promise.all(
        Array.from({ length: 6 }, (_, i) => step(store, access, prove('c1', `next ${i}`))),
      )
      const next = new Set(proofs.map((proof) => changed(proof).device?.challenge))
      assert.equal(next.size, 1)
      assert.equal((await deviceOf(store, access))?.challenge, [...next][0])
      assert.equal((await deviceOf(store, access))?.previous?.challenge, 'c1')
    })

    it('are not bound by a proof that a log-in has overtaken', async () => {
      const store = await open()
      for (let i = 0; i < 10; i++) {
        const { access } = await visitor(store)
        const to = hashOf(randomId())
        const logIn = changeOf(chainOf(commands.set('user', i)), {
          rotation: { to, grace: MINUTE, epoch: 'e' },
          authenticated: true,
        })
        await Promise.all([step(store, access, bind()), store.update(access, logIn)])
        assert.equal(await deviceOf(store, { ...access, proof: { hash: to } }), undefined)
      }
    })
  })
}

/** A key that no other session has; no store looks into it. */
function newKey(): Jwk {
  return { kty: 'EC', crv: 'P-256', x: hashOf(randomId()), y: hashOf(randomId()) }
}

type Bind = DeviceStep & { kind: 'bind' }
type Prove = DeviceStep & { kind: 'prove' }

export function bind(more: Partial<Bind> = {}): Bind {
  return { kind: 'bind', jwk: newKey(), epoch: '', next: randomId(), grace: MINUTE, ...more }
}

export function prove(challenge: string, next: string): Prove {
  return { kind: 'prove', challenge, next, grace: MINUTE }
}

function step(store: Store, access: Access, device: DeviceStep): Promise<Updated> {
  const slide = { idle: 10 * MINUTE, atLeast: Number.MAX_SAFE_INTEGER }
  return store.update({ ...access, bound: true }, changeOf(EMPTY_CHAIN, { device, slide }))
}

/** A session that asks for its device at once, and the access of a request that comes from there. */
async function bound(store: Store, more: Partial<Bind> = {}): Promise<Visitor> {
  const mine = await visitor(store, { n: 1 })
  const record = changed(await step(store, mine.access, bind({ grace: 0, ...more })))
  return { ...mine, record, access: { ...mine.access, bound: true } }
}

async function deviceOf(store: Store, access: Access): Promise<Device | undefined> {
  const loaded = await store.load(access)
  assert.ok(loaded.outcome === 'live')
  return loaded.record.device
}
