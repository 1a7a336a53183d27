import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { getRequestListener } from '@hono/node-server'
import express from 'express'
import express4 from 'express4'
import fastify from 'fastify'
import Koa from 'koa'
import { atomicSession, type SessionUse } from 'koa-atomic-session'
import { fetchSessions } from 'koa-atomic-session/fetch'
import { type HttpOptions, type HttpSessions, httpSessions } from 'koa-atomic-session/http'
import Koa2 from 'koa2'
import type { SessionHandle } from '../../src/api/types.ts'
import { KEY, Visitor } from '../visitor.ts'

// biome-ignore lint/suspicious/noExplicitAny: sessions of any shape
type Handle = SessionHandle<any>

type Carrying = Record<string, (use?: SessionUse) => Handle>

/** A request as a test's application sees it, whatever the server. */
export interface Call {
  readonly path: string
  readonly request: IncomingMessage
  /** The request's session, of the first instance or of another; nothing is asked for before. */
  session(instance?: number, use?: SessionUse): Handle
  header(name: string, value: string): void
  /** Answers 204. */
  empty(): void
  /** Node's own response, which the test answers itself, past the server. */
  bypass(): ServerResponse
}

/** What a test's application does; what it resolves to is answered as `{ value }`. */
export type Handler = (call: Call) => unknown

type Keys = HttpOptions['keys']
type Options = Omit<HttpOptions, 'keys'> & { readonly keys?: Keys }

export interface Serving {
  readonly base: string
  /** The errors that requests ended with, and those that no request could be told of. */
  readonly errors: (Error & { code?: string })[]
  visitor(): Visitor
  close(): Promise<void>
}

interface Application {
  readonly handler: Handler
  /** Several instances are several kinds of session on one server. */
  readonly options: readonly HttpOptions[]
  readonly failed: (error: unknown) => void
}

const answer = async (handler: Handler, call: Call) => JSON.stringify({ value: (await handler(call)) ?? null })
const statusOf = (error: unknown) => (error as { status?: number } | undefined)?.status ?? 500
const instances = ({ options, failed }: Application): HttpSessions<object>[] =>
  options.map((one) => httpSessions<object>({ onError: failed, ...one }))

async function listening(server: Server): Promise<Server> {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return server
}

function koa(KoaClass: typeof Koa) {
  return ({ handler, options, failed }: Application): Promise<Server> => {
    const app = new KoaClass()
    app.keys = options[0]!.keys as string[]
    app.proxy = Boolean(options[0]!.proxy)
    app.on('error', failed)
    const sessions = options.map(({ keys, proxy, onError, ...one }) => atomicSession(app, one))
    app.use(async (ctx) => {
      let bypassed = false
      const body = await answer(handler, {
        path: ctx.path,
        request: ctx.req,
        session: (instance = 0, use) => sessions[instance]!.of(ctx, use) as Handle,
        header: (name, value) => ctx.set(name, value),
        empty() {
          bypassed = true
          ctx.status = 204
        },
        bypass() {
          bypassed = true
          ctx.respond = false
          return ctx.res
        },
      })
      if (!bypassed) ctx.body = body
    })
    return listening(createServer(app.callback()))
  }
}

/** What node:http and Express have in common: the response is Node's own. */
function plain(request: IncomingMessage, response: ServerResponse, session: Call['session']): Call {
  return {
    path: request.url!,
    request,
    session,
    header: (name, value) => void response.setHeader(name, value),
    empty() {
      response.statusCode = 204
      response.end()
    },
    bypass: () => response,
  }
}

function onExpress(make: typeof express) {
  return (application: Application): Promise<Server> => {
    const app = make()
    app.set('trust proxy', application.options[0]!.proxy ?? false)
    const sessions = instances(application)
    for (const one of sessions) app.use(one.express())
    app.use((request, response, next) => {
      const names = sessions.map(({ settings }) => settings.property)
      const of: Call['session'] = (instance = 0, use) => (request as unknown as Carrying)[names[instance]!]!(use)
      answer(application.handler, plain(request, response, of))
        .then((body) => {
          if (!response.writableEnded && !response.headersSent) response.type('json').send(body)
        })
        // Express 4 does not look at what a handler returns.
        .catch(next)
    })
    app.use((error: unknown, _request: unknown, response: express.Response, _next: unknown) => {
      application.failed(error)
      response.status(statusOf(error)).end()
    })
    return listening(createServer(app))
  }
}

