import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { Generations } from '../../src/cache/generations.ts'

describe('what is kept in two generations', () => {
  it('is what was set last, until others have taken its place', () => {
    const kept = new Generations<number>(100)
    kept.set('a', 1, 20)
    kept.set('a', 2, 20)
    expect(kept.get('a')).toBe(2)
    kept.delete('a')
    expect(kept.get('a')).toBeUndefined()
    // The second generation after it pushes it out.
    kept.set('a', 3, 20)
    for (let i = 0; i < 5; i++) kept.set(`b${i}`, i, 20)
    expect(kept.get('a')).toBeUndefined()
    expect(kept.get('b4')).toBe(4)
  })

  it('stays as long as it is asked for', () => {
    const kept = new Generations<number>(100)
    kept.set('a', 1, 20)
    for (let i = 0; i < 50; i++) {
      kept.set(`b${i}`, i, 20)
      expect(kept.get('a')).toBe(1)
    }
  })

  it('is all of it while it fits, however often one of it is set anew', () => {
    for (const name of ['a', 'b', 'c', 'd']) {
      const kept = new Generations<string>(100)
      for (const each of ['a', 'b', 'c', 'd']) kept.set(each, each, 25)
      for (let i = 0; i < 10; i++) kept.set('d', 'd', 25)
      expect(kept.get(name)).toBe(name)
    }
  })

  it('is not pushed out by what was removed again', () => {
    const kept = new Generations<number>(100)
    kept.set('a', 1, 20)
    for (let i = 0; i < 10; i++) {
      kept.set('b', i, 25)
      kept.delete('b')
    }
    expect(kept.get('a')).toBe(1)
  })

  it('is nothing that is heavier than a generation, and nothing at all without a limit', () => {
    const kept = new Generations<number>(100)
    kept.set('a', 1, 20)
    kept.set('a', 2, 51)
    expect(kept.get('a')).toBeUndefined()
    kept.set('a', 3, 50)
    expect(kept.get('a')).toBe(3)
    const none = new Generations<number>(0)
    none.set('a', 1, 1)
    expect(none.get('a')).toBeUndefined()
  })

  it('is never more than the limit, and always what was set last under its key', () => {
    const keys = ['a', 'b', 'c', 'd', 'e', 'f']
    const does = fc.constantFrom('get', 'set', 'set', 'delete')
    const step = fc.record({ key: fc.constantFrom(...keys), does, weight: fc.nat(60) })
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
        const after = () => {
          const kept = new Generations<number>(100)
          for (const [i, { key, does, weight }] of steps.entries()) {
            if (does === 'set') kept.set(key, i, weight)
            else kept[does as 'get' | 'delete'](key)
          }
          return kept
        }
        // Each is looked for in a copy of its own, because to ask for something keeps it.
        const found = keys.map((key) => after().get(key))
        const last = keys.map((key) => steps.findLastIndex((step) => step.key === key && step.does !== 'get'))
        for (const [i, at] of found.entries()) if (at !== undefined) expect(at).toBe(last[i])
        const weight = found.reduce<number>((sum, at) => sum + (at === undefined ? 0 : steps[at]!.weight), 0)
        expect(weight).toBeLessThanOrEqual(100)
      }),
    )
  })
})
