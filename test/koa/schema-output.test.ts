import { type } from 'arktype'
import { atomicSession, type StandardSchema } from 'koa-atomic-session'
import { memory } from 'koa-atomic-session/memory'
import * as v from 'valibot'
import { afterEach, describe, expect, it } from 'vitest'
import { z } from 'zod'
import { counting, TestApp } from '../visitor.ts'

const clean = (text: string) => text.trim().toLowerCase()
const number = (value: unknown) => Number(value)

/** The same in three libraries: what is coerced, cleaned, stripped; every field must be there. */
const SCHEMAS: Record<string, StandardSchema> = {
  zod: z.object({
    needed: z.string(),
    quantity: z.coerce.number().int().min(0),
    nick: z.string().transform(clean),
    profile: z.object({ name: z.string().trim(), plan: z.string() }),
    tags: z.array(z.string().transform(clean)),
    cart: z.record(z.string(), z.object({ qty: z.coerce.number(), sku: z.string() })),
    since: z.date().optional(),
  }),
  valibot: v.object({
    needed: v.string(),
    quantity: v.pipe(v.unknown(), v.transform(number), v.number(), v.integer(), v.minValue(0)),
    nick: v.pipe(v.string(), v.transform(clean)),
    profile: v.object({ name: v.pipe(v.string(), v.trim()), plan: v.string() }),
    tags: v.array(v.pipe(v.string(), v.transform(clean))),
    cart: v.record(
      v.string(),
      v.object({ qty: v.pipe(v.unknown(), v.transform(number), v.number()), sku: v.string() }),
    ),
    since: v.optional(v.date()),
  }),
  arktype: type({
    '+': 'delete',
    needed: 'string',
    quantity: ['unknown', '=>', number],
    nick: type('string').pipe(clean),
    profile: { '+': 'delete', name: 'string.trim', plan: 'string' },
    tags: type('string').pipe(clean).array(),
    cart: { '[string]': { '+': 'delete', qty: ['unknown', '=>', number], sku: 'string' } },
    'since?': 'Date',
  }),
}

/** Nothing lies below a text or a number; what is unknown is refused. */
const STRICT: Record<string, StandardSchema> = {
  zod: z.strictObject({
    role: z.enum(['user', 'guest']),
    name: z.string(),
    flag: z.boolean(),
    maybe: z.string().nullable().optional(),
    at: z.date(),
    list: z.array(z.number()),
    prefs: z.strictObject({ theme: z.enum(['light', 'dark']), size: z.number() }),
  }),
  valibot: v.strictObject({
    role: v.picklist(['user', 'guest']),
    name: v.string(),
    flag: v.boolean(),
    maybe: v.nullish(v.string()),
    at: v.date(),
    list: v.array(v.number()),
    prefs: v.strictObject({ theme: v.picklist(['light', 'dark']), size: v.number() }),
  }),
  arktype: type({
    '+': 'reject',
    role: "'user'|'guest'",
    name: 'string',
    flag: 'boolean',
    'maybe?': 'string|null',
    at: 'Date',
    list: 'number[]',
    prefs: { '+': 'reject', theme: "'light'|'dark'", size: 'number' },
  }),
}

const LOOSE: Record<string, StandardSchema> = {
  zod: z.looseObject({ name: z.string().trim() }),
  valibot: v.looseObject({ name: v.pipe(v.string(), v.trim()) }),
  arktype: type({ name: 'string.trim' }),
}

// biome-ignore lint/suspicious/noExplicitAny: what the types would refuse must hold at run time, too
type Any = any

let app: TestApp
afterEach(() => app.close())

/** What a session of this schema holds after a use of it, what that failed with, and how often the store was asked. */
async function after(schema: StandardSchema, use: (session: Any) => Promise<unknown>, adopt?: () => object) {
  app = new TestApp()
  const store = counting(memory())
  const sessions = atomicSession(app.koa, { store, schema, ...(adopt && { adopt }) } as Any) as Any
  let error: Any
  let data: unknown
  app.koa.use(async (ctx) => {
    try {
      await use(sessions.of(ctx))
      data = JSON.parse(JSON.stringify(await sessions.of(ctx)))
    } catch (caught) {
      error = caught
    }
    ctx.body = 'done'
  })
  await app.listen()
  await app.visitor().fetch('/')
  return { data, error, calls: store.calls }
}

