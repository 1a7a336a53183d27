import { describe, expect, it } from 'vitest'
import { SessionUsageError } from '../../src/errors/index.ts'
import { Queue } from '../../src/visit/queue.ts'

const MOST = 1000

/** A queue, and the failures that it has told of elsewhere. */
function queue(told = false) {
  const elsewhere: unknown[] = []
  return { queue: new Queue((error) => void elsewhere.push(error), told), elsewhere }
}

describe("a request's calls", () => {
  it('go on after one that fails, which only its own caller hears of', async () => {
    const { queue: calls } = queue()
    const failed = calls.add(() => Promise.reject(new Error('no')))
    const next = calls.add(async () => 'yes')
    await expect(failed).rejects.toThrow('no')
    expect(await next).toBe('yes')
    expect(calls.empty).toBe(true)
    expect(() => calls.raise()).not.toThrow()
  })

  it('run one after another, and are waited for with what is added meanwhile', async () => {
    const { queue: calls } = queue()
    const seen: string[] = []
    const call = (name: string, then?: () => void) => async () => {
      seen.push(`${name} begins`)
      await null
      seen.push(`${name} ends`)
      then?.()
    }
    expect(calls.empty).toBe(true)
    calls.add(call('first', () => calls.add(call('third'))))
    calls.add(call('second'))
    expect(calls.empty).toBe(false)
    await calls.drain()
    expect(calls.empty).toBe(true)
    expect(seen).toEqual(['first', 'second', 'third'].flatMap((name) => [`${name} begins`, `${name} ends`]))
  })

  it('are a thousand at most', async () => {
    const { queue: calls } = queue()
    const all = Array.from({ length: MOST }, () => calls.add(async () => 1))
    await expect(calls.add(async () => 1)).rejects.toBeInstanceOf(SessionUsageError)
    expect(await Promise.all(all)).toHaveLength(MOST)
    expect(await calls.add(async () => 2)).toBe(2)
  })
})

describe('a failure that nobody watches', () => {
  it('is thrown by the end of the request, with the others told elsewhere, once', () => {
    const { queue: calls, elsewhere } = queue()
    calls.failed('watched', true)
    for (const error of ['first', 'second', 'third']) calls.failed(error, false)
    expect(elsewhere).toEqual([])
    expect(() => calls.settle()).toThrow('first')
    expect(elsewhere).toEqual(['second', 'third'])
    expect(() => calls.raise()).not.toThrow()
  })

  it('is told elsewhere from the end of the request on, and at once where nobody waits for an end', () => {
    for (const told of [false, true]) {
      const { queue: calls, elsewhere } = queue(told)
      if (!told) calls.settle()
      calls.failed('late', false)
      expect(elsewhere).toEqual(['late'])
      expect(() => calls.raise()).not.toThrow()
    }
  })

  it('is kept while there are fewer than a thousand', () => {
    const { queue: calls, elsewhere } = queue()
    for (let i = 0; i < MOST; i++) calls.failed(i, false)
    expect(elsewhere).toEqual([])
    calls.failed('one too many', false)
    expect(elsewhere).toEqual(['one too many'])
  })
})
