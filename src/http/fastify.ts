import type { IncomingMessage, ServerResponse } from 'node:http'
import { guardOf } from '../api/guard.ts'
import type { Sessions } from '../api/sessions.ts'
import { type SessionUse, used } from '../api/use.ts'
import { isSessionError, SessionUsageError } from '../errors/index.ts'
import { arrivalOf } from '../visit/arrival.ts'
import { entryOf, holdEnd } from './node.ts'

/** The part of a Fastify request that is used. */
export interface FastifyRequest {
  readonly raw: IncomingMessage
  readonly protocol: string
  readonly ip: string
}
/** The part of a Fastify reply that is used. */
export interface FastifyReply {
  readonly raw: ServerResponse
  readonly statusCode: number
}
/** The part of a Fastify application that is used. */
export interface FastifyInstance {
  hasRequestDecorator(name: string): boolean
  decorateRequest(name: string, value: null): unknown
  addHook(name: 'onRequest', hook: (request: FastifyRequest, reply: FastifyReply) => Promise<void>): unknown
  addHook(
    name: 'onError',
    hook: (request: FastifyRequest, reply: FastifyReply, error: unknown) => Promise<void>,
  ): unknown
  addHook(
    name: 'onSend',
    hook: (request: FastifyRequest, reply: FastifyReply, payload: unknown) => Promise<unknown>,
  ): unknown
}
export type FastifyPlugin = (app: FastifyInstance) => Promise<void>

/**
 * Fastify has a hook between the handler and the headers, in which everything that was begun is settled. After
 * `reply.hijack()` there is no such hook, so the end of the response is held back, as on node:http.
 */
export function fastify<D>(sessions: Sessions<D>): FastifyPlugin {
  const { property } = sessions.settings
  const define = guardOf('request', property)
  const hidden = new WeakMap<IncomingMessage, string>()
  const plugin = async (app: FastifyInstance): Promise<void> => {
    if (app.hasRequestDecorator(property)) {
      throw new SessionUsageError(
        `request.${property} belongs to another plugin already. Pass { property: 'visit' } to use request.visit()`,
      )
    }
    app.decorateRequest(property, null)
    app.addHook('onRequest', async (request, reply) => {
      arrivalOf(request.raw)
      define(request, (use?: SessionUse) => {
        const from = { secure: request.protocol === 'https', client: request.ip }
        holdEnd(sessions, request.raw, reply.raw)
        return used(entryOf(sessions, request.raw, reply.raw, request, from), use)
      })
    })
    app.addHook('onError', async (request, _reply, error) => {
      if (isSessionError(error) && !error.expose) hidden.set(request.raw, error.message)
    })
    app.addHook('onSend', async (request, reply, payload) => {
      try {
        await sessions.entryOf(request.raw)?.visit.settle()
      } catch (error) {
        // The request fails with its own error. A failure of its commands is reported to the application.
        if (reply.statusCode < 400) throw error
        sessions.background(error)
      }
      return without(hidden.get(request.raw), payload)
    })
  }
  // Without it the hooks would hold for the plugin's own routes only.
  return Object.assign(plugin, { [Symbol.for('skip-override')]: true })
}

/** Fastify's own answer to an error, which holds every message; what the application's error handler answers is left alone. */
function without(message: string | undefined, payload: unknown): unknown {
  if (message === undefined || typeof payload !== 'string' || !payload.startsWith('{"statusCode":')) return payload
  const answer = JSON.parse(payload)
  return answer.message === message ? JSON.stringify({ ...answer, message: answer.error }) : payload
}
