import fc from 'fast-check'
import { postgres } from 'koa-atomic-session/postgres'
import pg from 'pg'
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest'
import { type Command, commands, condition, type Data } from '../../src/algebra/index.ts'
import { value } from '../../src/testing/arbitraries.ts'
import { compare } from '../../src/testing/differential.ts'
import { chainOf, changed, changeOf, dataOf, MINUTE, visitor } from '../../src/testing/harness.ts'

const server = inject('postgres')
const { set, unset, inc, push, mul } = commands

const ODD = `q'"\\`
/** Few fields, so that commands meet the values that they are for, and now and then others. */
const key = fc.constantFrom('n', 'l', 'é', '1', ODD)
const whole = fc.oneof(fc.integer({ min: -9, max: 9 }), fc.constantFrom(1e15, -1e15, 1e15 + 1, 2 ** 53, 1e21, 1e300))
const part = fc.oneof(fc.constantFrom(0.1, 0.5, -0.25, 5e-324, 1.7e308, 123.456789012345), whole)
const list = fc.array(fc.oneof(whole, value), { maxLength: 5 })
const field = fc.oneof({ weight: 4, arbitrary: whole }, { weight: 4, arbitrary: list }, part, value)
const document = fc.dictionary(key, field, { noNullPrototype: true }) as fc.Arbitrary<Data>
const slice = fc.option(fc.integer({ min: -6, max: 2 }), { nil: undefined })
const command: fc.Arbitrary<Command> = fc.oneof(
  fc.tuple(key, fc.oneof({ weight: 3, arbitrary: whole }, part)).map(([at, by]) => inc(at, by)),
  fc.tuple(key, list, slice).map(([at, values, most]) => push(at, values, most)),
  fc.tuple(key, field).map(([at, v]) => set(at, v)),
)
const chain = fc
  .uniqueArray(command, { minLength: 1, maxLength: 4, selector: ({ path }) => path[0] })
  .map((list) => chainOf(list))

