import assert from 'node:assert/strict'
import { commands, condition } from '../../algebra/index.ts'
import { compare } from '../differential.ts'
import { EXAMPLES } from '../examples.ts'
import {
  chainOf,
  changed,
  changeOf,
  dataOf,
  type MakeStore,
  MINUTE,
  type Runner,
  sharing,
  visitor,
} from '../harness.ts'

export function examples({ describe, it }: Runner, make: MakeStore): void {
  describe('commands', () => {
    const open = sharing(make)

    for (const { says, before, command, after } of EXAMPLES) {
      it(says, async () => {
        const store = await open()
        const { access } = await visitor(store, before)
        const updated = await store.update(access, changeOf(chainOf(command)))
        if ('refused' in after) {
          const problem = { kind: 'type', command: after.refused, path: after.path, found: after.found }
          assert.deepEqual(updated, { outcome: 'refused', problem })
          assert.deepEqual(await dataOf(store, access), before)
        } else {
          assert.deepEqual(changed(updated).data, after)
          assert.deepEqual(await dataOf(store, access), after)
        }
      })
    }

    it("currentDate writes the store's clock", async () => {
      const store = await open()
      const { access } = await visitor(store)
      const { seen } = changed(await store.update(access, changeOf(chainOf(commands.currentDate('seen.last')))))
        .data as {
        seen: { last: Date }
      }
      assert.ok(seen.last instanceof Date)
      assert.ok(Math.abs(seen.last.getTime() - Date.now()) < MINUTE)
    })

    it('take answers with what it removed, undefined where nothing was', async () => {
      const store = await open()
      const { access } = await visitor(store, { flash: { text: 'hi', at: new Date(5) } })
      const first = await store.update(access, changeOf(chainOf(commands.take('flash'))))
      assert.deepEqual((first as { taken?: unknown }).taken, { text: 'hi', at: new Date(5) })
      assert.deepEqual(changed(first).data, {})
      const second = await store.update(access, changeOf(chainOf(commands.take('flash'))))
      assert.equal((second as { taken?: unknown }).taken, undefined)
    })

    it('every command works on what its chain has looked into or changed before', async () => {
      const store = await open()
      const { set, unset, take, inc, mul, min, max, rename, push, addToSet, pull, pullAll, pop } = commands
      const before = { a: { x: 1, l: [1, { k: 2 }], d: new Date(0) }, b: { o: {} } }
      const targets = ['n', 'n.m.k', 'b', 'b.m', 'b.o.m.k']
      const second = [
        ...['a', 'a.l', 'a.d'].flatMap((from) => targets.map((to) => rename(from, to))),
        ...['a', 'a.l', 'a.l.1', 'b.o'].flatMap((path) => [
          ...[set(path, { w: 1 }), unset(path), take(path), inc(path, 1), mul(path, 2), min(path, 0), max(path, 9)],
          ...[push(path, [{ w: 1 }]), addToSet(path, [1]), pull(path, { k: 2 }), pullAll(path, [1]), pop(path, 1)],
        ]),
      ]
      const looking = [condition('a.none', undefined), condition('b.o.none', undefined)]
      for (const command of second) {
        await compare(store, before, [chainOf(command, ...looking)], false)
        if (command.path.length > 1) await compare(store, before, [chainOf([set('a.p.q', 1), command])], false)
      }
    })

    it('if() lets the chain apply only where the value is equal', async () => {
      const store = await open()
      const { access } = await visitor(store, { step: 1, l: [1], o: { a: 1, b: 2 }, none: null, at: new Date(7) })
      const { inc } = commands
      const holding: [string, unknown][] = [
        ['step', 1],
        ['l', [1]],
        ['l.0', 1],
        ['o', { b: 2, a: 1 }],
        ['o.a', 1],
        ['none', null],
        ['at', new Date(7)],
        ['nothing', undefined],
        ['step.deeper', undefined],
        ['l.7', undefined],
      ]
      for (const [path, value] of holding) {
        const updated = await store.update(access, changeOf(chainOf(inc('n'), condition(path, value))))
        assert.equal(updated.outcome, 'changed', `${path} is ${JSON.stringify(value)}`)
      }
      const failing: [string, unknown][] = [
        ['step', 2],
        ['step', '1'],
        ['step', null],
        ['step', undefined],
        ['l', 1],
        ['l', []],
        ['o', { a: 1 }],
        ['none', undefined],
        ['nothing', null],
        ['at', 7],
      ]
      for (const [path, value] of failing) {
        const updated = await store.update(access, changeOf(chainOf(inc('n'), condition(path, value))))
        assert.deepEqual(updated, { outcome: 'refused', problem: { kind: 'condition', path } })
      }
      assert.equal((await dataOf(store, access)).n, holding.length)
    })
  })
}
