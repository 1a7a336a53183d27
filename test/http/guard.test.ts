import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import express from 'express'
import expressSession from 'express-session'
import express4 from 'express4'
import fastify, { type FastifyInstance } from 'fastify'
import { type HttpSessions, httpSessions } from 'koa-atomic-session/http'
import { memory } from 'koa-atomic-session/memory'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { KEY, Visitor } from '../visitor.ts'

// biome-ignore lint/suspicious/noExplicitAny: code as it is written for a session object
type Loose = any
type Use = (request: Loose) => unknown

const sessionsOf = (options = {}) => httpSessions<object>({ keys: [KEY], store: memory(), ...options })
const sloppy = (body: string) => new Function('request', body) as Use
/** Code of others that keeps something in `request.session`, as flash messages, tokens and log-ins are kept. */
const flash: Use = (request) => {
  request.session.flash = request.session.flash || {}
  request.session.flash.info = 'for Alice only'
}

interface Serving {
  readonly errors: Error[]
  visitor(): Visitor
  close(): Promise<unknown>
}
interface Server {
  readonly server: string
  readonly place: string
  start(use: () => Use): Promise<Serving>
}

/** Express 4 does not look at what a handler returns. */
const caught =
  (handler: (request: Loose, response: Loose) => Promise<unknown>) => (request: Loose, response: Loose, next: Loose) =>
    void handler(request, response).catch(next)

const onExpress = (server: string, make: typeof express): Server => ({
  server,
  place: 'req',
  async start(use) {
    const app = make()
    const sessions = sessionsOf()
    const errors: Error[] = []
    app.use(sessions.express())
    app.get(
      '/login',
      caught(async (request, response) => response.send(await request.session().set('user', 'alice'))),
    )
    app.get(
      '/use',
      caught(async (request, response) => response.json((await use()(request)) ?? null)),
    )
    app.get(
      '/',
      caught(async (request, response) => response.send((await request.session()).data)),
    )
    app.use((error: Loose, _request: Loose, response: Loose, _next: Loose) => {
      errors.push(error)
      response.status(500).end()
    })
    const server = createServer(app)
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    return {
      errors,
      visitor: () => new Visitor(`http://127.0.0.1:${(server.address() as AddressInfo).port}`),
      close: () => new Promise((resolve) => server.close(resolve).closeAllConnections()),
    }
  },
})

const on: Server[] = [
  onExpress('Express 5', express),
  onExpress('Express 4', express4),
  {
    server: 'Fastify',
    place: 'request',
    async start(use) {
      const app = fastify()
      const errors: Error[] = []
      app.register(sessionsOf().fastify())
      app.addHook('onError', async (_request, _reply, error) => void errors.push(error))
      app.get('/login', async (request: Loose) => request.session().set('user', 'alice'))
      app.get('/use', async (request) => (await use()(request)) ?? 'null')
      app.get('/', async (request: Loose) => (await request.session()).data)
      const base = await app.listen({ port: 0, host: '127.0.0.1' })
      return { errors, visitor: () => new Visitor(base), close: () => app.close() }
    },
  },
]

