// Compiled in a program of its own: `declare module` holds for a whole program. See augmented.tsconfig.json.
import Koa from 'koa'
import { atomicSession } from 'koa-atomic-session'

declare module 'koa-atomic-session' {
  interface SessionData {
    user_id: number
    seen: string[]
  }
}

const app = new Koa()
atomicSession(app)
app.use(async (ctx) => {
  const session = await ctx.session().inc('user_id').push('seen', '/')
  const id: number | undefined = session.user_id
  // @ts-expect-error: no such field
  session.nobody
  // @ts-expect-error: a user_id is a number
  ctx.session().set('user_id', 'x')
  // @ts-expect-error: no such field
  ctx.session().inc('nobody')
  ctx.body = id
})
