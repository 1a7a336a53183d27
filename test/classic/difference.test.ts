import { isDeepStrictEqual } from 'node:util'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { apply, type Data, equal } from '../../src/algebra/index.ts'
import { difference } from '../../src/classic/difference.ts'
import { namesOf } from '../../src/classic/names.ts'
import { SessionObject } from '../../src/classic/object.ts'
import { overlay } from '../../src/classic/overlay.ts'
import { document, value } from '../../src/testing/arbitraries.ts'
import { Copy, change, written } from './traps.ts'

const NAMES = [namesOf(), namesOf(['a', 'b.*'], ['c', 'b.*', 'a.0'])]

const json = (value: unknown) => JSON.parse(JSON.stringify(value))

/** Sums of floating-point numbers differ in their last digit. */
function near(a: unknown, b: unknown): boolean {
  const rounded = (value: unknown) =>
    JSON.stringify(value, (_, part) =>
      typeof part === 'number'
        ? part.toPrecision(9)
        : part && typeof part === 'object' && !Array.isArray(part)
          ? Object.fromEntries(Object.entries(part).sort(([x], [y]) => (x < y ? -1 : 1)))
          : part,
    )
  return rounded(a) === rounded(b)
}

describe('the difference of two states of a session', () => {
  it.each([...NAMES.entries()])('makes the one of the other, names %i', (i, names) => {
    fc.assert(
      fc.property(document, fc.gen(), (before, gen) => {
        const copy = new Copy(before)
        change(copy.object, gen, value)
        const { after, origin } = copy.state()
        const result = apply(before, written(difference(before, after, { names, origin })), 0)
        if (!result.ok) throw new Error(JSON.stringify(result.problem))
        expect(i === 0 ? equal(result.data, after) : near(result.data, after)).toBe(true)
      }),
      { numRuns: 10_000 },
    )
  })

  it.each([...NAMES.entries()])('makes the one of the other again after each save, names %i', (i, names) => {
    const form = { members: new Set<string>(), ignores: () => false }
    fc.assert(
      fc.property(document, fc.gen(), (before, gen) => {
        const session = new SessionObject(form, names, () => ({}))
        session.show(before)
        let stored = before
        for (let saves = 0; saves < 3; saves++) {
          change(session.object as Record<string, unknown>, gen, value)
          const made = session.change()
          const result = apply(stored, written(made.chain), 0)
          if (!result.ok) throw new Error(JSON.stringify(result.problem))
          const shown = new SessionObject(form, names, () => ({}))
          shown.show(result.data)
          const same = i === 0 ? (a: unknown, b: unknown) => isDeepStrictEqual(json(a), json(b)) : near
          expect(same(shown.object, session.object)).toBe(true)
          session.stored(made)
          stored = result.data
        }
      }),
      { numRuns: 10_000 },
    )
  })

  it.each([...NAMES.entries()])('is laid over what others did, names %i', (_, names) => {
    fc.assert(
      fc.property(document, fc.gen(), fc.gen(), (before, first, second) => {
        const [mine, others] = [new Copy(before), new Copy(before)]
        change(mine.object, first, value)
        change(others.object, second, value)
        const { after, origin } = mine.state()
        const theirs = others.state().after
        const laid = overlay(before, after, theirs, { names, origin })
        const chain = written(difference(theirs, laid.data, { names, origin: laid.origin }))
        const result = apply(theirs, chain, 0)
        if (!result.ok) throw new Error(JSON.stringify(result.problem))
        expect(near(result.data, laid.data)).toBe(true)
        // Who changed nothing changes nothing, and where nobody else did anything all of mine is kept.
        expect(overlay(before, before, theirs, { names, origin }).data).toEqual(theirs)
        expect(near(overlay(before, after, before, { names, origin }).data, after)).toBe(true)
      }),
      { numRuns: 10_000 },
    )
  })
})

