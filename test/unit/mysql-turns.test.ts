import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { Turns } from '../../src/stores/mysql/turns.ts'

const TIMEOUT = 5000

describe('changes of one session on MySQL', () => {
  let turns: Turns
  /** What has begun, in its order. */
  let begun: string[]
  let ends: Map<string, () => void>

  beforeEach(() => {
    vi.useFakeTimers()
    turns = new Turns(TIMEOUT)
    begun = []
    ends = new Map()
  })

  afterEach(() => {
    // Nobody waits, so nothing is left to be done.
    expect(vi.getTimerCount()).toBe(0)
    vi.useRealTimers()
  })

  async function change(name: string, session = 's'): Promise<void> {
    ends.set(name, await turns.begin(session))
    begun.push(name)
  }
  const settled = () => vi.advanceTimersByTimeAsync(0)
  const end = (name: string) => {
    ends.get(name)!()
    return settled()
  }

  it('begin one after another, in the order in which they came; those of other sessions do not wait', async () => {
    for (const name of ['a', 'b', 'c']) void change(name)
    void change('other', 't')
    await settled()
    expect(begun).toEqual(['a', 'other'])
    await end('a')
    expect(begun).toEqual(['a', 'other', 'b'])
    await end('b')
    await end('c')
    await end('other')
    expect(begun).toEqual(['a', 'other', 'b', 'c'])
    await change('later')
    await end('later')
    expect(begun.at(-1)).toBe('later')
  })

  it('wait a second for the one before, counted from its beginning, and its late end ends no other turn', async () => {
    void change('a')
    await vi.advanceTimersByTimeAsync(700)
    void change('b')
    void change('c')
    await vi.advanceTimersByTimeAsync(299)
    expect(begun).toEqual(['a'])
    await vi.advanceTimersByTimeAsync(1)
    expect(begun).toEqual(['a', 'b'])
    await end('a')
    await end('a')
    expect(begun).toEqual(['a', 'b'])
    await vi.advanceTimersByTimeAsync(1000)
    expect(begun).toEqual(['a', 'b', 'c'])
    await end('c')
  })

  it('begin at once after one that has been under way for longer, as nobody waited', async () => {
    void change('a')
    await vi.advanceTimersByTimeAsync(60_000)
    void change('b')
    await settled()
    expect(begun).toEqual(['a', 'b'])
    await end('b')
  })

  it('are not sent after waiting for the whole timeout, and the next one begins all the same', async () => {
    turns = new Turns(500)
    void change('a')
    await settled()
    const late = change('b')
    const refused = expect(late).rejects.toMatchObject({
      cause: { message: 'the changes of its session that came before it took too long' },
    })
    await vi.advanceTimersByTimeAsync(400)
    void change('c')
    await vi.advanceTimersByTimeAsync(100)
    await refused
    await end('a')
    expect(begun).toEqual(['a', 'c'])
    await end('c')
  })
})
