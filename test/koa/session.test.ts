import { inspect } from 'node:util'
import Koa3 from 'koa'
import { atomicSession, type KoaSessions } from 'koa-atomic-session'
import { memory } from 'koa-atomic-session/memory'
import Koa2 from 'koa2'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { counting, TestApp } from '../visitor.ts'

describe.each([
  ['2', Koa2 as unknown as typeof Koa3],
  ['3', Koa3],
])('a session on Koa %s', (_, Koa) => {
  let app: TestApp
  let store: ReturnType<typeof counting<ReturnType<typeof memory>>>
  let sessions: KoaSessions<object>
  // biome-ignore lint/suspicious/noExplicitAny: each test writes the handler that it needs
  let handler: (ctx: any) => unknown

  beforeEach(async () => {
    app = new TestApp(Koa)
    store = counting(memory())
    sessions = atomicSession(app.koa, { store })
    app.koa.use(async (ctx) => {
      ctx.body = { value: (await handler(ctx)) ?? null }
    })
    await app.listen()
  })
  afterEach(() => app.close())

  it('shows dates that can be spoilt for nobody', async () => {
    const visitor = app.visitor()
    const began = new Date(0)
    handler = (ctx) => ctx.session().set({ began, deep: { list: [began, { began }] } })
    await visitor.fetch('/')
    handler = async (ctx) => {
      const session = await ctx.session()
      for (const date of [session.began, session.deep.list[0], session.deep.list[1].began, session.data.began])
        date.setTime(1)
      expect(Object.isFrozen(session.deep.list[1])).toBe(true)
      return session.max('began', new Date(-1))
    }
    const data = { began: '1970-01-01T00:00:00.000Z' }
    await visitor.fetch('/')
    handler = (ctx) => ctx.session()
    expect((await visitor.json('/')).value).toEqual({ ...data, deep: { list: [data.began, data] } })
  })

  it('keeps what its commands did', async () => {
    const visitor = app.visitor()
    handler = async (ctx) => {
      const session = await ctx.session()
      await session.set('user', { name: 'Zoë' }).push('seen', '/').inc('views')
      return session
    }
    expect(await visitor.json('/')).toEqual({ value: { user: { name: 'Zoë' }, seen: ['/'], views: 1 } })
    expect(await visitor.json('/')).toEqual({ value: { user: { name: 'Zoë' }, seen: ['/', '/'], views: 2 } })
  })

  it('is the same for every caller in a request, read once', async () => {
    const visitor = app.visitor()
    handler = (ctx) => ctx.session().inc('views')
    await visitor.fetch('/')
    store.calls.length = 0
    handler = async (ctx) => {
      const [a, b] = await Promise.all([ctx.session(), ctx.session()])
      const [once, again] = [ctx.session(), ctx.session()]
      return a === b && once === again && a === (await sessions.of(ctx))
    }
    expect(await visitor.json('/')).toEqual({ value: true })
    expect(store.calls).toEqual(['load'])
  })

  it('applies chains in the order in which they were written, awaited or not', async () => {
    handler = async (ctx) => {
      const session = ctx.session()
      session.push('log', 1)
      session.push('log', 2)
      const loaded = await session.push('log', 3)
      loaded.push('log', 4)
      void ctx.session().push('log', 5)
      return (await ctx.session()).log
    }
    expect(await app.visitor().json('/')).toEqual({ value: [1, 2, 3, 4, 5] })
  })

  it('settles chains that nobody awaits before the response ends', async () => {
    const visitor = app.visitor()
    handler = (ctx) => {
      ctx.session().set('a', 1).push('l', 'x')
      setTimeout(() => {}, 0)
    }
    await visitor.fetch('/')
    handler = async (ctx) => await ctx.session()
    expect(await visitor.json('/')).toEqual({ value: { a: 1, l: ['x'] } })
  })

  it('makes the failure of a chain that nobody awaits the failure of the request', async () => {
    const visitor = app.visitor()
    handler = (ctx) => ctx.session().set('text', 'x')
    await visitor.fetch('/')
    handler = (ctx) => void ctx.session().inc('text')
    expect((await visitor.fetch('/')).status).toBe(500)
    expect(app.errors).toMatchObject([{ code: 'ERR_SESSION_TYPE', path: 'text', command: 'inc' }])
  })

  it('leaves the failure of a chain that somebody watches to them', async () => {
    const visitor = app.visitor()
    handler = (ctx) => ctx.session().set('text', 'x')
    await visitor.fetch('/')
    handler = (ctx) =>
      ctx
        .session()
        .inc('text')
        .catch((error: { code: string }) => error.code)
    expect(await visitor.json('/')).toEqual({ value: 'ERR_SESSION_TYPE' })
    expect(app.errors).toEqual([])
  })

  it('applies nothing of a chain that could not be written to its end', async () => {
    const visitor = app.visitor()
    handler = (ctx) => ctx.session().set('a', 1).inc('a.b')
    expect((await visitor.fetch('/')).status).toBe(500)
    expect(app.errors).toMatchObject([{ code: 'ERR_SESSION_CONFLICT' }])
    expect(store.calls).toEqual([])
  })

  it('shows data read-only, with an error that names the command to use', async () => {
    handler = async (ctx) => {
      const session = await ctx.session().set('views', 1).set('user', { name: 'x' })
      const messages: string[] = []
      const attempts = [
        () => {
          session.views = 2
        },
        () => {
          session.fresh = 1
        },
        () => {
          session.maxAge = 1
        },
        () => {
          delete session.views
        },
        () => {
          session.user.name = 'y'
        },
      ]
      for (const attempt of attempts) {
        try {
          attempt()
        } catch (error) {
          messages.push((error as Error).message)
        }
      }
      return [messages, session]
    }
    const [messages, data] = (await app.visitor().json('/')).value
    expect(messages).toEqual([
      "session.views is read-only. Write: await session.set('views', value)",
      "session.fresh is read-only. Write: await session.set('fresh', value)",
      'session.maxAge is read-only. Write: await session.touch(maxAge)',
      "session.views is read-only. Write: await session.unset('views')",
      "session.user.name is read-only. Write: await session.set('user.name', value)",
    ])
    expect(data).toEqual({ views: 1, user: { name: 'x' } })
  })

  it('has its data as own, enumerable properties', async () => {
    handler = async (ctx) => {
      const session = await ctx.session().set({ a: 1, length: 'text', name: true })
      return {
        keys: Object.keys(session),
        spread: { ...session },
        has: ['a' in session, 'b' in session, Object.hasOwn(session, 'a')],
        missing: [session.b === undefined, session.constructor === Object],
        length: session.length,
        inspected: inspect(session),
        json: JSON.stringify(session),
      }
    }
    const data = { a: 1, length: 'text', name: true }
    expect((await app.visitor().json('/')).value).toEqual({
      keys: Object.keys(data),
      spread: data,
      has: [true, false, true],
      missing: [true, false],
      length: 'text',
      inspected: `Session ${inspect(data)}`,
      json: JSON.stringify(data),
    })
  })

  it.each(['id', 'then', 'data', 'update', 'expires', ...Object.getOwnPropertyNames(Object.prototype)])(
    "refuses '%s' as a key of its data",
    async (key) => {
      handler = async (ctx) => {
        await ctx.session().set(key, 1)
      }
      expect((await app.visitor().fetch('/')).status).toBe(400)
      expect(app.errors).toMatchObject([{ code: 'ERR_SESSION_PATH', path: key }])
      expect(store.calls).toEqual([])
    },
  )

  it('knows its times and its name', async () => {
    const visitor = app.visitor()
    handler = async (ctx) => {
      const { id, created, expires, maxAge, isNew } = await ctx.session()
      return { id, created, expires, maxAge, isNew }
    }
    expect((await visitor.json('/')).value).toEqual({ maxAge: 14 * 86_400_000, isNew: true })
    const read = handler
    handler = (ctx) => ctx.session().set('a', 1)
    await visitor.fetch('/')
    handler = read
    const { id, created, expires, isNew } = (await visitor.json('/')).value
    expect(id).toMatch(/^[\w-]{22}$/)
    expect(isNew).toBe(false)
    expect(Date.parse(expires) - Date.parse(created)).toBe(14 * 86_400_000)
  })

  it('update() shows what other requests did: removed keys go, new ones appear', async () => {
    const visitor = app.visitor()
    handler = (ctx) => ctx.session().set({ role: 'admin', n: 1 })
    await visitor.fetch('/')
    handler = async (ctx) => {
      if (ctx.path === '/beside') return ctx.session().unset('role').set('fresh', true)
      const session = await ctx.session()
      await visitor.fetch('/beside')
      const before = { ...session }
      await session.update()
      return [before, session]
    }
    expect((await visitor.json('/')).value).toEqual([
      { role: 'admin', n: 1 },
      { n: 1, fresh: true },
    ])
  })

  it('take() gives a value to exactly one of many requests', async () => {
    const visitor = app.visitor()
    handler = (ctx) => ctx.session().set('flash', 'saved')
    await visitor.fetch('/')
    handler = (ctx) => ctx.session().take('flash')
    const answers = await Promise.all(Array.from({ length: 20 }, () => visitor.json('/')))
    expect(answers.filter(({ value }) => value === 'saved')).toHaveLength(1)
  })

  it('if() applies its chain only where the value holds', async () => {
    const visitor = app.visitor()
    handler = (ctx) => ctx.session().set('step', 1)
    await visitor.fetch('/')
    handler = (ctx) => ctx.session().if('step', 1).set('step', 2)
    expect((await visitor.fetch('/')).status).toBe(200)
    expect((await visitor.fetch('/')).status).toBe(409)
    expect(app.errors).toMatchObject([{ code: 'ERR_SESSION_CONDITION', path: 'step', applied: false }])
  })

  it('destroy() removes it and its cookie; a command after it rejects', async () => {
    const visitor = app.visitor()
    handler = (ctx) => ctx.session().set('user', 1)
    await visitor.fetch('/')
    const stolen = visitor.header
    handler = async (ctx) => {
      const session = await ctx.session()
      await session.destroy()
      return session.set('user', 1).catch((error: { code: string }) => error.code)
    }
    expect(await visitor.json('/')).toEqual({ value: 'ERR_SESSION_GONE' })
    expect(visitor.cookies.size).toBe(0)
    handler = async (ctx) => (await ctx.session()).user
    expect(await visitor.json('/', { headers: { cookie: stolen } })).toEqual({ value: null })
  })

  it('a log-out during a slow request stays a log-out', async () => {
    const visitor = app.visitor()
    handler = (ctx) => ctx.session().set('user', 1)
    await visitor.fetch('/')
    handler = async (ctx) => {
      if (ctx.path === '/logout') return ctx.session().destroy()
      const session = await ctx.session()
      if (ctx.path === '/slow') await visitor.fetch('/logout')
      await session.set('last', 'slow')
    }
    const cookie = visitor.header
    const slow = await visitor.fetch('/slow')
    expect(slow.status).toBe(409)
    // Another response may have set a better cookie meanwhile.
    expect(slow.headers.getSetCookie()).toEqual([])
    handler = async (ctx) => (await ctx.session()).user
    expect(await visitor.json('/', { headers: { cookie } })).toEqual({ value: null })
  })

  it('a touch passes over a session that was destroyed meanwhile', async () => {
    const visitor = app.visitor()
    handler = (ctx) => ctx.session().set('user', 1)
    await visitor.fetch('/')
    handler = async (ctx) => {
      if (ctx.path === '/logout') return ctx.session().destroy()
      const session = await ctx.session()
      await visitor.fetch('/logout')
      await session.touch()
    }
    expect((await visitor.fetch('/')).status).toBe(200)
  })

  it('a command with a valid cookie whose session is gone begins another one under a new name', async () => {
    const visitor = app.visitor()
    handler = async (ctx) => (await ctx.session().set('user', 1)).id
    const { value: first } = await visitor.json('/')
    const cookie = visitor.header
    handler = (ctx) => ctx.session().destroy()
    await visitor.fetch('/')
    handler = async (ctx) => {
      const session = await ctx.session().inc('n')
      return [session.id, session]
    }
    const [second, data] = (await visitor.json('/', { headers: { cookie } })).value
    expect(second).not.toBe(first)
    expect(data).toEqual({ n: 1 })
  })

  it('regenerate() leaves the old session behind and begins anew without data', async () => {
    const visitor = app.visitor()
    handler = (ctx) => ctx.session().set('user', 1)
    await visitor.fetch('/')
    const old = visitor.header
    handler = async (ctx) => {
      const session = await ctx.session()
      const before = session.id
      await session.regenerate()
      const empty = { ...session }
      await session.set('user', 2)
      return [empty, session, before !== session.id]
    }
    expect((await visitor.json('/')).value).toEqual([{}, { user: 2 }, true])
    handler = async (ctx) => (await ctx.session()).user
    expect(await visitor.json('/')).toEqual({ value: 2 })
    expect(await visitor.json('/', { headers: { cookie: old } })).toEqual({ value: null })
  })

  it('rotate() changes the secret, keeps name and data, in one update with its chain', async () => {
    const visitor = app.visitor()
    handler = async (ctx) => (await ctx.session().set('cart', [1])).id
    const { value: id } = await visitor.json('/')
    const old = visitor.header
    store.calls.length = 0
    handler = async (ctx) => {
      const session = await ctx.session().rotate().set('user', 7)
      return [session.id, session]
    }
    expect((await visitor.json('/')).value).toEqual([id, { cart: [1], user: 7 }])
    expect(store.calls).toEqual(['update'])
    handler = async (ctx) => (await ctx.session()).user
    expect(await visitor.json('/')).toEqual({ value: 7 })
    expect(await visitor.json('/', { headers: { cookie: old } })).toEqual({ value: null })
  })

  it('gives 100 first requests without a cookie 100 sessions', async () => {
    handler = async (ctx) => (await ctx.session().inc('n')).id
    const ids = await Promise.all(Array.from({ length: 100 }, async () => (await app.visitor().json('/')).value))
    expect(new Set(ids).size).toBe(100)
  })

  it('keeps a command whose handler then throws, and its cookie', async () => {
    const visitor = app.visitor()
    handler = async (ctx) => {
      await ctx.session().inc('n')
      ctx.throw(403, 'no')
    }
    expect((await visitor.fetch('/')).status).toBe(403)
    expect(visitor.cookies.size).toBe(1)
    handler = async (ctx) => (await ctx.session()).n
    expect(await visitor.json('/')).toEqual({ value: 1 })
  })
})
