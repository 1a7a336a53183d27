import { execFileSync } from 'node:child_process'
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync } from 'node:fs'
import { createServer, type IncomingMessage } from 'node:http'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import Koa from 'koa'
import { atomicSession } from 'koa-atomic-session'
import { httpSessions } from 'koa-atomic-session/http'
import { memory } from 'koa-atomic-session/memory'
import { afterAll, afterEach, describe, expect, it } from 'vitest'
import { gate } from '../gate.ts'
import { counting, KEY, type Visitor } from '../visitor.ts'
import { type Handler, KINDS, type Serving, serve } from './servers.ts'

const ROUTES: Record<string, Handler> = {
  '/read': async ({ session }) => (await session()).views ?? 'nothing',
  '/inc': async ({ session }) => (await session().inc('views')).views,
  '/forget': ({ session }) => {
    session().inc('views').push('seen', 'x')
    return 'sent'
  },
  '/wrong': ({ session }) => {
    session().set('views', 'text')
    session().push('views', 1)
    return 'looks well'
  },
  '/throw': async ({ session }) => {
    await session().inc('views')
    throw Object.assign(new Error('teapot'), { status: 418, statusCode: 418 })
  },
  '/login': async ({ session }) => (await session().rotate().set('user', 1)).id,
  '/logout': async ({ session }) => {
    await session().destroy()
    return 'bye'
  },
}
const routes: Handler = (call) => ROUTES[call.path]!(call)

// The tests of the cookie and of laziness, in test/koa, run on every server, too.
describe.each(KINDS)('sessions on %s', (kind) => {
  let serving: Serving
  const begin = async (options = {}) => {
    serving = await serve(kind, routes, { store: memory(), ...options })
    return serving.visitor()
  }
  const value = async (visitor: Visitor, path: string, init?: RequestInit) => (await visitor.json(path, init)).value
  afterEach(() => serving.close())

  it('tell caches that they are private', async () => {
    const visitor = await begin()
    const { headers } = await visitor.fetch('/inc')
    expect([headers.get('cache-control'), headers.get('vary')]).toEqual(['no-store', expect.stringContaining('Cookie')])
  })

  it('what nobody awaits is settled before the response ends, its cookie too', async () => {
    const visitor = await begin()
    expect(await value(visitor, '/forget')).toBe('sent')
    expect(visitor.cookies.size).toBe(1)
    expect(await value(visitor, '/read')).toBe(1)
  })

  it('what fails unseen fails the request', async () => {
    const visitor = await begin()
    await visitor.fetch('/inc')
    const response = await visitor.fetch('/wrong')
    expect(response.status).toBe(500)
    expect(await response.text()).not.toContain('looks well')
  })

  it('an error keeps the cookie', async () => {
    const visitor = await begin()
    const response = await visitor.fetch('/throw')
    expect(response.status).toBe(418)
    expect(response.headers.getSetCookie()).toHaveLength(1)
    expect(await value(visitor, '/read')).toBe(1)
  })

  it('CVE-2026-117499: a session that was destroyed is not stored again, by its request or one beside it', async () => {
    const store = memory()
    const [arrived, go] = [gate(), gate()]
    const handler: Handler = async ({ path, session }) => {
      if (path === '/inc') return (await session().inc('views')).views
      if (path === '/slow') {
        await session()
        arrived.open()
        await go.opened
        return session().inc('views')
      }
      await session().destroy()
      return session().set('late', true)
    }
    serving = await serve(kind, handler, { store, touchAfter: 0 })
    const visitor = serving.visitor()
    await visitor.fetch('/inc')
    const { header: cookie } = visitor
    const slow = fetch(`${serving.base}/slow`, { headers: { cookie } })
    await arrived.opened
    expect((await visitor.fetch('/logout')).status).toBe(409)
    go.open()
    expect((await slow).status).toBe(409)
    const stored = []
    for await (const { id } of store.list()) stored.push(id)
    expect(stored).toEqual([])
  })

  it('of 100 requests at once none is lost', async () => {
    const visitor = await begin()
    await visitor.fetch('/inc')
    await Promise.all(Array.from({ length: 100 }, () => visitor.text('/inc')))
    expect(await value(visitor, '/read')).toBe(101)
  })

  it('a log-out removes the session and its cookie, a log-in renews the secret', async () => {
    const visitor = await begin()
    await visitor.fetch('/inc')
    const before = visitor.header
    await visitor.fetch('/login')
    expect(visitor.header).not.toBe(before)
    expect(await value(serving.visitor(), '/read', { headers: { cookie: before } })).toBe('nothing')
    await visitor.fetch('/logout')
    expect(visitor.cookies.size).toBe(0)
  })

  it('an earlier session is handed over by names, in one insert', async () => {
    type Asked = { headers: IncomingMessage['headers'] | Headers }
    const oldOf = ({ headers }: Asked) => (headers instanceof Headers ? headers.get('x-old') : headers['x-old'])
    const store = counting(memory())
    const visitor = await begin({
      store,
      adopt: (asked: Asked) => JSON.parse(String(oldOf(asked) ?? 'null')) ?? undefined,
    })
    const old = (data: object) => ({ headers: { 'x-old': JSON.stringify(data) } })
    expect(await value(visitor, '/inc', old({ views: 41 }))).toBe(42)
    expect(await value(visitor, '/read')).toBe(42)
    expect(store.calls).toEqual(['create', 'load'])
    // No session can have these names: they are escaped, and none of them is taken for a path.
    const names = ['a.b', '$set', 'then', '__proto__x.y', '']
    const other = serving.visitor()
    const all = Object.fromEntries(names.map((name) => [name, { [name]: 1 }]))
    expect(await value(other, '/inc', old(all))).toBe(1)
    const kept: Record<string, unknown>[] = []
    for await (const { data } of store.list()) if ('a%2Eb' in data) kept.push(data)
    const [stored] = kept as [Record<string, unknown>]
    expect(Object.keys(stored)).toEqual(['a%2Eb', '%24set', '%74hen', '__proto__x%2Ey', '%', 'views'])
    expect(stored['a%2Eb']).toEqual({ 'a%2Eb': 1 })
    expect((await serving.visitor().fetch('/inc', old({ bad: '\ud800' }))).status).toBe(400)
    expect(serving.errors.map(({ code }) => code)).toEqual(['ERR_SESSION_VALUE'])
  })
})

