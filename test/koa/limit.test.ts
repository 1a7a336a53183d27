import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import { atomicSession, type KoaSessions, type SessionEvent, StoreError } from 'koa-atomic-session'
import { memory } from 'koa-atomic-session/memory'
import { sqlite } from 'koa-atomic-session/sqlite'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { TestApp, type Visitor } from '../visitor.ts'

describe.each([
  ['memory', () => memory()],
  ['sqlite', () => sqlite(':memory:')],
])('a limit on parallel sessions, %s', (_, make) => {
  let app: TestApp
  let store: ReturnType<typeof memory>
  let sessions: KoaSessions<{ user?: number; n?: number }>
  const events: SessionEvent[] = []
  const listen = (event: unknown) => events.push(event as SessionEvent)
  const logIn = async (user: number, visitor = app.visitor()) => {
    expect(await visitor.text(`/login?${user}`)).toBe('in')
    return visitor
  }
  const userOf = (visitor: Visitor) => visitor.text('/')

  beforeEach(async () => {
    app = new TestApp()
    store = make()
    const limit = { field: 'user', max: 3, beyond: 'oldest' } as const
    sessions = atomicSession(app.koa, { store, index: ['user'], limit })
    app.koa.use(async (ctx) => {
      const log = ctx.path === '/login'
      if (log) await sessions.of(ctx).rotate({ authenticated: true }).set('user', Number(ctx.querystring))
      ctx.body = log ? 'in' : String((await sessions.of(ctx)).user)
    })
    await app.listen()
    events.length = 0
    subscribe('koa-atomic-session:event', listen)
  })
  afterEach(async () => {
    unsubscribe('koa-atomic-session:event', listen)
    await app.close()
  })

  it("keeps the newest by their log-ins, removes none of another user's, and tells why", async () => {
    const other = await logIn(2)
    const first = await logIn(1)
    await logIn(1)
    await logIn(1)
    // A log-in again, which makes this one the newest. Another millisecond is another log-in time.
    await new Promise((resolve) => setTimeout(resolve, 5))
    await logIn(1, first)
    expect(await sessions.find('user', 1)).toHaveLength(3)
    await new Promise((resolve) => setTimeout(resolve, 5))
    const last = await logIn(1)
    expect(await sessions.find('user', 1)).toHaveLength(3)
    expect(await Promise.all([first, last, other].map(userOf))).toEqual(['1', '1', '2'])
    expect(events.filter(({ type }) => type === 'destroyed')).toMatchObject([{ reason: 'limit', client: '127.0.0.1' }])
  })

  it('comes to the same sessions without a lock when many log in at once', async () => {
    const many = await Promise.all(Array.from({ length: 12 }, () => logIn(1)))
    const left = await sessions.find('user', 1)
    expect(left).toHaveLength(3)
    const users = await Promise.all(many.map(userOf))
    expect(users.filter((user) => user === '1')).toHaveLength(3)
    const removed = events.filter(({ type, reason }) => type === 'destroyed' && reason === 'limit')
    expect(new Set(removed.map(({ session }) => session)).size).toBe(9)
    expect(removed).toHaveLength(9)
  })

  it('comes down to a new limit at the next log-in, however many there are', async () => {
    const session = { maxAge: null, idle: 1e6, authenticated: true, data: { user: 1 } }
    for (let i = 0; i < 230; i++) await store.create({ ...session, id: String(i).padStart(22, '-'), hash: `h${i}` })
    await new Promise((resolve) => setTimeout(resolve, 5))
    const visitor = await logIn(1)
    expect(await sessions.find('user', 1)).toHaveLength(3)
    expect(await userOf(visitor)).toBe('1')
  })

  it('lets the log-in stand when the store fails at it, tells of that, and is met by the next one', async () => {
    for (let i = 0; i < 3; i++) await logIn(1)
    const { find } = store as never as { find: unknown }
    Object.assign(store, {
      find: async () => {
        throw new StoreError('memory', 'is down', false)
      },
    })
    const visitor = await logIn(1)
    expect(app.errors).toMatchObject([{ code: 'ERR_SESSION_STORE' }])
    Object.assign(store, { find })
    expect(await sessions.find('user', 1)).toHaveLength(4)
    await logIn(1, visitor)
    expect(await sessions.find('user', 1)).toHaveLength(3)
  })
})
