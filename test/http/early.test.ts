import { once } from 'node:events'
import { createReadStream, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import compression from 'compression'
import express, { type NextFunction, type Request, type Response } from 'express'
import fastify from 'fastify'
import Koa, { type Context } from 'koa'
import { atomicSession } from 'koa-atomic-session'
import { type HttpOptions, httpSessions } from 'koa-atomic-session/http'
import { memory } from 'koa-atomic-session/memory'
import compress from 'koa-compress'
import { afterAll, afterEach, describe, expect, it } from 'vitest'
import type { SessionHandle } from '../../src/api/types.ts'
import { KEY, Visitor } from '../visitor.ts'

type Handle = SessionHandle<{ user?: string }>
type Options = Omit<HttpOptions, 'keys'>

const HOUR = 3600
const DAY = 24 * HOUR
const folder = mkdtempSync(join(tmpdir(), 'early-'))
const FILE = join(folder, 'page.html')
const PAGE = '<p>A page that is long enough to be compressed.</p>'.repeat(400)
writeFileSync(FILE, PAGE)
afterAll(() => rmSync(folder, { recursive: true, force: true }))

/** A server whose `/login` begins a session, and whose every other page is sent by the middleware under test. */
type Start = (options: Options) => Promise<Server>

const logIn = (session: Handle, url: string) => session.set('user', new URL(url, 'http://x').searchParams.get('user')!)

async function listening(server: Server): Promise<Server> {
  await once(server.listen(0, '127.0.0.1'), 'listening')
  return server
}

function koa(send: (ctx: Context) => unknown, ...before: Koa.Middleware[]): Start {
  return async (options) => {
    const app = Object.assign(new Koa(), { keys: [KEY] })
    for (const one of before) app.use(one)
    atomicSession<{ user?: string }>(app, options)
    app.use(async (ctx) => {
      if (ctx.path === '/login') await logIn(ctx.session() as never, ctx.url)
      else if (ctx.path === '/expires') ctx.body = { expires: (await ctx.session()).expires }
      else {
        await ctx.session()
        await send(ctx)
      }
      if (ctx.path === '/login') ctx.body = {}
    })
    return listening(createServer(app.callback()))
  }
}

function plain(send: (request: IncomingMessage, response: ServerResponse) => unknown): Start {
  return (options) => {
    const sessions = httpSessions<{ user?: string }>({ keys: [KEY], ...options })
    return listening(
      createServer(
        sessions.listener(async (request, response) => {
          const session = sessions.of(request, response)
          if (request.url!.startsWith('/login')) await logIn(session, request.url!)
          else if (request.url === '/expires') {
            response.end(JSON.stringify({ expires: (await session).expires }))
            return
          } else {
            await session
            return void (await send(request, response))
          }
          response.end('{}')
        }),
      ),
    )
  }
}

function onExpress(send: (response: Response) => unknown, ...before: express.RequestHandler[]): Start {
  return (options) => {
    const app = express()
    for (const one of before) app.use(one)
    app.use(httpSessions({ keys: [KEY], ...options }).express())
    app.use(async (request: Request, response: Response, _next: NextFunction) => {
      const session = (request as unknown as { session(): Handle }).session()
      if (request.path === '/login') response.json((await logIn(session, request.url)).data)
      else if (request.path === '/expires') response.json({ expires: (await session).expires })
      else {
        await session
        await send(response)
      }
    })
    return listening(createServer(app))
  }
}

function onFastify(send: (reply: import('fastify').FastifyReply) => unknown): Start {
  return async (options) => {
    const app = fastify()
    app.register(httpSessions({ keys: [KEY], ...options }).fastify())
    app.get('/*', async (request, reply) => {
      const session = (request as unknown as { session(): Handle }).session()
      if (request.url.startsWith('/login')) return (await logIn(session, request.url)).data
      if (request.url === '/expires') return { expires: (await session).expires }
      await session
      await send(reply)
      return reply
    })
    await app.listen({ port: 0, host: '127.0.0.1' })
    return app.server
  }
}

/** Sends the headers and half of the page at once, and the rest when the browser has the headers. */
const pending: (() => void)[] = []
async function inTwoParts(response: ServerResponse): Promise<void> {
  response.writeHead(200, { 'content-type': 'text/html' })
  response.write(PAGE.slice(0, 100))
  await new Promise<void>((resolve) => pending.push(resolve))
  response.end(PAGE.slice(100))
}
const compressed = compression()
const compressing = (request: IncomingMessage, response: ServerResponse) =>
  new Promise<void>((resolve) => compressed(request as Request, response as Response, () => resolve()))

describe.each<[string, Start, 'later'?]>([
  [
    'Koa with ctx.respond = false, and a page in two parts',
    koa((ctx) => {
      ctx.respond = false
      return inTwoParts(ctx.res)
    }),
  ],
  [
    'Koa with stream.pipe(ctx.res)',
    koa((ctx) => {
      ctx.respond = false
      createReadStream(FILE).pipe(ctx.res)
    }),
  ],
  [
    'Koa with koa-compress and a text',
    koa((ctx) => {
      ctx.body = PAGE
    }, compress() as Koa.Middleware),
  ],
  [
    'Koa with koa-compress and a stream',
    koa((ctx) => {
      ctx.type = 'html'
      ctx.body = createReadStream(FILE)
    }, compress() as Koa.Middleware),
  ],
  ['Express with res.sendFile', onExpress((response) => response.sendFile(FILE)), 'later'],
  ['Express with stream.pipe(res)', onExpress((response) => createReadStream(FILE).pipe(response)), 'later'],
  ['Express with a page in two parts', onExpress(inTwoParts)],
  ['Express with compression() and a text', onExpress((response) => response.send(PAGE), compression())],
  [
    'Express with compression() and res.sendFile',
    onExpress((response) => response.sendFile(FILE), compression()),
    'later',
  ],
  [
    'Fastify with reply.hijack(), and a page in two parts',
    onFastify((reply) => {
      reply.hijack()
      return inTwoParts(reply.raw)
    }),
  ],
  ['Fastify with a stream', onFastify((reply) => reply.type('text/html').send(createReadStream(FILE)))],
  ['node:http with a page in two parts', plain((_, response) => inTwoParts(response))],
  ['node:http with stream.pipe(response)', plain((_, response) => createReadStream(FILE).pipe(response)), 'later'],
  [
    'node:http with compression()',
    plain(async (request, response) => {
      await compressing(request, response)
      response.setHeader('content-type', 'text/html')
      response.end(PAGE)
    }),
  ],
])('a response whose headers leave early: %s', (_, start, later) => {
  const servers: Server[] = []
  afterEach(() => {
    for (const server of servers.splice(0)) server.close().closeAllConnections()
  })
  async function serve(options: Options): Promise<string> {
    const server = await start(options)
    servers.push(server)
    return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  }

  it.skipIf(later)('slides the cookie and the store together, each visitor their own', async () => {
    const store = memory()
    // What begins with an hour, and is read where a day is asked for, must have a day on both sides.
    const before = await serve({ store, maxAge: '1 hour' })
    const after = await serve({ store, maxAge: '1 day', touchAfter: 0 })
    const visitors = ['alice', 'bob'].map((user) => ({ user, first: new Visitor(before), then: new Visitor(after) }))
    await Promise.all(
      visitors.map(async ({ user, first, then }) => {
        const [line] = (await first.fetch(`/login?user=${user}`)).headers.getSetCookie()
        expect(line).toContain(`Max-Age=${HOUR};`)
        then.keep(line!)
      }),
    )
    await Promise.all(
      visitors.map(async ({ first, then }) => {
        const response = await then.fetch('/page')
        expect(response.headers.getSetCookie()).toEqual([expect.stringContaining(`Max-Age=${DAY};`)])
        expect(response.headers.getSetCookie()[0]).toContain(first.header)
        pending.shift()?.()
        expect(await response.text()).toBe(PAGE)
      }),
    )
    // What shows the expiry asks with an hour, and too rarely to slide anything itself.
    for (const { first } of visitors) {
      await expect
        .poll(async () => Date.parse((await first.json('/expires')).expires) - Date.now())
        .toBeGreaterThan((DAY - 60) * 1000)
    }
  })

  it.runIf(later)('slides neither the cookie nor the store, and the next response slides both', async () => {
    const store = memory()
    const before = await serve({ store, maxAge: '1 hour' })
    const after = await serve({ store, maxAge: '1 day', touchAfter: 0 })
    const [first, then] = [new Visitor(before), new Visitor(after)]
    for (const line of (await first.fetch('/login?user=carol')).headers.getSetCookie()) then.keep(line)
    const page = await then.fetch('/page')
    expect([await page.text(), page.headers.getSetCookie()]).toEqual([PAGE, []])
    const left = async (visitor: Visitor) => Date.parse((await visitor.json('/expires')).expires) - Date.now()
    expect(await left(first)).toBeLessThan((HOUR + 1) * 1000)
    const [line] = (await then.fetch('/expires')).headers.getSetCookie()
    expect(line).toContain(`Max-Age=${DAY};`)
    expect(await left(first)).toBeGreaterThan((DAY - 60) * 1000)
  })
})

it('headers that are sent in the same breath as a touch slide the cookie with it, though the page was slow', async () => {
  const sessions = httpSessions<{ user?: string }>({ keys: [KEY], store: memory(), maxAge: '1 day', touchAfter: 0 })
  const server = await listening(
    createServer(
      sessions.listener(async (request, response) => {
        const session = await sessions.of(request, response)
        if (request.url === '/login') await session.set('user', 'dora')
        else {
          await new Promise((resolve) => setTimeout(resolve, 20))
          await session.touch()
          response.flushHeaders()
          await new Promise((resolve) => setTimeout(resolve, 20))
        }
        response.end('fine')
      }),
    ),
  )
  const visitor = new Visitor(`http://127.0.0.1:${(server.address() as AddressInfo).port}`)
  await visitor.fetch('/login')
  const response = await visitor.fetch('/page')
  expect(response.headers.getSetCookie()).toEqual([expect.stringContaining(`Max-Age=${DAY};`)])
  expect(await response.text()).toBe('fine')
  server.close().closeAllConnections()
})

it('headers that leave a turn after the end of their request carry the cookie that it has slid by itself', async () => {
  const app = Object.assign(new Koa(), { keys: [KEY] })
  atomicSession<{ user?: string }>(app, { store: memory(), maxAge: '1 day' })
  const turn = () => new Promise((resolve) => setImmediate(resolve))
  const page = async function* () {
    for (let i = 0; i < 3; i++) await turn()
    yield 'fine'
  }
  app.use(async (ctx) => {
    if (ctx.path === '/login') await ctx.session().set('user', 'dora' as never)
    else await ctx.session().touch()
    ctx.body = Readable.from(page())
  })
  const server = await listening(createServer(app.callback()))
  const visitor = new Visitor(`http://127.0.0.1:${(server.address() as AddressInfo).port}`)
  await visitor.text('/login')
  const response = await visitor.fetch('/page')
  expect(response.headers.getSetCookie()).toEqual([expect.stringContaining(`Max-Age=${DAY};`)])
  expect(await response.text()).toBe('fine')
  server.close().closeAllConnections()
})

it('after reply.hijack() on Fastify, what nobody awaits is settled before the end, and its failure breaks it off', async () => {
  const told: unknown[] = []
  const app = fastify()
  const onError = (error: unknown) => void told.push((error as { code: string }).code)
  app.register(httpSessions({ keys: [KEY], store: memory(), onError }).fastify())
  app.get('/*', async (request, reply) => {
    const session = (request as unknown as { session(): SessionHandle<{ n: number }> }).session
    if (request.url === '/read') return { n: (await session()).n }
    reply.hijack()
    session().inc('n')
    if (request.url === '/wrong') session().push('n' as never, 1 as never)
    reply.raw.end('sent')
    return reply
  })
  const visitor = new Visitor(await app.listen({ port: 0, host: '127.0.0.1' }))
  expect(await visitor.text('/inc')).toBe('sent')
  expect(await visitor.json('/read')).toEqual({ n: 1 })
  expect((await visitor.fetch('/wrong')).status).toBe(500)
  expect(told).toEqual(['ERR_SESSION_TYPE'])
  await app.close()
})
