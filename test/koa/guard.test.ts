import assert from 'node:assert'
import { createRequire } from 'node:module'
import { format, inspect, isDeepStrictEqual } from 'node:util'
import Koa from 'koa'
import { atomicSession, SessionUsageError } from 'koa-atomic-session'
import { classic } from 'koa-atomic-session/classic'
import { memory } from 'koa-atomic-session/memory'
import koaSession from 'koa-session'
import Koa2 from 'koa2'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { TestApp } from '../visitor.ts'

// biome-ignore lint/suspicious/noExplicitAny: code as it is written for a session object
type Loose = any
type Use = (ctx: Loose) => unknown

/** A function whose body is not in strict mode, as in a CommonJS module without 'use strict'. */
const sloppy = (body: string) => new Function('ctx', body) as Use

describe.each([
  ['Koa 3', Koa],
  ['Koa 2', Koa2 as unknown as typeof Koa],
])('ctx.session on %s', (_, KoaClass) => {
  let app: TestApp
  let use: Use
  beforeEach(async () => {
    app = new TestApp(KoaClass)
    atomicSession(app.koa, { store: memory() })
    app.koa.use(async (ctx: Loose) => {
      if (ctx.path === '/login') await ctx.session().set({ user: 'alice', name: 'Alice' })
      if (ctx.path === '/use') await use(ctx)
      ctx.body = (await ctx.session()).data
    })
    await app.listen()
  })
  afterEach(() => app.close())

  const WRONG: [string, Use, string][] = [
    [
      'writing',
      (ctx) => {
        ctx.session.user = 'mallory'
      },
      "ctx.session is a function. Write: await ctx.session().set('user', value)",
    ],
    [
      'writing a number',
      (ctx) => {
        ctx.session.views++
      },
      'Write: (await ctx.session()).views',
    ],
    [
      'writing maxAge',
      (ctx) => {
        ctx.session.maxAge = 1
      },
      'Write: await ctx.session().touch(maxAge)',
    ],
    [
      'writing at a symbol',
      (ctx) => {
        ctx.session[Symbol('mine')] = 1
      },
      'Write: await ctx.session().set(path, value)',
    ],
    ['Object.assign', (ctx) => Object.assign(ctx.session, { user: 1 }), "set('user', value)"],
    ['defining', (ctx) => Object.defineProperty(ctx.session, 'user', { value: 1 }), "set('user', value)"],
    ['reading', (ctx) => ctx.session.user, 'ctx.session is a function. Write: (await ctx.session()).user'],
    ['reading what functions have', (ctx) => ctx.session.name, 'Write: (await ctx.session()).name'],
    ['reading the length', (ctx) => ctx.session.length, 'Write: (await ctx.session()).length'],
    ['reading deeper', (ctx) => ctx.session.grant?.response, 'Write: (await ctx.session()).grant'],
    [
      'destructuring',
      (ctx) => {
        const { user } = ctx.session
        return user
      },
      'Write: (await ctx.session()).user',
    ],
    ['reading by a name that may be data', (ctx) => ctx.session['p4ss word'], 'Write: (await ctx.session())[…]'],
    ['awaiting without a call', async (ctx) => (await ctx.session).user, 'Write: (await ctx.session()).user'],
    ['a command without a call', (ctx) => ctx.session.set('a', 1), 'Write: await ctx.session().set(…)'],
    ['destroy without a call', (ctx) => ctx.session.destroy(), 'Write: await ctx.session().destroy(…)'],
    ['saving', (ctx) => ctx.session.save(), 'a command is stored when it resolves'],
    ['in', (ctx) => 'user' in ctx.session, 'Write: (await ctx.session()).user'],
    ['hasOwnProperty', (ctx) => Object.hasOwn(ctx.session, 'user'), 'Write: (await ctx.session()).user'],
    ['deleting', (ctx) => delete ctx.session.user, "Write: await ctx.session().unset('user')"],
    ['listing', (ctx) => Object.keys(ctx.session), 'Write: (await ctx.session()).data'],
    ['spreading', (ctx) => ({ ...ctx.session }), 'Write: (await ctx.session()).data'],
    ['text', (ctx) => `${ctx.session}`, 'Write: (await ctx.session()).toString'],
    ['freezing', (ctx) => Object.freeze(ctx.session), 'Write: ctx.session()'],
    ['another prototype', (ctx) => Object.setPrototypeOf(ctx.session, {}), 'Write: ctx.session()'],
    [
      'assigning',
      (ctx) => {
        ctx.session = { user: 'mallory' }
      },
      'ctx.session cannot be assigned. Write: await ctx.session().set({ … })',
    ],
    [
      'null',
      (ctx) => {
        ctx.session = null
      },
      'ctx.session cannot be assigned. Write: await ctx.session().destroy()',
    ],
    ['assigning in sloppy code', sloppy('ctx.session = { user: 1 }'), 'set({ … })'],
    ['null in sloppy code', sloppy('ctx.session = null'), 'destroy()'],
    ['writing in sloppy code', sloppy('ctx.session.user = 1'), "set('user', value)"],
    ['deleting in sloppy code', sloppy('delete ctx.session.user'), "unset('user')"],
    [
      'assigning on the prototype',
      (ctx) => {
        ctx.app.context.session = () => {}
      },
      'ctx.session cannot be assigned',
    ],
    [
      'calling it without its context',
      (ctx) => {
        const { session } = ctx
        session()
      },
      'Write: ctx.session()',
    ],
    [
      'a field of a handle',
      (ctx) => {
        if (ctx.session().banned) ctx.throw(403)
      },
      'Write: (await session).banned',
    ],
    ['a field of a chain', (ctx) => ctx.session().set('a', 1).banned, 'Write: (await session).banned'],
    ['a member of a loaded session', (ctx) => ctx.session().isNew, 'Write: (await session).isNew'],
    ['a field of what is read again', (ctx) => ctx.session().update().banned, 'Write: (await session).banned'],
    ['in a handle', (ctx) => 'banned' in ctx.session(), 'Write: (await session).banned'],
    ['a handle as JSON', (ctx) => JSON.stringify({ session: ctx.session() }), 'Write: (await session).data'],
    [
      'assigning to a handle',
      (ctx) => {
        ctx.session().user = 1
      },
      "A session can't be assigned to. Write: await session.set('user', value)",
    ],
    ['assigning to a handle in sloppy code', sloppy('ctx.session().user = 1'), "await session.set('user', value)"],
    [
      'assigning to a chain',
      (ctx) => {
        ctx.session().set('a', 1).user = 1
      },
      "await session.set('user', value)",
    ],
  ]

  it.each(WRONG)(
    '%s throws an error with the line to write, and nobody has anything of another',
    async (_, wrong, message) => {
      const [alice, bob] = [app.visitor(), app.visitor()]
      await alice.fetch('/login')
      let thrown: unknown
      use = async (ctx) => {
        try {
          await wrong(ctx)
        } catch (error) {
          thrown = error
          throw error
        }
      }
      expect((await alice.fetch('/use')).status).toBe(500)
      expect(thrown).toBeInstanceOf(SessionUsageError)
      expect((thrown as Error).message).toContain(message)
      expect((thrown as Error).message).not.toMatch(/p4ss|mallory/)
      expect(await bob.json('/')).toEqual({})
      expect(await alice.json('/')).toMatchObject({ user: 'alice', name: 'Alice' })
    },
  )

  it('can be called, compared, awaited and printed, by whatever prints values', async () => {
    const seen: unknown[] = []
    use = async (ctx) => {
      const { session } = ctx
      seen.push(typeof session, session instanceof Function, session === ctx.session, !!session)
      seen.push(
        inspect(session),
        format('%o', session).includes('Function'),
        inspect(session, { showProxy: true }).length > 0,
      )
      seen.push(JSON.stringify({ session, a: 1 }), isDeepStrictEqual(session, session), (await session) === session)
      seen.push(
        inspect(ctx).length > 0,
        inspect(ctx.app.context, { customInspect: false }).length > 0,
        JSON.stringify(ctx).includes('session'),
      )
      const handle = ctx.session()
      seen.push(
        inspect(handle),
        inspect(handle.set('a', 1)),
        `${handle}`,
        handle instanceof Object,
        handle.constructor.name,
      )
      seen.push(inspect(handle, { customInspect: false, showHidden: true }).length > 0)
      for (const name of ['asymmetricMatch', '$$typeof', 'nodeType', 'tagName']) {
        seen.push(session[name], handle[name], name in session, name in handle)
      }
      // How a test runner compares and prints what differs.
      for (const value of [session, handle, handle.set('b', 2), await handle]) {
        expect(value).toBe(value)
        expect(value).toEqual(value)
        // Printing a function asks for its name, which is a field of many sessions.
        if (value !== session) expect(() => expect(value).toEqual({ other: 1 })).toThrow(/expected/)
      }
    }
    const visitor = app.visitor()
    const answer = await visitor.text('/use')
    expect(app.errors).toEqual([])
    expect(JSON.parse(answer)).toEqual({ a: 1, b: 2 })
    expect(seen).toEqual([
      ...['function', true, true, true],
      ...[expect.stringContaining('Function'), true, true],
      ...['{"a":1}', true, true],
      ...[true, true, false],
      ...['SessionHandle {}', 'SessionChain {}', '[object Object]', true, 'Handle'],
      true,
      ...Array.from({ length: 4 }, () => [undefined, undefined, false, false]).flat(),
    ])
  })

  it('a loaded session is asked as any object, and a field that it lacks is undefined', async () => {
    const seen: unknown[] = []
    use = async (ctx) => {
      const session = await ctx.session()
      seen.push(session.banned, 'banned' in session, session.nested?.deeper, 'set' in session, 'toString' in session)
      const stored = await session.set('field', 1)
      const own = ['hasOwnProperty', 'propertyIsEnumerable'].map((method) => [
        stored[method]('field'),
        stored[method]('set'),
      ])
      seen.push(own, `${stored}`, stored.valueOf() === stored)
      seen.push(inspect(session), inspect({ session }, { showProxy: true }).length > 0)
    }
    await app.visitor().fetch('/use')
    expect(app.errors).toEqual([])
    expect(seen).toEqual([
      ...[undefined, false, undefined, true, true],
      Array(2).fill([true, false]),
      ...['[object Object]', true],
      ...['Session { field: 1 }', true],
    ])
  })

  const CHANGES: [string, string][] = [
    ['s.user.role = "guest"', "session.user.role is read-only. Write: await session.set('user.role', value)"],
    ['s.user.new = 1', "session.user.new is read-only. Write: await session.set('user.new', value)"],
    ['s.user.likes.tea++', "await session.set('user.likes.tea', value)"],
    ['delete s.user.role', "session.user.role is read-only. Write: await session.unset('user.role')"],
    ['Object.assign(s.user, { role: 1 })', "await session.set('user.role', value)"],
    ['Object.defineProperty(s.user, "role", { value: 1 })', "await session.set('user.role', value)"],
    ['s.user[Symbol("mine")] = 1', 'What a session shows is read-only. Write: await session.set(path, value)'],
    ['s.user["mallory@example.com"] = 1', 'What a session shows is read-only. Write: await session.set(path, value)'],
    ['s.list.push(4)', "session.list is read-only. Write: await session.push('list', value)"],
    ['s.list.unshift(4)', "await session.set('list', [value, ...list])"],
    ['s.list.pop()', "await session.pop('list')"],
    ['s.list.shift()', "await session.pop('list', -1)"],
    ['s.list.splice(0, 1)', "await session.pull('list', value)"],
    ['s.list.sort()', "await session.set('list', [...list].sort())"],
    ['s.list.reverse()', "await session.set('list', [...list].reverse())"],
    ['s.list.fill(0)', "await session.set('list', [...list].fill(value))"],
    ['s.list.copyWithin(0, 1)', "await session.set('list', [...list])"],
    ['s.list.length = 0', "session.list is read-only. Write: await session.pushAll('list', [], { slice })"],
    ['s.list[0] = 4', "await session.set('list.0', value)"],
    ['s.cart[0].qty = 2', "session.cart.0.qty is read-only. Write: await session.set('cart.0.qty', value)"],
    ['s.cart.find((item) => item.id === 7).qty = 2', "await session.set('cart.0.qty', value)"],
    ['Array.prototype.push.call(s.list, 4)', "await session.set('list.3', value)"],
    ['s.views = 2', "session.views is read-only. Write: await session.set('views', value)"],
    ['delete s.views', "session.views is read-only. Write: await session.unset('views')"],
  ]

  it.each(
    CHANGES.flatMap(([line, message]) => [
      [line, 'strict', message],
      [line, 'sloppy', message],
    ]),
  )('of a loaded session, %s throws in %s code with the command, and changes nothing', async (line, mode, message) => {
    const change = new Function('s', `${mode === 'strict' ? "'use strict';" : ''}${line}`)
    const fields = {
      user: { role: 'admin', likes: { tea: 1 } },
      list: [3, 1, 2],
      cart: [{ id: 7, qty: 1 }],
      views: 1,
    }
    let thrown: unknown
    use = async (ctx) => {
      const session = await ctx.session().set(fields)
      try {
        change(session)
      } catch (error) {
        thrown = error
      }
      expect(session.data).toEqual(fields)
    }
    const visitor = app.visitor()
    expect(await visitor.json('/use')).toEqual(fields)
    expect(thrown).toBeInstanceOf(SessionUsageError)
    expect((thrown as Error).message).toContain(message)
    expect((thrown as Error).message).not.toMatch(/mallory/)
    expect(await visitor.json('/')).toEqual(fields)
  })

  it('what is within a loaded session reads, compares, copies and prints as plain objects and lists do', async () => {
    const user = { name: 'Alice', tags: ['b', 'a'], at: { x: 1 } }
    const seen: unknown[] = []
    use = async (ctx) => {
      const session = await ctx.session().set({ user, list: [3, 1, 2], rows: [{ id: 1 }] })
      assert.deepStrictEqual(session.user, user)
      expect(session.user).toEqual(user)
      expect(Object.getPrototypeOf(session.user)).toBe(Object.prototype)
      const { user: again } = session
      seen.push(again === session.user, again.tags === session.user.tags)
      seen.push(Array.isArray(session.list), Object.isFrozen(session.user))
      seen.push([...session.list].sort(), session.list.map(String), session.list.concat(4), session.list.includes(3))
      seen.push({ ...session.user }, JSON.stringify(session.user), inspect(session.user), `${session.list}`)
      seen.push(
        'name' in session.user,
        Object.keys(session.user),
        session.rows.find((row: Loose) => row.id === 1),
      )
      seen.push(structuredClone(session.data), structuredClone(session.toJSON().user))
      // Decision 23: V8 clones no Proxy, and says so. What is plain is session.data.
      expect(() => structuredClone(session)).toThrow('could not be cloned')
      // What was shown can be stored again, and shows under its new name.
      await session.set('copy', session.user).rename('rows', 'lines')
      expect(() => {
        session.lines[0].id = 2
      }).toThrow("session.set('lines.0.id', value)")
      seen.push(session.copy)
    }
    await app.visitor().fetch('/use')
    expect(app.errors).toEqual([])
    expect(seen).toEqual([
      ...[true, true],
      ...[true, true],
      ...[[1, 2, 3], ['3', '1', '2'], [3, 1, 2, 4], true],
      ...[user, JSON.stringify(user), inspect(user), '3,1,2'],
      ...[true, ['name', 'tags', 'at'], { id: 1 }],
      ...[{ user, list: [3, 1, 2], rows: [{ id: 1 }] }, user],
      user,
    ])
  })

  it('is seen under the name of the option property, which the errors say', async () => {
    const other = new TestApp(KoaClass)
    atomicSession(other.koa, { store: memory(), property: 'visit' })
    other.koa.use((ctx: Loose) => {
      ctx.visit.user = 1
    })
    await other.listen()
    await other.visitor().fetch('/')
    expect(other.errors[0]?.message).toBe(
      "ctx.visit is a function. Write: await ctx.visit().set('user', value) (or leave the code as it is, over koa-atomic-session/classic)",
    )
    await other.close()
  })
})

