import fc from 'fast-check'
import { atomicSession } from 'koa-atomic-session'
import { classic } from 'koa-atomic-session/classic'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { document, value } from '../../src/testing/arbitraries.ts'
import { kinds } from '../security/stores.ts'
import type { Opened } from '../stores/clients.ts'
import { TestApp } from '../visitor.ts'
import { change } from './traps.ts'

const json = (value: unknown) => JSON.parse(JSON.stringify(value))

/** Each document is changed by so many requests, before and after a `save()`. */
const REQUESTS = 4
/** So many requests in all; on a server fewer, unless this is a soak. */
const ALL = 10_000
const ON_A_SERVER = process.env.SOAK_MINUTES ? ALL : 1600
/** So many visitors at a time. */
const AT_ONCE = 16

describe.each(kinds('classic_stores').map((kind) => [kind.name, kind] as const))('on %s', (name, kind) => {
  describe.skipIf(kind.missing)('a session that is changed at will', () => {
    let open: Opened
    let app: TestApp
    // biome-ignore lint/suspicious/noExplicitAny: each request's handler
    const handlers = new Map<string, (ctx: any) => unknown>()
    beforeAll(async () => {
      open = await kind.open()
      await open.store.setup()
      app = new TestApp()
      classic(app.koa, atomicSession(app.koa, { store: open.store, property: 'atomic' }))
      app.koa.use(async (ctx) => {
        ctx.body = { value: (await handlers.get(ctx.path)!(ctx)) ?? null }
      })
      await app.listen()
    })
    afterAll(async () => {
      await app.close()
      await open.close()
    })

    it('is what JSON makes of it in the next request, whatever was saved in between', async () => {
      const here = name === 'memory' || name === 'sqlite'
      let visitors = 0
      const property = fc.asyncProperty(document, fc.gen(), async (before, gen) => {
        const visitor = app.visitor()
        const path = `/${visitors++}`
        // biome-ignore lint/suspicious/noExplicitAny: the context with any session
        const request = async (handler: (ctx: any) => unknown) => {
          handlers.set(path, handler)
          const response = await visitor.fetch(path)
          expect(response.status).toBe(200)
          return ((await response.json()) as { value: unknown }).value
        }
        await request((ctx) => {
          ctx.session = structuredClone(before)
        })
        let expected: unknown = json(before)
        for (let i = 0; i < REQUESTS; i++) {
          const last = expected
          const found = await request(async (ctx) => {
            const found = json(ctx.session)
            change(ctx.session, gen, value)
            await ctx.session.save()
            change(ctx.session, gen, value)
            expected = json(ctx.session)
            return found
          })
          expect(found).toEqual(last)
        }
        expect(await request((ctx) => ctx.session)).toEqual(expected)
        handlers.delete(path)
      })
      const numRuns = Math.ceil((here ? ALL : ON_A_SERVER) / REQUESTS / AT_ONCE)
      await Promise.all(Array.from({ length: AT_ONCE }, () => fc.assert(property, { numRuns })))
      expect(app.errors).toEqual([])
    }, 900_000)
  })
})
