import assert from 'node:assert/strict'
import { type Command, commands, condition, type Data, MAX_PADDING, sizeOf } from '../../algebra/index.ts'
import { chainOf, changed, changeOf, dataOf, type MakeStore, type Runner, sharing, visitor } from '../harness.ts'

/** Limits, each from both sides. The algebra refuses what is beyond the others before a store is asked. */
export function limits({ describe, it }: Runner, make: MakeStore): void {
  describe('limits', () => {
    const open = sharing(make)
    const { inc, pop, pull, pullAll, push, rename, set, take, unset } = commands

    /** Of every kind whose size is a rule of its own. */
    const full: Data = {
      list: [1, 2, 1e15, 0.5, null, true, [], {}],
      text: 'Zoë pays 3 € 😀 "twice"\n',
      kéy: { at: new Date(0), deep: [{ a: {} }] },
      spare: 1,
    }
    const size = sizeOf(full)
    const shrinking = [[unset('text')], [take('text')], [pop('list')], [pull('list', 2)], [pullAll('list', [2])]]
    const growing: Command[][] = [
      [set('more', 1)],
      [inc('spare')],
      [push('list', [])],
      [rename('spare', 'other')],
      // What a chain removes does not make room for what it adds: it is judged by the session as it was.
      [unset('text'), set('more', 1)],
      [set('more', 1), take('text')],
      [pop('list'), push('kéy.deep', [1])],
    ]

    it('a session of just the limit may grow, and one of a byte more may not, though the chain removes as well', async () => {
      const store = await open()
      for (const chain of growing) {
        // How a store counts bytes is its own matter; it says so where it refuses.
        const probed = await store.update(
          (await visitor(store, full)).access,
          changeOf(chainOf(chain), { maxBytes: 1 }),
        )
        assert.ok(probed.outcome === 'refused' && probed.problem.kind === 'size', JSON.stringify(probed))
        const { bytes } = probed.problem
        assert.ok(bytes > size / 2 && bytes < size * 2, `${bytes} for ${size}`)
        for (const hold of [false, true]) {
          const { access, record } = await visitor(store, full)
          const change = { held: hold ? record : undefined }
          const limit = bytes - 1
          assert.deepEqual(await store.update(access, changeOf(chainOf(chain), { ...change, maxBytes: limit })), {
            outcome: 'refused',
            problem: { kind: 'size', bytes, limit },
          })
          assert.deepEqual(await dataOf(store, access), full)
          const { outcome } = await store.update(access, changeOf(chainOf(chain), { ...change, maxBytes: bytes }))
          assert.ok(outcome === 'changed' || outcome === 'held', outcome)
        }
      }
    })

    it('a session above the limit can be made smaller, slid and read', async () => {
      const store = await open()
      for (const chain of [...shrinking, []]) {
        for (const hold of [false, true]) {
          const { access, record } = await visitor(store, full)
          const change = changeOf(chainOf(chain), { held: hold ? record : undefined, maxBytes: 1 })
          const { outcome } = await store.update(access, change)
          assert.ok(outcome === 'changed' || outcome === 'held', outcome)
          assert.ok(sizeOf(await dataOf(store, access)) < size || chain.length === 0)
        }
      }
    })

    it('keeps a path of 32 keys, and a value of as many levels', async () => {
      const store = await open()
      const { access } = await visitor(store)
      const path = Array.from({ length: 32 }, (_, i) => `k${i}`).join('.')
      changed(await store.update(access, changeOf(chainOf([set(path, 1)]))))
      changed(await store.update(access, changeOf(chainOf([inc(path), set('l', [])], condition(path, 1)))))
      let value: unknown = 2
      for (const key of path.split('.').reverse()) value = { [key]: value }
      assert.deepEqual(await dataOf(store, access), { ...(value as Data), l: [] })
      changed(await store.update(access, changeOf(chainOf(set('copy', (value as { k0: unknown }).k0)))))
      assert.deepEqual((await dataOf(store, access)).copy, (value as { k0: unknown }).k0)
    })

    it('pads a list up to its limit, and not by one more', async () => {
      const store = await open()
      for (const [at, fits] of [
        [1 + MAX_PADDING, true],
        [2 + MAX_PADDING, false],
      ] as const) {
        const { access } = await visitor(store, { l: [7] })
        const updated = await store.update(access, changeOf(chainOf(set(`l.${at}`, 8))))
        if (fits) {
          const l = changed(updated).data.l as readonly unknown[]
          assert.deepEqual([l.length, l[0], l[1], l[at - 1], l[at]], [at + 1, 7, null, null, 8])
        } else {
          const found = 'a list that ends far before this index'
          const problem = { kind: 'type', command: 'set', path: `l.${at}`, found }
          assert.deepEqual(updated, { outcome: 'refused', problem })
        }
      }
    })

    it('judges 256 conditions and applies 256 commands, and the last of either counts', async () => {
      const store = await open()
      const fields = Array.from({ length: 256 }, (_, i) => `f${i}`)
      const { access } = await visitor(store, Object.fromEntries(fields.map((field, i) => [field, i])))
      const count = (last: number) =>
        chainOf(
          fields.map((field) => inc(field)),
          ...fields.map((field, i) => condition(field, i === 255 ? last : i)),
        )
      assert.deepEqual(await store.update(access, changeOf(count(254))), {
        outcome: 'refused',
        problem: { kind: 'condition', path: 'f255' },
      })
      const after = Object.fromEntries(fields.map((field, i) => [field, i + 1]))
      assert.deepEqual(changed(await store.update(access, changeOf(count(255)))).data, after)
      assert.deepEqual(await dataOf(store, access), after)
    })
  })
}
