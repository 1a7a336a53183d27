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

// What fails within a request is shown on every server, by test/http/failures.test.ts.
describe('a store that fails', () => {
  let app: TestApp
  let store: ReturnType<typeof memory>
  let sessions: KoaSessions<object>
  let visitor: Visitor
  // biome-ignore lint/suspicious/noExplicitAny: each test writes the handler that it needs
  let handler: (ctx: any) => unknown

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
  })
  afterEach(() => app.close())

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
