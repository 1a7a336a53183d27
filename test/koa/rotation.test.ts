import { once } from 'node:events'
import http from 'node:http'
import { PassThrough } from 'node:stream'
import type { Context } from 'koa'
import { atomicSession, isSessionError, type SessionOptions } from 'koa-atomic-session'
import { httpSessions } from 'koa-atomic-session/http'
import { memory } from 'koa-atomic-session/memory'
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest'
import { Gate } from '../gate.ts'
import { kinds } from '../security/stores.ts'
import type { Opened } from '../stores/clients.ts'
import { KEY, TestApp, type Visitor } from '../visitor.ts'

for (const kind of kinds('rotation')) {
  describe.skipIf(kind.missing)(`one browser, several requests, on ${kind.name}`, () => {
    let opened: Opened
    let app: TestApp
    let run = 0
    beforeAll(async () => {
      opened = await kind.open()
    })
    afterAll(() => opened.close())
    afterEach(() => app.close())

    // biome-ignore lint/suspicious/noExplicitAny: each test's handler
    let handler: (ctx: Context & { session: any }) => unknown
    async function start(options: SessionOptions = {}): Promise<Visitor> {
      app = new TestApp()
      const key = `sid${++run}`
      const settings = { store: opened.store, key, maxAge: '1 day', touchAfter: 0, ...options } as const
      const sessions = atomicSession(app.koa, settings)
      await sessions.ensureIndex()
      app.koa.use(async (ctx) => {
        try {
          if (ctx.path === '/begin') await ctx.session().set('cart', 1)
          else if (ctx.path === '/login') await logIn(ctx)
          else if (ctx.path === '/me') ctx.body = { user: (await ctx.session()).user ?? null }
          else if (ctx.path === '/logout') await ctx.session().destroy()
          else await handler(ctx as never)
          ctx.body ??= { fine: true }
        } catch (error) {
          if (!isSessionError(error)) throw error
          ctx.status = error.status
          ctx.body = { code: error.code }
        }
      })
      await app.listen()
      const visitor = app.visitor()
      await visitor.fetch('/begin')
      return visitor
    }
    const logIn = (ctx: Context) => ctx.session().rotate({ authenticated: true }).set('user', 42)
    const me = async (visitor: Visitor) => (await visitor.json('/me')).user
    /** The browser sends, but what comes back does not reach it. */
    const lose = async (visitor: Visitor, path: string) => {
      const response = await fetch(app.base + path, { headers: { cookie: visitor.header } })
      await response.text()
      return response
    }
    const withCookie = (cookie: string) => ({ headers: { cookie } })

    it('ten requests of the page beside a log-in get 409 or no data, touch no cookie, and the next page is logged in', async () => {
      const visitor = await start()
      const gates = Array.from({ length: 10 }, () => new Gate())
      handler = async (ctx) => {
        const n = Number(ctx.query.n)
        const ways = [
          async () => (await ctx.session()).data,
          async () => (await ctx.session()).data,
          async () => (await ctx.session().inc('polls')).data,
        ]
        // A third has read before the log-in, a third has written, a third arrives after it without having asked.
        if (n % 3 !== 2) await (n % 3 === 0 ? ctx.session() : ctx.session().inc('polls'))
        await gates[n]!.pass()
        ctx.body = n % 3 === 0 ? { rendered: 'page' } : await ways[n % 3 === 1 ? 2 : 1]!()
      }
      const pages = gates.map((_, n) => fetch(`${app.base}/poll?n=${n}`, withCookie(visitor.header)))
      await Promise.all(gates.map(({ reached }) => reached))
      await visitor.fetch('/login')
      for (const gate of gates) gate.open()
      for (const [n, response] of (await Promise.all(pages)).entries()) {
        expect(response.headers.getSetCookie(), `request ${n}`).toEqual([])
        const body = await response.json()
        if (n % 3 === 0) expect(body).toEqual({ rendered: 'page' })
        else if (n % 3 === 1)
          expect([response.status, (body as { code: string }).code]).toEqual([409, 'ERR_SESSION_ROTATED'])
        else expect(JSON.stringify(body)).not.toContain('42')
      }
      expect(await me(visitor)).toBe(42)
    })

    it.each(['read', 'write', 'renew'])(
      'a page that only has to %s before a log-in, and ends after it, does not bring the old cookie back',
      async (way) => {
        const visitor = await start({ touchAfter: way === 'renew' ? '1 hour' : 0 })
        if (way === 'renew') app.koa.keys = ['a key that nobody can guess, 2', KEY]
        const gate = new Gate()
        handler = async (ctx) => {
          await (way === 'write' ? ctx.session().inc('views') : ctx.session())
          await gate.pass()
          // The page takes a while: an answer of the store is believed for a moment only.
          await new Promise((resolve) => setTimeout(resolve, 30))
        }
        const page = fetch(`${app.base}/page`, withCookie(visitor.header))
        await gate.reached
        await visitor.fetch('/login')
        gate.open()
        expect((await page).headers.getSetCookie()).toEqual([])
        expect(await me(visitor)).toBe(42)
      },
    )

    it('a page that was read before a log-in, and sends its headers early but after it, does not bring the old cookie back', async () => {
      const visitor = await start()
      const gate = new Gate()
      handler = async (ctx) => {
        await ctx.session()
        await gate.pass()
        ctx.respond = false
        ctx.res.writeHead(200)
        ctx.res.end('page')
      }
      const page = fetch(`${app.base}/page`, withCookie(visitor.header))
      await gate.reached
      await visitor.fetch('/login')
      gate.open()
      expect((await page).headers.getSetCookie()).toEqual([])
      expect(await me(visitor)).toBe(42)
    })

    it('requests that come too late for a log-in by regenerate() get 409 and touch no cookie, also where they have read nothing', async () => {
      const visitor = await start()
      const gates = Array.from({ length: 10 }, () => new Gate())
      handler = async (ctx) => {
        if (ctx.path === '/again') {
          await ctx.session().regenerate()
          await ctx.session().set('user', 42)
          return
        }
        const n = Number(ctx.query.n)
        if (n % 2 === 0) await ctx.session()
        await gates[n]!.pass()
        await ctx.session().inc('polls')
      }
      const old = visitor.header
      const pages = gates.map((_, n) => fetch(`${app.base}/poll?n=${n}`, withCookie(old)))
      await Promise.all(gates.map(({ reached }) => reached))
      // A double click, and once more.
      for (const cookie of [visitor.header, old, old]) {
        const response = await fetch(`${app.base}/again`, withCookie(cookie))
        expect(response.status).toBe(200)
        response.headers.getSetCookie().map((line) => visitor.keep(line))
      }
      for (const gate of gates) gate.open()
      for (const response of await Promise.all(pages)) {
        expect([response.status, response.headers.getSetCookie()]).toEqual([409, []])
        expect(((await response.json()) as { code: string }).code).toBe('ERR_SESSION_ROTATED')
      }
      expect(await me(visitor)).toBe(42)
    })

    it('a double click on "log in" logs in, whichever answer reaches the browser last', async () => {
      for (const last of [0, 1]) {
        const visitor = await start()
        const cookie = visitor.header
        const answers = await Promise.all([1, 2].map(() => fetch(`${app.base}/login`, withCookie(cookie))))
        expect(answers.map(({ status }) => status)).toEqual([200, 200])
        for (const answer of last === 0 ? answers.reverse() : answers)
          answer.headers.getSetCookie().map((line) => visitor.keep(line))
        expect(await me(visitor)).toBe(42)
        expect((await visitor.fetch('/begin')).status).toBe(200)
        expect(await me(visitor)).toBe(42)
        await app.close()
      }
    })

    it('who logs in again after the answer was lost is logged in, with the cart', async () => {
      const visitor = await start()
      await lose(visitor, '/login')
      expect((await visitor.fetch('/login')).status).toBe(200)
      handler = async (ctx) => {
        ctx.body = (await ctx.session()).data
      }
      expect(await visitor.json('/data')).toEqual({ cart: 1, user: 42 })
    })

    it('who logs in as somebody else gets a session of their own with nothing of the other one', async () => {
      const visitor = await start()
      const old = visitor.header
      await visitor.fetch('/login')
      const other = app.visitor()
      handler = async (ctx) => {
        await ctx.session().rotate({ authenticated: true }).set('user', 7)
        ctx.body = (await ctx.session()).data
      }
      const response = await fetch(`${app.base}/other`, withCookie(old))
      expect(await response.json()).toEqual({ user: 7 })
      response.headers.getSetCookie().map((line) => other.keep(line))
      expect([await me(visitor), await me(other)]).toEqual([42, 7])
    })

    it('a request that read before the log-in reads and writes nothing after it, passes no form and no fresh check', async () => {
      const visitor = await start()
      const gate = new Gate()
      handler = async (ctx) => {
        const session = await ctx.session()
        const token = session.createCSRF()
        for await (const _ of ctx.req);
        await gate.pass()
        const refused = async (work: () => unknown) => {
          try {
            return await work()
          } catch (error) {
            return (error as { code?: string }).code
          }
        }
        ctx.body = [
          await refused(() => session.requireFresh('5 minutes')),
          await refused(() => session.set('stolen', true)),
          await refused(() => session.update()),
          await refused(() => session.assertCSRF(token)),
          await refused(() => session.requireFresh('5 minutes')),
          JSON.stringify(session.data),
        ]
      }
      const slow = http.request(`${app.base}/slow`, { method: 'POST', headers: { cookie: visitor.header } })
      const answered = once(slow, 'response') as Promise<[http.IncomingMessage]>
      slow.end('the last of the body')
      await gate.reached
      await visitor.fetch('/login')
      gate.open()
      const [response] = await answered
      const text = await new Response(response as never).text()
      expect(JSON.parse(text)).toEqual([
        'ERR_SESSION_AUTH',
        'ERR_SESSION_ROTATED',
        'ERR_SESSION_ROTATED',
        'ERR_SESSION_CSRF',
        'ERR_SESSION_AUTH',
        '{}',
      ])
      expect(response.headers['set-cookie']).toBeUndefined()
      handler = async (ctx) => {
        ctx.body = (await ctx.session()).data
      }
      expect(await visitor.json('/data')).toEqual({ cart: 1, user: 42 })
    })

    it.each(['before', 'after'])(
      'a body that is still arriving when the visitor logs in, of a request that asks %s it for the session, reads and writes nothing',
      async (when) => {
        const visitor = await start()
        let arriving: Gate
        handler = async (ctx) => {
          if (when === 'before') await ctx.session()
          let body = ''
          for await (const chunk of ctx.req) {
            body += chunk
            arriving.pass()
          }
          if (ctx.path === '/read') ctx.body = (await (when === 'before' ? ctx.session().update() : ctx.session())).data
          else ctx.body = (await ctx.session().set('stolen', body)).data
        }
        for (const path of ['/read', '/write']) {
          arriving = new Gate()
          const before = visitor.header
          const slow = http.request(app.base + path, {
            method: 'POST',
            headers: { cookie: before, 'content-length': 8 },
          })
          const answered = once(slow, 'response') as Promise<[http.IncomingMessage]>
          slow.write('half')
          await arriving.reached
          await visitor.fetch('/login')
          slow.end('half')
          const [response] = await answered
          const answer = JSON.parse((await response.setEncoding('utf8').toArray()).join(''))
          expect(response.headers['set-cookie']).toBeUndefined()
          // Who has loaded nothing is a stranger by now, whatever it asks for.
          const refused = when === 'before' || path === '/write'
          expect([response.statusCode, answer]).toEqual(refused ? [409, { code: 'ERR_SESSION_ROTATED' }] : [200, {}])
        }
        handler = async (ctx) => {
          ctx.body = (await ctx.session()).data
        }
        expect(await visitor.json('/data')).toEqual({ cart: 1, user: 42 })
      },
    )

    it('a stream that was opened before the log-in ends with it', async () => {
      const visitor = await start()
      const gate = new Gate()
      handler = async (ctx) => {
        const session = await ctx.session()
        const out = new PassThrough()
        ctx.body = out
        out.write(`${JSON.stringify(session.data)}\n`)
        void gate
          .pass()
          .then(() => session.update())
          .then(
            ({ data }: { data: unknown }) => out.end(JSON.stringify(data)),
            ({ code }: { code: string }) => out.end(code),
          )
      }
      const stream = await fetch(`${app.base}/stream`, withCookie(visitor.header))
      await gate.reached
      await visitor.fetch('/login')
      gate.open()
      expect(await stream.text()).toBe('{"cart":1}\nERR_SESSION_ROTATED')
      expect(await me(visitor)).toBe(42)
    })

    it('a WebSocket that was opened before the log-in reads and writes nothing after it', async () => {
      const visitor = await start()
      const key = `sid${run}`
      const sockets = httpSessions({ store: opened.store, key, keys: [KEY] })
      const server = http.createServer()
      server.on('upgrade', async (request, socket) => {
        const session = await sockets.upgrade(request)
        socket.write('HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n')
        socket.on('data', async (message) => {
          try {
            if (String(message) === 'read') socket.write(JSON.stringify((await session.update()).data))
            else if (String(message) === 'fresh') session.requireFresh('5 minutes')
            else await session.set('stolen', true)
            socket.write(' ')
          } catch (error) {
            socket.write((error as { code: string }).code)
          }
        })
      })
      await once(server.listen(0, '127.0.0.1'), 'listening')
      const { port } = server.address() as { port: number }
      const request = http.request({
        port,
        host: '127.0.0.1',
        headers: { connection: 'Upgrade', upgrade: 'websocket', cookie: visitor.header },
      })
      request.end()
      const [, socket] = (await once(request, 'upgrade')) as [unknown, import('node:net').Socket]
      const say = async (text: string) => {
        const heard = once(socket, 'data')
        socket.write(text)
        return String((await heard)[0]).trim()
      }
      expect(await say('read')).toBe('{"cart":1}')
      await visitor.fetch('/login')
      expect(await say('read')).toBe('ERR_SESSION_ROTATED')
      expect(await say('write')).toBe('ERR_SESSION_ROTATED')
      expect(await say('fresh')).toBe('ERR_SESSION_AUTH')
      socket.destroy()
      server.close()
      handler = async (ctx) => {
        ctx.body = (await ctx.session()).data
      }
      expect(await visitor.json('/data')).toEqual({ cart: 1, user: 42 })
    })

    it('the form of before the log-in is void after it', async () => {
      const visitor = await start()
      handler = async (ctx) => {
        const session = await ctx.session()
        if (ctx.path === '/form') ctx.body = { token: session.createCSRF() }
        else session.assertCSRF(ctx.get('x-csrf-token'))
      }
      const { token } = await visitor.json('/form')
      const send = async (token: string) =>
        (await visitor.fetch('/send', { headers: { 'x-csrf-token': token } })).status
      expect(await send(token)).toBe(200)
      await visitor.fetch('/login')
      expect(await send(token)).toBe(403)
      expect(await send((await visitor.json('/form')).token)).toBe(200)
    })
  })
}

