import { describe, expect, it } from 'vitest'
import { commands, comparison, condition, parsePath, sizeOf, weigh } from '../../src/algebra/index.ts'
import { chainOf } from '../../src/testing/harness.ts'
import { type Any, site } from './browser.ts'

const keys = (count: number) => Array.from({ length: count }, (_, i) => `k${i}`).join('.')
/** Lists and objects within each other. */
const levels = (count: number): unknown =>
  count === 0 ? 1 : count % 2 === 0 ? [levels(count - 1)] : { a: levels(count - 1) }

const { addToSet, currentDate, inc, max, min, mul, pop, pull, pullAll, push, rename, set, take, unset } = commands

describe('a path', () => {
  const PLACES: Record<string, (path: string) => unknown> = {
    set: (path) => set(path, 1),
    unset,
    inc: (path) => inc(path),
    mul: (path) => mul(path, 2),
    min: (path) => min(path, 2),
    max: (path) => max(path, 2),
    'rename from': (path) => rename(path, 'other'),
    'rename to': (path) => rename('other', path),
    push: (path) => push(path, [1]),
    addToSet: (path) => addToSet(path, [1]),
    pull: (path) => pull(path, 1),
    pullAll: (path) => pullAll(path, [1]),
    pop: (path) => pop(path, 1),
    currentDate,
    take,
    condition: (path) => condition(path, 1),
    comparison: (path) => comparison(path, 1, 'takeIf'),
    parsePath,
  }
  it.each(Object.entries(PLACES))('of 32 keys is taken by %s, and of 33 refused', (_, make) => {
    expect(() => make(keys(32))).not.toThrow()
    const problem = { kind: 'path', path: keys(33), reason: 'more than 32 keys' }
    expect(() => make(keys(33))).toThrow(expect.objectContaining({ problem }))
  })

  it('of 33 keys is refused before any call to the store', async () => {
    const shop = site()
    const methods: ((session: Any) => unknown)[] = [
      (session) => session.set(keys(33), 1),
      (session) => session.set({ [keys(33)]: 1 }),
      (session) => session.if(keys(33), 1).set('a', 1),
      (session) => session.ifMissing(keys(33)).set('a', 1),
      (session) => session.take(keys(33)),
      (session) => session.takeIf(keys(33), 1),
    ]
    for (const method of methods) {
      expect((await shop.browser().visit(method)).error).toBe('ERR_SESSION_PATH')
    }
    expect(shop.store.calls).toEqual([])
  })
})

describe('a value', () => {
  const VALUES: Record<string, (value: unknown) => unknown> = {
    set: (value) => set('a', value),
    push: (value) => push('a', value),
    addToSet: (value) => addToSet('a', value),
    pull: (value) => pull('a', value),
    pullAll: (value) => pullAll('a', value),
    condition: (value) => condition('a', value),
    comparison: (value) => comparison('a', value, 'if'),
  }
  it.each(Object.entries(VALUES))('of 32 levels is taken by %s, and of 33 or without an end refused', (_, make) => {
    const endless: unknown[] = []
    endless.push(endless)
    expect(() => make(levels(32))).not.toThrow()
    for (const value of [[levels(32)], endless]) {
      const reason = 'more than 32 levels, or a cycle'
      expect(() => make(value)).toThrow(expect.objectContaining({ problem: expect.objectContaining({ reason }) }))
    }
  })
})

