import assert from 'node:assert/strict'
import { commands, condition } from '../../algebra/index.ts'
import { REMEMBERED_OPS, type Updated } from '../../contract/store.ts'
import { afterHeld } from '../../contract/transition.ts'
import {
  chainOf,
  changed,
  changeOf,
  dataOf,
  eventually,
  hashOf,
  type MakeStore,
  MINUTE,
  type Runner,
  randomId,
  sharing,
  visitor,
} from '../harness.ts'

export function atomicity({ describe, it }: Runner, make: MakeStore): void {
  describe('atomicity', () => {
    const open = sharing(make)
    const { inc, push, set, take, unset } = commands

    it('loses none of many changes at once', async () => {
      const store = await open()
      const { access } = await visitor(store)
      const chains = Array.from({ length: 200 }, (_, i) => chainOf([inc('n'), push('l', [i]), inc(`by.${i % 7}`)]))
      await Promise.all(chains.map((chain) => store.update(access, changeOf(chain))))
      const { n, l, by } = (await dataOf(store, access)) as { n: number; l: number[]; by: Record<string, number> }
      assert.equal(n, 200)
      assert.deepEqual(
        [...l].sort((a, b) => a - b),
        Array.from({ length: 200 }, (_, i) => i),
      )
      assert.equal(
        Object.values(by).reduce((a, b) => a + b),
        200,
      )
    })

    it('applies nothing of a chain when one of its commands cannot be applied', async () => {
      const store = await open()
      const before = { text: 'x', n: 1, l: [1] }
      const { access } = await visitor(store, before)
      const chain = chainOf([inc('n'), push('l', [2]), set('new', 1), unset('other.deep'), inc('text')])
      const updated = await store.update(access, changeOf(chain))
      assert.deepEqual(updated, {
        outcome: 'refused',
        problem: { kind: 'type', command: 'inc', path: 'text', found: 'string' },
      })
      assert.deepEqual(await dataOf(store, access), before)
    })

    it('applies an operation once, however often it is sent', async () => {
      const store = await open()
      const { access } = await visitor(store)
      const change = changeOf(chainOf(inc('n')))
      await Promise.all(Array.from({ length: 5 }, () => store.update(access, change)))
      await store.update(access, changeOf(chainOf(inc('m'))))
      assert.deepEqual(changed(await store.update(access, change)).data, { n: 1, m: 1 })
    })

    it('says that it has forgotten, instead of applying twice, when more was applied than it remembers', async () => {
      const store = await open()
      const { access } = await visitor(store, { n: 0 })
      const first = changeOf(chainOf(commands.inc('n')))
      const since = changed(await store.update(access, first)).created
      for (let i = 0; i < REMEMBERED_OPS - 1; i++) await store.update(access, changeOf(chainOf(commands.inc('n'))))
      const again = { ...first, repeatedSince: since }
      assert.equal(changed(await store.update(access, again)).data.n, REMEMBERED_OPS)
      await store.update(access, changeOf(chainOf(commands.inc('n'))))
      assert.deepEqual(await store.update(access, again), { outcome: 'forgotten' })
      assert.deepEqual(await dataOf(store, access), { n: REMEMBERED_OPS + 1 })
    })

    it('applies what is sent again and was not applied before', async () => {
      const store = await open()
      const { access } = await visitor(store, { n: 0 })
      await store.update(access, changeOf(chainOf(commands.inc('n'))))
      const lost = changeOf(chainOf(commands.inc('n')), { repeatedSince: 0 })
      assert.equal(changed(await store.update(access, lost)).data.n, 2)
    })

    it('remembers a log-in as it does any change: sent again, it does not move authAt', async () => {
      const store = await open()
      const { access } = await visitor(store)
      const login = changeOf(chainOf([]), { authenticated: true })
      const { authAt, expires } = changed(await store.update(access, login))
      assert.ok(authAt !== null)
      // Until the store's clock has moved on.
      await eventually(
        () => store.update(access, changeOf(chainOf([]), { slide: { idle: 10 * MINUTE, atLeast: 1 } })),
        (touched) => changed(touched).expires > expires,
      )
      for (const again of [login, { ...login, repeatedSince: authAt }]) {
        assert.equal(changed(await store.update(access, again)).authAt, authAt)
      }
    })

    it('gives a touch no place among the operations that it remembers, though it comes with a condition', async () => {
      const store = await open()
      const { access } = await visitor(store, { n: 0 })
      const first = changeOf(chainOf(inc('n')))
      const since = changed(await store.update(access, first)).created
      for (let i = 1; i <= 2 * REMEMBERED_OPS; i++) {
        const touch = i % 2 ? chainOf([]) : chainOf([], condition('n', 1))
        const slide = { idle: 10 * MINUTE + i * 1000, atLeast: 0 }
        assert.equal((await store.update(access, changeOf(touch, { slide }))).outcome, 'changed')
      }
      assert.deepEqual(changed(await store.update(access, { ...first, repeatedSince: since })).data, { n: 1 })
    })

    it('answers a repeated rotation as done, though it comes with the secret that it made invalid', async () => {
      const store = await open()
      const { access, holder } = await visitor(store)
      const rotation = { to: hashOf(randomId()), grace: 0, epoch: randomId() }
      const change = changeOf(chainOf(inc('n')), { rotation })
      assert.equal((await store.update(access, change)).outcome, 'changed')
      for (const again of [access, holder]) {
        const answer = await store.update(again, change)
        assert.deepEqual(changed(answer).data, { n: 1 })
        assert.equal((answer as { secret?: string }).secret, 'current')
      }
      assert.equal((await store.load(access)).outcome, 'rotated')
      const next = { ...access, proof: { hash: rotation.to } }
      await store.update(next, changeOf(chainOf([]), { rotation: { ...rotation, to: hashOf(randomId()) } }))
      assert.equal(((await store.update(access, change)) as { secret?: string }).secret, 'superseded')
    })

    it('does not say what was taken when it is sent again: that was for the first answer', async () => {
      const store = await open()
      const { access } = await visitor(store, { code: 'once' })
      const change = changeOf(chainOf(take('code')))
      const [first, again] = [await store.update(access, change), await store.update(access, change)]
      assert.equal((first as { taken?: unknown }).taken, 'once')
      assert.ok(changed(again) && !('taken' in again))
    })

    it('gives what is taken to exactly one of many', async () => {
      const store = await open()
      const { access } = await visitor(store, { code: 'once' })
      const answers = await Promise.all(
        Array.from({ length: 20 }, () => store.update(access, changeOf(chainOf(take('code'))))),
      )
      assert.equal(answers.filter((answer) => (answer as { taken?: unknown }).taken === 'once').length, 1)
    })

    it('lets one of many pass a condition that the chain itself ends', async () => {
      const store = await open()
      const { access } = await visitor(store, { seat: null })
      const chain = (i: number) => chainOf(set('seat', i), condition('seat', null))
      const answers = await Promise.all(Array.from({ length: 20 }, (_, i) => store.update(access, changeOf(chain(i)))))
      assert.equal(answers.filter(({ outcome }) => outcome === 'changed').length, 1)
    })

    it('answers a holder of the newest version, whose copy plus the chain is then what the store keeps', async () => {
      const store = await open()
      const { access, record } = await visitor(store, { n: 1, blob: 'x'.repeat(500) })
      const chain = chainOf([inc('n'), push('l', [1])])
      const change = changeOf(chain, { held: record })
      const answer = await store.update(access, change)
      const result = answer.outcome === 'held' ? afterHeld(record, change, answer) : changed(answer)
      assert.deepEqual(result.data, { n: 2, l: [1], blob: 'x'.repeat(500) })
      assert.deepEqual(await dataOf(store, access), result.data)
      assert.equal(result.version, 2)
    })

    it('sends the whole record to a holder of an older version', async () => {
      const store = await open()
      const { access, record } = await visitor(store, { n: 1 })
      await store.update(access, changeOf(chainOf(set('beside', true))))
      const change = changeOf(chainOf(inc('n')), { held: record })
      assert.deepEqual(changed(await store.update(access, change)).data, { n: 2, beside: true })
    })

    it('sends the whole record to a holder of the same version with other data: the store was restored, say', async () => {
      const store = await open()
      const { id, hash, access, holder, record } = await visitor(store, { v: 'one', n: 0 })
      const held = changed(await store.update(access, changeOf(chainOf(set('v', 'lost')))))
      // What a store that is restored from a copy goes back to, and goes on from.
      const restored = { id, hash, created: record.created }
      for (const commands of [[inc('n')], [inc('n'), set('more', 'x'.repeat(3000))], []]) {
        assert.equal(await store.destroy(access), true)
        await visitor(store, { v: 'one', n: 0 }, restored)
        const kept = changed(await store.update(access, changeOf(chainOf(set('v', 'kept')))))
        assert.equal(kept.version, held.version)
        const slide = { idle: 20 * MINUTE, atLeast: 0 }
        const seen = changed(await store.update(holder, changeOf(chainOf(commands), { held, slide })))
        assert.equal(seen.data.v, 'kept')
        assert.deepEqual(await dataOf(store, access), seen.data)
      }
    })

    it('refuses what cannot be applied also when the caller holds the newest version', async () => {
      const store = await open()
      const { access, record } = await visitor(store, { text: 'x' })
      const updated = await store.update(access, changeOf(chainOf([set('a', 1), inc('text')]), { held: record }))
      assert.equal(updated.outcome, 'refused')
      assert.deepEqual(await dataOf(store, access), { text: 'x' })
    })

    it('applies a change whose result nobody waits for', async () => {
      const store = await open()
      const { access, record } = await visitor(store, { blob: 'x'.repeat(500) })
      const outcomes: Updated['outcome'][] = []
      for (const held of [undefined, record]) {
        outcomes.push((await store.update(access, changeOf(chainOf(inc('n')), { held, answer: false }))).outcome)
      }
      assert.ok(outcomes.every((outcome) => outcome === 'done' || outcome === 'changed' || outcome === 'held'))
      assert.equal((await dataOf(store, access)).n, 2)
    })

    it('lets no session grow that is above its limit, but lets it shrink', async () => {
      const store = await open()
      const blob = 'x'.repeat(3000)
      const { access } = await visitor(store, { blob })
      const grown = await store.update(access, changeOf(chainOf(push('l', [1])), { maxBytes: 2000 }))
      assert.equal(grown.outcome, 'refused')
      assert.equal((grown as { problem: { kind: string } }).problem.kind, 'size')
      assert.deepEqual(await dataOf(store, access), { blob })
      assert.deepEqual(
        changed(await store.update(access, changeOf(chainOf(unset('blob')), { maxBytes: 2000 }))).data,
        {},
      )
      assert.deepEqual(
        changed(await store.update(access, changeOf(chainOf(push('l', [1])), { maxBytes: 2000 }))).data,
        { l: [1] },
      )
    })
  })
}