describe('koa-atomic-session/http', () => {
  const root = join(import.meta.dirname, '..', '..')
  const project = mkdtempSync(join(tmpdir(), 'without-koa-'))
  afterAll(() => rmSync(project, { recursive: true, force: true }))

  it('works where Koa can not be found', () => {
    const modules = join(project, 'node_modules')
    const own = join(modules, 'koa-atomic-session')
    mkdirSync(own, { recursive: true })
    for (const part of ['dist', 'package.json']) cpSync(join(root, part), join(own, part), { recursive: true })
    const { dependencies } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'))
    for (const name of Object.keys(dependencies)) symlinkSync(join(root, 'node_modules', name), join(modules, name))
    const program = `
      import { createServer } from 'node:http'
      import { httpSessions } from 'koa-atomic-session/http'
      import { memory } from 'koa-atomic-session/memory'
      const koa = await import('koa').then(() => 'there', ({ code }) => code)
      const sessions = httpSessions({ keys: ['a key that nobody can guess'], store: memory() })
      const server = createServer(sessions.listener(async (request, response) => {
        response.end(String((await sessions.of(request, response).inc('n')).n))
      }))
      await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve))
      const answer = await fetch('http://127.0.0.1:' + server.address().port)
      process.stdout.write(koa + ' ' + await answer.text())
      server.close()
      server.closeAllConnections()`
    const output = execFileSync(process.execPath, ['--input-type=module', '-e', program], {
      cwd: project,
      encoding: 'utf8',
    })
    expect(output).toBe('ERR_MODULE_NOT_FOUND 1')
  })
})

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
    const visitor = serving.visitor()
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
    use: (session: import('../../src/api/types.ts').SessionHandle<{ views: number; user: number }>) => Promise<T>,
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
    const visitor = serving.visitor()
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

  it('ends with a log-in in another request: it reads nothing of it, and changes nothing', async () => {
    const store = memory()
    const { visitor, serving } = await visitorOf(store)
    const refused = { code: 'ERR_SESSION_ROTATED', status: 409 }
    await upgraded(visitor.header, store, async (handle) => {
      const session = await handle
      await visitor.text('/login')
      await expect(session.inc('views').then()).rejects.toMatchObject(refused)
      await expect(session.update().then()).rejects.toMatchObject(refused)
      expect(session.user).toBeUndefined()
    })
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
