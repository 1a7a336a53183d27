import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import express from 'express'
import fastify from 'fastify'
import { type HttpSessions, httpSessions } from 'koa-atomic-session/http'
import type { SessionHandle } from '../../src/handle.ts'
import type { SessionOptions } from '../../src/options.ts'
import { KEY } from '../visitor.ts'

// biome-ignore lint/suspicious/noExplicitAny: sessions of any shape
type Handle = SessionHandle<any>
/** What a test's application does with the session of a request; what it resolves to is the answer. */
export type Routes = Record<string, (session: Handle, path: string) => unknown>

export interface Serving {
  readonly base: string
  readonly sessions: HttpSessions<object>
  readonly failures: unknown[]
  close(): Promise<void>
}

type Adapter = (sessions: HttpSessions<object>, routes: Routes) => Promise<Server>

async function listening(server: Server): Promise<Server> {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return server
}
const statusOf = (error: unknown) => (error as { status?: number }).status ?? 500

/** The same application on each server. */
export const ADAPTERS: Record<string, Adapter> = {
  'node:http': (sessions, routes) =>
    listening(
      createServer(
        sessions.listener(async (request: IncomingMessage, response: ServerResponse) => {
          const path = request.url!
          try {
            response.end(String(await routes[path]!(sessions.of(request, response) as Handle, path)))
          } catch (error) {
            response.statusCode = statusOf(error)
            response.end()
          }
        }),
      ),
    ),

  'Express 5': (sessions, routes) => {
    const app = express()
    app.use(sessions.express())
    for (const [path, route] of Object.entries(routes)) {
      app.get(path, async (request, response) => {
        const { session } = request as unknown as { session(): Handle }
        response.send(String(await route(lazily(session), path)))
      })
    }
    app.use((error: unknown, _request: unknown, response: import('express').Response, _next: unknown) => {
      response.status(statusOf(error)).end()
    })
    return listening(createServer(app))
  },

  'Fastify 5': async (sessions, routes) => {
    const app = fastify()
    app.register(sessions.fastify())
    for (const [path, route] of Object.entries(routes)) {
      app.get(path, async (request) => {
        const { session } = request as unknown as { session(): Handle }
        return String(await route(lazily(session), path))
      })
    }
    await app.listen({ port: 0, host: '127.0.0.1' })
    return app.server
  },
}

/** The handle itself is asked for only when a route uses it, as an application would. */
function lazily(session: () => Handle): Handle {
  return new Proxy({} as Handle, {
    get: (_, name) => {
      const handle = session() as unknown as Record<PropertyKey, unknown>
      const value = handle[name]
      return typeof value === 'function' ? value.bind(handle) : value
    },
  })
}

export async function serve(kind: string, routes: Routes, options: SessionOptions): Promise<Serving> {
  const failures: unknown[] = []
  const sessions = httpSessions<object>({ keys: [KEY], onError: (error) => failures.push(error), ...options })
  const server = await ADAPTERS[kind]!(sessions, routes)
  return {
    base: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    sessions,
    failures,
    async close() {
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}
