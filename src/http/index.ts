/**
 * The same sessions for servers other than Koa: node:http, Express 4 and 5, Fastify 5, and WebSocket upgrades.
 *
 * @module koa-atomic-session/http
 */
import type { IncomingMessage, ServerResponse } from 'node:http'
import { Sessions } from '../api/sessions.ts'
import type { SessionHandle } from '../api/types.ts'
import { type SessionUse, used } from '../api/use.ts'
import { type Keys, keygripOf } from '../cookie/keys.ts'
import type { DestroyOptions, SiteData } from '../cookie/site-data.ts'
import type { OutputOf, StandardSchema } from '../data/schema.ts'
import type { SessionData, Unreserved } from '../data/types.ts'
import type { SessionOptions } from '../settings/options.ts'
import { settingsOf } from '../settings/settings.ts'
import { type ExpressMiddleware, express } from './express.ts'
import { type FastifyPlugin, fastify } from './fastify.ts'
import { hopsOf } from './forwarded.ts'
import { entryOf, holdEnd, originOf, refuse } from './node.ts'

export type { Session } from '../api/types.ts'
export type { ExpressMiddleware, ExpressNext, ExpressRequest } from './express.ts'
export type { FastifyInstance, FastifyPlugin, FastifyReply, FastifyRequest } from './fastify.ts'
export type { DestroyOptions, SessionHandle, SessionOptions, SessionUse, SiteData }

export interface HttpOptions extends SessionOptions {
  /** The keys that sign the cookie: the first one signs, all of them are accepted. Koa's `app.keys`. */
  readonly keys: Keys
  /**
   * The number of proxies in front of this server, `true` for one. Each of them must append to X-Forwarded-For, and set
   * or append to X-Forwarded-Proto, and the server must be reachable only through them. In each list, the entry of the
   * outermost proxy counts; the client can write the entries to its left. With too small a number, a proxy looks like
   * the client; with too large a number, the client can forge its address.
   *
   * For node:http and for upgrades: Express and Fastify have their own settings.
   * @default false
   */
  readonly proxy?: boolean | number
  /**
   * Called with failures that no longer belong to a request.
   * @default printed to standard error
   */
  readonly onError?: (error: unknown) => void
}

/** The sessions of an application on node:http, Express or Fastify. */
export class HttpSessions<D> extends Sessions<D> {
  /** How many proxies are trusted. */
  readonly #hops: number
  #express: ExpressMiddleware | undefined

  constructor(options: HttpOptions) {
    super(
      settingsOf(options, ['keys', 'proxy', 'onError']),
      options.store,
      options.onError ?? ((error) => console.error(error)),
      () => options.keys,
    )
    keygripOf(options.keys)
    this.#hops = hopsOf(options.proxy)
  }

  /**
   * The session of a request on node:http, always the same for one request.
   *
   * Commands that are not awaited are settled before the response ends: `response.end()` waits for them, and answers
   * with the error's status when one fails and nothing has been sent yet. See {@link listener}.
   *
   * @example
   * ```ts
   * createServer(async (request, response) => {
   *   const session = await sessions.of(request, response).inc('views')
   *   response.end(`seen ${session.views} times`)
   * })
   * ```
   * @throws `SessionUsageError` for anything but `{ touch }`, or without TLS where `secure` is true.
   */
  of(request: IncomingMessage, response: ServerResponse, use?: SessionUse): SessionHandle<D> {
    const from = originOf(request, this.#hops)
    holdEnd(this, request, response)
    return used(entryOf(this, request, response, request, from), use)
  }

  /** @internal Answers a request whose session has failed. */
  refuse(response: ServerResponse, error: unknown): void {
    refuse(this, response, error)
  }

  /**
   * Wraps your listener for `createServer`, so a response ends only after all commands have settled. Without it,
   * `response.end(await …)` gets the function `end` before `of` can replace it.
   *
   * @example
   * ```ts
   * createServer(
   *   sessions.listener(async (request, response) => {
   *     response.end(`seen ${(await sessions.of(request, response).inc('views')).views} times`)
   *   }),
   * )
   * ```
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
   * destroyed; a session can't begin or rotate here, because an upgrade can't set a cookie. `await session.update()`
   * shows what others have done meanwhile, and rejects with a `SessionGoneError` when the session is gone.
   *
   * Pages of other sites may open WebSockets to this server, and SameSite lets the cookie in from every page of the
   * same site, including sister domains. So a request gets no session if Sec-Fetch-Site says that it comes from another
   * site or host, or if its Origin is neither in the option `origin` nor, without that option, the host that it was
   * sent to. Answer with the error's `status`, and close. If a proxy changes the Host header, the option is necessary.
   *
   * @example
   * ```ts
   * server.on('upgrade', async (request, socket) => {
   *   try {
   *     const session = await sessions.upgrade(request).inc('views')
   *     socket.write('HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: text\r\n\r\n')
   *     socket.end(`seen ${session.views} times`)
   *   } catch (error) {
   *     socket.end(`HTTP/1.1 ${isSessionError(error) ? error.status : 500} Refused\r\nConnection: close\r\n\r\n`)
   *   }
   * })
   * ```
   * @throws `CsrfError` (403).
   */
  upgrade(request: IncomingMessage, use?: SessionUse): SessionHandle<D> {
    const from = originOf(request, this.#hops)
    const entry = entryOf(this, request, undefined, request, from)
    entry.visit.assertUpgrade()
    return used(entry, use)
  }

  /**
   * Middleware for Express 4 and 5: it adds `req.session()`, or the name in the option `property`.
   *
   * @example
   * ```ts
   * const app = express()
   * app.use(sessions.express())
   * app.get('/', async (req, res) => {
   *   const session = await req.session().inc('views')
   *   res.send(`seen ${session.views} times`)
   * })
   * createServer(app)
   * ```
   */
  express(): ExpressMiddleware {
    this.#express ??= express(this)
    return this.#express
  }

  /**
   * A plugin for Fastify 5: `app.register(sessions.fastify())` adds `request.session()`, in every scope.
   *
   * @example
   * ```ts
   * const app = fastify({ serverFactory: (handler) => createServer(handler) })
   * app.register(sessions.fastify())
   * app.get('/', async (request) => {
   *   const session = await request.session().inc('views')
   *   return `seen ${session.views} times`
   * })
   * await app.ready()
   * ```
   */
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
