import { memory } from 'koa-atomic-session/memory'
import { describe, expect, it } from 'vitest'
import { commands } from '../../src/algebra/index.ts'
import { REMEMBERED_OPS } from '../../src/contract/store.ts'
import { ReliableStore } from '../../src/delivery/reliable.ts'
import { StoreError } from '../../src/errors/index.ts'
import { chainOf, changeOf, dataOf, visitor } from '../../src/testing/harness.ts'

const lost = () => new StoreError('memory', 'lost the reply', 'unknown')
const push = (i: number) => changeOf(chainOf([commands.inc('n'), commands.push('list', [i])]))

/** Loses the reply to the first update, and holds the second one up for as long as `others` take. */
async function losing(others: number, heard: boolean) {
  const store = memory()
  const { access } = await visitor(store, { n: 0, list: [] })
  const { update } = store
  const reliable = new ReliableStore(store, 60_000)
  if (heard) await reliable.load(access)
  let calls = 0
  store.update = async (...values) => {
    calls++
    if (calls === 1) {
      await update.apply(store, values)
      throw lost()
    }
    for (let i = 1; i <= others; i++) await update.apply(store, [access, push(i)])
    return update.apply(store, values)
  }
  const outcome = await reliable.update(access, push(0)).then(
    ({ outcome }) => outcome,
    ({ applied }) => applied,
  )
  store.update = update
  return { outcome, data: await dataOf(store, access), calls }
}

describe('a change whose reply is lost', () => {
  it.each([true, false])(
    'is applied once, and says so, while the session remembers it (store heard before: %s)',
    async (heard) => {
      const { outcome, data, calls } = await losing(REMEMBERED_OPS - 1, heard)
      expect({ outcome, calls, n: data.n }).toEqual({ outcome: 'changed', calls: 2, n: REMEMBERED_OPS })
    },
  )

  it.each([true, false])(
    'is not applied again, however late it is sent again, once it may be forgotten (store heard before: %s)',
    async (heard) => {
      const { outcome, data } = await losing(REMEMBERED_OPS, heard)
      expect({ outcome, n: data.n }).toEqual({ outcome: 'unknown', n: REMEMBERED_OPS + 1 })
      expect((data.list as unknown as number[]).filter((i) => i === 0)).toHaveLength(1)
    },
  )

  it('is applied after many others of long ago', async () => {
    const store = memory()
    const { access } = await visitor(store, { n: 0 })
    for (let i = 0; i < 2 * REMEMBERED_OPS; i++) await store.update(access, push(i))
    const reliable = new ReliableStore(store, 60_000)
    // The store's clock goes on by more than two readings of it may differ.
    const late = Date.now() + 150
    while (Date.now() < late) await reliable.load(access)
    const { update } = store
    let calls = 0
    store.update = async (...values) => {
      if (calls++ === 0) throw lost()
      return update.apply(store, values)
    }
    expect((await reliable.update(access, push(-1))).outcome).toBe('changed')
  })
})
