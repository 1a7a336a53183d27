import { createServer, type IncomingMessage } from 'node:http'
import { connect } from 'node:net'
import Koa from 'koa'
import { atomicSession } from 'koa-atomic-session'
import { httpSessions } from 'koa-atomic-session/http'
import { memory } from 'koa-atomic-session/memory'
import { afterEach, describe, expect, it } from 'vitest'
import { counting, KEY, Visitor } from '../visitor.ts'
import { ADAPTERS, type Routes, type Serving, serve } from './servers.ts'

const routes: Routes = {
  '/none': () => 'none',
  '/read': async (session) => (await session).views ?? 'nothing',
  '/inc': async (session) => (await session.inc('views')).views,
  '/forget': (session) => {
    session.inc('views').push('seen', 'x')
    return 'sent'
  },
  '/wrong': (session) => {
    session.set('views', 'text')
    session.push('views', 1)
    return 'looks well'
  },
  '/throw': async (session) => {
    await session.inc('views')
    throw Object.assign(new Error('teapot'), { status: 418, statusCode: 418 })
  },
  '/login': async (session) => (await session.rotate().set('user', 1)).id,
  '/logout': async (session) => {
    await session.destroy()
    return 'bye'
  },
}

for (const kind of Object.keys(ADAPTERS)) {
  describe(`sessions on ${kind}`, () => {
    let serving: Serving
    const begin = async (options = {}) => {
      const store = counting(memory())
      serving = await serve(kind, routes, { store, ...options })
      return { store, visitor: new Visitor(serving.base) }
    }
    afterEach(() => serving.close())

    it('a request that uses no session costs no store call and gets no cookie', async () => {
      const { store, visitor } = await begin()
      const response = await visitor.fetch('/none')
      expect(await response.text()).toBe('none')
      expect(response.headers.getSetCookie()).toEqual([])
      await visitor.text('/inc')
      store.calls.length = 0
      await visitor.text('/none')
      expect(store.calls).toEqual([])
    })

    it('a command is one store call, and the cookie comes with the first', async () => {
      const { store, visitor } = await begin()
      const first = await visitor.fetch('/inc')
      expect(await first.text()).toBe('1')
      expect(first.headers.getSetCookie()).toEqual([
        expect.stringMatching(/^sid=s\.[^;]+; Path=\/; HttpOnly; SameSite=Lax$/),
      ])
      expect(first.headers.get('cache-control')).toBe('no-store')
      expect(first.headers.get('vary')).toContain('Cookie')
      store.calls.length = 0
      expect(await visitor.text('/inc')).toBe('2')
      expect(store.calls).toEqual(['update'])
      expect(await visitor.text('/read')).toBe('2')
    })

    it('a visitor without a cookie reads nothing and gets none', async () => {
      const { store, visitor } = await begin()
      const response = await visitor.fetch('/read')
      expect(await response.text()).toBe('nothing')
      expect([response.headers.getSetCookie(), store.calls]).toEqual([[], []])
    })

    it('a forged cookie costs no store call', async () => {
      const { store, visitor } = await begin()
      const cookie = `sid=s.${'A'.repeat(22)}.${'B'.repeat(43)}.${'C'.repeat(43)}`
      expect(await (await visitor.fetch('/read', { headers: { cookie } })).text()).toBe('nothing')
      expect(store.calls).toEqual([])
    })

    it('what nobody awaits is settled before the response ends, its cookie too', async () => {
      const { visitor } = await begin()
      expect(await visitor.text('/forget')).toBe('sent')
      expect(visitor.cookies.size).toBe(1)
      expect(await visitor.text('/read')).toBe('1')
    })

    it('what fails unseen fails the request', async () => {
      const { visitor } = await begin()
      await visitor.text('/inc')
      const response = await visitor.fetch('/wrong')
      expect(response.status).toBe(500)
      expect(await response.text()).not.toContain('looks well')
    })

    it('an error keeps the cookie', async () => {
      const { visitor } = await begin()
      const response = await visitor.fetch('/throw')
      expect(response.status).toBe(418)
      expect(response.headers.getSetCookie()).toHaveLength(1)
      expect(await visitor.text('/read')).toBe('1')
    })

    it('of 100 requests at once none is lost', async () => {
      const { visitor } = await begin()
      await visitor.text('/inc')
      await Promise.all(Array.from({ length: 100 }, () => visitor.text('/inc')))
      expect(await visitor.text('/read')).toBe('101')
    })

    it('a log-out removes the session and its cookie, a log-in renews the secret', async () => {
      const { visitor } = await begin()
      await visitor.text('/inc')
      const before = visitor.header
      await visitor.text('/login')
      expect(visitor.header).not.toBe(before)
      const stolen = new Visitor(serving.base)
      expect(await (await stolen.fetch('/read', { headers: { cookie: before } })).text()).toBe('nothing')
      await visitor.text('/logout')
      expect(visitor.cookies.size).toBe(0)
    })

    it('hands an earlier session over', async () => {
      const { visitor } = await begin({
        adopt: (request: { headers: IncomingMessage['headers'] }) =>
          request.headers['x-old'] ? { views: Number(request.headers['x-old']) } : undefined,
      })
      expect(await (await visitor.fetch('/inc', { headers: { 'x-old': '41' } })).text()).toBe('42')
      expect(await visitor.text('/read')).toBe('42')
    })
  })
}

