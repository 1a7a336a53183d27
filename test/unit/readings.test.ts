import { describe, expect, it } from 'vitest'
import { Readings, removed } from '../../src/stores/shared/readings.ts'

const ids = ['a', 'b', 'c', 'd', 'e', 'f', 'g']

describe('a reading', () => {
  it('asks for its candidates once, and another reading asks again', async () => {
    const readings = new Readings()
    let asked = 0
    const ask = async () => [...ids, `${asked++}`]
    const [one, other] = [{}, {}]
    const known = await readings.candidates(one, ask)
    expect(await readings.candidates(one, ask)).toBe(known)
    await readings.candidates(other, ask)
    await readings.candidates(undefined, ask)
    await readings.candidates(undefined, ask)
    expect(asked).toBe(4)
    expect([one, other, undefined, {}].map((reading) => readings.has(reading))).toEqual([true, true, false, false])
  })

  it('begins once; a page by itself is always a beginning', () => {
    const readings = new Readings()
    const reading = {}
    expect([reading, reading, undefined, undefined, {}].map((one) => readings.begins(one))).toEqual([
      true,
      false,
      true,
      true,
      true,
    ])
  })
})

describe('a removal in pages', () => {
  it('looks at each candidate once, and goes on where a page had enough', async () => {
    const candidates = { ids, looked: 0 }
    const looked: string[][] = []
    // Half of them are somebody else's.
    const remove = async (some: readonly string[]) => {
      looked.push([...some])
      return some.filter((id) => 'bdf'.includes(id)).length
    }
    expect(await removed(candidates, 2, remove)).toBe(2)
    expect(looked).toEqual([['a', 'b'], ['c'], ['d']])
    expect(await removed(candidates, 2, remove)).toBe(1)
    expect(looked.flat()).toEqual(ids)
    expect(await removed(candidates, 2, remove)).toBe(0)
    expect(looked.flat()).toEqual(ids)
  })

  it('looks again at those of a page that failed', async () => {
    const candidates = { ids, looked: 0 }
    await expect(removed(candidates, 2, () => Promise.reject(new Error('down')))).rejects.toThrow('down')
    expect(await removed(candidates, 7, async (some) => some.length)).toBe(7)
  })
})
