import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import express from 'express'
import express4 from 'express4'
import fastify from 'fastify'
import Koa from 'koa'
import { atomicSession, type SessionUse } from 'koa-atomic-session'
import { type HttpSessions, httpSessions } from 'koa-atomic-session/http'
import Koa2 from 'koa2'
import { fetchServer } from './fetch-server.ts'
import {
  type Application,
  answer,
  type Call,
  type Handle,
  type Handler,
  listening,
  type Options,
  type Serving,
  type Started,
  serveBy,
  started,
  statusOf,
} from './serving.ts'

export type { Call, Handler, Serving }

type Carrying = Record<string, (use?: SessionUse) => Handle>

const instances = ({ options, failed }: Application): HttpSessions<object>[] =>
  options.map((one) => httpSessions<object>({ onError: failed, ...one }))

function koa(KoaClass: typeof Koa) {
  return ({ handler, options, failed }: Application): Promise<Started> => {
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
  return (application: Application): Promise<Started> => {
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
    return started(app.server)
  },

  fetch: fetchServer,
} satisfies Record<string, (application: Application) => Promise<Started>>

export const KINDS = Object.keys(SERVERS) as (keyof typeof SERVERS)[]

/** Starts the application on a server of this kind; further options are further instances. */
export const serve = (kind: keyof typeof SERVERS, handler: Handler, ...options: Options[]): Promise<Serving> =>
  serveBy(SERVERS[kind], handler, options)
