import { type } from 'arktype'
import { atomicSession, type StandardSchema } from 'koa-atomic-session'
import { memory } from 'koa-atomic-session/memory'
import * as v from 'valibot'
import { afterEach, describe, expect, it } from 'vitest'
import { z } from 'zod'
import { counting, TestApp } from '../visitor.ts'

const SCHEMAS: Record<string, StandardSchema> = {
  zod: z.object({
    user_id: z.number().int(),
    name: z.string().max(5),
    seen: z.array(z.string()),
    cart: z.array(z.object({ sku: z.string(), qty: z.number() })),
    by: z.record(z.string(), z.number()),
  }),
  valibot: v.object({
    user_id: v.pipe(v.number(), v.integer()),
    name: v.pipe(v.string(), v.maxLength(5)),
    seen: v.array(v.string()),
    cart: v.array(v.object({ sku: v.string(), qty: v.number() })),
    by: v.record(v.string(), v.number()),
  }),
  arktype: type({
    user_id: 'number.integer',
    name: 'string <= 5',
    seen: 'string[]',
    cart: type({ sku: 'string', qty: 'number' }).array(),
    by: 'Record<string, number>',
  }),
}

const STRICT: Record<string, StandardSchema> = {
  zod: z.strictObject({
    name: z.string(),
    count: z.number(),
    at: z.date(),
    seen: z.array(z.string()),
    list: z.array(z.strictObject({ sku: z.string() })),
    by: z.record(z.string(), z.strictObject({ qty: z.number() })),
  }),
  valibot: v.strictObject({
    name: v.string(),
    count: v.number(),
    at: v.date(),
    seen: v.array(v.string()),
    list: v.array(v.strictObject({ sku: v.string() })),
    by: v.record(v.string(), v.strictObject({ qty: v.number() })),
  }),
  arktype: type({
    '+': 'reject',
    name: 'string',
    count: 'number',
    at: 'Date',
    seen: 'string[]',
    list: type({ '+': 'reject', sku: 'string' }).array(),
    by: { '[string]': { '+': 'reject', qty: 'number' } },
  }),
}

// biome-ignore lint/suspicious/noExplicitAny: what the types would refuse must be refused at run time, too
type Any = any

let app: TestApp

/** What becomes of a use of the session whose data this schema describes. */
async function outcome(
  schema: StandardSchema,
  use: (session: Any) => Promise<unknown>,
): Promise<{ error: Any; calls: readonly string[] }> {
  app = new TestApp()
  const store = counting(memory())
  const sessions = atomicSession(app.koa, { store, schema })
  let error: unknown
  app.koa.use(async (ctx) => {
    try {
      await use(sessions.of(ctx))
    } catch (caught) {
      error = caught
    }
    ctx.body = 'done'
  })
  await app.listen()
  await app.visitor().fetch('/')
  return { error, calls: store.calls }
}

describe.each(Object.entries(STRICT))('a strict schema of %s', (_, schema) => {
  afterEach(() => app.close())

  it.each<[string, (session: Any) => Promise<unknown>]>([
    ['isAdmin', (session) => session.set('isAdmin', true)],
    ['isAdmin', (session) => session.set({ name: 'Ada', isAdmin: true })],
    ['isAdmin.of', (session) => session.set('isAdmin.of', 'all')],
    ['isAdmin.0', (session) => session.set('isAdmin.0', 'all')],
    ['isAdmin', (session) => session.inc('isAdmin')],
    ['isAdmin', (session) => session.mul('isAdmin', 2)],
    ['isAdmin', (session) => session.max('isAdmin', 1)],
    ['isAdmin', (session) => session.push('isAdmin', 1)],
    ['isAdmin', (session) => session.addToSet('isAdmin', 1)],
    ['isAdmin', (session) => session.currentDate('isAdmin')],
    ['isAdmin', (session) => session.rename('name', 'isAdmin')],
    ['isAdmin.now', (session) => session.rename('name', 'isAdmin.now')],
    ['list.0.isAdmin', (session) => session.set('list.0.isAdmin', true)],
    ['list.5000.sku', (session) => session.set('list.5000.sku', 7)],
    ['by.7.isAdmin', (session) => session.inc('by.7.isAdmin')],
  ])('has no place for %s', async (path, use) => {
    const { error, calls } = await outcome(schema, use)
    expect(error).toMatchObject({ code: 'ERR_SESSION_VALUE', status: 400, path })
    expect(calls).toEqual([])
  })

  it('takes what it names, computed or moved', async () => {
    const { error } = await outcome(schema, async (session) => {
      await session.set('name', 'Ada').inc('count').currentDate('at').push('seen', '/')
      await session.inc('by.7.qty').unset('other')
      await session.rename('name', 'by.8.qty').push('list', { sku: 'x' })
    })
    expect(error).toBeUndefined()
  })
})

describe.each(Object.entries(SCHEMAS))('a schema of %s', (_, schema) => {
  afterEach(() => app.close())
  const result = (use: (session: Any) => Promise<unknown>) => outcome(schema, use)

  it.each<[string, (session: Any) => Promise<unknown>]>([
    ['fields one by one, though others are missing', (session) => session.set('user_id', 1).set('name', 'Ada')],
    ['elements', (session) => session.push('seen', '/').push('cart', { sku: 'x', qty: 1 })],
    [
      'what lies within',
      (session) => session.set('cart', [{ sku: 'x', qty: 1 }]).then((s: Any) => s.set('cart.0.qty', 2)),
    ],
    ['keys that are numbers', (session) => session.set('by.7', 1).set('by.7000', 1)],
    ['what is computed', (session) => session.inc('user_id', 0.5)],
  ])('takes %s', async (_, use) => {
    expect((await result(use)).error).toBeUndefined()
  })

  it.each<[string, string, (session: Any) => Promise<unknown>]>([
    ['another type', 'user_id', (session) => session.set('user_id', 'very private')],
    ['what a rule forbids', 'name', (session) => session.set('name', 'very private')],
    ['an element of another type', 'seen', (session) => session.push('seen', 'a', 7)],
    ['an element without a field', 'cart', (session) => session.addToSet('cart', { sku: 'very private' })],
    ['another type within', 'cart.0.qty', (session) => session.set('cart.0.qty', 'very private')],
    ['another type under a large number', 'by.7000', (session) => session.set('by.7000', 'very private')],
    ['another type under a number', 'by.7', (session) => session.set('by.7', 'very private')],
  ])('refuses %s before any I/O, and quotes nothing', async (_, path, use) => {
    const { error, calls } = await result(use)
    expect(error).toMatchObject({ code: 'ERR_SESSION_VALUE', status: 400, path })
    expect(calls).toEqual([])
    expect(`${error.message} ${error.stack} ${JSON.stringify(error)}`).not.toContain('very private')
    expect(typeof error.issue).toBe('string')
  })
})

it('a schema that answers later, and what is no schema, is refused', async () => {
  const late = { '~standard': { version: 1, validate: async () => ({ value: 1 }) } } as const
  app = new TestApp()
  const sessions = atomicSession(app.koa, { store: memory(), schema: late })
  app.koa.use(async (ctx) => {
    await (sessions.of(ctx) as Any).set('a', 1)
  })
  await app.listen()
  expect((await app.visitor().fetch('/')).status).toBe(500)
  expect(app.errors[0]).toMatchObject({
    code: 'ERR_SESSION_USAGE',
    message: expect.stringContaining('validates synchronously'),
  })
  await app.close()
  expect(() => atomicSession(new TestApp().koa, { schema: {} as Any })).toThrow(/Standard Schema/)
})
