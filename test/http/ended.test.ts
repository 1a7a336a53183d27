import { once } from 'node:events'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import Koa from 'koa'
import { atomicSession, isSessionError } from 'koa-atomic-session'
import { type HttpOptions, httpSessions } from 'koa-atomic-session/http'
import { memory } from 'koa-atomic-session/memory'
import { afterEach, describe, expect, it } from 'vitest'
import { WebSocket, WebSocketServer } from 'ws'
import type { SessionHandle } from '../../src/api/types.ts'
import { KEY, Visitor } from '../visitor.ts'

interface Data {
  user_id: number
  n: number
}
type Handle = SessionHandle<Data>

/** Waits for a change of this process's own, and never for one that only the store knows. */
const NEVER = '1 hour'

const closing: (() => unknown)[] = []
afterEach(async () => {
  for (const close of closing.splice(0)) await close()
})

/**
 * An application with WebSockets, which it closes with the code of the reason when the session of one has ended, and
 * with streams of versions.
 */
async function application(
  kind: 'Koa' | 'node:http' = 'node:http',
  options: Partial<HttpOptions> = {},
  connected?: (handle: Handle) => unknown,
) {
  const all = { store: memory(), recheck: NEVER, index: ['user_id'], onError: () => {}, ...options }
  const { onError, ...same } = all
  const app = Object.assign(new Koa(), { keys: [KEY] })
  const koa = atomicSession<Data>(app, same)
  const http = httpSessions<Data>({ keys: [KEY], ...all })
  const sessions = kind === 'Koa' ? koa : http
  const ROUTES: Record<string, (handle: Handle) => unknown> = {
    '/begin': (handle) => handle.set('n', 1),
    '/inc': (handle) => handle.inc('n'),
    '/unawaited': (handle) => void handle.inc('n'),
    '/login': (handle) => handle.rotate({ authenticated: true }).set('user_id', 42),
    '/login-slowly': (handle) => handle.rotate({ grace: '1 minute' }).set('user_id', 42),
    '/rotate-later': async (handle) => {
      const { ended } = handle
      await handle.rotate().inc('n')
      return ended.aborted
    },
    '/logout': (handle) => handle.destroy(),
    '/regenerate': (handle) => handle.regenerate(),
    '/destroy-all': () => sessions.destroyAll('user_id', 42),
    '/read': async (handle) => (await handle).data,
  }
  const stream = async (handle: Handle, response: ServerResponse) => {
    response.writeHead(200, { 'content-type': 'text/event-stream' }).flushHeaders()
    for await (const version of sessions.watch(handle)) response.write(`${version}\n`)
    response.end(isSessionError(handle.ended.reason) ? handle.ended.reason.code : 'closed')
  }
  const answer = async (path: string, handle: Handle) => JSON.stringify((await ROUTES[path]!(handle)) ?? null)
  app.use(async (ctx) => {
    if (ctx.path === '/stream') {
      ctx.respond = false
      await stream(koa.of(ctx), ctx.res)
    } else ctx.body = await answer(ctx.path, koa.of(ctx))
  })
  const listener = http.listener(async (request, response) => {
    const handle = http.of(request, response)
    if (request.url === '/stream') await stream(handle, response)
    else response.end(await answer(request.url!, handle))
  })
  const server = createServer(kind === 'Koa' ? app.callback() : listener)
  const sockets = new WebSocketServer({ noServer: true })
  server.on('upgrade', async (request: IncomingMessage, socket, head) => {
    const handle = sessions.upgrade(request)
    await connected?.(handle)
    sockets.handleUpgrade(request, socket, head, (one) => {
      const { ended } = handle
      const end = () => one.close(4000, ended.reason.code)
      if (ended.aborted) end()
      else ended.addEventListener('abort', end)
      one.send('open')
    })
  })
  await once(server.listen(0, '127.0.0.1'), 'listening')
  const { port } = server.address() as AddressInfo
  closing.push(async () => {
    server.close().closeAllConnections()
    for (const one of sockets.clients) one.terminate()
    await sessions.close()
  })
  return {
    sessions,
    visitor: () => new Visitor(`http://127.0.0.1:${port}`),
    /** Opens a WebSocket with the visitor's cookie. */
    async socket(visitor: Visitor): Promise<WebSocket> {
      const headers = visitor.cookies.size > 0 ? { cookie: visitor.header } : {}
      const one = new WebSocket(`ws://127.0.0.1:${port}/`, { headers })
      await once(one, 'message')
      return one
    },
    /** The lines of a stream. */
    async stream(visitor: Visitor) {
      const response = await visitor.fetch('/stream')
      return response.body!.pipeThrough(new TextDecoderStream())[Symbol.asyncIterator]()
    },
  }
}

const closed = async (one: WebSocket): Promise<string> => String((await once(one, 'close'))[1])
/** Everything that was in flight has arrived when this has. */
const settled = (one: WebSocket) => {
  one.ping()
  return once(one, 'pong')
}