describe.skipIf('missing' in server)('the postgres store, where the UPDATE itself computes', () => {
  const pool = new pg.Pool({ connectionString: 'url' in server ? server.url : '' })
  afterAll(() => pool.end())
  const store = postgres(pool, { table: 'direct' })
  /** Its function fails, so that what works was computed without it, and what fails was not. */
  const bare = postgres(pool, { schema: 'direct_bare', table: 'direct' })
  beforeAll(async () => {
    await store.setup()
    await pool.query('CREATE SCHEMA direct_bare')
    await bare.setup()
    await pool.query(`CREATE OR REPLACE FUNCTION direct_bare.koa_atomic_session_v4(data jsonb, chain jsonb, now_ms bigint, max_bytes integer)
      RETURNS jsonb LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'the function was called'; END $$`)
  })

  it('agrees with the oracle on 600 random fields and chains', async () => {
    const property = fc.asyncProperty(
      document,
      fc.array(chain, { minLength: 1, maxLength: 3 }),
      fc.boolean(),
      (data, chains, hold) => compare(store, data, chains, hold),
    )
    await fc.assert(property, { numRuns: 600, endOnFailure: false })
  })

  const at = new Date(5)
  it.each<[says: string, before: Data, list: Command[], after: Data]>([
    ['adds to a number', { n: 1, a: 1 }, [inc('n', 2)], { n: 3, a: 1 }],
    ['adds to nothing', {}, [inc('n', -2)], { n: -2 }],
    ['adds up to what a double holds', { n: 1e15 }, [inc('n', 1e15)], { n: 2e15 }],
    ['leaves no negative zero', { n: 1 }, [inc('n', -1)], { n: 0 }],
    ['sets', { a: { b: 1 } }, [set('a', 1), set('at', at), set('o', { l: [at] })], { a: 1, at, o: { l: [at] } }],
    ['sets under any key', {}, [set(ODD, 1), set('名', 2), set('7', 3)], { [ODD]: 1, 名: 2, 7: 3 }],
    ['adds under any key', { [ODD]: 1 }, [inc(ODD), push('名', [1])], { [ODD]: 2, 名: [1] }],
    ['appends', { l: [1] }, [push('l', [at, [2]])], { l: [1, at, [2]] }],
    ['begins a list', {}, [push('l', [1], -2)], { l: [1] }],
    ['appends nothing', {}, [push('l', [])], { l: [] }],
    ['keeps the last', { l: [1, 2] }, [push('l', [3], -2)], { l: [2, 3] }],
    ['keeps a list that is short enough', { l: [1] }, [push('l', [2], -2)], { l: [1, 2] }],
    ['does all at once', { n: 1, l: [1, 2] }, [inc('n'), push('l', [3], -2), set('a', at)], { n: 2, l: [2, 3], a: at }],
  ])('%s without the function', async (_, before, list, after) => {
    const { access } = await visitor(bare, before)
    expect(changed(await bare.update(access, changeOf(chainOf(list)))).data).toEqual(after)
    expect(await dataOf(bare, access)).toEqual(after)
  })

  it.each<[what: string, before: Data, list: Command[]]>([
    ['a text', { n: '1' }, [inc('n')]],
    ['null', { n: null }, [inc('n')]],
    ['a boolean', { n: true }, [inc('n')]],
    ['a list where a number should be', { n: [1] }, [inc('n')]],
    ['a date', { n: at }, [inc('n')]],
    ['a fraction', { n: 0.5 }, [inc('n')]],
    ['a fraction that is added', { n: 1 }, [inc('n', 0.5)]],
    ['a very small number', { n: 5e-324 }, [inc('n')]],
    ['a number above 1e15', { n: 1e15 + 1 }, [inc('n')]],
    ['a number below -1e15', { n: -1e15 - 1 }, [inc('n')]],
    ['a number above 1e15 that is added', { n: 1 }, [inc('n', 1e15 + 1)]],
    ['an object where a list should be', { l: {} }, [push('l', [1])]],
    ['a list that loses two elements', { l: [1, 2, 3] }, [push('l', [4], -2)]],
    ['more new elements than the list may have', { l: [] }, [push('l', [1, 2], -1)]],
    ['the first elements of a list', { l: [] }, [push('l', [1], 1)]],
    ['a number below the top', {}, [inc('o.n')]],
    ['a list below the top', {}, [push('o.l', [1])]],
    ['a value below the top', {}, [set('o.a', 1)]],
    ['two numbers', { n: 1, m: 1 }, [inc('n'), inc('m')]],
    ['two lists', {}, [push('l', [1]), push('m', [1])]],
    ['another command', { n: 1 }, [set('a', 1), mul('n', 2)]],
    ['a removal', { n: 1 }, [unset('n')]],
  ])('leaves %s to the function', async (_, before, list) => {
    const { access } = await visitor(bare, before)
    await expect(bare.update(access, changeOf(chainOf(list)))).rejects.toMatchObject({ applied: false })
    expect(await dataOf(bare, access)).toEqual(before)
  })

  it('leaves a condition to the function', async () => {
    const { access } = await visitor(bare, { n: 1 })
    const change = changeOf(chainOf(inc('n'), condition('n', 1)))
    await expect(bare.update(access, change)).rejects.toMatchObject({ applied: false })
  })

  it('does what a change asks for besides', async () => {
    const { access, record } = await visitor(store, { n: 1 })
    const idle = { idle: 10 * MINUTE, atLeast: MINUTE, maxAge: 20 * MINUTE }
    const own = changed(await store.update(access, changeOf(chainOf(inc('n')), { slide: idle })))
    expect(own).toMatchObject({ data: { n: 2 }, maxAge: 20 * MINUTE, authAt: null })
    expect(own.expires - record.expires).toBeGreaterThanOrEqual(10 * MINUTE)
    const known = changed(await store.update(access, changeOf(chainOf(inc('n')), { authenticated: true })))
    expect(known).toMatchObject({ data: { n: 3 }, maxAge: 20 * MINUTE })
    expect(known.authAt).toBeGreaterThanOrEqual(record.created)
  })

  it('takes no operation for another one whose id has the same end', async () => {
    const { access } = await visitor(store, { n: 0 })
    for (const op of ['abc', 'bc', 'c', 'ab', 'c']) await store.update(access, changeOf(chainOf(inc('n')), { op }))
    expect(await dataOf(store, access)).toEqual({ n: 4 })
  })

  it.each<[what: string, data: Data]>([
    ['small', { n: 1, a: 'x' }],
    ['compressed', { n: 1, a: 'x'.repeat(40_000) }],
    ['of control characters', { n: 1, a: '\u0001'.repeat(500) }],
    ['of very small numbers', { n: 1, a: Array(50).fill(5e-324) }],
    ['of very large numbers', { n: 1, a: Array(50).fill(1e255) }],
  ])('refuses just what is above the limit, of a session that is %s', async (_, data) => {
    for (const list of [[inc('n')], [set('b', 1)], [push('c', [1])], [inc('d.n')]]) {
      const { id, access } = await visitor(store, data)
      const { rows } = await pool.query('SELECT octet_length(data::text) AS bytes FROM direct WHERE id = $1', [id])
      const [{ bytes }] = rows
      const refused = await store.update(access, changeOf(chainOf(list), { maxBytes: bytes - 1 }))
      expect(refused).toEqual({ outcome: 'refused', problem: { kind: 'size', bytes, limit: bytes - 1 } })
      expect(await dataOf(store, access)).toEqual(data)
      changed(await store.update(access, changeOf(chainOf(list), { maxBytes: bytes })))
    }
  })
})
