import { ObjectId } from 'mongodb'
import { describe, expect, it } from 'vitest'
import { commands } from '../../src/algebra/index.ts'
import { pages } from '../../src/contract/pages.ts'
import { begin, lastOf, UNREAD } from '../../src/contract/record.ts'
import { isIndexValue, type Page } from '../../src/contract/store.ts'
import { loaded, sizeAfter } from '../../src/contract/transition.ts'
import { chainOf, changeOf } from '../../src/testing/harness.ts'

describe('what is read in pages', () => {
  it.each([0, 1, 2, 3, 4, 5, 6, 7])(
    'of %i ids gives each once, in order, and ends with a page that is not full',
    async (count) => {
      const all = Array.from({ length: count }, (_, i) => ({ id: `${i}` }))
      const asked: Page[] = []
      const read = async (page: Page) => {
        asked.push(page)
        return all.filter(({ id }) => id > page.after).slice(0, page.limit)
      }
      const seen = []
      for await (const page of pages(read, { limit: 3, after: '' })) seen.push(page.length)
      expect(seen).toEqual([...Array(Math.floor(count / 3)).fill(3), count % 3])
      expect(asked.map(({ after }) => after)).toEqual(['', '2', '5'].slice(0, seen.length))
      // One reading, which a store may remember.
      expect(asked[0]?.reading).toBeTypeOf('object')
      expect(new Set(asked.map(({ reading }) => reading)).size).toBe(1)
    },
  )
})

describe('a session as it is told', () => {
  it('says which operation was the last, or none', () => {
    expect(lastOf([])).toBe('')
    expect(lastOf(['first@1', 'second@2'])).toBe('second')
  })

  it('that begins with a log-in of its own time has that, and no other has one', () => {
    const base = { id: 'id', hash: 'h', data: {}, maxAge: null, idle: 5 }
    expect(begin({ ...base, authenticated: true, authAt: 7 }, 9).authAt).toBe(7)
    expect(begin({ ...base, authenticated: true }, 9).authAt).toBe(9)
    expect(begin({ ...base, authenticated: false, authAt: 7 }, 9).authAt).toBeNull()
  })
})

describe('a value that an index can find', () => {
  it.each([
    ...['text', '', 0, 1.5, true, false, new ObjectId()].map((value) => [value, true] as const),
    ...[undefined, null, {}, [], ['text'], new Date(), Symbol('x'), () => 1, 1n].map(
      (value) => [value, false] as const,
    ),
  ])('%s: %s', (value, is) => expect(isIndexValue(value)).toBe(is))
})

describe('a session whose data the caller holds', () => {
  const base = { id: 'id', hash: 'h', data: { n: 1 }, maxAge: null, idle: 5, authenticated: false }
  const stored = { ...begin(base, 1000), version: 2, ops: ['first@1000', 'second@1001'], bytes: 7 }
  const access = { id: 'id', proof: { hash: 'h' }, maxLifetime: Number.POSITIVE_INFINITY }
  const held = { created: 1000, version: 2, last: 'second' }

  it('is told without them', () => {
    const answer = loaded(stored, access, 1002, held)
    expect(answer).toMatchObject({ outcome: 'held', record: held, secret: 'current', now: 1002 })
    expect(answer).not.toHaveProperty('record.data')
  })

  it.each<[string, object | undefined]>([
    ['none', undefined],
    ['of another beginning', { ...held, created: 999 }],
    ['of another version', { ...held, version: 1 }],
    ['after another operation', { ...held, last: 'first' }],
  ])('is told with them where it is one %s', (_, other) => {
    expect(loaded(stored, access, 1002, other as typeof held)).toMatchObject({
      outcome: 'live',
      record: { data: { n: 1 } },
      bytes: 7,
    })
  })

  it('never passes for an empty one where the store has left out what the caller does not hold', () => {
    const unread = { ...stored, data: UNREAD }
    expect(loaded(unread, access, 1002, held)).toMatchObject({ outcome: 'held' })
    expect(() => loaded(unread, access, 1002)).toThrow(/left out data/)
    expect(() => loaded(unread, access, 1002, { ...held, version: 1 })).toThrow(/left out data/)
  })

  it('takes at most the bytes of the chain more after a change, if they were known before', () => {
    const change = changeOf(chainOf(commands.set('text', 'x'.repeat(100))))
    const more = sizeAfter(stored, change)!
    expect(more).toBeGreaterThan(stored.bytes + 100)
    expect(more).toBeLessThan(stored.bytes + 200)
    expect(sizeAfter({}, change)).toBeUndefined()
  })
})
