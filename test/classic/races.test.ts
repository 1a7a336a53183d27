import { atomicSession } from 'koa-atomic-session'
import { classic } from 'koa-atomic-session/classic'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import type { Opened } from '../stores/clients.ts'
import { counting, TestApp, type Visitor } from '../visitor.ts'
import { storesOf } from './kinds.ts'
import { opened } from './servers.ts'

/** How many visitors each race is run with, and how many requests one visitor sends at once. */
const ROUNDS = 40
const MANY = 500
const AT_ONCE = 25

describe.each(storesOf('classic_races').map((kind) => [kind.name, kind] as const))(
  'requests that overlap, on %s',
  (_, kind) => {
    let open: Opened
    let store: ReturnType<typeof counting<Opened['store']>>
    let app: TestApp
    // biome-ignore lint/suspicious/noExplicitAny: each test writes the handler that it needs
    let handler: (ctx: any) => unknown

    beforeAll(async () => {
      open = await kind.open()
      await open.store.setup()
    })
    afterAll(() => open.close())
    beforeEach(async () => {
      app = new TestApp()
      store = counting(open.store)
      classic(app.koa, atomicSession(app.koa, { store, property: 'atomic' }), {
        counters: ['views', 'cart.*'],
        lists: ['seen', 'flash.*'],
      })
      app.koa.use(async (ctx) => {
        ctx.body = { value: (await handler(ctx)) ?? null }
      })
      await app.listen()
    })
    afterEach(async () => {
      expect(app.errors).toEqual([])
      await app.close()
    })

    const twin = (visitor: Visitor): Visitor => {
      const other = app.visitor()
      for (const [name, value] of visitor.cookies) other.cookies.set(name, value)
      return other
    }
    const began = async (fields: object): Promise<Visitor> => {
      const visitor = app.visitor()
      handler = (ctx) => Object.assign(ctx.session, fields)
      await visitor.fetch('/')
      return visitor
    }
    /** A request that has read the session, then another that does its work, then the rest of the first. */
    // biome-ignore lint/suspicious/noExplicitAny: a handler's context
    const late = async (visitor: Visitor, write: (session: any) => unknown, meanwhile: (ctx: any) => unknown) => {
      const [gate, inside] = [opened(), opened()]
      handler = async (ctx) => {
        if (ctx.path === '/late') {
          inside.open()
          await gate.promise
          await write(ctx.session)
        } else await meanwhile(ctx)
      }
      const waiting = twin(visitor).fetch('/late')
      await inside.promise
      await visitor.fetch('/')
      gate.open()
      await waiting
      handler = (ctx) => ctx.session
      return (await twin(visitor).json('/')).value
    }

    it(`undo no log-out, of ${ROUNDS}`, async () => {
      let undone = 0
      for (let i = 0; i < ROUNDS; i++) {
        const visitor = await began({ user: { name: `visitor ${i}`, role: 'admin' }, views: 1 })
        const stolen = twin(visitor)
        await late(
          visitor,
          (session) => {
            session.views++
            session.last = 'page'
          },
          (ctx) => {
            ctx.session = null
          },
        )
        handler = (ctx) => ctx.session
        if (Object.keys((await stolen.json('/')).value).length > 0) undone++
      }
      expect(undone).toBe(0)
    })

    it(`bring no dropped role back, of ${ROUNDS}, and no user that has logged out`, async () => {
      const seen: unknown[] = []
      for (let i = 0; i < ROUNDS; i++) {
        const visitor = await began({ user: { name: 'visitor', role: 'admin' }, role: 'admin', views: 1 })
        seen.push(
          await late(
            visitor,
            (session) => {
              session.views++
              session.user.name = 'other'
            },
            (ctx) => {
              if (i % 2) delete ctx.session.user.role
              else delete ctx.session.user
              delete ctx.session.role
            },
          ),
        )
      }
      const expected = Array.from({ length: ROUNDS }, (_, i) => ({
        views: 2,
        ...(i % 2 && { user: { name: 'other' } }),
      }))
      expect(seen).toEqual(expected)
    })

    it('never mix two users', async () => {
      const visitor = await began({ user: { id: 1, name: 'alice' } })
      const after = await late(
        visitor,
        (session) => {
          session.user.name = 'alice again'
        },
        (ctx) => {
          ctx.session.user = { id: 2, name: 'bob' }
        },
      )
      expect(after).toEqual({ user: { id: 2, name: 'bob' } })
    })

    /** As many requests as that, so many at a time. */
    const flood = async (visitor: Visitor, count: number) => {
      store.calls.splice(0)
      let next = 0
      const one = async () => {
        while (next < count) expect((await visitor.fetch(`/?i=${next++}`)).status).toBe(200)
      }
      await Promise.all(Array.from({ length: AT_ONCE }, one))
      return store.calls.length / count
    }

    it(`keep each of ${MANY} fields, and count exactly, by two calls of the store a request`, async () => {
      const [visitor, other] = [await began({ cart: { tea: 1 }, views: 0 }), await began({ views: 7 })]
      handler = async (ctx) => {
        const { i } = ctx.query
        const { session } = ctx
        session.views++
        session.cart.tea++
        session.cart[`item ${i % 5}`] = (session.cart[`item ${i % 5}`] ?? 0) + 1
        session[`field ${i}`] = Number(i)
        if (i % 10 === 0) session.seen = [...(session.seen ?? []), Number(i)]
        if (i % 25 === 0) {
          session.flash ??= {}
          session.flash.info ??= []
          session.flash.info.push(Number(i))
        }
      }
      expect(await flood(visitor, MANY)).toBeLessThanOrEqual(2.1)
      handler = (ctx) => ctx.session
      const { value } = await visitor.json('/')
      const each = Math.floor(MANY / 5)
      const fifth = { 'item 0': each, 'item 1': each, 'item 2': each, 'item 3': each, 'item 4': each }
      expect(value.views).toBe(MANY)
      expect(value.cart).toEqual({ tea: MANY + 1, ...fifth })
      for (let i = 0; i < MANY; i++) expect(value[`field ${i}`]).toBe(i)
      expect(value.seen.toSorted((a: number, b: number) => a - b)).toEqual(
        Array.from({ length: MANY / 10 }, (_, i) => 10 * i),
      )
      expect(new Set(value.flash.info)).toEqual(new Set(Array.from({ length: MANY / 25 }, (_, i) => 25 * i)))
      expect(value.flash.info).toHaveLength(MANY / 25)
      expect((await other.json('/')).value).toEqual({ views: 7 })
    })

    it('keep each field of one object, also of an empty one, and each element of a list', async () => {
      const visitor = await began({ prefs: {}, list: [], user: { id: 1, tags: [] } })
      handler = (ctx) => {
        const { i } = ctx.query
        ctx.session.prefs[`field ${i}`] = Number(i)
        ctx.session.list.push(Number(i))
        ctx.session.user.tags.push(Number(i))
      }
      const count = 100
      await flood(visitor, count)
      handler = (ctx) => ctx.session
      const { prefs, list, user } = (await visitor.json('/')).value
      const all = Array.from({ length: count }, (_, i) => i)
      for (const kept of [Object.values(prefs), list, user.tags]) {
        expect((kept as number[]).toSorted((a, b) => a - b)).toEqual(all)
      }
    })
  },
)
