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

describe.each(kinds('classic_stores').map((kind) => [kind.name, kind] as const))('on %s', (_, kind) => {
  describe.skipIf(kind.missing)('a session that is changed at will', () => {
    let open: Opened
    let app: TestApp
    // biome-ignore lint/suspicious/noExplicitAny: each test writes the handler that it needs
    let handler: (ctx: any) => unknown
    beforeAll(async () => {
      open = await kind.open()
      await open.store.setup()
      app = new TestApp()
      classic(app.koa, atomicSession(app.koa, { store: open.store, property: 'atomic' }))
      app.koa.use(async (ctx) => {
        ctx.body = { value: (await handler(ctx)) ?? null }
      })
      await app.listen()
    })
    afterAll(async () => {
      await app.close()
      await open.close()
    })

    it('is what JSON makes of it in the next request, whatever was saved in between', async () => {
      await fc.assert(
        fc.asyncProperty(document, fc.gen(), async (before, gen) => {
          const visitor = app.visitor()
          handler = (ctx) => {
            ctx.session = structuredClone(before)
          }
          await visitor.fetch('/')
          let expected: unknown
          handler = async (ctx) => {
            change(ctx.session, gen, value)
            await ctx.session.save()
            change(ctx.session, gen, value)
            expected = json(ctx.session)
          }
          expect((await visitor.fetch('/')).status).toBe(200)
          handler = (ctx) => ctx.session
          expect((await visitor.json('/')).value).toEqual(expected)
        }),
        { numRuns: 150 },
      )
      expect(app.errors).toEqual([])
    })
  })
})
