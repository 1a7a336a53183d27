// The sessions of express-session and koa-session for real: each old application is served, then the new one to the same visitors.
import type { RequestListener, Server } from 'node:http'
import { adoptExpressSession, adoptKoaSession } from 'koa-atomic-session/adopt'
import { afterEach, describe, expect, it } from 'vitest'
import { Visitor } from '../visitor.ts'
import { expressAfter, expressBefore, koaAfter, koaBefore, type Loose, listen } from './old.ts'

const servers: Server[] = []
afterEach(() => {
  for (const server of servers.splice(0)) server.close()
})

async function served(listener: RequestListener): Promise<string> {
  const { server, base } = await listen(listener)
  servers.push(server)
  return base
}

/** The same browser, at the new application. */
function moved(before: Visitor, base: string): Visitor {
  const visitor = new Visitor(base)
  for (const [name, value] of before.cookies) visitor.cookies.set(name, value)
  return visitor
}

interface Move {
  /** The application before. */
  before(): { app: Loose; rows?: () => unknown[] }
  /** The application after, on the old one's store. */
  after(): { app: Loose; sessions: Loose }
  readonly cookies: string[]
}

function fromExpress(): Move {
  const { app, store } = expressBefore({})
  return {
    before: () => ({ app, rows: () => Object.keys((store as Loose).sessions) }),
    after: () => expressAfter(adoptExpressSession({ secret: ['newer', 'short'], store })),
    cookies: ['connect.sid'],
  }
}

function fromKoa(): Move {
  const rows = new Map<string, Loose>()
  const { app, store } = koaBefore({}, rows)
  return {
    before: () => ({ app, rows: () => [...rows.keys()] }),
    after: () => koaAfter(adoptKoaSession({ store: store as Loose, keys: ['short'] })),
    cookies: ['koa.sess', 'koa.sess.sig'],
  }
}

function fromKoaCookie(): Move {
  const { app } = koaBefore()
  return {
    before: () => ({ app }),
    after: () => koaAfter(adoptKoaSession({ keys: ['short'] })),
    cookies: ['koa.sess', 'koa.sess.sig'],
  }
}

describe.each<[string, () => Move]>([
  ['express-session', fromExpress],
  ['koa-session with a store', fromKoa],
  ['koa-session without a store', fromKoaCookie],
])('from %s', (_, move) => {
  async function two() {
    const { before, after, cookies } = move()
    const { app, rows } = before()
    const [old, { app: next, sessions }] = [await served(app), after()]
    const base = await served(next)
    const [ann, bob] = [new Visitor(old), new Visitor(old)]
    await ann.json('/?as=ann')
    await bob.json('/?as=bob')
    return { ann: moved(ann, base), bob: moved(bob, base), base, rows, cookies, sessions }
  }

  it('both visitors go on as who they were, and their old cookies and rows are gone', async () => {
    const { ann, bob, rows, cookies } = await two()
    for (const name of cookies) expect(ann.cookies.has(name)).toBe(true)
    expect(rows?.() ?? [1, 2]).toHaveLength(2)
    expect(await ann.json('/')).toEqual({ user: 'ann', views: 2 })
    expect([...ann.cookies.keys()]).toEqual(['sid'])
    expect(rows?.() ?? [1]).toHaveLength(1)
    expect(await bob.json('/')).toEqual({ user: 'bob', views: 2 })
    expect(await ann.json('/')).toEqual({ user: 'ann', views: 3 })
    expect(rows?.() ?? []).toEqual([])
  })

  it('a first request that fails after its count leaves the visitor logged in', async () => {
    const { ann, bob } = await two()
    expect((await ann.fetch('/fail')).status).toBe(500)
    expect([...ann.cookies.keys()]).toEqual(['sid'])
    expect(await ann.json('/')).toEqual({ user: 'ann', views: 3 })
    expect(await bob.json('/')).toEqual({ user: 'bob', views: 2 })
  })

  it('a log-out lasts in the same browser, at once too', async () => {
    const { ann, bob } = await two()
    await ann.json('/')
    for (const visitor of [ann, bob]) {
      await visitor.fetch('/logout')
      expect([...visitor.cookies.keys()]).toEqual([])
      expect(await visitor.json('/')).toEqual({ views: 1 })
    }
  })

  it('a cookie that nobody has signed hands nothing over', async () => {
    const { ann, bob, base, cookies } = await two()
    const forger = moved(ann, base)
    forger.cookies.set(
      cookies[0]!,
      `${bob.cookies.get(cookies[0]!)}`.replace(/.$/, (last) => (last === 'A' ? 'B' : 'A')),
    )
    expect(await forger.json('/')).toEqual({ views: 1 })
    expect(await bob.json('/')).toEqual({ user: 'bob', views: 2 })
  })
})

