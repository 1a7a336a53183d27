import { atomicSession, type KoaSessions, StoreError } from 'koa-atomic-session'
import { memory } from 'koa-atomic-session/memory'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { IndexedStore } from '../../src/contract/store.ts'
import { TestApp, type Visitor } from '../visitor.ts'

const TIMEOUT = 300
const never = () => new Promise<never>(() => {})
const down = async () => {
  throw new StoreError('memory', 'is down', false)
}

describe('a store that fails', () => {
  let app: TestApp
  let store: ReturnType<typeof memory>
  let sessions: KoaSessions<object>
  let visitor: Visitor
  // biome-ignore lint/suspicious/noExplicitAny: each test writes the handler that it needs
  let handler: (ctx: any) => unknown
  const unhandled: unknown[] = []
  const keep = (error: unknown) => unhandled.push(error)

  beforeEach(async () => {
    app = new TestApp()
    store = memory()
    sessions = atomicSession(app.koa, { store, index: ['user'], timeout: TIMEOUT, touchAfter: 0 })
    app.koa.use(async (ctx) => {
      ctx.body = 'fine'
      await handler(ctx)
    })
    await app.listen()
    visitor = app.visitor()
    handler = (ctx) => ctx.session().set('user', 1)
    await visitor.fetch('/')
    unhandled.length = 0
    process.on('unhandledRejection', keep)
  })
  afterEach(async () => {
    process.off('unhandledRejection', keep)
    await app.close()
  })

  const methods = {
    'a log-out': 'destroy',
    'a regeneration': 'regenerate',
    'another look': 'update',
  } as const
  for (const [what, method] of Object.entries(methods)) {
    for (const loaded of [false, true]) {
      it(`fails the request for ${what} that nobody awaits, ${loaded ? 'of a session that was read' : 'unread'}`, async () => {
        handler = async (ctx) => {
          const session = loaded ? await ctx.session() : ctx.session()
          store.destroy = down
          store.load = down
          store.update = down
          session[method]()
        }
        expect((await visitor.fetch('/')).status).toBe(503)
        // Node.js tells of them when the turn of the event loop in which they came is over.
        await new Promise((resolve) => setImmediate(resolve))
        expect(unhandled).toEqual([])
      })
    }
  }

  it('leaves the failure of what somebody awaits to them', async () => {
    store.destroy = down
    handler = async (ctx) => {
      await ctx
        .session()
        .destroy()
        .catch(() => {})
      await expect(ctx.session().destroy()).rejects.toThrow('is down')
      await ctx
        .session()
        .destroy()
        .finally(() => {})
        .catch(() => {})
    }
    expect((await visitor.fetch('/')).status).toBe(200)
  })

  it('is waited for once a request, however many commands are waiting', async () => {
    const tried: number[] = []
    store.update = (_, { chain }) => {
      tried.push(chain.commands.length)
      return never()
    }
    let failures: PromiseSettledResult<unknown>[] = []
    handler = async (ctx) => {
      const session = ctx.session()
      failures = await Promise.allSettled(Array.from({ length: 20 }, (_, i) => session.inc('n').inc(`m${i}`)))
      throw (failures[0] as PromiseRejectedResult).reason
    }
    expect((await visitor.fetch('/')).status).toBe(503)
    expect(tried).toHaveLength(1)
    const outcomes = failures.map((failure) => (failure as PromiseRejectedResult).reason.applied)
    expect(outcomes).toEqual(['unknown', ...Array(19).fill(false)])
  })

  it('is asked again by a command that comes after the failure', async () => {
    const update = store.update
    store.update = never
    handler = async (ctx) => {
      await ctx
        .session()
        .inc('n')
        .catch(() => {})
      store.update = update
      ctx.body = String((await ctx.session().inc('n')).n)
    }
    expect(await (await visitor.fetch('/')).text()).toBe('1')
  })

  it('does not undo an answer when it fails afterwards, whatever the application does with errors', async () => {
    app.koa.on('error', (_, ctx) => {
      throw new Error(`a listener that fails for ${ctx.path}`)
    })
    handler = async (ctx) => {
      await ctx.session()
      store.update = down
    }
    const response = await visitor.fetch('/late')
    expect([response.status, await response.text()]).toEqual([200, 'fine'])
    expect(app.errors.map(({ message }) => message)).toEqual(['The memory store is down'])
  })

  it('ends find, destroyAll and revoke in time', async () => {
    const indexed = store as typeof store & { find: typeof never; destroyAll: typeof never }
    const [{ id } = { id: '' }] = await sessions.find('user', 1)
    indexed.find = indexed.destroyAll = store.get = never
    for (const call of [sessions.find('user', 1), sessions.destroyAll('user', 1), sessions.revoke(id)]) {
      await expect(call).rejects.toMatchObject({ code: 'ERR_SESSION_STORE', status: 503 })
    }
  })

  it('tells that some of many sessions are removed when the store fails between two pages', async () => {
    const indexed = store as typeof store & IndexedStore
    const { destroyAll } = indexed
    indexed.destroyAll = async (...asked) => {
      indexed.destroyAll = down
      await destroyAll.apply(store, asked)
      return asked[3]!
    }
    const failure = { code: 'ERR_SESSION_STORE', applied: 'unknown' }
    await expect(sessions.destroyAll('user', 1)).rejects.toMatchObject(failure)
    indexed.destroyAll = destroyAll
    expect(await sessions.destroyAll('user', 1)).toBe(0)
    indexed.destroyAll = down
    await expect(sessions.destroyAll('user', 1)).rejects.toMatchObject({ applied: false })
  })

  it('has no such thing as every session without the field', async () => {
    handler = (ctx) => ctx.session().set('other', 1)
    await app.visitor().fetch('/')
    for (const value of [undefined, null, { $ne: null }, [1], new Date(), Number.NaN, () => 1]) {
      await expect(sessions.destroyAll('user', value as never)).rejects.toMatchObject({ code: 'ERR_SESSION_VALUE' })
      await expect(sessions.find('user', value as never)).rejects.toMatchObject({ code: 'ERR_SESSION_VALUE' })
      expect(await sessions.revoke(value as never)).toBe(false)
    }
    expect(await sessions.destroyAll('user', 1)).toBe(1)
  })
})
