/**
 * The same sessions wherever a request is a `Request` and a response a `Response`: Hono, Next.js route handlers,
 * SvelteKit, React Router, `Bun.serve`, `Deno.serve`.
 *
 * @module koa-atomic-session/fetch
 */
import { type Entry, Sessions } from '../api/sessions.ts'
import type { SessionHandle } from '../api/types.ts'
import { type SessionUse, used } from '../api/use.ts'
import { type Keys, keygripOf } from '../cookie/keys.ts'
import type { DestroyOptions, SiteData } from '../cookie/site-data.ts'
import type { OutputOf, StandardSchema } from '../data/schema.ts'
import type { SessionData, Unreserved } from '../data/types.ts'
import { isSessionError, SessionUsageError } from '../errors/index.ts'
import { hopsOf } from '../http/forwarded.ts'
import { assertNames } from '../settings/names.ts'
import type { SessionOptions } from '../settings/options.ts'
import { settingsOf } from '../settings/settings.ts'
import { arrivalOf } from '../visit/arrival.ts'
import { FetchExchange, isResponse } from './exchange.ts'
import { lazy } from './lazy.ts'

export type { Session } from '../api/types.ts'
export type { DestroyOptions, SessionHandle, SessionOptions, SessionUse, SiteData }

export interface FetchOptions extends SessionOptions {
  /** The keys that sign the cookie: the first one signs, all of them are accepted. */
  readonly keys: Keys
  /**
   * The number of proxies in front of this server, `true` for one. Each of them must append to X-Forwarded-For, and set
   * or append to X-Forwarded-Proto, and the server must be reachable only through them. Without it the request's URL
   * says whether it came over TLS.
   * @default false
   */
  readonly proxy?: boolean | number
  /**
   * Answers a request whose handler or session has failed. Its response gets the session's cookie, so a new secret is
   * not lost. If it throws, `fetch` throws the same error, without a cookie.
   * @default passed to `onError`, and answered with a session error's status, or 500
   */
  readonly failed?: (error: unknown, request: Request) => Response | Promise<Response>
  /**
   * Called with failures that are answered with 500, and with those that no longer belong to a request.
   * @default printed to standard error
   */
  readonly onError?: (error: unknown) => void
}

/** What only the server knows about a request. */
export interface FetchUse extends SessionUse {
  /** The client's address, for events: `server.requestIP(request).address` of Bun, `info.remoteAddr.hostname` of Deno. */
  readonly client?: string | undefined
}

/** The application's handler of a request. */
export type FetchHandler<D> = (session: SessionHandle<D>, request: Request) => Response | Promise<Response>

/** The sessions of an application that answers a `Request` with a `Response`. */
export class FetchSessions<D> extends Sessions<D> {
  readonly #hops: number
  readonly #serving = new WeakMap<Request, Serving<D>>()
  readonly #failed: (error: unknown, request: Request) => Response | Promise<Response>

  constructor(options: FetchOptions) {
    super(
      settingsOf(options, ['keys', 'proxy', 'failed', 'onError']),
      options.store,
      options.onError ?? ((error) => console.error(error)),
      () => options.keys,
    )
    keygripOf(options.keys)
    this.#hops = hopsOf(options.proxy)
    this.#failed = options.failed ?? ((error) => this.#answer(error))
  }