describe.each(on)('$place.session on $server', ({ place, start }) => {
  let serving: Serving
  let use: Use
  beforeEach(async () => {
    serving = await start(() => use)
  })
  afterEach(() => serving.close())

  const name = `${place}.session`
  const WRONG: [string, Use, string][] = [
    [
      'writing',
      (request) => {
        request.session.user = 'bob'
      },
      `${name} is a function. Write: await ${name}().set('user', value)`,
    ],
    ['reading', (request) => request.session.user, `${name} is a function. Write: (await ${name}()).user`],
    ['deleting', (request) => delete request.session.user, `Write: await ${name}().unset('user')`],
    ['a flash message', flash, `Write: (await ${name}()).flash`],
    ['saving', (request) => request.session.save(() => {}), 'a command is stored when it resolves'],
    ['destroy without a call', (request) => request.session.destroy(() => {}), `Write: await ${name}().destroy(…)`],
    [
      'assigning',
      (request) => {
        request.session = {}
      },
      `${name} cannot be assigned. Write: await ${name}().set({ … })`,
    ],
    [
      'null in sloppy code',
      sloppy('request.session = null'),
      `${name} cannot be assigned. Write: await ${name}().destroy()`,
    ],
    ['writing in sloppy code', sloppy('request.session.user = 1'), `await ${name}().set('user', value)`],
    [
      'replacing',
      (request) => Object.defineProperty(request, 'session', { value: {} }),
      'Cannot redefine property: session',
    ],
    ['a field of a handle', (request) => request.session().banned, 'Write: (await session).banned'],
    [
      'assigning to a handle',
      (request) => {
        request.session().user = 1
      },
      "await session.set('user', value)",
    ],
  ]

  it.each(WRONG)(
    '%s throws an error with the line to write, and nobody has anything of another',
    async (_, wrong, message) => {
      const [alice, bob] = [serving.visitor(), serving.visitor()]
      await alice.fetch('/login')
      use = wrong
      expect((await alice.fetch('/use')).status).toBe(500)
      expect(serving.errors.map((error) => error.message)).toEqual([expect.stringContaining(message)])
      expect(await bob.json('/')).toEqual({})
      expect(await alice.json('/')).toEqual({ user: 'alice' })
    },
  )

  it('may be taken off the request, which it belongs to', async () => {
    const [alice, bob] = [serving.visitor(), serving.visitor()]
    await alice.fetch('/login')
    use = async ({ session }) => (await session()).data
    expect([await alice.json('/use'), await bob.json('/use')]).toEqual([{ user: 'alice' }, {}])
  })
})

describe('beside others that own the name', () => {
  const old = () => expressSession({ secret: KEY, resave: false, saveUninitialized: true })

  async function answers(build: (app: express.Express, sessions: HttpSessions<object>) => void, options = {}) {
    const app = express()
    build(app, sessionsOf(options))
    app.use((error: Loose, _request: Loose, response: Loose, _next: Loose) => response.status(500).send(error.message))
    const server = createServer(app)
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    const visitor = new Visitor(`http://127.0.0.1:${(server.address() as AddressInfo).port}`)
    const texts = [await visitor.text('/'), await visitor.text('/')]
    await new Promise((resolve) => server.close(resolve).closeAllConnections())
    return texts
  }
  const views: express.RequestHandler = (request: Loose, response) => {
    request.session.views = (request.session.views ?? 0) + 1
    response.send(`seen ${request.session.views}`)
  }

  it('express-session before it is refused, instead of being replaced', async () => {
    const remedy = "Remove that one, or pass { property: 'visit' } to use req.visit()"
    expect(await answers((app, sessions) => app.use(old(), sessions.express(), views))).toEqual(
      Array(2).fill(`req.session belongs to another middleware already. ${remedy}`),
    )
  })

  it('express-session after it leaves the request alone, and the first use says so', async () => {
    expect(await answers((app, sessions) => app.use(sessions.express(), old(), views))).toEqual(
      Array(2).fill(
        'req.session is a function. Write: (await req.session()).views (or leave the code as it is, over koa-atomic-session/classic)',
      ),
    )
  })

  it('express-session under another name has a session of its own', async () => {
    const build = (app: express.Express, sessions: HttpSessions<object>) => app.use(sessions.express(), old(), views)
    expect(await answers(build, { property: 'visit' })).toEqual(['seen 1', 'seen 2'])
  })

  it('the same sessions on an application and on a router within it are one', async () => {
    const texts = await answers((app, sessions) => {
      const router = express.Router()
      router.use(sessions.express())
      router.use(async (request: Loose, response) =>
        response.send(`seen ${(await request.session().inc('views')).views}`),
      )
      app.use(sessions.express())
      app.use(async (request: Loose, _response, next) => {
        await request.session().inc('views')
        next()
      }, router)
    })
    expect(texts).toEqual(['seen 2', 'seen 4'])
  })

  it('a Fastify plugin that wants the name is refused at start, before it and after it', async () => {
    const other = async (app: FastifyInstance) => void app.decorateRequest('session', null)
    const shared = Object.assign(other, { [Symbol.for('skip-override')]: true })
    const after = fastify()
    after.register(sessionsOf().fastify())
    after.register(shared)
    await expect(after.ready()).rejects.toThrow("'session' has already been added")
    const before = fastify()
    before.register(shared)
    before.register(sessionsOf().fastify())
    await expect(before.ready()).rejects.toThrow(
      "request.session belongs to another plugin already. Pass { property: 'visit' }",
    )
  })
})