describe('sessions on several servers', () => {
  it('are the same for the same keys and store', async () => {
    const store = memory()
    const serving = await serve('node:http', routes, { store })
    const app = new Koa()
    app.keys = [KEY]
    atomicSession(app, { store })
    app.use(async (ctx) => {
      ctx.body = String((await ctx.session().inc('views')).views)
    })
    const koa = app.listen(0, '127.0.0.1')
    await new Promise((resolve) => koa.once('listening', resolve))
    const visitor = new Visitor(serving.base)
    await visitor.text('/inc')
    const { port } = koa.address() as import('node:net').AddressInfo
    const answer = await fetch(`http://127.0.0.1:${port}/`, { headers: { cookie: visitor.header } })
    expect(await answer.text()).toBe('2')
    koa.close()
    await serving.close()
  })
})

describe("a WebSocket's upgrade", () => {
  /** What the application makes of an upgrade request with this cookie. */
  async function upgraded<T>(
    cookie: string,
    store: ReturnType<typeof memory>,
    use: (session: import('../../src/handle.ts').SessionHandle<{ views: number; user: number }>) => Promise<T>,
  ): Promise<T> {
    const sessions = httpSessions<{ views: number; user: number }>({ store, keys: [KEY] })
    const server = createServer()
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    const { port } = server.address() as import('node:net').AddressInfo
    const socket = connect(port, '127.0.0.1')
    const result = new Promise<T>((resolve, reject) => {
      server.once('upgrade', (request, taken) =>
        use(sessions.upgrade(request))
          .then(resolve, reject)
          .finally(() => taken.destroy()),
      )
    })
    socket.write(`GET / HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nCookie: ${cookie}\r\n\r\n`)
    try {
      return await result
    } finally {
      socket.destroy()
      await new Promise((resolve) => server.close(resolve))
    }
  }

  const visitorOf = async (store: ReturnType<typeof memory>) => {
    const serving = await serve('node:http', routes, { store })
    const visitor = new Visitor(serving.base)
    await visitor.text('/inc')
    return { visitor, serving }
  }

  it('reads and changes the session, and sees what others do', async () => {
    const store = memory()
    const { visitor, serving } = await visitorOf(store)
    const seen = await upgraded(visitor.header, store, async (handle) => {
      const session = await handle
      await session.inc('views')
      await visitor.text('/inc')
      await session.update()
      return session.views
    })
    expect(seen).toBe(3)
    await serving.close()
  })

  it('learns that the session was destroyed meanwhile', async () => {
    const store = memory()
    const { visitor, serving } = await visitorOf(store)
    const gone = upgraded(visitor.header, store, async (handle) => {
      const session = await handle
      await visitor.text('/logout')
      await session.update()
    })
    await expect(gone).rejects.toMatchObject({ code: 'ERR_SESSION_GONE' })
    await serving.close()
  })

  it('goes on after a rotation in another request', async () => {
    const store = memory()
    const { visitor, serving } = await visitorOf(store)
    const seen = await upgraded(visitor.header, store, async (handle) => {
      const session = await handle
      await visitor.text('/login')
      return (await session.inc('views')).user
    })
    expect(seen).toBe(1)
    await serving.close()
  })

  it('neither begins nor rotates a session, and says where to do it', async () => {
    const store = memory()
    const { visitor, serving } = await visitorOf(store)
    const refused = { code: 'ERR_SESSION_USAGE', message: expect.stringContaining('upgrade') }
    await expect(upgraded('', store, (handle) => handle.set('views', 1).then(() => {}))).rejects.toMatchObject(refused)
    const rotated = upgraded(visitor.header, store, (handle) => handle.rotate().then(() => {}))
    await expect(rotated).rejects.toMatchObject(refused)
    await serving.close()
  })
})