describe.each(['Koa', 'node:http'] as const)('a WebSocket on %s', (kind) => {
  it.each([
    ['/logout', 'ERR_SESSION_GONE'],
    ['/regenerate', 'ERR_SESSION_ROTATED'],
    ['/login', 'ERR_SESSION_ROTATED'],
    // The grace is for requests that are on their way, and the socket was opened before.
    ['/login-slowly', 'ERR_SESSION_ROTATED'],
  ])('is told at once that another request did %s', async (path, code) => {
    const { visitor, socket } = await application(kind)
    const one = visitor()
    await one.fetch('/begin')
    const open = await socket(one)
    const [reason] = await Promise.all([closed(open), one.fetch(path)])
    expect(reason).toBe(code)
  })
})

describe('a socket that was opened with a session', () => {
  it.each([
    ['revoke', async (sessions: ReturnType<typeof httpSessions>, id: string) => sessions.revoke(id)],
    ['destroyAll', async (sessions: ReturnType<typeof httpSessions>) => sessions.destroyAll('user_id', 42)],
  ])('is told at once of %s()', async (_, end) => {
    const { sessions, visitor, socket } = await application()
    const one = visitor()
    await one.fetch('/login')
    const id = (await sessions.find('user_id', 42))[0]!.id
    const open = await socket(one)
    const [reason] = await Promise.all([closed(open), end(sessions as never, id)])
    expect(reason).toBe('ERR_SESSION_GONE')
  })

  it('stays open at an automatic rotation, a change, and the log-out of another session', async () => {
    const { visitor, socket } = await application('node:http', { rotateEvery: 1 })
    const [one, other] = [visitor(), visitor()]
    for (const each of [one, other]) await each.fetch('/begin')
    const open = await socket(one)
    const before = one.header
    for (let i = 0; i < 3; i++) await one.fetch('/inc')
    expect(one.header).not.toBe(before)
    await other.fetch('/logout')
    await settled(open)
    expect(open.readyState).toBe(WebSocket.OPEN)
    const [reason] = await Promise.all([closed(open), one.fetch('/logout')])
    expect(reason).toBe('ERR_SESSION_GONE')
  })

  it('is told when it destroys the session itself, and when a command of its own is refused', async () => {
    let handle: Handle | undefined
    const { visitor, socket } = await application('node:http', {}, (one) => {
      handle = one
    })
    const one = visitor()
    await one.fetch('/begin')
    const open = await socket(one)
    const [reason] = await Promise.all([closed(open), handle!.destroy()])
    expect(reason).toBe('ERR_SESSION_GONE')
  })

  it('ends at once if its cookie opens nothing any more, and never without a cookie', async () => {
    const { visitor, socket } = await application()
    const [one, copy] = [visitor(), visitor()]
    await one.fetch('/begin')
    copy.keep(one.header)
    await one.fetch('/logout')
    expect(await closed(await socket(copy))).toBe('ERR_SESSION_GONE')
    const guest = await socket(visitor())
    await settled(guest)
    expect(guest.readyState).toBe(WebSocket.OPEN)
  })

  it('ends at once if it is let in only within the grace of a rotation', async () => {
    const { visitor, socket } = await application()
    const [one, late] = [visitor(), visitor()]
    await one.fetch('/begin')
    late.keep(one.header)
    await one.fetch('/login-slowly')
    expect(await late.json('/read')).toMatchObject({ user_id: 42 })
    expect(await closed(await socket(late))).toBe('ERR_SESSION_ROTATED')
  })

  it('goes on when its own request rotates the session', async () => {
    const { visitor } = await application()
    const one = visitor()
    await one.fetch('/begin')
    expect(await one.json('/rotate-later')).toBe(false)
  })
})

describe('a stream of versions', () => {
  it('shows the present one, each change that is read in time, and ends with the session', async () => {
    const { visitor, stream } = await application()
    const one = visitor()
    await one.fetch('/begin')
    const lines = await stream(one)
    expect((await lines.next()).value).toBe('1\n')
    await one.fetch('/inc')
    expect((await lines.next()).value).toBe('2\n')
    // Nobody waits for these data, and the version is told all the same.
    await one.fetch('/unawaited')
    expect((await lines.next()).value).toBe('3\n')
    await one.fetch('/logout')
    expect((await lines.next()).value).toBe('ERR_SESSION_GONE')
    expect((await lines.next()).done).toBe(true)
  })

  it('keeps only the newest one for who does not read', async () => {
    let handle: Handle | undefined
    const { sessions, visitor, socket } = await application('node:http', {}, (one) => {
      handle = one
    })
    const one = visitor()
    await one.fetch('/begin')
    await socket(one)
    const versions = sessions.watch(handle!)
    for (let i = 0; i < 50; i++) await one.fetch('/inc')
    expect(await versions.next()).toEqual({ done: false, value: 51 })
    const next = versions.next()
    await one.fetch('/inc')
    expect((await next).value).toBe(52)
    // Who stops reading has ended it.
    expect(await versions.return!()).toEqual({ done: true, value: undefined })
    expect(await versions.next()).toEqual({ done: true, value: undefined })
  })

  it('takes a handle only', async () => {
    const { sessions } = await application()
    for (const wrong of [undefined, {}, null]) {
      expect(() => sessions.watch(wrong as never)).toThrow(/has not been awaited/)
    }
  })
})
