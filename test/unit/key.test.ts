import fc from 'fast-check'
import { key } from 'koa-atomic-session'
import { describe, expect, it } from 'vitest'
import { keyFault } from '../../src/algebra/index.ts'
import { innerKey, textOf } from '../../src/data/key.ts'
import { isReserved, RESERVED } from '../../src/data/types.ts'

const text = fc.oneof(
  fc.string({ unit: 'grapheme' }),
  fc.string({ unit: fc.constantFrom('%', '2', 'E', 'e', '.', '$', '_', '\0', '0') }),
  fc.constantFrom('', '%', '%25', 'constructor', '__proto__', 'prototype', '_bsontype', ...RESERVED),
)

describe('key()', () => {
  it('makes a key of a session of every text, from which the text can be read again', () => {
    fc.assert(
      fc.property(text, (text) => {
        for (const escaped of [key(text), innerKey(text)]) {
          expect(keyFault(escaped)).toBe(undefined)
          expect(textOf(escaped)).toBe(text)
        }
        expect(isReserved(key(text))).toBe(false)
      }),
      { numRuns: 10_000 },
    )
  })

  it('makes two keys of two texts', () => {
    fc.assert(
      fc.property(text, text, (a, b) => {
        fc.pre(a !== b)
        expect(key(a)).not.toBe(key(b))
        expect(innerKey(a)).not.toBe(innerKey(b))
      }),
    )
  })

  it('leaves ordinary texts as they are', () => {
    for (const text of ['user', 'alice@example', '50%', '100% sure', 'é', '名', 'a b', '0'])
      expect(key(text)).toBe(text)
    expect(key('alice@example.com')).toBe('alice@example%2Ecom')
    // A percent sign is escaped where it would be read as an escape, and nowhere else.
    expect(['%x.y', '%4x.y', '%41.y'].map(key)).toEqual(['%x%2Ey', '%4x%2Ey', '%2541%2Ey'])
    expect([key('id'), key('@client')]).toEqual(['%69d', '%40client'])
    expect(innerKey('id')).toBe('id')
  })

  it('shows a key that it has not made as it is', () => {
    for (const raw of ['%41', 'a%2', '%zz', '%2e', '%25'])
      expect(key(textOf(raw)) === raw || textOf(raw) === raw).toBe(true)
  })

  it('refuses what is no text, and a lone surrogate', () => {
    for (const bad of [undefined, null, 1, ['a'], '\ud800']) {
      expect(() => key(bad as string)).toThrow(expect.objectContaining({ code: 'ERR_SESSION_PATH', status: 400 }))
    }
    expect(() => key(7 as never)).toThrow(expect.objectContaining({ path: '(number)' }))
  })
})