describe('the chain', () => {
  const NONE = namesOf()
  // biome-ignore lint/suspicious/noExplicitAny: whatever a handler does with it
  const chainOf = (before: Data, work: (session: any) => void, names = NONE) => {
    const copy = new Copy(before)
    work(copy.object)
    const { after, origin } = copy.state()
    const { commands, conditions } = difference(before, after, { names, origin })
    return [
      ...conditions.map(({ path, value }) => ['if', path.join('.'), value]),
      ...commands.map(({ kind, path, ...rest }) => [kind, path.join('.'), ...Object.values(rest)]),
    ]
  }

  it('sets and unsets fields', () => {
    expect(chainOf({ a: 1, b: 2 }, (s) => Object.assign(s, { a: 5, c: null }))).toEqual([
      ['set', 'a', 5],
      ['set', 'c', null],
    ])
    expect(chainOf({ a: 1 }, (s) => delete s.a)).toEqual([['unset', 'a']])
    expect(chainOf({ a: 1 }, (s) => Object.assign(s, { a: undefined }))).toEqual([['unset', 'a']])
    expect(chainOf({ a: { b: 1 } }, (s) => Object.assign(s, { a: { b: 1 } }))).toEqual([])
  })

  it('changes an object in place only while it is the one that was read, known by its id or by three of its values', () => {
    const user = { id: 7, name: 'a', role: 'admin' }
    expect(chainOf({ user }, (s) => Object.assign(s.user, { name: 'b' }))).toEqual([
      ['if', 'user.id', 7],
      ['set', 'user.name', 'b'],
    ])
    const form = { a: 1, b: 2, c: 3, d: 4, e: 5 }
    expect(chainOf({ form }, (s) => Object.assign(s.form, { a: 9 }))).toEqual([
      ['if', 'form.b', 2],
      ['if', 'form.c', 3],
      ['if', 'form.d', 4],
      ['set', 'form.a', 9],
    ])
    expect(chainOf({ a: { b: { c: 1 } } }, (s) => Object.assign(s.a.b, { c: 2 }))).toEqual([
      ['if', 'a.b.c', 1],
      ['set', 'a.b.c', 2],
    ])
    expect(chainOf({ a: {} }, (s) => Object.assign(s.a, { c: 2 }))).toEqual([
      ['if', 'a', {}],
      ['set', 'a.c', 2],
    ])
  })

  it('replaces an object that was assigned', () => {
    const user = { id: 7, name: 'a' }
    expect(chainOf({ user }, (s) => Object.assign(s, { user: { id: 7, name: 'b' } }))).toEqual([
      ['set', 'user', { id: 7, name: 'b' }],
    ])
  })

  it('pushes and pulls', () => {
    const list = [1, 2, 3]
    expect(chainOf({ list }, (s) => s.list.push(4, 5))).toEqual([['push', 'list', [4, 5], undefined]])
    expect(chainOf({ list }, (s) => Object.assign(s, { list: [...s.list, 4] }))).toEqual([
      ['push', 'list', [4], undefined],
    ])
    expect(chainOf({ list }, (s) => Object.assign(s, { list: [...s.list, 4].slice(-3) }))).toEqual([
      ['push', 'list', [4], -3],
    ])
    expect(chainOf({ list }, (s) => s.list.shift())).toEqual([['pullAll', 'list', [1]]])
    expect(chainOf({ list }, (s) => s.list.splice(1, 1))).toEqual([['pullAll', 'list', [2]]])
    expect(chainOf({ list: [1, 1, 2] }, (s) => s.list.shift())).toEqual([
      ['if', 'list', [1, 1, 2]],
      ['set', 'list', [1, 2]],
    ])
    expect(chainOf({ list }, (s) => s.list.reverse())).toEqual([
      ['if', 'list.0', 1],
      ['if', 'list.2', 3],
      ['set', 'list.0', 3],
      ['set', 'list.2', 1],
    ])
  })

  it('changes an element while it is there', () => {
    const cart = [
      { sku: 'a', qty: 1 },
      { sku: 'b', qty: 1 },
    ]
    expect(chainOf({ cart }, (s) => (s.cart.find((one: { sku: string }) => one.sku === 'b').qty = 2))).toEqual([
      ['if', 'cart.1.sku', 'b'],
      ['set', 'cart.1.qty', 2],
    ])
  })

  it('adds to named counters and lists, and guesses none', () => {
    const names = namesOf(['views', 'cart.*'], ['flash.*'])
    expect(
      chainOf(
        { views: 5, cart: { tea: 1, milk: 2 } },
        (s) => {
          s.views++
          s.cart.tea += 2
          s.cart.bread = 1
        },
        names,
      ),
    ).toEqual([
      ['inc', 'views', 1],
      ['inc', 'cart.tea', 2],
      ['inc', 'cart.bread', 1],
    ])
    expect(chainOf({}, (s) => Object.assign(s, { views: 1, cart: { tea: 1 }, flash: { info: ['a'] } }), names)).toEqual(
      [
        ['inc', 'views', 1],
        ['inc', 'cart.tea', 1],
        ['push', 'flash.info', ['a'], undefined],
      ],
    )
    expect(chainOf({ flash: { info: ['a'] } }, (s) => delete s.flash.info, names)).toEqual([
      ['if', 'flash.info', ['a']],
      ['unset', 'flash.info'],
    ])
    expect(chainOf({ user: 5 }, (s) => s.user++, names)).toEqual([['set', 'user', 6]])
    expect(chainOf({}, (s) => Object.assign(s, { flash: {} }), names)).toEqual([
      ['if', 'flash', undefined],
      ['set', 'flash', {}],
    ])
  })

  it('keeps dates that were read, and makes text of those that were assigned, as JSON does', () => {
    const at = new Date(0)
    expect(chainOf({ at }, (s) => s.at.setTime(5))).toEqual([['set', 'at', new Date(5)]])
    expect(chainOf({}, (s) => Object.assign(s, { at }))).toEqual([['set', 'at', at.toJSON()]])
  })

  it('escapes keys that no session can have, and shows them as they were', () => {
    expect(
      chainOf({ a: { 'x%2Ey': 1, id: 2 } }, (s) => {
        expect(s.a['x.y']).toBe(1)
        s.a['x.y']++
        s.a.$z = 1
      }),
    ).toEqual([
      ['if', 'a.id', 2],
      ['set', 'a.x%2Ey', 2],
      ['set', 'a.%24z', 1],
    ])
  })

  it('writes a session that changed at very many places field by field', () => {
    const many = Object.fromEntries(Array.from({ length: 300 }, (_, i) => [`f${i}`, i]))
    const chain = chainOf({ many, one: 1 }, (s) => {
      for (const key of Object.keys(s.many)) s.many[key]++
      s.one = 2
    })
    expect(chain.map(([kind, path]) => [kind, path])).toEqual([
      ['if', 'many'],
      ['set', 'one'],
      ['set', 'many'],
    ])
  })
})