describe('one browser and the time between its requests', () => {
  let app: TestApp
  let handler: (ctx: Context) => unknown
  const SECOND = 1000
  afterEach(async () => {
    vi.useRealTimers()
    await app.close()
  })

  async function start(options: SessionOptions = {}): Promise<Visitor> {
    vi.useFakeTimers({ toFake: ['Date', 'performance'], now: 1_800_000_000_000 })
    app = new TestApp()
    const sessions = atomicSession(app.koa, { store: memory(), maxAge: '1 day', rotateEvery: '10 minutes', ...options })
    await sessions.ensureIndex()
    app.koa.use(async (ctx) => {
      if (ctx.path === '/login') await ctx.session().rotate({ authenticated: true }).set('user', 42)
      else if (ctx.path === '/me') ctx.body = { user: (await ctx.session()).user ?? null }
      else if (ctx.path === '/logout') await ctx.session().destroy()
      else if (ctx.path === '/begin') await ctx.session().set('cart', 1)
      else await handler(ctx)
      ctx.body ??= {}
    })
    await app.listen()
    const visitor = app.visitor()
    await visitor.fetch('/begin')
    return visitor
  }
  const later = (ms: number) => vi.advanceTimersByTime(ms)
  const me = async (visitor: Visitor) => (await visitor.json('/me')).user
  /** A request with this cookie whose answer reaches no browser. */
  const lose = async (cookie: string, path = '/me') => (await fetch(app.base + path, { headers: { cookie } })).json()

  it('an automatic rotation whose answer was lost is done once more, however late the next request comes', async () => {
    const visitor = await start()
    await visitor.fetch('/login')
    for (const pause of [31, 3600, 1, 29]) {
      later(700 * SECOND)
      const before = visitor.header
      expect(await lose(before)).toEqual({ user: 42 })
      later(pause * SECOND)
      expect(await me(visitor), `${pause} s after it`).toBe(42)
      if (pause > 30) expect(visitor.header, `${pause} s after it`).not.toBe(before)
      else later(31 * SECOND)
      expect(await me(visitor)).toBe(42)
    }
  })

  it("an old secret after the new one was used ends the session with onReuse 'end', and only reports it with 'report'", async () => {
    for (const onReuse of ['end', 'report'] as const) {
      const visitor = await start({ onReuse })
      await visitor.fetch('/login')
      const stolen = visitor.header
      later(700 * SECOND)
      expect(await me(visitor)).toBe(42)
      expect(await me(visitor)).toBe(42)
      later(31 * SECOND)
      const thief = await fetch(`${app.base}/me`, { headers: { cookie: stolen } })
      expect(await thief.json(), onReuse).toEqual({ user: null })
      expect(thief.headers.getSetCookie(), onReuse).toEqual([])
      expect(await me(visitor), onReuse).toBe(onReuse === 'end' ? null : 42)
      if (onReuse === 'end') await app.close()
    }
  })

  it('a slow request that asks for its session only after its secret was renewed is late, and no thief', async () => {
    const visitor = await start()
    await visitor.fetch('/login')
    const gate = new Gate()
    handler = async (ctx) => {
      await gate.pass()
      ctx.body = { views: (await ctx.session().inc('views')).views }
    }
    const slow = fetch(`${app.base}/slow`, { headers: { cookie: visitor.header } })
    await gate.reached
    later(700 * SECOND)
    expect([await me(visitor), await me(visitor)]).toEqual([42, 42])
    later(100 * SECOND)
    gate.open()
    const { status, headers } = await slow
    expect([status, headers.getSetCookie()]).toEqual([409, []])
    expect(await me(visitor)).toBe(42)
  })

  it('a thief who asks first does not keep the session: the visitor ends it by coming back', async () => {
    const visitor = await start()
    await visitor.fetch('/login')
    const thief = app.visitor()
    for (const [name, value] of visitor.cookies) thief.cookies.set(name, value)
    later(700 * SECOND)
    expect([await me(thief), await me(thief)]).toEqual([42, 42])
    later(31 * SECOND)
    expect([await me(visitor), await me(thief)]).toEqual([null, null])
  })

  it('a thief who comes first with the old secret, before the new one was ever used, keeps the session: to the store its answer was lost', async () => {
    const visitor = await start()
    await visitor.fetch('/login')
    const thief = app.visitor()
    for (const [name, value] of visitor.cookies) thief.cookies.set(name, value)
    later(700 * SECOND)
    expect(await me(visitor)).toBe(42)
    later(31 * SECOND)
    expect([await me(thief), await me(visitor), await me(thief)]).toEqual([42, null, 42])
    // Whoever logs in begins a session of their own.
    await visitor.fetch('/login')
    expect(await me(visitor)).toBe(42)
  })

  it('a page that takes longer than others renews no secret, so a newer one that was not needed yet is not given up', async () => {
    const visitor = await start()
    await visitor.fetch('/login')
    later(700 * SECOND)
    const gate = new Gate()
    handler = async (ctx) => {
      await ctx.session()
      await gate.pass()
    }
    const slow = fetch(`${app.base}/slow`, { headers: { cookie: visitor.header } })
    await gate.reached
    expect(await me(visitor)).toBe(42)
    later(31 * SECOND)
    gate.open()
    expect((await slow).headers.getSetCookie()).toEqual([])
    expect(await me(visitor)).toBe(42)
  })

  it('the secret before a log-in can log out for one minute, and then no longer', async () => {
    for (const [pause, user] of [
      [59, null],
      [61, 42],
    ]) {
      const visitor = await start()
      const old = visitor.header
      await visitor.fetch('/login')
      later(pause! * SECOND)
      expect(await lose(old)).toEqual({ user: null })
      const { status } = await fetch(`${app.base}/logout`, { headers: { cookie: old } })
      expect(status).toBe(user === null ? 200 : 409)
      expect(await me(visitor), `${pause} s after the log-in`).toBe(user)
      if (user === null) await app.close()
    }
  })

  it('a page that was read before an automatic rotation and ends after it does not bring the old secret back', async () => {
    const visitor = await start({ touchAfter: 0 })
    await visitor.fetch('/login')
    later(700 * SECOND)
    const gate = new Gate()
    handler = async (ctx) => {
      await ctx.session().inc('views')
      await gate.pass()
    }
    const slow = fetch(`${app.base}/slow`, { headers: { cookie: visitor.header } })
    await gate.reached
    expect(await me(visitor)).toBe(42)
    gate.open()
    for (const line of (await slow).headers.getSetCookie()) visitor.keep(line)
    expect(await me(visitor)).toBe(42)
    later(31 * SECOND)
    expect(await me(visitor)).toBe(42)
  })
})