describe.each(Object.entries(SCHEMAS))('a schema of %s: what it makes of a value is what is stored', (_, schema) => {
  it.each<[string, object, (session: Any) => Promise<unknown>]>([
    ['coerced', { quantity: 7 }, (session) => session.set('quantity', '7')],
    ['transformed', { nick: 'ada' }, (session) => session.set('nick', '  ADA ')],
    ['cleaned within', { profile: { name: 'Ada' } }, (session) => session.set('profile.name', ' Ada ')],
    [
      'stripped within',
      { profile: { name: 'Ada', plan: 'free' } },
      (session) => session.set('profile', { name: ' Ada ', plan: 'free', isAdmin: true }),
    ],
    ['stripped at the top', { nick: 'ada' }, (session) => session.set({ nick: 'ADA', isAdmin: true })],
    ['stripped by its path', { nick: 'ada' }, (session) => session.set('nick', 'ada').set('profile.isAdmin', true)],
    ['stripped when computed', { nick: 'ada' }, (session) => session.set('nick', 'ada').inc('credit')],
    ['pushed', { tags: ['a', 'b'] }, (session) => session.push('tags', ' A', 'B ')],
    ['pushed and cut', { tags: ['b'] }, (session) => session.pushAll('tags', [' A', 'B '], { slice: -1 })],
    [
      'added to a set',
      { tags: ['a'] },
      (session) => session.addToSet('tags', ' A').then((s: Any) => s.addToSet('tags', 'a ')),
    ],
    ['the smaller', { quantity: 3 }, (session) => session.set('quantity', '4').then((s: Any) => s.min('quantity', 3))],
    ['in a record', { cart: { tea: { qty: 2 } } }, (session) => session.set('cart.tea.qty', '2')],
  ])('%s', async (_, expected, use) => {
    expect(await after(schema, use)).toMatchObject({ error: undefined, data: expected })
    expect((await after(schema, use)).data).toEqual(expected)
  })

  it('handed over by adopt', async () => {
    const earlier = () => ({ nick: ' ADA ', quantity: '7', isAdmin: true })
    const { data, error } = await after(schema, (session) => session.then(), earlier)
    expect({ data, error }).toEqual({ data: { nick: 'ada', quantity: 7 }, error: undefined })
    const wrong = await after(
      schema,
      (session) => session.then(),
      () => ({ nick: 7 }),
    )
    expect(wrong).toMatchObject({ error: { code: 'ERR_SESSION_VALUE', path: 'nick' }, calls: [] })
  })

  it('judges each command once, also one that is put before an earlier one', async () => {
    const { error } = await after(schema, (session) => session.set('tags.5', 'a').set('tags.2', 7))
    expect(error).toMatchObject({ code: 'ERR_SESSION_VALUE', path: 'tags.2' })
  })
})

describe.each(Object.entries(STRICT))('a strict schema of %s', (_, schema) => {
  it.each([
    'role.of',
    'name.first',
    'name.length',
    'name.toLocaleUpperCase',
    'flag.x',
    'maybe.x',
    'at.x',
    'list.x',
    'list.length',
    'list.0.x',
    'prefs.theme.x',
    'prefs.size.0',
    'prefs.other',
    'other',
  ])('refuses %s, where it has no place', async (path) => {
    for (const use of [
      (session: Any) => session.set(path, 'x'),
      (session: Any) => session.inc(path),
      (session: Any) => session.push(path, 1),
      (session: Any) => session.rename('earlier', path),
    ]) {
      const { error, calls } = await after(schema, use)
      expect(error).toMatchObject({ code: 'ERR_SESSION_VALUE', status: 400, path })
      expect(calls).toEqual([])
      await app.close()
    }
  })
})

describe.each(Object.entries(LOOSE))('a loose schema of %s', (_, schema) => {
  it('keeps unknown keys, and what lies below', async () => {
    const use = (session: Any) => session.set({ name: ' Ada ', other: ' x ', 'deep.er': [1] }).inc('n')
    const expected = { name: 'Ada', other: ' x ', deep: { er: [1] }, n: 1 }
    expect((await after(schema, use)).data).toEqual(expected)
  })
})

