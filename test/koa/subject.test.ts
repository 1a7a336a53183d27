import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import { atomicSession, type KoaSessions, type SessionEvent } from 'koa-atomic-session'
import { memory } from 'koa-atomic-session/memory'
import { ObjectId } from 'mongodb'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { nameOf } from '../../src/diagnostics/subject.ts'
import { TestApp } from '../visitor.ts'

interface Data {
  user?: { id: number }
  secret?: string
  n?: number
}

describe('events name their subject', () => {
  let app: TestApp
  let store: ReturnType<typeof memory>
  let sessions: KoaSessions<Data>
  // biome-ignore lint/suspicious/noExplicitAny: each test writes the handler that it needs
  let handler: (ctx: any) => unknown
  const events: SessionEvent[] = []
  const listen = (event: unknown) => events.push(event as SessionEvent)
  const told = () => events.splice(0).map(({ type, subject }) => [type, subject])

  beforeEach(async () => {
    app = new TestApp()
    store = memory()
    const limit = { field: 'user.id', max: 1, beyond: 'oldest' } as const
    sessions = atomicSession<Data>(app.koa, { store, index: ['user.id'], limit, subject: 'user.id' })
    app.koa.use(async (ctx) => {
      ctx.body = 'fine'
      await handler(ctx)
    })
    await app.listen()
    events.length = 0
    subscribe('koa-atomic-session:event', listen)
  })
  afterEach(async () => {
    unsubscribe('koa-atomic-session:event', listen)
    await app.close()
  })

  const logIn = async (visitor = app.visitor()) => {
    handler = (ctx) => ctx.session().rotate({ authenticated: true }).set({ 'user.id': 7, secret: 'hush' })
    await visitor.fetch('/')
    return visitor
  }

  it('where they log in, log out, and are ended by a limit', async () => {
    const first = await logIn()
    expect(told()).toEqual([['created', 7]])
    await logIn(first)
    expect(told()).toEqual([['rotated', 7]])
    await logIn()
    expect(events.at(-1)).toMatchObject({ type: 'destroyed', reason: 'limit', subject: 7 })
    told()
    const last = await logIn()
    told()
    handler = async (ctx) => (await ctx.session()).destroy()
    await last.fetch('/')
    expect(events).toHaveLength(1)
    expect(JSON.stringify(events)).not.toContain('hush')
    expect(told()).toEqual([['destroyed', 7]])
  })

  it('also if nobody waits for the log-in, and never the one who was there before', async () => {
    const visitor = app.visitor()
    handler = (ctx) => ctx.session().set('user', { id: 6 })
    await visitor.fetch('/')
    told()
    // As a store does that sends back no data which nobody waits for.
    const { update } = store
    store.update = async (access, change) => {
      const updated = await update.call(store, access, change)
      if (updated.outcome !== 'held' || change.answer) return updated
      return { ...updated, outcome: 'done' }
    }
    handler = async (ctx) => {
      await ctx.session()
      ctx.session().rotate().set('user.id', 7)
    }
    await visitor.fetch('/')
    expect(told()).toEqual([['rotated', 7]])
    handler = async (ctx) => {
      const session = await ctx.session()
      session.set('user.id', 8)
      await session.destroy()
    }
    await visitor.fetch('/')
    expect(told()).toEqual([['destroyed', undefined]])
  })

  it('where a session ends under a request that has seen it', async () => {
    const visitor = await logIn()
    told()
    handler = async (ctx) => {
      const session = await ctx.session()
      await sessions.revoke(session.id)
      await session.inc('n').catch(() => {})
    }
    await visitor.fetch('/')
    expect(told()).toEqual([
      ['destroyed', 7],
      ['gone', 7],
    ])
  })

  it('from outside, for one session or for all of a user', async () => {
    const { id } = await sessions.mint({ user: { id: 7 } })
    await sessions.mint({ user: { id: 7 } })
    told()
    await sessions.at(id).destroy()
    await sessions.destroyAll('user.id', 7)
    expect(told()).toEqual([
      ['destroyed', 7],
      ['destroyed', 7],
    ])
  })

  it('only where they are known: nothing is read for it', async () => {
    const visitor = await logIn()
    told()
    store.load = store.get = () => expect.fail('the store is asked')
    handler = (ctx) => ctx.session().destroy()
    await visitor.fetch('/')
    expect(events).toHaveLength(1)
    expect('subject' in events[0]!).toBe(false)
    told()
    visitor.cookies.set('sid', 'made up')
    handler = (ctx) => ctx.session().inc('n')
    await visitor.fetch('/')
    expect(told()).toEqual([
      ['forged', undefined],
      ['created', undefined],
    ])
  })
})

describe('a subject', () => {
  it('is a text, a number or a boolean, and nothing longer than a name', () => {
    const hex = '65f0c0ffee65f0c0ffee65f0'
    for (const name of ['ada', '', 0, 42, false, 'x'.repeat(128)]) expect(nameOf(name)).toBe(name)
    expect(nameOf(new ObjectId(hex))).toBe(hex)
    for (const odd of [undefined, null, [7], { id: 7 }, new Date()]) expect(nameOf(odd)).toBeUndefined()
    expect(nameOf('x'.repeat(129))).toBe(`${'x'.repeat(127)}…`)
    expect(nameOf(`${'x'.repeat(126)}\u{1f600}${'x'.repeat(9)}`)).toBe(`${'x'.repeat(126)}\ufffd…`)
  })

  it('is not told unless asked for, and must be a path', async () => {
    const app = new TestApp()
    const store = memory()
    const events: SessionEvent[] = []
    const listen = (event: unknown) => events.push(event as SessionEvent)
    subscribe('koa-atomic-session:event', listen)
    await atomicSession(app.koa, { store }).mint({ user_id: 7 })
    unsubscribe('koa-atomic-session:event', listen)
    expect(events.map((event) => 'subject' in event)).toEqual([false])
    for (const subject of ['', 'a..b', '$where', 7, ['user_id']]) {
      expect(() => atomicSession(new TestApp().koa, { store, subject: subject as never })).toThrow(
        'subject must be the path of a field',
      )
    }
  })
})
