import assert from 'node:assert/strict'
import { commands } from '../../algebra/index.ts'
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

export function lifecycle({ describe, it }: Runner, make: MakeStore): void {
  describe('life cycle', () => {
    const open = sharing(make)

    it('puts its own time into a new session where that is asked for', async () => {
      const store = await open()
      const dates = chainOf([commands.currentDate('at'), commands.currentDate('visits.1.at')])
      const data = { at: new Date(0), visits: [{ n: 1 }, { n: 2, at: new Date(0) }] }
      const { access, record } = await visitor(store, data, { dates })
      const now = new Date(record.created)
      assert.deepEqual(record.data, { at: now, visits: [{ n: 1 }, { n: 2, at: now }] })
      assert.deepEqual(await dataOf(store, access), record.data)
    })

    it('keeps what was created, with its times', async () => {
      const store = await open()
      const data = {
        user: { name: 'Zoë', tags: ['a', null, true, 1.5] },
        since: new Date(1_700_000_000_123),
        empty: {},
        none: [],
      }
      const { access, record } = await visitor(store, data)
      const loaded = await store.load(access)
      assert.equal(loaded.outcome, 'live')
      assert.deepEqual((loaded as { record: unknown }).record, record)
      assert.deepEqual(record.data, data)
      assert.equal(record.version, 1)
      assert.equal(record.epoch, '')
      assert.equal(record.authAt, null)
      assert.equal(record.expires - record.created, 10 * MINUTE)
    })

    it('never replaces a session by creating another of the same id', async () => {
      const store = await open()
      const { id, access } = await visitor(store, { mine: true })
      const other = { id, hash: hashOf('other'), data: {}, maxAge: null, idle: MINUTE, authenticated: true }
      assert.equal(await store.create(other), undefined)
      assert.deepEqual(await dataOf(store, access), { mine: true })
    })

    it('answers absent for an id it does not know, and a change does not create it', async () => {
      const store = await open()
      const access = { id: randomId(), proof: { hash: hashOf('x') }, maxLifetime: Number.POSITIVE_INFINITY }
      assert.deepEqual(await store.load(access), { outcome: 'absent' })
      assert.deepEqual(await store.update(access, changeOf(chainOf(commands.set('a', 1)))), { outcome: 'absent' })
      assert.deepEqual(await store.load(access), { outcome: 'absent' })
      assert.equal(await store.destroy(access), false)
    })

    it('does not bring a destroyed session back, whoever still holds it', async () => {
      const store = await open()
      const { access, holder, record } = await visitor(store, { role: 'admin' })
      assert.equal(await store.destroy(access), true)
      for (const late of [access, holder]) {
        const change = changeOf(chainOf(commands.set('role', 'admin')), { held: record })
        assert.deepEqual(await store.update(late, change), { outcome: 'absent' })
        assert.deepEqual(await store.load(late), { outcome: 'absent' })
        assert.equal(await store.destroy(late), false)
      }
    })

    it('does not let the holder of a destroyed session change a later one that took its id', async () => {
      const store = await open()
      const { id, access, holder, record } = await visitor(store)
      await store.destroy(access)
      const later = await visitor(store, { later: true }, { id, hash: hashOf('later'), created: record.created + 1 })
      const change = changeOf(chainOf(commands.unset('later')), { held: record })
      assert.deepEqual(await store.update(holder, change), { outcome: 'absent' })
      assert.deepEqual(await dataOf(store, later.access), { later: true })
    })

    it('goes on from an earlier lifetime, and notes when the visitor proved who they are', async () => {
      const store = await open()
      const { record } = await visitor(
        store,
        {},
        { created: 1_700_000_000_000, authenticated: true, maxAge: 5 * MINUTE },
      )
      assert.equal(record.created, 1_700_000_000_000)
      assert.equal(record.authAt, record.rotated)
      assert.equal(record.maxAge, 5 * MINUTE)
      assert.equal(record.expires, record.rotated + 5 * MINUTE)
    })

    it('notes a log-in of an earlier time, and none for who has not logged in', async () => {
      const store = await open()
      const authAt = 1_700_000_000_001
      const { record, access } = await visitor(store, {}, { authenticated: true, authAt })
      assert.equal(record.authAt, authAt)
      const loaded = await store.load(access)
      assert.ok(loaded.outcome === 'live' && loaded.record.authAt === authAt)
      assert.equal((await visitor(store, {}, { authAt })).record.authAt, null)
    })

    it('counts a version for each change of the data', async () => {
      const store = await open()
      const { access } = await visitor(store)
      assert.equal(changed(await store.update(access, changeOf(chainOf(commands.inc('n'))))).version, 2)
      assert.equal(changed(await store.update(access, changeOf(chainOf([])))).version, 2)
      assert.equal(changed(await store.update(access, changeOf(chainOf(commands.inc('n'))))).version, 3)
    })

    it('can be set up and closed more than once', async () => {
      const store = await make()
      await Promise.all([store.setup(), store.setup()])
      await store.setup()
      await store.close()
      await store.close()
    })
  })
}
