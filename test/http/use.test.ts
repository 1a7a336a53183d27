import { once } from 'node:events'
import { createServer } from 'node:http'
import { type AddressInfo, connect } from 'node:net'
import type { SessionUse, SiteData } from 'koa-atomic-session'
import { httpSessions } from 'koa-atomic-session/http'
import { memory } from 'koa-atomic-session/memory'
import { afterEach, describe, expect, it } from 'vitest'
import { counting, KEY, Visitor } from '../visitor.ts'
import { type Handler, KINDS, type Serving, serve } from './servers.ts'

const QUIET = { touch: false }
const expires = async (handle: PromiseLike<{ expires: Date | undefined }>) => (await handle).expires!.getTime()

/** What each route answers is the time at which the session would expire by what the request has seen. */
const ROUTES: Record<string, Handler> = {
  '/': ({ session }) => expires(session(0, { touch: true })),
  '/poll': ({ session }) => expires(session(0, QUIET)),
  '/poll/then-read': async ({ session }) => {
    await session(0, QUIET)
    return expires(session())
  },
  '/read-then-poll': async ({ session }) => {
    await session()
    return expires(session(0, QUIET))
  },
  '/poll/inc': ({ session }) => expires(session(0, QUIET).inc('n')),
  '/poll/read-inc': async ({ session }) => expires((await session(0, QUIET)).inc('n')),
  '/poll/touch': ({ session }) => expires(session(0, QUIET).touch()),
  '/inc-then-poll': async ({ session }) => {
    await session().inc('n')
    return expires(session(0, QUIET))
  },
  '/poll/begin': ({ session }) => expires(session(0, QUIET).set('user', 1)),
  '/peek': ({ session }) => expires(session(0, QUIET).update()),
  '/leave': async ({ session, request }) => {
    await session().destroy({ clear: JSON.parse(String(request.headers['x-clear'] ?? '[]')) })
  },
  '/leave-loaded': async ({ session }) => {
    await (await session()).destroy({ clear: ['cache', 'storage', 'cache'] })
    throw Object.assign(new Error('after the log-out'), { status: 418, statusCode: 418 })
  },
  '/wrong': ({ session, request }) => session(0, JSON.parse(String(request.headers['x-use']))).then(() => 'fine'),
}

describe.each(KINDS)('a session that is asked for with { touch: false } on %s', (kind) => {
  let serving: Serving
  let store: ReturnType<typeof counting<ReturnType<typeof memory>>>
  afterEach(() => serving.close())

  async function begin(): Promise<Visitor> {
    store = counting(memory())
    serving = await serve(kind, (call) => ROUTES[call.path]!(call), { store, maxAge: '1 day', touchAfter: 0 })
    return serving.visitor()
  }
  const ask = async (visitor: Visitor, path: string) => {
    store.calls.length = 0
    const response = await visitor.fetch(path)
    const { value } = (await response.json()) as { value: number }
    return { expires: value, cookies: response.headers.getSetCookie().length, calls: [...store.calls] }
  }

  it('does not live longer by reads, and its cookie neither', async () => {
    const visitor = await begin()
    const { expires } = await ask(visitor, '/poll/begin')
    for (const path of ['/poll', '/poll/then-read', '/read-then-poll', '/peek']) {
      expect([path, await ask(visitor, path)]).toEqual([path, { expires, cookies: 0, calls: ['load'] }])
    }
    // The same read by somebody who is there.
    expect(await ask(visitor, '/')).toMatchObject({ cookies: 1, calls: ['load', 'update'] })
  })

  it('does not live longer by commands', async () => {
    const visitor = await begin()
    const { expires } = await ask(visitor, '/poll/begin')
    for (const path of ['/poll/inc', '/poll/read-inc']) {
      expect(await ask(visitor, path)).toMatchObject({ expires, cookies: 0 })
    }
  })

  it('lives longer by touch() all the same, and by what was done before', async () => {
    const visitor = await begin()
    const { expires } = await ask(visitor, '/poll/begin')
    for (const path of ['/poll/touch', '/inc-then-poll']) {
      const seen = await ask(visitor, path)
      expect(seen.cookies).toBe(1)
      expect(seen.expires).toBeGreaterThan(expires)
    }
  })

  it.each(['"quiet"', 'null', '{"tuch":false}', '{"touch":0}', '{"touch":"no"}'])('refuses %s', async (use) => {
    const visitor = await begin()
    expect((await visitor.fetch('/wrong', { headers: { 'x-use': use } })).status).toBe(500)
    expect(serving.errors.map(({ code }) => code)).toEqual(['ERR_SESSION_USAGE'])
    expect(store.calls).toEqual([])
  })

  it('and destroy({ clear }) sends Clear-Site-Data, also where the request fails afterwards', async () => {
    const visitor = await begin()
    const leave = async (path: string, clear?: unknown[]) => {
      await visitor.fetch('/poll/begin')
      const { status, headers } = await visitor.fetch(path, clear && { headers: { 'x-clear': JSON.stringify(clear) } })
      return [status, headers.get('clear-site-data')]
    }
    expect(await leave('/leave')).toEqual([200, null])
    expect(await leave('/leave', ['storage'])).toEqual([200, '"storage"'])
    expect(await leave('/leave-loaded')).toEqual([418, '"cache", "storage"'])
    expect(visitor.cookies.size).toBe(0)
    for (const wrong of [['everything'], ['*'], ['cache"'], [['cache']], [1]]) {
      expect(await leave('/leave', wrong)).toEqual([500, null])
      expect(serving.errors.at(-1)).toMatchObject({ code: 'ERR_SESSION_USAGE' })
      // Nothing was removed.
      expect(visitor.cookies.size).toBe(1)
    }
  })
})

it('the values of Clear-Site-Data and the use of a session are typed', () => {
  const values: SiteData[] = ['cache', 'cookies', 'storage', 'executionContexts']
  const use: SessionUse = { touch: false }
  // @ts-expect-error: no browser knows it
  values.push('session')
  // @ts-expect-error: it is true or false
  expect([values, use, { touch: 0 } satisfies SessionUse]).toHaveLength(3)
})

it("a socket's session can be quiet, and can send no header", async () => {
  const store = memory()
  const sessions = httpSessions<{ n: number }>({ keys: [KEY], store, maxAge: '1 day', touchAfter: 0 })
  const server = createServer(
    sessions.listener(async (request, response) => {
      response.end(String((await sessions.of(request, response).inc('n')).n))
    }),
  )
  const done = new Promise<unknown>((resolve, reject) => {
    server.once('upgrade', (request, socket) => {
      const use = async () => {
        const session = await sessions.upgrade(request, { touch: false })
        const before = session.expires
        await session.inc('n')
        const refused = await session.destroy({ clear: ['cache'] }).catch((error) => (error as { code: string }).code)
        return [session.expires!.getTime() - before!.getTime(), refused, session.n]
      }
      use()
        .then(resolve, reject)
        .finally(() => socket.destroy())
    })
  })
  await once(server.listen(0, '127.0.0.1'), 'listening')
  const { port } = server.address() as AddressInfo
  const visitor = new Visitor(`http://127.0.0.1:${port}`)
  await visitor.fetch('/')
  const socket = connect(port, '127.0.0.1')
  socket.on('error', () => {})
  socket.write(
    `GET / HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nCookie: ${visitor.header}\r\n\r\n`,
  )
  expect(await done).toEqual([0, 'ERR_SESSION_USAGE', 2])
  server.close().closeAllConnections()
})
