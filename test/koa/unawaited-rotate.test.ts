import type { Context } from 'koa'
import { atomicSession } from 'koa-atomic-session'
import { describe, expect, it } from 'vitest'
import { kinds } from '../security/stores.ts'
import { TestApp } from '../visitor.ts'

// A log-in that nobody awaits, then (after other work) a form on the page that answers it.
for (const kind of kinds('unawaited')) {
  describe.skipIf(kind.missing)(kind.name, () => {
    it('a form made after an unawaited rotate() is valid, and the log-in counts as fresh', async () => {
      const { store, close } = await kind.open()
      const app = new TestApp()
      const sessions = atomicSession(app.koa, { store })
      await sessions.ensureIndex()
      let handler: (ctx: Context) => unknown = (ctx) => ctx.session().set('a', 1)
      app.koa.use(async (ctx) => {
        ctx.body = { value: (await handler(ctx)) ?? null }
      })
      await app.listen()
      const visitor = app.visitor()
      await visitor.fetch('/')
      handler = async (ctx) => {
        const session = await ctx.session()
        session.rotate({ authenticated: true }).set('user_id', 42)
        await new Promise((resolve) => setTimeout(resolve, 100)) // a mail is sent meanwhile
        let fresh = 'fresh'
        try {
          session.requireFresh('5 minutes')
        } catch (error) {
          fresh = (error as Error).message
        }
        return { token: session.createCSRF(), fresh, authAt: session.authAt ?? null }
      }
      const { value } = await visitor.json('/')
      handler = async (ctx) => {
        try {
          ;(await ctx.session()).assertCSRF(value.token)
          return 'valid'
        } catch (error) {
          return (error as Error).message
        }
      }
      const { value: verdict } = await visitor.json('/')
      await app.close()
      await close()
      expect({ verdict, fresh: value.fresh }).toEqual({ verdict: 'valid', fresh: 'fresh' })
    })
  })
}
