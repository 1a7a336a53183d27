import { memory } from 'koa-atomic-session/memory'
import { describe, expect, it } from 'vitest'
import { SessionUsageError } from '../../src/errors/index.ts'
import { visitor } from '../../src/testing/harness.ts'

// biome-ignore lint/suspicious/noExplicitAny: options that there can not be
type Any = any

describe('the memory store', () => {
  it.each<[Any, RegExp]>([
    [{ max: 0 }, /^max of the memory store/],
    [{ max: 1.5 }, /^max of the memory store/],
    [{ max: '5' }, /^max of the memory store/],
    [{ max: -1 }, /^max of the memory store/],
    [{ now: 5 }, /^now of the memory store/],
    [{ maximum: 5 }, /^The memory store has no option 'maximum'/],
  ])('is refused with %j', (options, message) => {
    expect(() => memory(options)).toThrow(SessionUsageError)
    expect(() => memory(options)).toThrow(message)
  })

  it('keeps as many sessions as it is told, from one', async () => {
    const store = memory({ max: 1 })
    expect(store.name).toBe('memory')
    const [first, second] = [await visitor(store), await visitor(store)]
    expect([await store.get(first.id), (await store.get(second.id))?.id]).toEqual([undefined, second.id])
  })

  it('takes any time after 1970 from its clock, and says so where that gives none', async () => {
    for (const time of [1, 1_800_000_000_000]) {
      const { record } = await visitor(memory({ now: () => time }))
      expect(record.created).toBe(time)
    }
    for (const time of [0, -1, 1.5, Number.NaN, Number.POSITIVE_INFINITY, '5', undefined]) {
      const store = memory({ now: () => time as number })
      await expect(store.get('id')).rejects.toThrow(/^now of the memory store must give milliseconds/)
    }
  })

  it('removes what has expired once', async () => {
    let time = 1_800_000_000_000
    const store = memory({ now: () => time })
    await visitor(store)
    expect(await store.prune()).toBe(0)
    time += 86_400_000
    await visitor(store)
    expect([await store.prune(), await store.prune()]).toEqual([1, 0])
  })
})
