import assert from 'node:assert/strict'
import { commands } from '../../algebra/index.ts'
import type { Access, Change, Rotation, Standing, Store } from '../../contract/store.ts'
import { afterHeld } from '../../contract/transition.ts'
import {
  chainOf,
  changed,
  changeOf,
  dataOf,
  eventually,
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

export function secret({ describe, it }: Runner, make: MakeStore): void {
  describe('secret', () => {
    const open = sharing(make)
    const { inc, set } = commands
    const by = (access: Access, hash: string): Access => ({ ...access, proof: { hash } })
    const newHash = () => hashOf(randomId())
    const explicit = (to: string, grace = 0): Rotation => ({ to, grace, epoch: randomId() })
    const automatic = (to: string, grace = 0): Rotation => ({ to, grace })
    const rotating = (rotation: Rotation) => changeOf(chainOf([]), { rotation })
    const logIn = (user: number, to: string) =>
      changeOf(chainOf(set('user', user)), { rotation: explicit(to), authenticated: true })
    const standing = async (store: Store, access: Access): Promise<Standing | string> => {
      const loaded = await store.load(access)
      return loaded.outcome === 'live' ? loaded.secret : loaded.outcome
    }

    it('opens nothing with another secret', async () => {
      const store = await open()
      const { access } = await visitor(store, { a: 1 })
      const thief = by(access, hashOf('guess'))
      for (const answer of [await store.load(thief), await store.update(thief, changeOf(chainOf(set('a', 2))))]) {
        assert.ok(answer.outcome === 'stale' && answer.ago >= 0 && answer.ago < MINUTE, answer.outcome)
      }
      assert.equal(await store.destroy(thief), false)
      assert.equal(await standing(store, access), 'current')
    })

    it('rotates to a new secret with the same id and data, and ends the old one', async () => {
      const store = await open()
      const { access, holder } = await visitor(store, { a: 1 })
      const next = newHash()
      const change = logIn(7, next)
      const record = changed(await store.update(access, change))
      assert.deepEqual(record.data, { a: 1, user: 7 })
      assert.equal(record.epoch, change.rotation?.epoch)
      assert.ok(record.authAt !== null)
      // Whoever had loaded it is shut out too: a socket, a stream, a body that is still arriving.
      for (const late of [access, holder]) {
        for (const answer of [await store.load(late), await store.update(late, changeOf(chainOf(inc('a'))))]) {
          assert.ok(answer.outcome === 'rotated' && answer.ago >= 0 && answer.ago < MINUTE, answer.outcome)
        }
      }
      assert.equal(await standing(store, by(access, next)), 'current')
      assert.deepEqual(await dataOf(store, by(access, next)), { a: 1, user: 7 })
    })

    it('lets a secret that was just rotated away log out, because that request may have been on its way', async () => {
      const store = await open()
      for (const rotation of [explicit(newHash()), automatic(newHash())]) {
        const { access } = await visitor(store, { a: 1 })
        await store.update(access, rotating(rotation))
        assert.equal(await store.destroy(access), true)
        assert.equal(await standing(store, by(access, rotation.to)), 'absent')
      }
    })

    it('lets nobody log out with a secret of two rotations ago', async () => {
      const store = await open()
      const { access } = await visitor(store, { a: 1 })
      const [next, last] = [newHash(), newHash()]
      await store.update(access, rotating(explicit(next)))
      await store.update(by(access, next), rotating(explicit(last)))
      assert.equal(await standing(store, access), 'stale')
      assert.equal(await store.destroy(access), false)
      assert.equal(await standing(store, by(access, last)), 'current')
    })

    it('lets the old secret in during the grace of an explicit rotation, but not rotate, and not for longer', async () => {
      const store = await open()
      const { access } = await visitor(store)
      const [next, last] = [newHash(), newHash()]
      await store.update(access, rotating(explicit(next, MINUTE)))
      assert.equal(await standing(store, access), 'grace')
      for (const answer of [true, false]) {
        const late = await store.update(access, changeOf(chainOf(inc('n')), { answer }))
        assert.ok('secret' in late && late.secret === 'grace', JSON.stringify(late))
      }
      assert.equal((await store.update(access, rotating(explicit(newHash())))).outcome, 'rotated')
      assert.equal((await store.update(access, rotating(automatic(newHash())))).outcome, 'outrun')
      assert.deepEqual(await dataOf(store, by(access, next)), { n: 2 })
      await store.update(by(access, next), rotating(explicit(last, 20)))
      await eventually(
        () => store.load(by(access, next)),
        ({ outcome }) => outcome === 'rotated',
      )
    })

    it('keeps the CSRF epoch at an automatic rotation', async () => {
      const store = await open()
      const { access } = await visitor(store)
      const record = changed(await store.update(access, rotating(automatic(newHash()))))
      assert.equal(record.epoch, '')
      assert.ok(record.rotated >= record.created)
    })

    it('lets a request that has loaded go on through automatic rotations, and says that its secret is superseded', async () => {
      const store = await open()
      const { access, holder } = await visitor(store)
      let last = access
      for (const to of [newHash(), newHash(), newHash()]) {
        await store.update(last, rotating(automatic(to, MINUTE)))
        last = by(access, to)
        const updated = await store.update(holder, changeOf(chainOf(inc('n'))))
        assert.equal((updated as { secret?: Standing }).secret, 'superseded')
      }
      assert.deepEqual(await dataOf(store, last), { n: 3 })
      assert.equal((await store.update(holder, rotating(automatic(newHash())))).outcome, 'outrun')
      assert.equal(changed(await store.update(holder, rotating(explicit(newHash())))).data.n, 3)
      assert.equal(await standing(store, last), 'rotated')
    })

    it('notes the first use of a new secret, in an update of any kind', async () => {
      const store = await open()
      const kinds = [chainOf(inc('n')), chainOf([])].flatMap((chain) =>
        [true, false].map((answer) => ({ chain, answer })),
      )
      for (const { chain, answer } of kinds) {
        const { access } = await visitor(store)
        const next = by(access, newHash())
        await store.update(access, rotating(automatic(next.proof.hash!)))
        // Reading changes nothing, so the first use is still to be noted.
        assert.equal(await standing(store, next), 'first')
        assert.equal(await standing(store, next), 'first')
        assert.equal(await standing(store, access), 'lost')
        const updated = await store.update(next, changeOf(chain, { answer }))
        assert.equal((updated as { secret?: Standing }).secret, 'current')
        assert.equal(await standing(store, next), 'current')
        assert.equal(await standing(store, access), 'reused')
      }
    })

    it('answers reused for an old secret whose successor was used, and applies nothing', async () => {
      const store = await open()
      const { access, holder } = await visitor(store, { n: 1 })
      const next = by(access, newHash())
      await store.update(access, rotating(automatic(next.proof.hash!)))
      await store.update(next, changeOf(chainOf(inc('n'))))
      const late = await store.update(access, changeOf(chainOf(inc('n'))))
      assert.ok(late.outcome === 'reused' && late.ago >= 0 && late.ago < MINUTE, late.outcome)
      assert.deepEqual(await dataOf(store, next), { n: 2 })
      // A request that had loaded it is the visitor's own, and slow.
      assert.equal(await standing(store, holder), 'superseded')
    })

    it('rotates once more for a secret whose successor was lost on its way, for one of many requests', async () => {
      const store = await open()
      const { access, holder } = await visitor(store)
      const lost = newHash()
      await store.update(access, rotating(automatic(lost)))
      assert.equal(await standing(store, access), 'lost')
      const counted = await store.update(access, changeOf(chainOf(inc('n'))))
      assert.equal((counted as { secret?: Standing }).secret, 'lost')
      const secrets = Array.from({ length: 10 }, newHash)
      const answers = await Promise.all(
        secrets.map((to, i) => store.update(i % 2 ? access : holder, rotating(automatic(to, MINUTE)))),
      )
      assert.equal(answers.filter(({ outcome }) => outcome === 'changed').length, 1)
      assert.equal(answers.filter(({ outcome }) => outcome === 'outrun').length, 9)
      const standings = await Promise.all(secrets.map((to) => standing(store, by(access, to))))
      assert.equal(standings.filter((worth) => worth === 'first').length, 1)
      assert.equal(await standing(store, by(access, lost)), 'stale')
      assert.equal(await standing(store, access), 'superseded')
    })

    it('lets the same log-in in again that came too late, with another secret, and no other one', async () => {
      const store = await open()
      for (const load of [true, false]) {
        const { access, holder } = await visitor(store, { cart: ['a'] })
        const late = load ? holder : access
        const [first, second] = [newHash(), newHash()]
        const { epoch } = changed(await store.update(access, logIn(7, first)))
        for (const refused of [
          logIn(8, second),
          { ...logIn(7, second), chain: chainOf([]) },
          { ...logIn(7, second), chain: chainOf([set('user', 7), inc('n')]) },
          { ...logIn(7, second), chain: chainOf(set('user', 7), { path: ['user'], value: 7 }) },
          { ...logIn(7, second), authenticated: false },
        ]) {
          assert.equal((await store.update(late, refused)).outcome, 'rotated')
        }
        const again = await store.update(late, { ...logIn(7, second), answer: load })
        assert.equal((again as { secret?: Standing }).secret, 'current')
        assert.deepEqual(changed(again).data, { cart: ['a'], user: 7 })
        assert.equal(changed(again).epoch, epoch)
        // Either answer may be the last that the browser sees.
        assert.equal(await standing(store, by(access, first)), 'superseded')
        assert.equal(await standing(store, by(access, second)), 'first')
      }
    })

    it('has one winner when many requests rotate at once, and applies nothing for the others', async () => {
      const store = await open()
      const { access, holder } = await visitor(store)
      const secrets = Array.from({ length: 50 }, newHash)
      const outcomes = await Promise.all(
        secrets.map((to, i) =>
          store.update(i % 2 ? access : holder, changeOf(chainOf(inc('logins')), { rotation: explicit(to) })),
        ),
      )
      assert.equal(outcomes.filter(({ outcome }) => outcome === 'changed').length, 1)
      assert.equal(outcomes.filter(({ outcome }) => outcome === 'rotated').length, 49)
      const live = await Promise.all(secrets.map((to) => store.load(by(access, to))))
      const records = live.flatMap((loaded) => (loaded.outcome === 'live' ? [loaded.record] : []))
      assert.deepEqual(
        records.map(({ data }) => data),
        [{ logins: 1 }],
      )
    })

    it('tells who waits for no data what the next call needs', async () => {
      const store = await open()
      const { access, record } = await visitor(store)
      const rotation = explicit(newHash())
      const answer = await store.update(access, changeOf(chainOf(set('a', 1)), { rotation, answer: false }))
      assert.ok(answer.outcome === 'changed' || answer.outcome === 'done', answer.outcome)
      const told = answer.record
      assert.deepEqual(
        { created: told.created, epoch: told.epoch, maxAge: told.maxAge, secret: answer.secret },
        { created: record.created, epoch: rotation.epoch, maxAge: null, secret: 'current' },
      )
      const holder = { ...access, proof: holding(rotation.to, { ...record, epoch: told.epoch }) }
      assert.equal(await standing(store, holder), 'current')
    })

    it('tells who holds the data what others have made of the rest', async () => {
      const store = await open()
      const others: Partial<Change>[] = [
        { slide: { idle: MINUTE, maxAge: 50 * MINUTE, atLeast: 0 } },
        { slide: { idle: 20 * MINUTE, atLeast: 0 } },
        { rotation: { to: newHash(), grace: MINUTE } },
        { rotation: explicit(newHash(), MINUTE) },
        { rotation: explicit(newHash(), MINUTE), authenticated: true },
        { authenticated: true },
        { device: bind({ grace: MINUTE }) },
      ]
      for (const answer of [true, false]) {
        for (const other of others) {
          const { access, holder, record } = await visitor(store)
          const change = { ...changeOf(chainOf([])), ...other }
          const { outcome } = await store.update(access, change)
          assert.ok(outcome === 'changed' || outcome === 'done', outcome)
          const own = changeOf(chainOf(inc('n')), { held: record, answer })
          const told = await store.update({ ...holder, bound: true }, own)
          const loaded = await store.load({ ...holder, bound: true })
          assert.ok('record' in told && loaded.outcome === 'live', told.outcome)
          const { data, ...rest } = loaded.record
          const got = told.outcome === 'held' ? afterHeld(record, own, told) : told.record
          assert.deepEqual(got, told.outcome === 'done' ? rest : { ...rest, data }, JSON.stringify(other))
          assert.equal(told.secret, loaded.secret)
        }
      }
    })
  })
}
