import { atomicSession, key } from 'koa-atomic-session'
import { classic } from 'koa-atomic-session/classic'
import { memory } from 'koa-atomic-session/memory'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { TestApp } from '../visitor.ts'

// biome-ignore lint/suspicious/noExplicitAny: each test writes the handler that it needs
type Loose = any

describe('names that no session can have', () => {
  let app: TestApp
  beforeEach(() => {
    app = new TestApp()
  })
  afterEach(() => app.close())

  /** What express-session and koa-session kept of three visitors, each under their own old cookie. */
  const OLD: Record<string, Record<string, unknown>> = {
    alice: { id: 'alice', expires: 1, 'a.b': { $x: 1, id: 2 }, then: null, views: 1 },
    bob: { id: 'bob', expires: 2 },
  }
  const adopt = (ctx: Loose) => OLD[ctx.cookies.get('old')]
  const returning = (name: string) => {
    const visitor = app.visitor()
    visitor.cookies.set('old', name)
    return visitor
  }

  it('are handed over escaped, each visitor theirs, and read by key()', async () => {
    atomicSession(app.koa, { store: memory(), adopt })
    app.koa.use(async (ctx: Loose) => {
      const session = await ctx.session().inc('views')
      ctx.body = [session[key('id')], session[key('expires')], session[key('a.b')], session.views]
    })
    await app.listen()
    const [alice, bob] = [returning('alice'), returning('bob')]
    expect([await alice.json('/'), await bob.json('/')]).toEqual([
      ['alice', 1, { [key('$x')]: 1, id: 2 }, 2],
      ['bob', 2, null, 1],
    ])
    expect(app.errors).toEqual([])
  })

  it('are shown over classic as they were, each visitor theirs', async () => {
    classic(app.koa, atomicSession(app.koa, { store: memory(), adopt, property: 'atomic' }))
    app.koa.use((ctx: Loose) => {
      ctx.session.seen = true
      ctx.body = ctx.session
    })
    await app.listen()
    const [alice, bob] = [returning('alice'), returning('bob')]
    expect([await alice.json('/'), await bob.json('/')]).toEqual(
      [OLD.alice, OLD.bob].map((old) => ({ ...old, seen: true })),
    )
    expect(app.errors).toEqual([])
  })

  it('count by key(), so a limit by address closes, for this address and no other', async () => {
    atomicSession(app.koa, { store: memory() })
    app.koa.use(async (ctx: Loose) => {
      const { email } = ctx.query
      const { attempts } = await ctx.session().inc(`attempts.${key(email)}`)
      ctx.status = attempts[key(email)] > 3 ? 429 : 200
    })
    await app.listen()
    const [alice, bob] = [app.visitor(), app.visitor()]
    const tries = async (email: string) => (await alice.fetch(`/?email=${encodeURIComponent(email)}`)).status
    const statuses = []
    for (let i = 0; i < 5; i++) statuses.push(await tries('alice@example.com'))
    expect(statuses).toEqual([200, 200, 200, 429, 429])
    expect([await tries('alice@example.org'), await tries('id'), await tries('$x')]).toEqual([200, 200, 200])
    expect((await bob.fetch('/?email=alice@example.com')).status).toBe(200)
    expect(app.errors).toEqual([])
  })
})