describe('a place that cannot be looked up', () => {
  const either = z.union([z.object({ kind: z.literal('a'), n: z.number() }), z.object({ kind: z.literal('b') })])
  const whole = z
    .object({ name: z.string(), n: z.number().optional() })
    .transform(({ name }) => ({ name: clean(name) }))
  const derived = z.object({ name: z.string() }).transform(({ name }) => ({ name, size: name.length }))
  const withDefault = z
    .object({ name: z.string().optional(), theme: z.string().default('light') })
    .transform(({ name, theme }) => ({ name: name?.trim(), theme }))
  const field = (schema: StandardSchema) => z.object({ other: z.string(), of: schema as z.ZodType })

  it('takes the whole of one of several', async () => {
    const { data } = await after(field(either), (session) => session.set('of', { kind: 'a', n: 1, x: 2 }))
    expect(data).toEqual({ of: { kind: 'a', n: 1 } })
  })

  it.each<[string, StandardSchema, object | undefined]>([
    ['what the whole makes of it', whole, { name: 'ada' }],
    ['what the whole makes of it beside a default', withDefault, { name: 'ADA' }],
    ['nothing that changes more', derived, undefined],
    ['nothing while others are missing', field(whole), undefined],
  ])('takes %s', async (_, schema, expected) => {
    const path = schema === whole || schema === derived || schema === withDefault ? 'name' : 'of.name'
    const { data, error, calls } = await after(schema, (session) => session.set(path, ' ADA '))
    expect(data).toEqual(expected)
    if (!expected) {
      expect(error).toMatchObject({ code: 'ERR_SESSION_VALUE', path })
      expect(calls).toEqual([])
    }
  })

  it('takes nothing that is computed within one of several', async () => {
    const { error, calls } = await after(field(either), (session) => session.inc('of.n'))
    expect(error).toMatchObject({ code: 'ERR_SESSION_VALUE', path: 'of.n' })
    expect(calls).toEqual([])
  })

  it('of a library that is not known is judged in the whole', async () => {
    const plain = z.object({ name: z.string().trim().optional() })
    const { validate } = plain['~standard']
    const foreign: StandardSchema = { '~standard': { version: 1, validate } }
    expect((await after(foreign, (session) => session.set('name', ' Ada '))).data).toEqual({ name: 'Ada' })
    expect((await after(foreign, (session) => session.set({ name: 'Ada', x: 1 }))).data).toEqual({ name: 'Ada' })
    expect((await after(foreign, (session) => session.set('name.x', 1))).error).toMatchObject({ path: 'name.x' })
  })
})

describe('a schema that cannot be used', () => {
  const schemaOf = (validate: () => unknown) => ({ '~standard': { version: 1, validate } }) as StandardSchema

  it.each<[string, () => unknown]>([
    ['answers later', async () => ({ value: 1 })],
    ['fails later', () => Promise.reject(new Error('late'))],
    [
      'answers by something like a promise',
      () => ({ then: (_: unknown, no: (e: Error) => void) => no(new Error('late')) }),
    ],
  ])('because it %s, is refused', async (_, validate) => {
    const { error, calls } = await after(schemaOf(validate), (session) => session.set('a', 1))
    expect(error).toMatchObject({
      code: 'ERR_SESSION_USAGE',
      message: expect.stringContaining('validates synchronously'),
    })
    expect(calls).toEqual([])
  })

  it.each([undefined, Number.NaN, 'a\0b', new Map(), () => 1])(
    'because it makes %o of a value, is refused',
    async (value) => {
      const schema = z.object({ a: z.unknown().transform(() => value) })
      const { error, calls } = await after(schema, (session) => session.set('a', 1))
      expect(error).toMatchObject({ code: 'ERR_SESSION_VALUE', path: 'a' })
      expect(calls).toEqual([])
    },
  )
})

describe.each<[string, StandardSchema]>([
  ['zod', z.object({ by: z.record(z.enum(['tea', 'milk']), z.number()), at: z.record(z.coerce.number(), z.number()) })],
  [
    'valibot',
    v.object({
      by: v.record(v.picklist(['tea', 'milk']), v.number()),
      at: v.record(v.pipe(v.string(), v.regex(/^\d+$/)), v.number()),
    }),
  ],
  [
    'arktype',
    type({
      '+': 'reject',
      by: { '+': 'reject', "['tea' | 'milk']": 'number' },
      at: { '[/^\\d+$/]': 'number', '+': 'reject' },
    } as Any) as unknown as StandardSchema,
  ],
])('a record of %s', (_, schema) => {
  it('has the keys that its schema has, and no others', async () => {
    expect((await after(schema, (session) => session.set({ 'by.tea': 2, 'at.7': 1 }))).data).toEqual({
      by: { tea: 2 },
      at: { 7: 1 },
    })
    await app.close()
    for (const path of ['by.rum', 'at.noon']) {
      const { error, calls } = await after(schema, (session) => session.set(path, 1))
      expect(error).toMatchObject({ code: 'ERR_SESSION_VALUE', path })
      expect(calls).toEqual([])
      await app.close()
    }
  })
})