describe('beside koa-session', () => {
  const require = createRequire(import.meta.url)
  it.each([
    ['imported', koaSession],
    ['required', require('koa-session').default ?? require('koa-session')],
  ])('%s, which is installed after it, is refused at start, and it before us', (_, install) => {
    const after = new Koa()
    atomicSession(after, { store: memory() })
    const refused = 'Another middleware has taken ctx.session since atomicSession() was called'
    expect(() => after.use(install(after))).toThrow(refused)
    expect(() => after.use(() => {})).toThrow(SessionUsageError)
    expect(() => after.callback()).toThrow(refused)
    expect(() => after.listen()).toThrow(refused)
    const before = new Koa()
    before.use(install(before))
    expect(() => atomicSession(before, { store: memory() })).toThrow(
      'ctx.session belongs to another middleware already',
    )
  })

  it('is refused at start over classic, too, where it would take ctx.session in silence', () => {
    const app = new Koa()
    classic(app, atomicSession(app, { store: memory(), property: 'atomic' }))
    const install = koaSession(app)
    const refused = 'Another middleware has taken ctx.session since classic() was called: remove it'
    expect(() => app.use(install)).toThrow(refused)
    expect(() => app.callback()).toThrow(SessionUsageError)
    expect(() => app.listen()).toThrow(refused)
    const between = new Koa()
    const sessions = atomicSession(between, { store: memory(), property: 'atomic' })
    between.use(koaSession(between))
    expect(() => classic(between, sessions)).toThrow('ctx.session belongs to another middleware already: remove it')
  })

  it('under another name each has a session of its own', async () => {
    const app = new TestApp()
    atomicSession(app.koa, { store: memory(), property: 'visit' })
    app.koa.use(koaSession(app.koa))
    app.koa.use(async (ctx: Loose) => {
      ctx.session.n = (ctx.session.n ?? 0) + 1
      ctx.body = [ctx.session.n, (await ctx.visit().inc('n', 10)).n]
    })
    await app.listen()
    const [alice, bob] = [app.visitor(), app.visitor()]
    await alice.fetch('/')
    expect([await alice.json('/'), await bob.json('/')]).toEqual([
      [2, 20],
      [1, 10],
    ])
    await app.close()
  })
})