/** The same application on each server. */
const SERVERS = {
  'Koa 3': koa(Koa),
  'Koa 2': koa(Koa2 as unknown as typeof Koa),

  'node:http': (application: Application) => {
    const [sessions, ...others] = instances(application)
    return listening(
      createServer(
        sessions!.listener(async (request, response) => {
          const call = plain(
            request,
            response,
            (instance = 0, use) => [sessions, ...others][instance]!.of(request, response, use) as Handle,
          )
          try {
            const body = await answer(application.handler, call)
            if (!response.writableEnded && !response.headersSent) response.end(body)
          } catch (error) {
            application.failed(error)
            response.statusCode = statusOf(error)
            response.end()
          }
        }),
      ),
    )
  },

  'Express 5': onExpress(express),
  'Express 4': onExpress(express4),

  'Fastify 5': async (application: Application) => {
    const app = fastify({ trustProxy: Boolean(application.options[0]!.proxy) })
    const sessions = instances(application)
    for (const one of sessions) app.register(one.fastify())
    app.addHook('onError', async (_request, _reply, error) => application.failed(error))
    app.all('/*', async (request, reply) => {
      let empty = false
      const names = sessions.map(({ settings }) => settings.property)
      const body = await answer(application.handler, {
        path: request.url,
        request: request.raw,
        session: (instance = 0, use) => (request as unknown as Carrying)[names[instance]!]!(use),
        header: (name, value) => void reply.header(name, value),
        empty() {
          empty = true
        },
        bypass() {
          reply.hijack()
          return reply.raw
        },
      })
      if (reply.sent) return reply
      return empty ? reply.code(204).send() : reply.type('application/json').send(body)
    })
    await app.listen({ port: 0, host: '127.0.0.1' })
    return app.server
  },

  /** Whatever speaks Request and Response, here behind a server that translates. */
  fetch: ({ handler, options, failed }: Application) => {
    const sessions = options.map((one) =>
      fetchSessions<object>({
        onError: failed,
        failed(error) {
          failed(error)
          return new Response(null, { status: statusOf(error) })
        },
        ...one,
      }),
    )
    const respond = async (request: Request, raw: IncomingMessage): Promise<Response> => {
      const headers = new Headers({ 'content-type': 'application/json' })
      let bypassed: Response | undefined
      let status = 200
      const body = await answer(handler, {
        path: new URL(request.url).pathname,
        request: raw,
        session: (instance = 0, use) => sessions[instance]!.of(request, use) as Handle,
        header: (name, value) => headers.set(name, value),
        empty() {
          status = 204
        },
        bypass: () => whole((response) => (bypassed = response)),
      })
      return bypassed ?? new Response(status === 204 ? null : body, { status, headers })
    }
    const callback = async (request: Request, { incoming }: { incoming: unknown }): Promise<Response> => {
      const client = (incoming as IncomingMessage).socket.remoteAddress
      // Each instance around the next one.
      const layers = sessions.reduceRight<() => Promise<Response>>(
        (next, one) => () => one.fetch(request, next, { client }),
        () => respond(request, incoming as IncomingMessage),
      )
      return layers()
    }
    return listening(createServer(getRequestListener(callback, { overrideGlobalObjects: false })))
  },
} satisfies Record<string, (application: Application) => Promise<Server>>

/** A response that is made as on Node, and given as a whole. */
function whole(give: (response: Response) => void): ServerResponse {
  let [status, headers]: [number, [string, string][]] = [200, []]
  return {
    writeHead(code: number, list: string[]) {
      status = code
      headers = list.flatMap((name, i): [string, string][] => (i % 2 ? [] : [[name, list[i + 1]!]]))
    },
    end: (text: string) => give(new Response(text, { status, headers })),
  } as unknown as ServerResponse
}

export const KINDS = Object.keys(SERVERS) as (keyof typeof SERVERS)[]

/** Starts the application on a server of this kind; further options are further instances. */
export async function serve(kind: keyof typeof SERVERS, handler: Handler, ...options: Options[]): Promise<Serving> {
  const errors: Serving['errors'] = []
  const server = await SERVERS[kind]({
    handler,
    options: options.map((one) => ({ keys: [KEY], ...one })),
    failed: (error) => errors.push(error as Error),
  })
  const base = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  return {
    base,
    errors,
    visitor: () => new Visitor(base),
    async close() {
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}
