import { execFileSync } from 'node:child_process'
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync } from 'node:fs'
import { createServer } from 'node:http'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import Koa from 'koa'
import { atomicSession } from 'koa-atomic-session'
import { httpSessions } from 'koa-atomic-session/http'
import { memory } from 'koa-atomic-session/memory'
import { afterAll, describe, expect, it } from 'vitest'
import { KEY } from '../visitor.ts'
import { type Handler, serve } from './servers.ts'

const ROUTES: Record<string, Handler> = {
  '/inc': async ({ session }) => (await session().inc('views')).views,
  '/login': async ({ session }) => (await session().rotate().set('user', 1)).id,
  '/logout': async ({ session }) => void (await session().destroy()),
}
const routes: Handler = (call) => ROUTES[call.path]!(call)

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
