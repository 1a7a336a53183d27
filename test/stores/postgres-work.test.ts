import fc from 'fast-check'
import { postgres } from 'koa-atomic-session/postgres'
import { document } from 'koa-atomic-session/testing'
import pg from 'pg'
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest'
import {
  apply,
  type Command,
  type Condition,
  commands,
  condition,
  type Data,
  overlap,
  parsePath,
  places,
} from '../../src/algebra/index.ts'
import { compare } from '../../src/testing/differential.ts'
import { chainOf, changed, changeOf, visitor } from '../../src/testing/harness.ts'

const server = inject('postgres')
const { set, unset, rename, inc, push, addToSet, pullAll, pull, pop } = commands

/** What an operator of jsonb reads and writes: all of both sides, or of an element that it looks up, that alone. */
const SIDES = 'pg_column_size(a) + pg_column_size(b)'
const RESULT = 'coalesce(pg_column_size(result), 1)'

/** jsonb's operators, which count these bytes. Who has this schema in front of the others uses them. */
const operator = (name: string, other: string, bytes: string, result = 'jsonb') => `
  CREATE FUNCTION counting."${name} ${other}"(a jsonb, b ${other}, OUT result ${result}) LANGUAGE plpgsql AS $$ BEGIN
    result := a OPERATOR(pg_catalog.${name}) b;
    PERFORM set_config('counting.bytes', (current_setting('counting.bytes')::bigint + ${bytes})::text, false); END $$;
  CREATE OPERATOR counting.${name} (LEFTARG = jsonb, RIGHTARG = ${other}, FUNCTION = counting."${name} ${other}");`
const COUNTING = `CREATE SCHEMA counting;
  ${operator('->', 'text', RESULT)} ${operator('->', 'integer', RESULT)} ${operator('#>', 'text[]', RESULT)}
  ${operator('||', 'jsonb', SIDES)} ${operator('-', 'text', SIDES)} ${operator('-', 'text[]', SIDES)}
  ${operator('=', 'jsonb', SIDES, 'boolean')}`

describe.skipIf('missing' in server)('the work of the function on PostgreSQL', () => {
  const connectionString = 'url' in server ? server.url : ''
  // One connection, because it counts for itself.
  const options = '-c search_path=counting,pg_catalog,public -c counting.bytes=0'
  const pool = new pg.Pool({ connectionString, options, max: 1 })
  const store = postgres(pool, { table: 'postgres_work' })
  beforeAll(async () => {
    const plain = new pg.Pool({ connectionString })
    await plain.query(`DROP SCHEMA IF EXISTS counting CASCADE; ${COUNTING}`)
    await plain.end()
    await store.setup()
  })
  afterAll(() => pool.end())

  async function work(data: Data, list: Command[], conditions: Condition[] = []): Promise<number> {
    const { access } = await visitor(store, data)
    await pool.query("SELECT set_config('counting.bytes', '0', false)")
    changed(await store.update(access, changeOf(chainOf(list, ...conditions), { maxBytes: 1e6 })))
    return Number((await pool.query("SELECT current_setting('counting.bytes') AS bytes")).rows[0].bytes)
  }

  const numbers = (size: number, from = 0) => Array.from({ length: size }, (_, i) => [1000 + from + i])
  const fields = (size: number) => Object.fromEntries(numbers(size).map(([i]) => [`key${i}`, i!]))
  const names = (size: number) => Object.keys(fields(size))
  it.each<[string, (size: number) => [Data, Command[], Condition[]?]]>([
    ['addToSet', (size) => [{ list: numbers(size) }, [addToSet('list', numbers(size, size))]]],
    ['pullAll', (size) => [{ list: numbers(size) }, [pullAll('list', numbers(size, size))]]],
    ['pull by fields', (size) => [{ list: [fields(size)] }, [pull('list', fields(size))]]],
    [
      'pull of a large object from many small ones',
      (size) => [{ list: numbers(size).map(() => ({})) }, [pull('list', fields(size))]],
    ],
    [
      'many paths into one object',
      (size) => [{ large: fields(size) }, names(size).map((name) => set(`large.${name}`, 1))],
    ],
    ['many paths into a new object', (size) => [{}, names(size).map((name) => set(`large.${name}`, 1))]],
    [
      'many paths out of one object',
      (size) => [{ large: fields(size) }, names(size).map((name) => unset(`large.${name}`))],
    ],
    [
      'many paths into two objects by turns',
      (size) => [
        { a: fields(size), b: fields(size) },
        names(size).flatMap((name, i) => (i % 2 ? [inc(`a.${name}`)] : [inc(`b.${name}`)])),
      ],
    ],
    [
      'many renames from one object to another',
      (size) => [
        { a: fields(size) },
        names(size)
          .slice(0, 120)
          .map((name) => rename(`a.${name}`, `b.${name}`)),
      ],
    ],
    ['many indexes of one list', (size) => [{ list: numbers(size) }, numbers(size).map((_, i) => set(`list.${i}`, 1))]],
    [
      'many conditions below one object',
      (size) => [
        { large: fields(size) },
        [set('a.b', 1)],
        names(size).map((name, i) => condition(`large.${name}`, 1000 + i)),
      ],
    ],
    [
      'many conditions on the elements of one list',
      (size) => [
        { list: numbers(size) },
        [set('a.b', 1)],
        numbers(size).map(([value], i) => condition(`list.${i}`, [value])),
      ],
    ],
    [
      'many conditions on numbers that are no indexes',
      (size) => [
        { large: Object.fromEntries(names(size).map((_, i) => [`0${i}`, i])), list: numbers(size) },
        [set('a.b', 1)],
        names(size).map((_, i) => (i % 2 ? condition(`large.0${i}`, i) : condition(`list.-${i + 1}`, undefined))),
      ],
    ],
    ['an index far past the end', (size) => [{ list: numbers(size) }, [set(`list.${3 * size}`, 1)]]],
  ])('grows with the session and the chain, and not with their product: %s', async (_, of) => {
    const [few, many] = [await work(...of(25)), await work(...of(250))]
    expect(few).toBeGreaterThan(100)
    expect(many).toBeLessThan(15 * few)
  })
})

