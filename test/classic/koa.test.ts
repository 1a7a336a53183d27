import { inspect } from 'node:util'
import Koa3 from 'koa'
import { atomicSession, isSessionError, StoreError } from 'koa-atomic-session'
import { classic } from 'koa-atomic-session/classic'
import { memory } from 'koa-atomic-session/memory'
import Koa2 from 'koa2'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { counting, TestApp } from '../visitor.ts'
import { opened } from './servers.ts'

describe.each([
  ['2', Koa2 as unknown as typeof Koa3],
  ['3', Koa3],
])('ctx.session as an object on Koa %s', (_, Koa) => {
  let app: TestApp
  let store: ReturnType<typeof counting<ReturnType<typeof memory>>>
  // biome-ignore lint/suspicious/noExplicitAny: each test writes the handler that it needs
  let handler: (ctx: any) => unknown

  beforeEach(async () => {
    app = new TestApp(Koa)
    store = counting(memory())
    const sessions = atomicSession(app.koa, { store, property: 'atomic' })
    classic(app.koa, sessions, { counters: ['views'], lists: ['flash.*'] })
    app.koa.use(async (ctx) => {
      const value = await handler(ctx)
      if (ctx.respond !== false) ctx.body = { value: value ?? null }
    })
    await app.listen()
  })
  afterEach(() => app.close())

  /** What the session holds, as `ctx.atomic()` shows it. */
  const stored = async (visitor: ReturnType<TestApp['visitor']>) => {
    handler = async (ctx) => (await ctx.atomic()).data
    return (await visitor.json('/')).value
  }

  it('keeps what was assigned, for this visitor and no other', async () => {
    const [alice, bob] = [app.visitor(), app.visitor()]
    handler = (ctx) => {
      ctx.session.user = { name: 'alice', tags: ['a'] }
    }
    await alice.fetch('/')
    handler = (ctx) => ctx.session
    expect((await alice.json('/')).value).toEqual({ user: { name: 'alice', tags: ['a'] } })
    expect((await bob.json('/')).value).toEqual({})
    expect(bob.cookies.size).toBe(0)
    handler = (ctx) => {
      ctx.session.user.tags.push('b')
      ctx.session.user.name = 'Alice'
      delete ctx.session.user.missing
    }
    await alice.fetch('/')
    expect(await stored(alice)).toEqual({ user: { name: 'Alice', tags: ['a', 'b'] } })
    handler = (ctx) => {
      delete ctx.session.user
    }
    await alice.fetch('/')
    expect(await stored(alice)).toEqual({})
  })

  it('calls the store twice a request, once where nothing changed, and never where nobody has a session', async () => {
    const alice = app.visitor()
    handler = (ctx) => ctx.session.user
    await alice.fetch('/')
    expect(store.calls).toEqual([])
    handler = (ctx) => {
      ctx.session.views = (ctx.session.views ?? 0) + 1
    }
    await alice.fetch('/')
    expect(store.calls.splice(0)).toEqual(['create'])
    await alice.fetch('/')
    expect(store.calls.splice(0)).toEqual(['load', 'update'])
    handler = (ctx) => ctx.session.views
    await alice.fetch('/')
    expect(store.calls.splice(0)).toEqual(['load'])
    expect(await stored(alice)).toEqual({ views: 2 })
  })

  it('is an object as any other', async () => {
    const alice = app.visitor()
    handler = (ctx) => Object.assign(ctx.session, { list: [1], at: 5, deep: { a: { b: 1 } } })
    await alice.fetch('/')
    handler = (ctx) => {
      const { session } = ctx
      const named: string[] = []
      for (const name in session) named.push(name)
      expect(named).toEqual(['list', 'at', 'deep'])
      expect('list' in session).toBe(true)
      // biome-ignore lint/suspicious/noPrototypeBuiltins: as old code asks
      expect(session.hasOwnProperty('deep')).toBe(true)
      // biome-ignore lint/suspicious/noPrototypeBuiltins: as old code asks
      expect(session.propertyIsEnumerable('deep')).toBe(true)
      expect(structuredClone(session)).toEqual({ list: [1], at: 5, deep: { a: { b: 1 } } })
      expect({ ...session }).toEqual({ list: [1], at: 5, deep: { a: { b: 1 } } })
      expect(Object.entries(session)).toHaveLength(3)
      expect(inspect(session)).toBe('{ list: [ 1 ], at: 5, deep: { a: { b: 1 } } }')
      expect(JSON.parse(JSON.stringify(session))).toEqual({ list: [1], at: 5, deep: { a: { b: 1 } } })
      expect([session.length, session.populated, session.isNew]).toEqual([3, true, false])
      const user = { name: 'x' }
      session.user = user
      expect(session.user).toBe(user)
      user.name = 'y'
      return null
    }
    expect((await alice.json('/')).value).toBe(null)
    expect((await stored(alice)).user).toEqual({ name: 'y' })
  })

  it('is removed by null, and nothing of a request that was late brings it back', async () => {
    const alice = app.visitor()
    handler = (ctx) => Object.assign(ctx.session, { user: 'alice', views: 1 })
    await alice.fetch('/')
    const late = app.visitor()
    for (const [name, value] of alice.cookies) late.cookies.set(name, value)
    const gate = opened()
    const inside = opened()
    handler = async (ctx) => {
      if (ctx.path === '/late') {
        inside.open()
        await gate.promise
        ctx.session.views++
        return ctx.session.user
      }
      ctx.session = null
      return ctx.session
    }
    const answer = late.json('/late')
    await inside.promise
    expect((await alice.json('/out')).value).toBe(null)
    expect(alice.cookies.size).toBe(0)
    gate.open()
    expect((await answer).value).toBe('alice')
    expect(await stored(late)).toEqual({})
  })

  it('tells who waits for it that the session has ended', async () => {
    const alice = app.visitor()
    handler = (ctx) => Object.assign(ctx.session, { user: 'alice' })
    await alice.fetch('/')
    handler = async (ctx) => {
      expect(ctx.session.user).toBe('alice')
      await ctx.atomic().destroy()
      ctx.session.views = 1
      await ctx.session.save()
    }
    expect((await alice.fetch('/')).status).toBe(409)
    expect(app.errors.map(({ code }) => code)).toEqual(['ERR_SESSION_GONE'])
  })

  it('is replaced by an object, and goes on after null', async () => {
    const alice = app.visitor()
    handler = (ctx) => {
      ctx.session = { a: 1, b: { c: 1 } }
    }
    await alice.fetch('/')
    handler = (ctx) => {
      ctx.session = { ...ctx.session, a: 2 }
      ctx.session.b.c = 2
    }
    await alice.fetch('/')
    expect(await stored(alice)).toEqual({ a: 2, b: { c: 2 } })
    handler = async (ctx) => {
      ctx.session = null
      ctx.session = { d: 1 }
      await ctx.session.save()
    }
    await alice.fetch('/')
    expect(await stored(alice)).toEqual({ d: 1 })
    handler = (ctx) => {
      expect(() => {
        ctx.session = 'text'
      }).toThrow('ctx.session can only be set to an object, or to null')
    }
    await alice.fetch('/')
    expect(app.errors).toEqual([])
  })

  it('has an idle time of its own', async () => {
    const alice = app.visitor()
    handler = (ctx) => {
      ctx.session.user = 'alice'
      ctx.session.maxAge = 60_000
      return ctx.session.maxAge
    }
    const response = await alice.fetch('/')
    expect(response.headers.getSetCookie()[0]).toContain('Max-Age=60')
    handler = (ctx) => ctx.session.maxAge
    expect((await alice.json('/')).value).toBe(60_000)
    handler = (ctx) => {
      ctx.session.maxAge = 'session'
    }
    await alice.fetch('/')
    handler = (ctx) => ctx.session.maxAge
    expect((await alice.json('/')).value).toBe(14 * 24 * 3600 * 1000)
  })

  it('gets a new secret by regenerate(), together with what is saved, and keeps its data', async () => {
    const alice = app.visitor()
    handler = (ctx) => {
      ctx.session.cart = 1
    }
    await alice.fetch('/')
    const before = alice.header
    const thief = app.visitor()
    thief.cookies.set('sid', alice.cookies.get('sid')!)
    store.calls.splice(0)
    handler = async (ctx) => {
      await ctx.session.regenerate()
      ctx.session.user = 'alice'
      await ctx.session.save()
    }
    await alice.fetch('/')
    expect(store.calls).toEqual(['load', 'update'])
    expect(alice.header).not.toBe(before)
    expect(await stored(alice)).toEqual({ cart: 1, user: 'alice' })
    handler = (ctx) => ctx.session
    expect((await thief.json('/')).value).toEqual({})
  })

  it('lets somebody log in whose session has ended meanwhile, with nothing of it', async () => {
    const alice = app.visitor()
    handler = (ctx) => Object.assign(ctx.session, { secret: 'of before', user: { name: 'old' } })
    await alice.fetch('/')
    handler = async (ctx) => {
      expect(ctx.session.secret).toBe('of before')
      await ctx.atomic().destroy()
      await ctx.session.regenerate()
      ctx.session.user.name = 'changed'
      ctx.session.passport = { user: 1 }
      await ctx.session.save()
      ctx.session.more = 1
    }
    expect((await alice.fetch('/')).status).toBe(200)
    expect(await stored(alice)).toEqual({ passport: { user: 1 }, more: 1 })
  })

  it('lays changes over what others did meanwhile', async () => {
    const alice = app.visitor()
    handler = (ctx) => Object.assign(ctx.session, { form: { a: 1, b: 2 }, views: 1, list: [1, 2], role: 'admin' })
    await alice.fetch('/')
    handler = async (ctx) => {
      const { session } = ctx
      session.form.a = 9
      session.views++
      session.list.reverse()
      await ctx.atomic().set('form.b', 3).inc('views', 10).push('list', 3).unset('role')
    }
    await alice.fetch('/')
    expect(await stored(alice)).toEqual({ form: { a: 9, b: 3 }, views: 12, list: [2, 1, 3] })
    expect(app.errors).toEqual([])
  })

  it('changes in place what an earlier save() has stored, so what others did within it stays', async () => {
    const alice = app.visitor()
    handler = (ctx) => Object.assign(ctx.session, { read: { a: 1, b: 2 } })
    await alice.fetch('/')
    handler = async (ctx) => {
      const { session } = ctx
      session.assigned = { a: 1, b: 2 }
      session.read.a = 5
      await session.save()
      await ctx.atomic().set({ 'assigned.b': 3, 'read.b': 3 })
      session.assigned.a = 9
      session.read.a = 9
    }
    await alice.fetch('/')
    expect(await stored(alice)).toEqual({ assigned: { a: 9, b: 3 }, read: { a: 9, b: 3 } })
  })

  it('does as JSON.stringify with what is no JSON', async () => {
    const alice = app.visitor()
    class Money {
      #cents = 5
      currency = 'EUR'
      get cents() {
        return this.#cents
      }
    }
    handler = (ctx) => {
      Object.assign(ctx.session, {
        money: new Money(),
        call: () => 1,
        nan: Number.NaN,
        none: undefined,
        map: new Map([[1, 2]]),
        date: new Date(0),
        list: [undefined, () => 1, Number.POSITIVE_INFINITY],
        text: new String('x'),
        custom: { toJSON: (key: string) => `as ${key}` },
        'a.b': { $c: 1, constructor: 2 },
        id: 7,
        _private: 1,
      })
    }
    await alice.fetch('/')
    handler = (ctx) => ctx.session
    const shown = {
      money: { currency: 'EUR' },
      nan: null,
      map: {},
      date: '1970-01-01T00:00:00.000Z',
      list: [null, null, null],
      text: 'x',
      custom: 'as custom',
      'a.b': { $c: 1, constructor: 2 },
      id: 7,
    }
    expect((await alice.json('/')).value).toEqual(shown)
    expect(Object.keys(await stored(alice)).slice(-2)).toEqual(['a%2Eb', '%69d'])
    handler = (ctx) => {
      ctx.session['a.b'].$c++
      delete ctx.session.id
    }
    await alice.fetch('/')
    const { id: _, ...others } = shown
    handler = (ctx) => ctx.session
    expect((await alice.json('/')).value).toEqual({ ...others, 'a.b': { $c: 2, constructor: 2 } })
  })

  it.each([
    [
      'a cycle',
      {
        in: (() => {
          const a: Record<string, unknown> = {}
          a.b = { a }
          return a
        })(),
      },
      'in.b.a',
      400,
    ],
    ['a BigInt', { in: [1n] }, 'in.0', 400],
    ['a NUL character', { in: { 'a.b': 'x\0' } }, 'in.a.b', 400],
    ['a lone surrogate', { in: '\ud800' }, 'in', 400],
    ['100 KiB', { in: 'x'.repeat(102_400) }, undefined, 413],
    ['a method of the session', { toJSON: 1 }, 'toJSON', 400],
  ])('refuses %s with a typed error, and keeps the session as it was', async (_, fields, path, status) => {
    const alice = app.visitor()
    handler = (ctx) => {
      ctx.session.before = 1
    }
    await alice.fetch('/')
    handler = async (ctx) => {
      Object.assign(ctx.session, { good: 1 }, fields)
      const error = await ctx.session.save().then(
        () => undefined,
        (error: unknown) => error,
      )
      expect(isSessionError(error)).toBe(true)
      expect(error).toMatchObject(path === undefined ? { status } : { status, path })
    }
    const response = await alice.fetch('/')
    // Nobody took it out again, so that the request can't end well.
    expect(response.status).toBe(status)
    expect(await stored(alice)).toEqual({ before: 1 })
  })

  it('is stored before anything of the response leaves', async () => {
    const alice = app.visitor()
    handler = (ctx) => {
      ctx.respond = false
      ctx.session.user = 'alice'
      ctx.res.writeHead(200, { 'content-type': 'text/plain' })
      ctx.res.write('one ')
      ctx.session.more = 1
      ctx.res.end('two')
    }
    const response = await alice.fetch('/')
    expect(await response.text()).toBe('one two')
    expect(await stored(alice)).toEqual({ user: 'alice', more: 1 })
  })

  it('is an error only for who looks when the store is down, and stored when the handler fails', async () => {
    const alice = app.visitor()
    handler = (ctx) => {
      ctx.session.tries = 1
      throw Object.assign(new Error('of the handler'), { status: 418 })
    }
    expect((await alice.fetch('/')).status).toBe(418)
    expect(await stored(alice)).toEqual({ tries: 1 })
    const { load } = store
    Object.assign(store, { load: () => Promise.reject(new StoreError('memory', 'is down', false)) })
    handler = () => 'page'
    expect((await alice.fetch('/')).status).toBe(200)
    handler = (ctx) => ctx.session.user
    expect((await alice.fetch('/')).status).toBe(503)
    Object.assign(store, { load })
    expect(await stored(alice)).toEqual({ tries: 1 })
  })
})

