import { ObjectId } from 'mongodb'
import { describe, expect, it } from 'vitest'
import { pages } from '../../src/contract/pages.ts'
import { begin, lastOf } from '../../src/contract/record.ts'
import { isIndexValue, type Page } from '../../src/contract/store.ts'

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