describe('maxBytes', () => {
  /** Each step alone, with what its chain weighs: what it writes, and what it compares with. */
  const value = 'Zoë, 3 €'
  const STEPS: [string, (session: Any) => Promise<unknown>, number][] = [
    ['a value', (session) => session.set('text', value), sizeOf('text') + sizeOf(value)],
    ['values', (session) => session.push('l', value, 1), sizeOf('l') + sizeOf([value, 1])],
    ['what if() compares', (session) => session.if('text', value).unset('a'), sizeOf('text') + sizeOf(value) + 35],
    ['what ifMissing() names', (session) => session.ifMissing('text').unset('a'), sizeOf('text') + 35],
    ['what takeIf() compares', (session) => session.takeIf('text', value), 2 * sizeOf('text') + sizeOf(value) + 32],
    ['both places of a rename', (session) => session.rename('text', 'name'), 2 * sizeOf('text') + 32],
    ['what fills a list', (session) => session.set('l.9', null), sizeOf('l.9') + 45 + 4],
  ]
  it.each(STEPS)('counts %s, to the byte', async (_, step, bytes) => {
    for (const [maxBytes, fits] of [
      [bytes, true],
      [bytes - 1, false],
    ] as const) {
      const shop = site({ maxBytes })
      // With a cookie that opens nothing here, each is a call to the store and not a beginning.
      const { cookies } = await site()
        .browser()
        .visit((session) => session.set('a', 1))
      const { error } = await shop.send(cookies[0]!.split(';')[0]!, step)
      if (fits) expect(error).not.toBe('ERR_SESSION_TOO_LARGE')
      else expect(error).toBe('ERR_SESSION_TOO_LARGE')
      expect(shop.store.calls.length > 0).toBe(fits)
    }
  })

  it('counts a chain as a whole, of which a part alone would fit', () => {
    const one = weigh(chainOf(set('a', value)))
    const two = weigh(chainOf([set('a', value), unset('b')], condition('c', value), condition('d', undefined)))
    expect(two).toBe(one + sizeOf('b') + 32 + sizeOf('c') + sizeOf(value) + sizeOf('d'))
  })

  it('counts the data of an earlier session, to the byte, before anything is stored', async () => {
    const data = { cart: ['a', 'b'], 'e.mail': 'x' }
    // Keys are weighed as paths, and one with a dot in it as the key that takes its place.
    const bytes = sizeOf('cart') + sizeOf(['a', 'b']) + sizeOf('e%2Email') + sizeOf('x')
    for (const [maxBytes, error] of [
      [bytes, undefined],
      [bytes - 1, 'ERR_SESSION_TOO_LARGE'],
    ] as const) {
      const shop = site({ maxBytes, adopt: () => data })
      expect((await shop.browser().visit((session) => session)).error).toBe(error)
      expect(shop.store.calls).toEqual(error ? [] : ['create'])
    }
  })

  it('is judged by the session as it was: what is just at the limit grows once more, and then not', async () => {
    const text = 'x'.repeat(100)
    const maxBytes = sizeOf({ text })
    const shop = site({ maxBytes })
    const browser = shop.browser()
    await browser.visit((session) => session.set('text', text))
    const grow = (name: string) => browser.visit((session) => session.set(name, 1))
    expect((await grow('a')).error).toBeUndefined()
    expect((await grow('b')).error).toBe('ERR_SESSION_TOO_LARGE')
    expect((await browser.visit((session) => session.unset('text').set('b', 1))).error).toBe('ERR_SESSION_TOO_LARGE')
    expect((await browser.visit((session) => session.unset('text'))).error).toBeUndefined()
    expect((await grow('b')).error).toBeUndefined()
    expect((await browser.visit((session) => session)).value.data).toEqual({ a: 1, b: 1 })
  })
})

describe('the size of a value', () => {
  it.each<[unknown, number]>([
    ['', 2],
    ['ab', 4],
    ['\x7f\x80', 5],
    ['ë\u07ff', 6],
    ['\u0800€', 8],
    ['😀', 6],
    ['\u{10000}', 6],
    ['\u{103ff}', 6],
    ['\ud7ff\ue000', 8],
    [0, 16],
    [-999_999_999_999_999, 16],
    [1e15, 24],
    [-1e15, 24],
    [0.5, 24],
    [true, 5],
    [false, 5],
    [null, 4],
    [new Date(0), 32],
    [[], 2],
    [[null, null], 2 + 2 * 5],
    [{}, 2],
    [{ a: null, é: true }, 2 + (1 + 4 + 4) + (2 + 4 + 5)],
  ])('%j is %i bytes', (value, bytes) => {
    expect(sizeOf(value as never)).toBe(bytes)
  })

  it('covers what JSON makes of it', () => {
    for (const value of ['Zoë pays 3 € 😀', [1, -0.1, 1e300, null], { a: { b: [true, 'x'] } }, 123_456_789_012_345]) {
      expect(sizeOf(value)).toBeGreaterThanOrEqual(Buffer.byteLength(JSON.stringify(value)))
    }
  })
})