describe('changes that meet others again and again', () => {
  it('are given up with 409 in the end, and nothing of them is stored', async () => {
    const store = memory()
    const { update } = store
    const app = new TestApp()
    classic(app.koa, atomicSession(app.koa, { store, property: 'atomic' }))
    let refuse = false
    // As a store answers to which somebody else was faster each time.
    store.update = async (access, change) =>
      refuse ? { outcome: 'refused', problem: { kind: 'condition', path: 'form.b' } } : update(access, change)
    // biome-ignore lint/suspicious/noExplicitAny: the session of a test
    app.koa.use((ctx: any) => {
      if (ctx.path === '/') ctx.session.form = { a: 1, b: 2 }
      if (ctx.path === '/change') ctx.session.form.a = 9
      ctx.body = ctx.session
    })
    await app.listen()
    const visitor = app.visitor()
    await visitor.fetch('/')
    refuse = true
    expect((await visitor.fetch('/change')).status).toBe(409)
    refuse = false
    expect(await visitor.json('/look')).toEqual({ form: { a: 1, b: 2 } })
    expect(app.errors.map(({ code }) => code)).toEqual(['ERR_SESSION_CONDITION'])
    await app.close()
  })
})

describe('while developing', () => {
  it('a field that goes up by one again and again is named, once', async () => {
    const warnings: Error[] = []
    const note = (warning: Error) => warnings.push(warning)
    process.on('warning', note)
    const app = new TestApp()
    classic(app.koa, atomicSession(app.koa, { store: memory(), property: 'atomic' }), { counters: ['views'] })
    // biome-ignore lint/suspicious/noExplicitAny: the session of a test
    app.koa.use((ctx: any) => {
      const { session } = ctx
      session.views = (session.views ?? 0) + 1
      session.clicks = (session.clicks ?? 0) + 1
      session.page = (session.page ?? 0) + 2
      ctx.body = ''
    })
    await app.listen()
    const visitor = app.visitor()
    for (let i = 0; i < 8; i++) await visitor.fetch('/')
    process.off('warning', note)
    expect(warnings.map(({ message }) => message)).toEqual([expect.stringContaining("counters: ['clicks']")])
    await app.close()
  })
})

describe('classic()', () => {
  it('says what is wrong when the application starts', () => {
    const app = new Koa3()
    const sessions = atomicSession(app, { store: memory() })
    expect(() => classic(app, sessions)).toThrow("pass { property: 'atomic' }")
    const other = new Koa3()
    const atomic = atomicSession(other, { store: memory(), property: 'atomic' })
    // @ts-expect-error: no such option
    expect(() => classic(other, atomic, { counter: ['views'] })).toThrow("no option 'counter'")
    expect(() => classic(other, atomic, { counters: 'views' as never })).toThrow('a list of paths')
    classic(other, atomic)
    expect(() => classic(other, atomic)).toThrow('ctx.session belongs to another middleware')
  })
})
