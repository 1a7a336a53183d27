import assert from 'node:assert/strict'
import { isDeepStrictEqual } from 'node:util'
import { commands, condition, type Data, isObject, type Value } from '../../algebra/index.ts'
import { chainOf, changed, changeOf, dataOf, type MakeStore, type Runner, sharing, visitor } from '../harness.ts'

/** Values that look alike to one language or another: each is equal to itself and to no other one. */
const ALIKE: readonly Value[] = [
  ...[null, false, true, 0, 1, '', '0', '1', 'null', 'false', '[]', '{}', new Date(0), new Date(1)],
  ...['1970-01-01T00:00:00.000Z', '{"$date":0}', [], {}, [null], [0], [''], [[]], [{}], [0, 0], ['0'], [new Date(0)]],
  ...[{ a: null }, { a: 0 }, { a: '' }, { a: [] }, { a: {} }, { a: { a: null } }, { '0': 0 }, { a: 0, b: 0 }],
]

export function alike({ describe, it }: Runner, make: MakeStore): void {
  describe('values that are nearly equal', () => {
    const open = sharing(make)
    const { addToSet, pull, pullAll, push, unset } = commands
    const others = (at: number) => ALIKE.filter((_, i) => i !== at)

    it('are told apart by conditions', async () => {
      const store = await open()
      const ask = async (held: Value, at: number) => {
        // Within a field, as an element, and where it is removed if it is equal, as by takeIf().
        const { access } = await visitor(store, { v: held, o: { v: held }, l: ['x', held], held: 0, hits: [] })
        for (const [i, asked] of ALIKE.entries()) {
          for (const path of ['v', 'o.v', 'l.1']) {
            const { outcome } = await store.update(access, changeOf(chainOf(push('hits', [i]), condition(path, asked))))
            assert.equal(outcome === 'changed', i === at, `${JSON.stringify(held)} is ${JSON.stringify(asked)}`)
          }
        }
        changed(await store.update(access, changeOf(chainOf(unset('v'), condition('v', held)))))
        const { v, hits } = await dataOf(store, access)
        assert.deepEqual([v, hits], [undefined, [at, at, at]])
      }
      await Promise.all(ALIKE.map(ask))
    })

    it('are told apart from nothing', async () => {
      const store = await open()
      for (const value of ALIKE) {
        const { access } = await visitor(store, { v: value })
        for (const [path, asked, holds] of [
          ['v', undefined, false],
          ['none', value, false],
          ['none', undefined, true],
        ] as const) {
          const { outcome } = await store.update(access, changeOf(chainOf(unset('x'), condition(path, asked))))
          assert.equal(outcome === 'changed', holds, `${path} is ${JSON.stringify(asked)}: ${JSON.stringify(value)}`)
        }
      }
    })

    it('are told apart by pull, where an object stands for all that have its fields', async () => {
      const store = await open()
      for (const [at, value] of ALIKE.entries()) {
        const { access } = await visitor(store, { l: ALIKE })
        const matches = (one: Value) =>
          isObject(one) && Object.keys(value as Data).every((key) => isDeepStrictEqual(one[key], (value as Data)[key]))
        const left = isObject(value) ? ALIKE.filter((one) => !matches(one)) : others(at)
        assert.deepEqual(changed(await store.update(access, changeOf(chainOf(pull('l', value))))).data.l, left)
      }
    })

    it('are told apart by pullAll', async () => {
      const store = await open()
      for (const [at, value] of ALIKE.entries()) {
        const { access } = await visitor(store, { l: [...ALIKE, ...ALIKE] })
        const { data } = changed(await store.update(access, changeOf(chainOf(pullAll('l', [value])))))
        assert.deepEqual(data.l, [...others(at), ...others(at)])
      }
    })

    it('are told apart by addToSet', async () => {
      const store = await open()
      for (const [at, value] of ALIKE.entries()) {
        const { access } = await visitor(store, { all: ALIKE, others: others(at) })
        const { data } = changed(
          await store.update(access, changeOf(chainOf([addToSet('all', ALIKE), addToSet('others', ALIKE)]))),
        )
        assert.deepEqual(data, { all: ALIKE, others: [...others(at), value] })
      }
    })
  })
}