describe.each<[string, () => Move]>([
  ['express-session', fromExpress],
  ['koa-session', fromKoa],
])('a copy of an old cookie of %s', (_, move) => {
  it('opens nothing once the visitor is handed over, not after a log-out of all devices either', async () => {
    const { before, after } = move()
    const old = await served(before().app)
    const [ann, bob] = [new Visitor(old), new Visitor(old)]
    await ann.json('/?as=ann')
    await bob.json('/?as=bob')
    const { app, sessions } = after()
    const base = await served(app)
    const [thief, visitor] = [moved(ann, base), moved(ann, base)]
    await visitor.json('/')
    expect(await sessions.destroyAll('user', 'ann')).toBe(1)
    expect(await thief.json('/')).toEqual({ views: 1 })
    expect([...thief.cookies.keys()]).toEqual(['sid'])
    expect(await moved(bob, base).json('/')).toEqual({ user: 'bob', views: 2 })
  })
})

describe('an old store', () => {
  it('that is down fails the request, and the visitor keeps the old cookie', async () => {
    const { app, store } = expressBefore({})
    const ann = new Visitor(await served(app))
    await ann.json('/?as=ann')
    let down = 'get'
    const failing = {
      get: (id: string, done: Loose) => (down === 'get' ? done(new Error('it is down')) : store.get(id, done)),
      destroy: (id: string, done: Loose) =>
        down === 'destroy' ? done(new Error('it is down')) : store.destroy(id, done),
    }
    const { app: next, sessions } = expressAfter(adoptExpressSession({ secret: 'short', store: failing }))
    const visitor = moved(ann, await served(next))
    for (down of ['get', 'destroy']) {
      expect((await visitor.fetch('/')).status).toBe(500)
      expect([...visitor.cookies.keys()]).toEqual(['connect.sid'])
    }
    expect(await sessions.find('user', 'ann')).toEqual([])
    down = ''
    expect(await visitor.json('/')).toEqual({ user: 'ann', views: 2 })
  })

  it('without destroy keeps its rows, and may return promises', async () => {
    const { app, store } = expressBefore({})
    const ann = new Visitor(await served(app))
    await ann.json('/?as=ann')
    const get = (id: string) => new Promise((resolve) => store.get(id, (_, row) => resolve(row)))
    const visitor = moved(ann, await served(expressAfter(adoptExpressSession({ secret: 'short', store: { get } })).app))
    expect(await visitor.json('/')).toEqual({ user: 'ann', views: 2 })
    expect([...visitor.cookies.keys()]).toEqual(['sid'])
    expect(Object.keys((store as Loose).sessions)).toHaveLength(1)
  })

  it('that leaves expired sessions lying hands none of them over', async () => {
    const past = new Date(Date.now() - 1000)
    const { app, store } = expressBefore({})
    const ann = new Visitor(await served(app))
    await ann.json('/?as=ann')
    const get = (id: string, done: Loose) =>
      store.get(id, (error, row) => done(error, row && { ...row, cookie: { expires: past.toJSON() } }))
    const visitor = moved(ann, await served(expressAfter(adoptExpressSession({ secret: 'short', store: { get } })).app))
    expect(await visitor.json('/')).toEqual({ views: 1 })
    expect([...visitor.cookies.keys()]).toEqual(['sid'])

    const rows = new Map<string, Loose>()
    const koa = koaBefore({}, rows)
    const bob = new Visitor(await served(koa.app))
    await bob.json('/?as=bob')
    for (const row of rows.values()) row._expire = past.getTime()
    const adopt = adoptKoaSession({ store: koa.store as Loose, keys: ['short'] })
    expect(await moved(bob, await served(koaAfter(adopt).app)).json('/')).toEqual({ views: 1 })
  })

  it('that gives texts is named in the error, without what it gave', async () => {
    const { app } = expressBefore({})
    const ann = new Visitor(await served(app))
    await ann.json('/?as=ann')
    const store = { get: async () => '{"user":"ann"}' }
    const adopt = adoptExpressSession({ secret: 'short', store })
    const error = await adopt({ headers: { cookie: ann.header } }).catch((error) => error)
    expect([error.code, error.message]).toEqual([
      'ERR_SESSION_USAGE',
      expect.stringMatching(/gives the session as an object/),
    ])
    expect(error.message).not.toContain('ann')
  })
})

describe('options that can not work', () => {
  const store = { get: () => undefined }
  it.each<[string, () => unknown, RegExp]>([
    ['nothing', () => adoptExpressSession(undefined as Loose), /takes options/],
    ['an unknown option', () => adoptExpressSession({ secret: 's', store, cookie: {} } as Loose), /no option 'cookie'/],
    ['no secret', () => adoptExpressSession({ store } as Loose), /secret is/],
    ['an empty secret', () => adoptExpressSession({ secret: '', store }), /secret is/],
    ['no store', () => adoptExpressSession({ secret: 's' } as Loose), /store is/],
    ['destroy that is none', () => adoptKoaSession({ store: { ...store, destroy: 1 } as Loose }), /destroy/],
    ['a name that is none', () => adoptExpressSession({ secret: 's', store, name: 'a;b' }), /no cookie has this name/],
    ['a domain that is none', () => adoptKoaSession({ domain: 'https://a.example' }), /host name/],
    ['keys that are none', () => adoptKoaSession({ keys: 'short' as Loose }), /keys is a list/],
    ['no object', () => adoptKoaSession(null as Loose), /takes options/],
  ])('are refused at start: %s', (_, make, message) => {
    expect(make).toThrow(
      expect.objectContaining({ code: 'ERR_SESSION_USAGE', message: expect.stringMatching(message) }),
    )
  })
})