  /**
   * Answers a request with the handler's response and the session's cookie, after all session commands have settled. If
   * the handler does not use its session, the request costs nothing.
   *
   * The headers are sent when the handler has answered. A streamed body may still read and change the session, but a
   * session can't begin or rotate there. A second `fetch` of the same request inside the first is part of it.
   *
   * If the handler throws a `Response`, that is the answer. Anything else that it throws is answered by the option
   * `failed`, so return a redirect that a framework would throw as an error.
   *
   * @example
   * ```ts
   * const answer = (request: Request) =>
   *   sessions.fetch(request, async (session) => {
   *     const { views } = await session.inc('views')
   *     return new Response(`seen ${views} times`)
   *   })
   * await (await answer(new Request('http://localhost/'))).text() // 'seen 1 times'
   * ```
   * @throws `SessionUsageError` for a handler that answers with no `Response`, and for unknown names in `use`.
   */
  async fetch(request: Request, handler: FetchHandler<D>, use: FetchUse = {}): Promise<Response> {
    assertNames(use, ['touch', 'client'], 'sessions.fetch()')
    const { client, ...how } = use
    arrivalOf(request)
    if (this.#serving.has(request)) return handler(this.of(request, how), request)
    const serving: Serving<D> = { exchange: undefined, left: false, entry: () => this.entryOf(request) ?? begin() }
    const begin = () => {
      serving.exchange = new FetchExchange(request, this.#hops, client)
      if (serving.left) serving.exchange.end()
      return this.begin(request, serving.exchange)
    }
    this.#serving.set(request, serving)
    const response = await this.#answered(request, handler, how)
    // Whoever asks for the session from now on, as a stream may, comes after the headers.
    serving.left = true
    return serving.exchange ? withHead(response, serving.exchange) : response
  }

  /**
   * The session of a request that `fetch` is answering, for code that has only the request.
   *
   * @throws `SessionUsageError` outside of `fetch`.
   */
  of(request: Request, use?: SessionUse): SessionHandle<D> {
    const { entry } = this.#servingOf(request)
    return lazy(() => used(entry(), use))
  }

  /** @internal What a request carries that `fetch` is answering; it begins with the first time that this is asked. */
  begun(request: Request): Entry<D> {
    return this.#servingOf(request).entry()
  }

  #servingOf(request: Request): Serving<D> {
    const serving = this.#serving.get(request)
    if (serving) return serving
    throw new SessionUsageError(
      'This request is not being answered by sessions.fetch(request, handler), and its response would have no cookie',
    )
  }

  /**
   * The session of a WebSocket's upgrade request, for as long as the socket lives. It can be read and changed, and
   * destroyed; a session can't begin or rotate here, because an upgrade can't set a cookie. `await session.update()`
   * shows what others have done meanwhile.
   *
   * A request gets no session if Sec-Fetch-Site says that it comes from another site or host, or if its Origin is
   * neither in the option `origin` nor, without that option, the host that it was sent to. Answer with the error's
   * `status`.
   *
   * @throws `CsrfError` (403).
   */
  upgrade(request: Request, use: FetchUse = {}): SessionHandle<D> {
    assertNames(use, ['touch', 'client'], 'sessions.upgrade()')
    const { client, ...how } = use
    const entry = this.entryOf(request) ?? this.begin(request, new FetchExchange(request, this.#hops, client, true))
    entry.visit.assertUpgrade()
    return used(entry, how)
  }

  /** What the handler answers, or what is answered where it fails; by then everything that was begun is settled. */
  async #answered(request: Request, handler: FetchHandler<D>, use: SessionUse): Promise<Response> {
    const settled = () => this.entryOf(request)?.visit.settle()
    try {
      const response = await handler(this.of(request, use), request)
      await settled()
      return response
    } catch (error) {
      // The request fails with its own error. A failure of its commands is reported to the application.
      await Promise.resolve(settled()).catch((failure) => failure !== error && this.background(failure))
      return isResponse(error) ? error : this.#failed(error, request)
    }
  }

  #answer(error: unknown): Response {
    const known = isSessionError(error)
    const status = known ? error.status : 500
    if (status >= 500) this.background(error)
    return new Response(known && error.expose ? error.message : null, { status })
  }
}

/** A request that is being answered. */
interface Serving<D> {
  /** Only once its session was asked for. */
  exchange: FetchExchange | undefined
  /** Its response's headers have left. */
  left: boolean
  readonly entry: () => Entry<D>
}

/** The response with the session's cookie among its headers. */
function withHead(response: Response, exchange: FetchExchange): Response {
  // A WebSocket's upgrade is answered by the server itself: Bun wants nothing, and Deno its own response.
  if (response === undefined || response?.status === 101) {
    exchange.end()
    return response
  }
  if (!isResponse(response)) {
    throw new SessionUsageError('The handler of sessions.fetch(request, handler) must answer with a Response')
  }
  const body = exchange.bodyOf(response)
  const answer =
    body === response.body && isMutable(response)
      ? response
      : new Response(body, {
          status: response.status,
          statusText: response.statusText,
          headers: response.headers,
        })
  exchange.end(answer.headers)
  return answer
}

/** Headers of a redirect, and of what another server has answered, can't be changed. */
function isMutable({ headers }: Response): boolean {
  try {
    headers.delete('x-koa-atomic-session')
    return true
  } catch {
    return false
  }
}

/**
 * Sessions for servers that answer a `Request` with a `Response`, with the same options, stores and cookie as on Koa;
 * `keys` are Koa's `app.keys`.
 *
 * @example
 * ```ts
 * const sessions = fetchSessions({ store: sqlite('sessions.db'), keys: [process.env.SESSION_KEY!] })
 * const server = {
 *   fetch: (request: Request) =>
 *     sessions.fetch(request, async (session) => {
 *       const { views } = await session.inc('views')
 *       return new Response(`seen ${views} times`)
 *     }),
 * }
 * ```
 * @throws `SessionUsageError` for an option that can't work.
 */
export function fetchSessions<S extends StandardSchema>(
  options: FetchOptions & { readonly schema: S },
): FetchSessions<OutputOf<S>>
export function fetchSessions<D extends Unreserved<D> = SessionData>(options: FetchOptions): FetchSessions<D>
export function fetchSessions<D>(options: FetchOptions): FetchSessions<D> {
  return new FetchSessions<D>(options)
}
