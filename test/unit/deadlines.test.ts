import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { Deadlines } from '../../src/delivery/deadlines.ts'

describe('deadlines', () => {
  let deadlines: Deadlines
  let given: string[]
  const begin = (name: string) => deadlines.add(performance.now(), () => given.push(name))
  beforeEach(() => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance'] })
    deadlines = new Deadlines(100)
    given = []
  })
  afterEach(() => {
    vi.useRealTimers()
  })

  it('come each in its own time, though one timer serves all of them', () => {
    begin('a')
    vi.advanceTimersByTime(40)
    begin('b')
    expect(vi.getTimerCount()).toBe(1)
    vi.advanceTimersByTime(60)
    expect(given).toEqual(['a'])
    vi.advanceTimersByTime(39)
    expect(given).toEqual(['a'])
    vi.advanceTimersByTime(1)
    expect(given).toEqual(['a', 'b'])
    expect(vi.getTimerCount()).toBe(0)
  })

  it('do not come for what has ended, and come in time for what began after it', () => {
    const a = begin('a')
    vi.advanceTimersByTime(40)
    deadlines.delete(a)
    begin('b')
    vi.advanceTimersByTime(99)
    expect(given).toEqual([])
    vi.advanceTimersByTime(1)
    expect(given).toEqual(['b'])
    begin('c')
    vi.advanceTimersByTime(100)
    expect(given).toEqual(['b', 'c'])
  })

  it('come in time for all, also where one that is given up begins another', () => {
    deadlines.add(performance.now(), () => {
      given.push('a')
      begin('c')
    })
    vi.advanceTimersByTime(40)
    begin('b')
    vi.advanceTimersByTime(100)
    expect(given).toEqual(['a', 'b'])
    vi.advanceTimersByTime(60)
    expect(given).toEqual(['a', 'b', 'c'])
  })

  it('let go of every request that has ended, though what began beside it is still there', async () => {
    setFlagsFromString('--expose-gc')
    const collect: () => void = runInNewContext('gc')
    const ended: WeakRef<object>[] = []
    const request = () => {
      const one = { body: 'x'.repeat(100) }
      ended.push(new WeakRef(one))
      return deadlines.add(performance.now(), () => given.push(one.body))
    }
    const handles = [request(), request(), request()]
    begin('still there')
    for (const handle of handles) deadlines.delete(handle)
    // A WeakRef holds what it was made of until its turn is over.
    await new Promise((resolve) => setImmediate(resolve))
    collect()
    expect(ended.map((one) => one.deref())).toEqual([undefined, undefined, undefined])
    for (const handle of handles) expect(handle).toMatchObject({ before: undefined, after: undefined })
    vi.advanceTimersByTime(100)
    expect(given).toEqual(['still there'])
  })

  it('keep the process alive only while somebody waits', () => {
    vi.useRealTimers()
    const timers = () => process.getActiveResourcesInfo().filter((name) => name === 'Timeout').length
    const before = timers()
    const a = begin('a')
    expect(timers()).toBe(before + 1)
    deadlines.delete(a)
    expect(timers()).toBe(before)
    const b = begin('b')
    expect(timers()).toBe(before + 1)
    deadlines.delete(b)
  })
})
