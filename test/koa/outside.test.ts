import { atomicSession, ConditionFailedError, type KoaSessions, SessionGoneError, StoreError } from 'koa-atomic-session'
import { memory } from 'koa-atomic-session/memory'
import { sqlite } from 'koa-atomic-session/sqlite'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { TestApp, type Visitor } from '../visitor.ts'

interface Data {
  user_id?: number
  role?: string
  notices?: string[]
  n?: number
  plan?: string
  list?: string[]
}

describe.each([
  ['memory', () => memory()],
  ['sqlite', () => sqlite(':memory:')],
])('sessions from outside of their requests, %s', (_, make) => {
  let app: TestApp
  let store: ReturnType<typeof memory>
  let sessions: KoaSessions<Data>
  let visitor: Visitor
  // biome-ignore lint/suspicious/noExplicitAny: each test writes the handler that it needs
  let handler: (ctx: any) => unknown
  const idOf = async (whose: Visitor) => {
    const before = handler
    handler = async (ctx) => {
      ctx.body = (await ctx.session()).id
    }
    const id = await whose.text('/')
    handler = before
    return id
  }
  const begin = async (data: Data, whose = app.visitor()) => {
    handler = (ctx) => ctx.session().set(data)
    await whose.fetch('/')
    return whose
  }

  beforeEach(async () => {
    app = new TestApp()
    store = make()
    sessions = atomicSession<Data>(app.koa, { store, index: ['user_id'] })
    app.koa.use(async (ctx) => {
      ctx.body = 'fine'
      await handler(ctx)
    })
    await app.listen()
    visitor = await begin({ user_id: 42, role: 'admin', n: 1 })
  })
  afterEach(() => app.close())

  describe('by an id', () => {
    it('change in one update, which the next command of a running request meets', async () => {
      const id = await idOf(visitor)
      let dropped = () => {}
      const drop = new Promise<void>((resolve) => {
        dropped = resolve
      })
      let arrived = () => {}
      const running = new Promise<void>((resolve) => {
        arrived = resolve
      })
      handler = async (ctx) => {
        const session = await ctx.session()
        expect(session.role).toBe('admin')
        arrived()
        await drop
        const refusal = await session
          .if('role', 'admin')
          .inc('n')
          .catch((error: unknown) => error)
        await session.set('plan', 'free')
        ctx.body = [refusal instanceof ConditionFailedError, session.data]
      }
      const response = visitor.fetch('/')
      await running
      const { data, ...shown } = await sessions.at(id).unset('role').push('notices', 'no administrator any more')
      expect(data).toEqual({ user_id: 42, n: 1, notices: ['no administrator any more'] })
      expect(shown).toMatchObject({ id, created: expect.any(Date), expires: expect.any(Date), authAt: undefined })
      dropped()
      expect(await (await response).json()).toEqual([true, { ...data, plan: 'free' }])
    })

    it('give what is taken, judge what is asked for, and are read', async () => {
      const there = sessions.at(await idOf(visitor))
      expect((await there).data).toEqual({ user_id: 42, role: 'admin', n: 1 })
      expect(await there.take('role')).toBe('admin')
      expect(await there.take('role')).toBeUndefined()
      expect(await there.takeIf('n', 7)).toBe(false)
      await expect(there.if('n', 7).inc('n')).rejects.toMatchObject({ code: 'ERR_SESSION_CONDITION' })
      await expect(there.push('n' as never, 1 as never)).rejects.toMatchObject({ code: 'ERR_SESSION_TYPE' })
      expect((await there.if('n', 1).inc('n')).data).toEqual({ user_id: 42, n: 2 })
    })

    it('are kept alive by touch() alone', async () => {
      const there = sessions.at(await idOf(visitor))
      const { expires } = await there
      await new Promise((resolve) => setTimeout(resolve, 2))
      expect((await there.inc('n')).expires).toEqual(expires)
      expect(+(await there.touch()).expires).toBeGreaterThan(+expires)
      const { expires: month } = await there.touch('30 days')
      expect(+month - Date.now()).toBeGreaterThan(29 * 86_400_000)
    })

    it('run also if nobody awaits them, one after another, and their failures are told', async () => {
      const id = await idOf(visitor)
      const there = sessions.at(id)
      there.set('plan', 'free')
      there.set('plan', 'pro')
      there.push('n' as never, 1 as never)
      expect((await there).data.plan).toBe('pro')
      expect(app.errors).toMatchObject([{ code: 'ERR_SESSION_TYPE' }])
    })

    it('end, where the conditions hold', async () => {
      const there = sessions.at(await idOf(visitor))
      await expect(there.if('user_id', 7).destroy()).rejects.toThrow(ConditionFailedError)
      await expect(there.set('n', 1).destroy()).rejects.toThrow('Only conditions may come before destroy()')
      expect((await there).data.n).toBe(1)
      expect(await there.if('user_id', 42).destroy()).toBe(true)
      expect(await there.destroy()).toBe(false)
      expect(await there.if('user_id', 42).destroy()).toBe(false)
      for (const call of [there, there.inc('n'), there.touch(), there.take('n')]) {
        await expect(call).rejects.toThrow(SessionGoneError)
      }
    })

    it('end none that becomes somebody else between the look and the end', async () => {
      const id = await idOf(visitor)
      const { get } = store
      Object.assign(store, {
        get: async (...asked: [string]) => {
          const found = await get.apply(store, asked)
          Object.assign(store, { get })
          handler = (ctx) => ctx.session().rotate({ authenticated: true }).set('user_id', 7)
          await visitor.fetch('/')
          return found
        },
      })
      await expect(sessions.at(id).if('user_id', 42).destroy()).rejects.toThrow(ConditionFailedError)
      expect((await sessions.at(id)).data.user_id).toBe(7)
    })

    it('end for every request once the conditions have held, though the store then fails to remove it', async () => {
      const id = await idOf(visitor)
      const { destroy } = store
      store.destroy = async () => {
        throw new StoreError('memory', 'is down', false)
      }
      const failure = { code: 'ERR_SESSION_STORE', applied: 'unknown' }
      await expect(sessions.at(id).if('user_id', 42).destroy()).rejects.toMatchObject(failure)
      handler = (ctx) => ctx.session().inc('n')
      expect((await visitor.fetch('/')).status).toBe(409)
      Object.assign(store, { destroy })
      expect(await sessions.at(id).if('user_id', 42).destroy()).toBe(true)
    })

    it('are never another session that has taken the id', async () => {
      const id = await idOf(visitor)
      const there = sessions.at(id)
      const { created } = await there
      await sessions.revoke(id)
      const again = { id, hash: 'h'.repeat(43), data: { n: 7 }, maxAge: null, idle: 1e6, authenticated: false }
      await store.create({ ...again, created: +created - 1 })
      for (const call of [there, there.inc('n')]) await expect(call).rejects.toThrow(SessionGoneError)
      expect(await there.destroy()).toBe(false)
      expect((await sessions.at(id)).data).toEqual({ n: 7 })
    })

    it('are refused before any I/O where nobody can be meant', async () => {
      store.get = store.update = () => expect.fail('the store is asked')
      for (const id of [undefined, null, 7, {}, ['x'], { $ne: null }]) {
        expect(() => sessions.at(id as never)).toThrow(
          expect.objectContaining({ code: 'ERR_SESSION_VALUE', path: 'id' }),
        )
      }
      for (const id of ['', 'x', 'index:user_id:42', `${'a'.repeat(22)}\n`]) {
        await expect(sessions.at(id).set('n', 1)).rejects.toThrow(SessionGoneError)
        expect(await sessions.at(id).destroy()).toBe(false)
      }
      const there = sessions.at('a'.repeat(22))
      expect(() => there.rotate()).toThrow('write destroy()')
      expect(() => there.set('$x' as never, 1 as never)).toThrow(expect.objectContaining({ code: 'ERR_SESSION_PATH' }))
      expect(() => (there as never as { n: number }).n).toThrow('Write: (await session).n')
    })
  })

  describe('of one user', () => {
    it('are changed each exactly once, over all pages, and no others', async () => {
      const theirs = await begin({ user_id: 7, n: 1 })
      const more = { maxAge: null, idle: 1e6, authenticated: false, data: { user_id: 42, n: 0 } }
      for (let i = 0; i < 230; i++) await store.create({ id: String(i).padStart(22, '-'), hash: `h${i}`, ...more })
      const progress: number[][] = []
      const changed = await sessions.updateAll('user_id', 42, (s) => s.inc('n').set('plan', 'pro'), {
        progress: (...all) => progress.push(all),
      })
      expect(changed).toBe(231)
      expect(progress).toEqual([
        [100, 100],
        [200, 200],
        [231, 231],
      ])
      const seen = { n1: 0, n2: 0, plan: 0 }
      for await (const { data } of sessions.find('user_id', 42)) {
        if (data.n === 1) seen.n1++
        if (data.n === 2) seen.n2++
        if (data.plan === 'pro') seen.plan++
      }
      expect(seen).toEqual({ n1: 230, n2: 1, plan: 231 })
      expect((await sessions.at(await idOf(theirs))).data).toEqual({ user_id: 7, n: 1 })
    })

    it('are found in the order of their use, in pages too', async () => {
      const more = { maxAge: null, authenticated: false, data: { user_id: 99 } }
      const ids: string[] = []
      for (let i = 0; i < 130; i++) {
        const id = String((i * 37) % 130).padStart(22, '-')
        // As if it had been used that much later than the others.
        await store.create({ id, hash: `h${i}`, ...more, idle: 14 * 86_400_000 + i * 60_000 })
        ids.unshift(id)
      }
      const asked = { find: 0, load: 0 }
      const counting = (name: 'find' | 'load') => {
        const real = Reflect.get(store, name)
        Object.assign(store, {
          [name]: (...all: unknown[]) => {
            asked[name]++
            return real.apply(store, all)
          },
        })
      }
      counting('find')
      counting('load')
      const all: string[] = []
      for await (const { id } of sessions.find('user_id', 99, { order: 'seen', limit: 40 })) all.push(id)
      expect(all).toEqual(ids)
      // However many pages: once for the order, and once for each.
      expect(asked).toEqual({ find: 2, load: 130 })
      const page = await sessions.find('user_id', 99, { order: 'seen', limit: 7 })
      expect(page.map(({ id }) => id)).toEqual(ids.slice(0, 7))
      const next = await sessions.find('user_id', 99, { order: 'seen', limit: 7, after: page.at(-1) })
      expect(next.map(({ id }) => id)).toEqual(ids.slice(7, 14))
      // Of those that come after one, some end or become somebody else's while they are gone through.
      const after: string[] = []
      for await (const { id } of sessions.find('user_id', 99, { order: 'seen', after: page.at(-1) })) {
        if (after.length === 0) {
          await sessions.revoke(ids[100]!)
          await sessions.at(ids[101]!).set('user_id', 98)
        }
        after.push(id)
      }
      expect(after).toEqual(ids.filter((_, i) => i >= 7 && i !== 100 && i !== 101))
    })

    it('tell when they were used last, whatever their own idle time', async () => {
      const there = sessions.at(await idOf(visitor))
      const before = Date.now()
      for (const maxAge of ['30 days', '1 hour', null] as const) {
        const { seen } = await there.touch(maxAge)
        expect(+seen).toBeGreaterThanOrEqual(before)
        expect(+seen).toBeLessThanOrEqual(Date.now())
        // A command alone is no use by the visitor.
        expect((await there.inc('n')).seen).toEqual(seen)
      }
    })

    it("are passed over that end, become somebody else's or do not meet the condition", async () => {
      const [leaves, turns] = [await begin({ user_id: 42, n: 1 }), await begin({ user_id: 42, n: 1 })]
      await begin({ user_id: 42, n: 5 })
      const ids = [await idOf(leaves), await idOf(turns)]
      const { find } = store as never as { find: (...asked: unknown[]) => Promise<unknown> }
      Object.assign(store, {
        find: async (...asked: unknown[]) => {
          const found = await find.apply(store, asked)
          await sessions.revoke(ids[0]!)
          await sessions.at(ids[1]).set('user_id', 7)
          return found
        },
      })
      expect(await sessions.updateAll('user_id', 42, (s) => s.if('n', 1).set('plan', 'pro'))).toBe(1)
      expect((await sessions.at(ids[1])).data).toEqual({ user_id: 7, n: 1 })
      await expect(sessions.at(ids[0])).rejects.toThrow(SessionGoneError)
      expect((await sessions.at(await idOf(visitor))).data.plan).toBe('pro')
    })

    it('may lose the value by which they were found', async () => {
      await begin({ user_id: 42 })
      expect(await sessions.updateAll('user_id', 42, (s) => s.unset('user_id', 'role'))).toBe(2)
      expect(await sessions.find('user_id', 42)).toEqual([])
    })

    it('tell that some are changed when one can not be', async () => {
      const list = ['a']
      const data = { user_id: 42, list }
      const more = { maxAge: null, idle: 1e6, authenticated: false, data }
      for (let i = 0; i < 120; i++) await store.create({ id: `${i + 100}`.padStart(22, '-'), hash: `h${i}`, ...more })
      await store.create({ id: '_'.repeat(22), hash: 'h', ...more, data: { user_id: 42, list: 'none' } })
      const push = sessions.updateAll('user_id', 42, (s) => s.push('list', 'b'))
      await expect(push).rejects.toMatchObject({ code: 'ERR_SESSION_TYPE', applied: 'unknown' })
      store.update = async () => {
        throw new StoreError('memory', 'is down', false)
      }
      const failure = { code: 'ERR_SESSION_STORE', applied: false }
      await expect(sessions.updateAll('user_id', 42, (s) => s.inc('n'))).rejects.toMatchObject(failure)
    })

    it('are refused before any I/O where the callback can not be meant', async () => {
      Object.assign(store, { find: () => expect.fail('the store is asked') })
      const refused: [(s: never) => unknown, string][] = [
        [() => {}, 'adds no command'],
        [(s: { if: (path: string, value: number) => void }) => s.if('n', 1), 'adds no command'],
        [async (s: { set: (path: string, value: number) => void }) => s.set('n', 1), 'must not wait'],
        [(s: { rotate: () => void }) => s.rotate(), 'write destroyAll()'],
        [(s: { take: (path: string) => void }) => s.take('n'), 'write unset()'],
        [(s: { set: (path: string, value: unknown) => void }) => s.set('n', () => {}), 'cannot keep the value'],
      ] as never
      for (const [callback, message] of refused) {
        await expect(sessions.updateAll('user_id', 42, callback as never)).rejects.toThrow(message)
      }
      await expect(sessions.updateAll('name', 42, (s) => s.inc('n'))).rejects.toThrow("pass index: ['name']")
      const misspelt = sessions.updateAll('user_id', 42, (s) => s.inc('n'), { progres: () => {} } as never)
      await expect(misspelt).rejects.toThrow("did you mean 'progress'?")
      let kept: { set: (path: 'n', value: number) => unknown } | undefined
      await sessions.updateAll('user_id', 42, (s) => (kept = s)).catch(() => {})
      expect(() => kept!.set('n', 2)).toThrow('has ended')
    })
  })
})
