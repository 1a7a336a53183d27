import assert from 'node:assert/strict'
import { commands } from '../../algebra/index.ts'
import type { IndexedStore, Notice, TellingStore } from '../../contract/store.ts'
import { chainOf, changed, changeOf, hashOf, MINUTE, type Runner, sharing, type Visitor, visitor } from '../harness.ts'

/** Two stores over the same sessions, as two processes have them; one store alone where no other process can come. */
export interface Telling {
  /** Indexes the fields of the index cases, as the other one does. */
  readonly here: IndexedStore & TellingStore
  readonly elsewhere: IndexedStore
}

export function telling({ describe, it }: Runner, make: () => Promise<Telling>): void {
  describe('telling', () => {
    const open = sharing(make)

    /** Follows sessions; `next` waits for the next notice about any of them. */
    async function follow(store: TellingStore, ...visitors: Visitor[]) {
      const told: Notice[] = []
      let arrived = () => {}
      const ids = new Set(visitors.map(({ id }) => id))
      const notices = store.notices((notice) => {
        // A store may tell of other sessions too.
        if (!ids.has(notice.id)) return
        told.push(notice)
        arrived()
      })
      assert.ok(notices, 'the store can tell')
      for (const { id } of visitors) await notices.follow(id)
      const next = async () => {
        while (told.length === 0) await new Promise<void>((resolve) => (arrived = resolve))
        return told.shift()!
      }
      return { next, notices }
    }

    for (const where of ['here', 'elsewhere'] as const) {
      it(`tells of each change of the data, with its version, that is made ${where}`, async () => {
        const stores = await open()
        const one = await visitor(stores[where], { n: 0 })
        const { id, record, access } = one
        const { created } = record
        const { next, notices } = await follow(stores.here, one)
        const store = stores[where]
        changed(await store.update(access, changeOf(chainOf(commands.inc('n')))))
        assert.deepEqual(await next(), { id, created, what: 2 })
        // One that the store leaves to the oracle, and one from outside.
        const rotation = { to: hashOf('next'), grace: MINUTE }
        changed(await store.update(access, changeOf(chainOf(commands.inc('n')), { rotation })))
        assert.deepEqual(await next(), { id, created, what: 3 })
        changed(await store.update(access, changeOf(chainOf(commands.set('n', 7)))))
        assert.deepEqual(await next(), { id, created, what: 4 })
        const outside = { ...access, proof: { created } }
        changed(await store.update(outside, changeOf(chainOf(commands.unset('n')))))
        assert.deepEqual(await next(), { id, created, what: 5 })
        notices.close()
      })

      it(`tells of an explicit rotation and not of an automatic one, nor of a slide, that is made ${where}`, async () => {
        const stores = await open()
        const one = await visitor(stores[where], { n: 0 })
        const { id, record, access } = one
        const { created } = record
        const { next, notices } = await follow(stores.here, one)
        const store = stores[where]
        const automatic = { to: hashOf('automatic'), grace: MINUTE }
        await store.update(access, changeOf(chainOf([]), { rotation: automatic }))
        const slid = { ...access, proof: { hash: automatic.to } }
        await store.update(slid, changeOf(chainOf([]), { slide: { idle: 30 * MINUTE, atLeast: 0 } }))
        const explicit = { to: hashOf('explicit'), grace: 0, epoch: 'another' }
        await store.update(slid, changeOf(chainOf([]), { rotation: explicit }))
        assert.deepEqual(await next(), { id, created, what: 'rotated' })
        const live = { ...access, proof: { hash: explicit.to } }
        changed(await store.update(live, changeOf(chainOf(commands.inc('n')))))
        assert.deepEqual(await next(), { id, created, what: 2 })
        notices.close()
      })

      it(`tells of each session that is removed ${where}, by itself and with all of a user`, async () => {
        const stores = await open()
        const user = where === 'here' ? 100 : 101
        const all = await Promise.all(Array.from({ length: 3 }, () => visitor(stores[where], { user_id: user })))
        const { next, notices } = await follow(stores.here, ...all)
        const gone = ({ id, record: { created } }: Visitor) => ({ id, created, what: 'gone' })
        assert.equal(await stores[where].destroy(all[0]!.access), true)
        assert.deepEqual(await next(), gone(all[0]!))
        assert.equal(await stores[where].destroyAll('user_id', user, all[1]!.id), 1)
        assert.deepEqual(await next(), gone(all[2]!))
        // By its former secret, as a log-out that was on its way.
        const rotation = { to: hashOf('late'), grace: MINUTE, epoch: 'x' }
        await stores[where].update(all[1]!.access, changeOf(chainOf([]), { rotation }))
        assert.equal((await next()).what, 'rotated')
        assert.equal(await stores[where].destroy(all[1]!.access), true)
        assert.deepEqual(await next(), gone(all[1]!))
        notices.close()
      })
    }

    it('tells each of several, also when another one follows no more', async () => {
      const { here } = await open()
      const one = await visitor(here, { n: 0 })
      const [first, second] = [await follow(here, one), await follow(here, one)]
      first.notices.unfollow(one.id)
      first.notices.close()
      await here.destroy(one.access)
      assert.equal((await second.next()).what, 'gone')
      second.notices.close()
    })

    it('tells nobody who has closed, and follows again', async () => {
      const { here } = await open()
      const one = await visitor(here, { n: 0 })
      const first = await follow(here, one)
      first.notices.unfollow(one.id)
      first.notices.close()
      first.notices.close()
      const second = await follow(here, one)
      second.notices.unfollow(one.id)
      await second.notices.follow(one.id)
      await here.destroy(one.access)
      assert.equal((await second.next()).what, 'gone')
      let heard = false
      void first.next().then(() => (heard = true))
      await new Promise((resolve) => setImmediate(resolve))
      assert.equal(heard, false)
      second.notices.close()
    })
  })
}
