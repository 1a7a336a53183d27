/**
 * The same sessions for servers other than Koa: node:http, Express 5, Fastify 5, and WebSocket upgrades.
 *
 * @module koa-atomic-session/http
 */
import type { IncomingMessage, ServerResponse } from 'node:http'
import { Sessions } from '../api/sessions.ts'
import type { SessionHandle } from '../api/types.ts'
import { type Keys, keygripOf } from '../cookie/keys.ts'
import type { OutputOf, StandardSchema } from '../data/schema.ts'
import type { SessionData, Unreserved } from '../data/types.ts'
import { type SessionOptions, settingsOf } from '../settings/options.ts'
import { type ExpressMiddleware, express } from './express.ts'
import { type FastifyPlugin, fastify } from './fastify.ts'
import { clientOf, entryOf, holdEnd, isSecure } from './node.ts'

export type { Session } from '../api/types.ts'
export type { ExpressMiddleware, ExpressNext, ExpressRequest } from './express.ts'
export type { FastifyInstance, FastifyPlugin, FastifyReply, FastifyRequest } from './fastify.ts'
export type { SessionHandle, SessionOptions }

export interface HttpOptions extends SessionOptions {
  /** The keys that sign the cookie: the first one signs, all of them are accepted. Koa's `app.keys`. */
  readonly keys: Keys
  /**
   * A proxy before this server sets X-Forwarded-Proto and X-Forwarded-For, and nobody reaches the server past it. For
   * node:http only: Express and Fastify have settings of their own.
   * @default false
   */
  readonly proxy?: boolean
  /**
   * Told of failures that no request can be told of any more.
   * @default printed to standard error
   */
  readonly onError?: (error: unknown) => void
}

/** The sessions of an application on node:http, Express or Fastify. */
export class HttpSessions<D> extends Sessions<D> {
  readonly #proxy: boolean
  #express: ExpressMiddleware | undefined

  constructor(options: HttpOptions) {
    super(
      settingsOf(options, ['keys', 'proxy', 'onError']),
      options.store,
      options.onError ?? ((error) => console.error(error)),
      () => options.keys,
    )
    keygripOf(options.keys)
    this.#proxy = options.proxy ?? false
  }

  /**
   * The session of a request on node:http, the same one however often it is asked for.
   *
   * Commands that nobody awaits are settled before the response ends: `response.end()` waits for them, and answers with
   * the error's status when one fails and nothing has been sent yet. See {@link listener}.
   */
  of(request: IncomingMessage, response: ServerResponse): SessionHandle<D> {
    const from = { secure: isSecure(request, this.#proxy), client: clientOf(request, this.#proxy) }
    holdEnd(this, request, response)
    return entryOf(this, request, response, request, from).handle
  }

  /**
   * A listener for `createServer` around yours, which sees to it that a response ends only when every command that was
   * begun is settled. Without it `response.end(await …)` takes hold of `end` before `of` can.
   */
  listener(
    listener: (request: IncomingMessage, response: ServerResponse) => unknown,
  ): (request: IncomingMessage, response: ServerResponse) => void {
    return (request, response) => {
      holdEnd(this, request, response)
      listener(request, response)
    }
  }

  /**
   * The session of a WebSocket's upgrade request, for as long as the socket lives. It can be read and changed, and
   * destroyed; a session can't begin or rotate here, because an upgrade can set no cookie. What others do meanwhile is
   * seen by `await session.update()`; when the session is gone, that rejects with a `SessionGoneError`.
   *
   * Pages of other sites may open WebSockets to this server, and the browser sends the cookie along where SameSite lets
   * it. What comes from elsewhere by Sec-Fetch-Site or Origin gets no session: answer the error's `status`, and close.
   *
   * @throws `CsrfError` (403).
   */
  upgrade(request: IncomingMessage): SessionHandle<D> {
    const from = { secure: isSecure(request, this.#proxy), client: clientOf(request, this.#proxy) }
    const { visit, handle } = entryOf(this, request, undefined, request, from)
    visit.assertUpgrade()
    return handle
  }

  /** Middleware for Express 5: `req.session()`, by the name of the option `property`. */
  express(): ExpressMiddleware {
    this.#express ??= express(this)
    return this.#express
  }

  /** A plugin for Fastify 5: `app.register(sessions.fastify())` gives `request.session()`, in every scope. */
  fastify(): FastifyPlugin {
    return fastify(this)
  }
}

/**
 * Sessions for servers other than Koa, with the same options, stores and cookie; `keys` are Koa's `app.keys`.
 *
 * @example
 * ```ts
 * const sessions = httpSessions({ store: sqlite('sessions.db'), keys: [process.env.SESSION_KEY!] })
 * const listener = sessions.listener(async (request, response) => {
 *   const session = await sessions.of(request, response).inc('views')
 *   response.end(`seen ${session.views} times`)
 * })
 * createServer(listener)
 * ```
 * @throws `SessionUsageError` for an option that can't work.
 */
export function httpSessions<S extends StandardSchema>(
  options: HttpOptions & { readonly schema: S },
): HttpSessions<OutputOf<S>>
export function httpSessions<D extends Unreserved<D> = SessionData>(options: HttpOptions): HttpSessions<D>
export function httpSessions<D>(options: HttpOptions): HttpSessions<D> {
  return new HttpSessions<D>(options)
}