describe.skipIf('missing' in server)('a long chain on PostgreSQL', () => {
  const pool = new pg.Pool({ connectionString: 'url' in server ? server.url : '' })
  const store = postgres(pool, { table: 'postgres_long_chains' })
  beforeAll(() => store.setup())
  afterAll(() => pool.end())

  const key = fc.constantFrom('a', 'b', '0', '1', '12', '3', '03', '-1')
  const path = fc.array(key, { minLength: 1, maxLength: 4 }).map((keys) => keys.join('.'))
  const value = fc.constantFrom<Data[string][]>(1, 'x', null, {}, [], [1, 1], { a: { b: [1] } }, new Date(7))
  const command = fc.oneof(
    fc.tuple(path, value).map(([at, v]) => set(at, v)),
    path.map((at) => unset(at)),
    path.map((at) => inc(at)),
    path.map((at) => pop(at)),
    fc.tuple(path, value).map(([at, v]) => push(at, [v])),
    fc.tuple(path, value).map(([at, v]) => addToSet(at, [v, v])),
    fc.tuple(path, value).map(([at, v]) => pullAll(at, [v])),
    fc
      .tuple(path, path)
      .filter(([from, to]) => !overlap(parsePath(from), parsePath(to)))
      .map(([from, to]) => rename(from, to)),
  )
  /** As many of these commands as do not touch each other. */
  const chain = fc.array(command, { minLength: 4, maxLength: 24 }).map((list) => {
    const apart: Command[] = []
    for (const one of list) {
      const touched = apart.flatMap(places)
      if (!places(one).some((place) => touched.some((other) => overlap(place, other)))) apart.push(one)
    }
    return chainOf(apart)
  })
  const list = fc.array(value, { maxLength: 5 })
  const held = fc.record(
    { a: document, b: list, '0': fc.record({ a: list, b: document, '3': list }) },
    { requiredKeys: [] },
  )

  it('judges a condition as the oracle does, whatever looks like a number in its path', async () => {
    const keys = ['0', '1', '03', '-1', '+1', ' 1', '\t1', '1 ', '2147483648', '999999999', 'a"1', '\\1']
    const nested = (depth: number): Data[string] =>
      depth === 0
        ? 1
        : { object: Object.fromEntries(keys.map((key, i) => [key, i])), list: [0, [1, nested(depth - 1)], 2] }
    const data = nested(2) as Data
    const paths = ['object', 'list', 'list.1', 'list.1.1.object', 'list.1.1.list', 'list.01.1', 'object.0', 'none']
    const { access } = await visitor(store, data)
    for (const path of paths.flatMap((path) => keys.map((key) => `${path}.${key}`))) {
      for (const value of [undefined, 1, 3, 4, 6]) {
        const chain = chainOf([], condition(path, value))
        const { outcome } = await store.update(access, changeOf(chain))
        expect([path, value, outcome !== 'refused']).toEqual([path, value, apply(data, chain, 0).ok])
      }
    }
  })

  it('moves nothing into a list, though another command leads into it too', async () => {
    const data = { '0': { a: [] }, b: [], c: {} } as Data
    for (const list of [
      [rename('0', 'b.12.a'), push('b.12.1', [1])],
      [push('b.12.1', [1]), rename('0', 'b.12.a')],
      [rename('0', 'c.a'), set('c.b', 1)],
    ])
      await compare(store, data, [chainOf(list)], false)
  })

  it('gives what the oracle gives, and of several failures the first', async () => {
    const property = fc.asyncProperty(held as fc.Arbitrary<Data>, chain, (data, one) =>
      compare(store, data, [one], false),
    )
    await fc.assert(property, { numRuns: 400, endOnFailure: false })
  })
})
