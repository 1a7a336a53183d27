import Koa from 'koa'
import { atomicSession, SessionUsageError, StoreError } from 'koa-atomic-session'
import { classic } from 'koa-atomic-session/classic'
import { memory } from 'koa-atomic-session/memory'
import compose from 'koa-compose'
import mount from 'koa-mount'
import koaSession from 'koa-session'
import Koa2 from 'koa2'
import { afterEach, describe, expect, it } from 'vitest'
import { KEY, TestApp } from '../visitor.ts'

// biome-ignore lint/suspicious/noExplicitAny: contexts of applications that are mounted in each other
type Loose = any
type Next = () => Promise<unknown>

let app: TestApp
afterEach(() => app.close())

const made = (KoaClass: typeof Koa = Koa) => {
  const inner = new KoaClass()
  inner.keys = [KEY]
  return inner
}
const counts = async (ctx: Loose) => {
  ctx.body = String((await ctx.session().inc('n')).n)
}
const WAYS: [string, (inner: Koa) => Koa.Middleware][] = [
  ['koa-mount', (inner) => mount('/inner', inner)],
  ['compose(inner.middleware)', (inner) => compose(inner.middleware) as Koa.Middleware],
]

describe.each([
  ['Koa 3', Koa],
  ['Koa 2', Koa2 as unknown as typeof Koa],
])('a mounted application on %s', (_, KoaClass) => {
  it.each(WAYS)('has its own sessions, by %s, each visitor theirs', async (_, mounted) => {
    app = new TestApp(KoaClass)
    const inner = made(KoaClass)
    atomicSession(inner, { store: memory() })
    inner.use(counts)
    app.koa.use(mounted(inner))
    await app.listen()
    const [alice, bob] = [app.visitor(), app.visitor()]
    expect([await alice.text('/inner'), await alice.text('/inner'), await bob.text('/inner')]).toEqual(['1', '2', '1'])
    expect(app.errors).toEqual([])
  })

  it.each(WAYS)('uses the sessions of the outer one, by %s', async (_, mounted) => {
    app = new TestApp(KoaClass)
    const inner = new KoaClass()
    inner.use(counts)
    atomicSession(app.koa, { store: memory() })
    app.koa.use(mounted(inner))
    await app.listen()
    const alice = app.visitor()
    expect([await alice.text('/inner'), await alice.text('/inner')]).toEqual(['1', '2'])
  })

  it.each(WAYS)('guards ctx.session there, too, by %s', async (_, mounted) => {
    app = new TestApp(KoaClass)
    const inner = made(KoaClass)
    atomicSession(inner, { store: memory() })
    inner.use((ctx: Loose) => {
      ctx.session.user = 'mallory'
    })
    app.koa.use(mounted(inner))
    await app.listen()
    expect((await app.visitor().fetch('/inner')).status).toBe(500)
    expect(app.errors[0]).toBeInstanceOf(SessionUsageError)
    expect(app.errors[0]?.message).toContain("Write: await ctx.session().set('user', value)")
  })

  it.each(WAYS)('has ctx.session as an object over classic, by %s', async (_, mounted) => {
    app = new TestApp(KoaClass)
    const inner = made(KoaClass)
    classic(inner, atomicSession(inner, { store: memory(), property: 'atomic' }), { counters: ['n'] })
    inner.use(async (ctx: Loose) => {
      ctx.session.n = (ctx.session.n ?? 0) + 1
      ctx.body = [ctx.session.n, (await ctx.atomic()).n ?? 0]
    })
    app.koa.use(mounted(inner))
    await app.listen()
    const [alice, bob] = [app.visitor(), app.visitor()]
    await alice.fetch('/inner')
    expect([await alice.json('/inner'), await bob.json('/inner')]).toEqual([
      [2, 1],
      [1, 0],
    ])
    expect(app.errors).toEqual([])
  })
})

describe('applications that are mounted in each other', () => {
  it.each([
    ['one cookie name', {}, {}, "The cookie 'sid' belongs to the atomicSession of an application that this one"],
    ['one cookie name under two properties', {}, { property: 'b' }, "The cookie 'sid' belongs to"],
    ['one property', {}, { key: 'b' }, 'ctx.session belongs to the application that this one is mounted in'],
  ])('are refused with %s', async (_, outerOptions, innerOptions, message) => {
    app = new TestApp()
    const inner = made()
    atomicSession(inner, { store: memory(), ...innerOptions })
    inner.use((ctx) => {
      ctx.body = 'inner'
    })
    atomicSession(app.koa, { store: memory(), ...outerOptions })
    app.koa.use(mount('/inner', inner))
    app.koa.use(counts)
    await app.listen()
    const alice = app.visitor()
    expect((await alice.fetch('/inner')).status).toBe(500)
    expect(app.errors[0]).toBeInstanceOf(SessionUsageError)
    expect(app.errors[0]?.message).toContain(message)
    expect(await alice.text('/')).toBe('1')
  })

  it('have sessions of their own under two names', async () => {
    app = new TestApp()
    const inner = made()
    atomicSession(inner, { store: memory(), key: 'b', property: 'b' })
    inner.use(async (ctx: Loose) => {
      ctx.body = [(await ctx.session().inc('n')).n, (await ctx.b().inc('n', 10)).n]
    })
    atomicSession(app.koa, { store: memory() })
    app.koa.use(mount('/inner', inner))
    await app.listen()
    const [alice, bob] = [app.visitor(), app.visitor()]
    await alice.fetch('/inner')
    expect([await alice.json('/inner'), await bob.json('/inner')]).toEqual([
      [2, 20],
      [1, 10],
    ])
  })

  it('are refused where ctx.session belongs to koa-session in the outer one, also over classic', async () => {
    app = new TestApp()
    const [inner, object] = [made(), made()]
    atomicSession(inner, { store: memory() })
    classic(object, atomicSession(object, { store: memory(), key: 'b', property: 'atomic' }))
    app.koa.use(koaSession(app.koa))
    app.koa.use(mount('/inner', inner)).use(mount('/object', object))
    await app.listen()
    expect((await app.visitor().fetch('/inner')).status).toBe(500)
    expect((await app.visitor().fetch('/object')).status).toBe(500)
    expect(app.errors.map(({ message }) => message)).toEqual([
      expect.stringContaining('ctx.session belongs to the application that this one is mounted in'),
      expect.stringContaining('ctx.session belongs to the application that this one is mounted in'),
    ])
  })
})

