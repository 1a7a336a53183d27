import type { Context } from 'koa'
import { atomicSession } from 'koa-atomic-session'
import { memory } from 'koa-atomic-session/memory'
import { expect, it } from 'vitest'
import { counting, TestApp } from '../visitor.ts'

// A log-in by regenerate() more than touchAfter after the last slide: the new session, made a moment ago, is slid as well.
it('a session that has just begun is not slid because the one before it was due', async () => {
  const app = new TestApp()
  const store = counting(memory())
  atomicSession(app.koa, { store, maxAge: '1 hour', touchAfter: 50 })
  let handler: (ctx: Context) => unknown = (ctx) => ctx.session().set('a', 1)
  app.koa.use(async (ctx) => {
    await handler(ctx)
    ctx.body = 'x'
  })
  await app.listen()
  const visitor = app.visitor()
  await visitor.fetch('/')
  await new Promise((resolve) => setTimeout(resolve, 80))
  store.calls.length = 0
  handler = async (ctx) => {
    await ctx.session() // read: due for a slide
    const fresh = await ctx.session().regenerate()
    await fresh.set('user_id', 1)
  }
  await visitor.fetch('/')
  await app.close()
  expect(store.calls).toEqual(['load', 'update', 'create'])
})
