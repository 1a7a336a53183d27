import { describe, expect, it } from 'vitest'
import { chainOf, changeOf } from '../../src/testing/harness.ts'
import { hasSlid, NEVER, slides } from '../../src/visit/slide.ts'

const NOW = 1_800_000_000_000
const HOUR = 3_600_000
const rules = { idle: HOUR, touchAfter: 60_000 }

describe('whether an expiry slides', () => {
  it.each([
    ['a minute later than it is', 60_000, true],
    ['not quite a minute later', 59_999, false],
  ])('%s', (_, by, due) => {
    expect(slides({ expires: NOW + HOUR - by, maxAge: null }, NOW, rules)).toBe(due)
    // By its own idle time, where the session has one.
    expect(slides({ expires: NOW + 2 * HOUR - by, maxAge: 2 * HOUR }, NOW, rules)).toBe(due)
  })
})

describe('whether the store has slid an expiry', () => {
  const after = (atLeast: number, ago: number, maxAge: number | null = null) => {
    const change = changeOf(chainOf([]), { slide: { idle: HOUR, atLeast } })
    return hasSlid(change, { expires: NOW - ago + (maxAge ?? HOUR), maxAge }, NOW, rules)
  }

  it('is told by an expiry that it has just set', () => {
    for (const maxAge of [null, 2 * HOUR]) {
      expect(after(0, 0, maxAge)).toBe(true)
      expect(after(0, 999, maxAge)).toBe(true)
      expect(after(0, 1000, maxAge)).toBe(false)
    }
  })

  it('is never so where the change was not to slide it', () => {
    expect(after(NEVER - 1, 0)).toBe(true)
    expect(after(NEVER, 0)).toBe(false)
  })
})
