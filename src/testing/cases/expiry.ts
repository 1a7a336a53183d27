import assert from 'node:assert/strict'
import { commands } from '../../algebra/index.ts'
import {
  chainOf,
  changed,
  changeOf,
  eventually,
  type MakeStore,
  MINUTE,
  type Runner,
  sharing,
  visitor,
} from '../harness.ts'

export function expiry({ describe, it }: Runner, make: MakeStore): void {
  describe('expiry', () => {
    const open = sharing(make)
    const touch = chainOf([])
    // A database with a TTL may remove what has expired before anyone asks.
    const over = ({ outcome }: { outcome: string }) => outcome === 'expired' || outcome === 'absent'

    it('is over when its idle time has passed, though nothing has removed it', async () => {
      const store = await open()
      const { access, holder } = await visitor(store, { n: 1 }, { idle: 30 })
      await eventually(() => store.load(access), over)
      for (const late of [access, holder]) {
        assert.ok(over(await store.update(late, changeOf(chainOf(commands.inc('n'))))))
        assert.ok(
          over(await store.update(late, changeOf(touch, { slide: { idle: MINUTE, maxAge: MINUTE, atLeast: 0 } }))),
        )
        assert.equal(await store.destroy(late), false)
      }
    })

    it('is over at its absolute lifetime, which no change and no touch extends', async () => {
      const store = await open()
      const { access } = await visitor(store, { n: 1 }, { created: 1_700_000_000_000 })
      assert.equal((await store.load(access)).outcome, 'live')
      const limited = { ...access, maxLifetime: MINUTE }
      assert.deepEqual(await store.load(limited), { outcome: 'expired' })
      assert.deepEqual(await store.update(limited, changeOf(chainOf(commands.inc('n')))), { outcome: 'expired' })
      const slide = { idle: 10 * MINUTE, maxAge: 10 * MINUTE, atLeast: 0 }
      assert.deepEqual(await store.update(limited, changeOf(touch, { slide })), { outcome: 'expired' })
      assert.equal(await store.destroy(limited), false)
    })

    it('slides when that is due, and only then', async () => {
      const store = await open()
      const { access, record } = await visitor(store, {}, { idle: MINUTE })
      const early = changed(await store.update(access, changeOf(touch, { slide: { idle: MINUTE, atLeast: MINUTE } })))
      assert.equal(early.expires, record.expires)
      const due = changed(
        await store.update(access, changeOf(touch, { slide: { idle: 10 * MINUTE, atLeast: MINUTE } })),
      )
      assert.ok(due.expires >= record.expires + 9 * MINUTE)
      const command = changeOf(chainOf(commands.inc('n')), { slide: { idle: 20 * MINUTE, atLeast: MINUTE } })
      assert.ok(changed(await store.update(access, command)).expires >= due.expires + 10 * MINUTE)
    })

    it("follows a session's own idle time once it has one, longer or shorter", async () => {
      const store = await open()
      for (const own of [100 * MINUTE, 2 * MINUTE]) {
        const { access, record } = await visitor(store)
        const set = await store.update(
          access,
          changeOf(touch, { slide: { idle: 10 * MINUTE, maxAge: own, atLeast: MINUTE } }),
        )
        assert.equal(changed(set).maxAge, own)
        assert.ok(Math.abs(changed(set).expires - record.created - own) < MINUTE)
        const later = changed(
          await store.update(
            access,
            changeOf(chainOf(commands.inc('n')), { slide: { idle: 10 * MINUTE, atLeast: 0 } }),
          ),
        )
        assert.equal(later.maxAge, own)
        assert.ok(Math.abs(later.expires - record.created - own) < MINUTE)
      }
    })

    it("slides by a session's own idle time with every change, and says so also where nobody waits for the data", async () => {
      const store = await open()
      for (const own of [null, 100 * MINUTE, 2 * MINUTE]) {
        for (const answer of [true, false]) {
          const { access, record } = await visitor(store, {}, { maxAge: own })
          const load = async () => {
            const loaded = await store.load(access)
            assert.ok(loaded.outcome === 'live')
            return loaded.record
          }
          const inc = () => changeOf(chainOf(commands.inc('n')), { answer, slide: { idle: 10 * MINUTE, atLeast: 0 } })
          const updated = await eventually(
            () => store.update(access, inc()),
            (answered) => {
              assert.ok(answered.outcome === 'changed' || answered.outcome === 'done', answered.outcome)
              return answered.record.expires > record.expires
            },
          )
          const { expires, maxAge } = await load()
          assert.ok(updated.outcome === 'changed' || updated.outcome === 'done')
          assert.deepEqual({ expires: updated.record.expires, maxAge: updated.record.maxAge }, { expires, maxAge })
          assert.equal(maxAge, own)
          assert.equal(updated.secret, 'current')
        }
      }
    })

    it('gives the own idle time up again', async () => {
      const store = await open()
      const { access } = await visitor(store, {}, { maxAge: 100 * MINUTE })
      const change = changeOf(touch, { slide: { idle: MINUTE, maxAge: null, atLeast: 0 } })
      const record = changed(await store.update(access, change))
      assert.equal(record.maxAge, null)
      assert.ok(record.expires < record.created + 2 * MINUTE)
    })

    it('writes one touch when many requests slide at once', async () => {
      const store = await open()
      const { access } = await visitor(store, {}, { idle: MINUTE })
      const slide = { idle: 10 * MINUTE, atLeast: MINUTE }
      const answers = await Promise.all(
        Array.from({ length: 100 }, () => store.update(access, changeOf(touch, { slide }))),
      )
      assert.equal(new Set(answers.map((answer) => changed(answer).expires)).size, 1)
    })

    it('removes what has expired, once, and nothing else, when it is pruned', async () => {
      // A database may remove one by itself, a moment before it is pruned or after, but not each of them.
      for (let tries = 1; ; tries++) {
        const store = await make()
        const dead = await visitor(store, {}, { idle: 1 })
        const alive = await visitor(store, { alive: true })
        await eventually(() => store.load(dead.access), over)
        // A dead session keeps its id until it is removed, which no read can show.
        const begin = () =>
          store.create({ id: dead.id, hash: dead.hash, data: {}, maxAge: null, idle: MINUTE, authenticated: false })
        const byItself = (await begin()) !== undefined
        const removed = await store.prune()
        assert.equal(await store.prune(), 0)
        assert.equal((await store.load(alive.access)).outcome, 'live')
        if (!byItself && removed === 0) {
          assert.ok(tries < 20, 'none was removed')
          continue
        }
        assert.equal(removed, byItself ? 0 : 1)
        if (!byItself) assert.ok(await begin(), 'the id is free again')
        assert.equal((await store.load(dead.access)).outcome, 'live')
        return
      }
    })
  })
}