describe('a failure of a chain that was not awaited', () => {
  const page = async (ctx: Loose, next: Next) => {
    try {
      await next()
    } catch (error) {
      ctx.status = (error as Loose).status ?? 500
      ctx.body = `our page: ${(error as Loose).code}`
    }
  }
  const broken = () => {
    const store = memory()
    const { update } = store
    let down = false
    store.update = (...args) =>
      down ? Promise.reject(new StoreError('memory', 'is down', false)) : update.apply(store, args)
    return { store, fail: () => (down = true) }
  }
  const handler = async (ctx: Loose, next: Next) => {
    if (ctx.path === '/before') ctx.session().inc('n')
    await next()
    if (ctx.path === '/') ctx.session().inc('n')
  }
  const answer = async (ctx: Loose) => {
    if (ctx.path === '/begin') await ctx.session().set('a', 'text')
    ctx.body = 'fine'
  }

  const ORDERS: [string, (koa: Koa, store: ReturnType<typeof memory>) => unknown][] = [
    [
      'before the sessions',
      (koa, store) => [koa.use(page), atomicSession(koa, { store }), koa.use(handler).use(answer)],
    ],
    ['after the sessions', (koa, store) => [atomicSession(koa, { store }), koa.use(page).use(handler).use(answer)]],
    [
      'in the application that the sessions are mounted in',
      (koa, store) => {
        const inner = made()
        atomicSession(inner, { store })
        inner.use(handler).use(answer)
        koa.use(page).use(compose(inner.middleware))
      },
    ],
    [
      'in the application that is mounted, after its sessions',
      (koa, store) => {
        const inner = made()
        atomicSession(inner, { store })
        inner.use(page).use(handler).use(answer)
        koa.use(compose(inner.middleware))
      },
    ],
  ]
  it.each(ORDERS)("reaches the application's own error page that stands %s", async (_, install) => {
    app = new TestApp()
    const { store, fail } = broken()
    install(app.koa, store)
    await app.listen()
    const alice = app.visitor()
    await alice.fetch('/begin')
    fail()
    for (const path of ['/', '/before']) {
      const response = await alice.fetch(path)
      expect([response.status, await response.text()]).toEqual([503, 'our page: ERR_SESSION_STORE'])
    }
    expect(app.errors).toEqual([])
  })

  it('fails the request also where what ran later had no failure', async () => {
    app = new TestApp()
    const { store, fail } = broken()
    atomicSession(app.koa, { store })
    app.koa.use(async (ctx: Loose, next: Next) => {
      await next()
      ctx.session().inc('more')
    })
    app.koa.use(async (ctx: Loose) => {
      await ctx.session()
      ctx.body = 'fine'
    })
    await app.listen()
    const alice = app.visitor()
    await alice.fetch('/')
    expect(await alice.text('/')).toBe('fine')
    fail()
    expect((await alice.fetch('/')).status).toBe(503)
  })

  it('changes nothing of what middleware returns, carries and is called', async () => {
    app = new TestApp()
    atomicSession(app.koa, { store: memory() })
    const returned: unknown[] = []
    app.koa.use(async (_: Loose, next: Next) => void returned.push(await next()))
    const router = Object.assign(
      async function routes(ctx: Loose) {
        ctx.session().inc('n')
        return 'what it returns'
      },
      { router: 'what it carries' },
    )
    app.koa.use(router)
    const last: Loose = app.koa.middleware.at(-1)
    expect([last.name, last.length, last.router]).toEqual(['routes', 1, 'what it carries'])
    app.koa.middleware.pop()
    app.koa.middleware.push(last)
    await app.listen()
    await app.visitor().fetch('/')
    expect(returned).toEqual(['what it returns'])
  })

  it('of a mounted application that comes too late is told to the listeners of the outer one', async () => {
    app = new TestApp()
    const { store, fail } = broken()
    const inner = made()
    inner.silent = true
    atomicSession(inner, { store })
    inner.use((ctx: Loose) => {
      ctx.session().inc('n')
      throw Object.assign(new Error('the own error'), { status: 418 })
    })
    app.koa.use(async (ctx: Loose, next: Next) => {
      if (ctx.path === '/begin') return
      fail()
      await next()
    })
    app.koa.use(compose(inner.middleware))
    await app.listen()
    expect((await app.visitor().fetch('/')).status).toBe(418)
    expect(app.errors.map(({ message }) => message)).toContain('the own error')
  })
})
