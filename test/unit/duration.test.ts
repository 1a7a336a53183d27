import { describe, expect, it } from 'vitest'
import { milliseconds } from '../../src/settings/duration.ts'

describe('a duration', () => {
  it.each([
    [0, 0],
    [1500, 1500],
    ['30 days', 2_592_000_000],
    ['1 month', 2_629_800_000],
    ['1h 30m', 5_400_000],
    ['1.5 hours', 5_400_000],
    ['1.25 hours', 4_500_000],
    ['250ms', 250],
    [' 1 day ', 86_400_000],
    ['1d1h', 90_000_000],
    ['1d'.repeat(50), 50 * 86_400_000],
  ])('%j is %i milliseconds', (value, expected) => {
    expect(milliseconds(value, 'maxAge')).toBe(expected)
  })

  it.each([
    [undefined, /maxAge is undefined \(ms\('1 month'\) gives undefined\)/],
    [Number.NaN, /maxAge is NaN/],
    [Number.POSITIVE_INFINITY, /maxAge is Infinity/],
    [-1, /maxAge is -1/],
    ['1', /not a duration with units/],
    ['', /not a duration with units/],
    ['soon', /not a duration with units/],
    ['1 fortnight', /unknown unit/],
    ['1 day and a bit', /not a duration with units/],
    [{}, /is of type object/],
    ['about 1 day', /not a duration with units/],
    ['1 day - 2 hours', /not a duration with units/],
    [' ', /not a duration with units/],
    ['1d2', /not a duration with units/],
    ['1'.repeat(101), /has 101 characters, and at most 100 are read/],
    ['1d'.repeat(51), /has 102 characters/],
  ])('%j is refused', (value, message) => {
    expect(() => milliseconds(value, 'maxAge')).toThrow(message)
    expect(() => milliseconds(value, 'maxAge')).toThrow(/Write milliseconds, or a text such as '30 days'/)
  })

  it('of three million characters is refused before it is read', () => {
    expect(() => milliseconds('1d '.repeat(1e6), 'maxAge')).toThrow(/has 3000000 characters/)
  })
})
