import type { IncomingMessage } from 'node:http'
import { type Entry, Sessions } from '../api/sessions.ts'
import type { SessionHandle } from '../api/types.ts'
import { type SessionUse, used } from '../api/use.ts'
import type { Store } from '../contract/store.ts'
import { SessionUsageError } from '../errors/index.ts'
import type { Settings } from '../settings/settings.ts'
import { arrivalOf } from '../visit/arrival.ts'
import type { Host } from '../visit/exchange.ts'
import { type CsrfOptions, csrf } from './csrf.ts'
import { type KoaContext, KoaExchange, UpgradeExchange } from './exchange.ts'

/** The sessions of a Koa application. */
export class KoaSessions<D> extends Sessions<D> {
  /** How requests arrived; kept only for `csrf()`. */
  #methods: WeakMap<object, string | undefined> | undefined
  /** The application's view of a request that did not come through its middleware. */
  readonly #contextOf: (request: IncomingMessage) => KoaContext

  /** Where a request says whose its cookie is. Several copies of this package agree on it. */
  readonly #claim: symbol
  /** Gives the context of an application that this one is mounted in the property, too. */
  readonly #define: (ctx: KoaContext) => void

  constructor(
    settings: Settings,
    store: Store | undefined,
    { background, keys }: Pick<Host, 'background' | 'keys'>,
    contextOf: (request: IncomingMessage) => KoaContext,
    define: (ctx: KoaContext) => void,
  ) {
    super(settings, store, background, keys)
    this.#contextOf = contextOf
    this.#claim = Symbol.for(`koa-atomic-session.cookie.${settings.cookie.name}`)
    this.#define = define
  }

  /**
   * The session of a request: the result of `ctx.session()`, for libraries that don't know the application's types.
   *
   * @example
   * ```ts
   * const session = await sessions.of(ctx)
   * session.isNew // true
   * ```
   */
  of(ctx: KoaContext, use?: SessionUse): SessionHandle<D> {
    return used(this.#entry(ctx), use)
  }

  /**
   * The session of a WebSocket's upgrade request, for as long as the socket lives. It can be read and changed, and
   * destroyed; a session can't begin or rotate here, because an upgrade can't set a cookie. `await session.update()`
   * shows what others did, and rejects with a `SessionGoneError` when the session is gone.
   *
   * A request gets no session if Sec-Fetch-Site says that it comes from another site or host, or if its Origin is
   * neither in the option `origin` nor, without that option, the host that it was sent to. Answer with the error's
   * `status`, and close. TLS and the client's address are what `ctx.secure` and `ctx.ip` would be: see `app.proxy`.
   *
   * @example
   * ```ts
   * createServer(app.callback()).on('upgrade', async (request, socket) => {
   *   try {
   *     const { id } = await sessions.upgrade(request)
   *     socket.end(`HTTP/1.1 101 Switching Protocols\r\n\r\n${id}`)
   *   } catch (error) {
   *     socket.end(`HTTP/1.1 ${isSessionError(error) ? error.status : 500} Refused\r\n\r\n`)
   *   }
   * })
   * ```
   * @throws {@link CsrfError} (403).
   */
  upgrade(request: IncomingMessage, use?: SessionUse): SessionHandle<D> {
    const entry = this.entryOf(request) ?? this.begin(request, new UpgradeExchange(this.#contextOf(request)))
    entry.visit.assertUpgrade()
    return used(entry, use)
  }

  #entry(ctx: KoaContext): Entry<D> {
    return this.entryOf(ctx.req) ?? this.begin(ctx.req, new KoaExchange(ctx))
  }

  /**
   * Middleware that refuses every forged request of an application with 403: `app.use(sessions.csrf())`, after
   * `atomicSession()` and, where tokens come in bodies, after the body parser.
   *
   * GET, HEAD and OPTIONS pass. All other requests must come from this site according to the browser (Sec-Fetch-Site,
   * or an Origin that is listed in the option `origin`). If the browser says nothing, the request must carry a token
   * from `createCSRF()`, by default in the header X-CSRF-Token. With `token` every such request must carry one. The
   * method that arrived counts, even if other middleware changes it.
   *
   * @example
   * ```ts
   * app.use(sessions.csrf())
   * ```
   * @throws {@link CsrfError} (403).
   */
  csrf(options: CsrfOptions = {}): (ctx: KoaContext, next: () => Promise<unknown>) => Promise<void> {
    this.#methods ??= new WeakMap()
    const methods = this.#methods
    return csrf(
      (ctx) => this.#entry(ctx),
      ({ req }) => methods.get(req) ?? req.method,
      options,
    )
  }

  /** @internal Runs the whole request, and ends it only when every session command that was begun is settled. */
  around(ctx: KoaContext, next: () => Promise<unknown>): Promise<unknown> {
    const outermost = this.#enter(ctx)
    return this.#settled(ctx, next(), outermost)
  }

  /** @internal Runs one middleware. A failure that nobody watched comes to light when it ends, and not only at the end. */
  after(ctx: KoaContext, run: () => unknown): Promise<unknown> {
    let ran: Promise<unknown>
    try {
      ran = Promise.resolve(run())
    } catch (error) {
      ran = Promise.reject(error)
    }
    return this.#settled(ctx, ran, false)
  }

  /** Only the `outermost`, which comes first, ends the request's dealings with its session. */
  #settled(ctx: KoaContext, ran: Promise<unknown>, outermost: boolean): Promise<unknown> {
    const settle = () => {
      const visit = this.entryOf(ctx.req)?.visit
      return outermost ? visit?.settle() : visit?.catchUp()
    }
    // Two callbacks, because this runs for every request, and an async function costs several times as much.
    return ran.then(
      (value) => settle()?.then(() => value) ?? value,
      async (error) => {
        // The request fails with its own error. A failure of its commands is reported to the application.
        await settle()?.catch((failure) => this.background(failure, ctx))
        throw error
      },
    )
  }

  /** Whether this is the first time in this request, which the cookie and `ctx.session` belong to from now on. */
  #enter(ctx: KoaContext): boolean {
    const req = ctx.req as IncomingMessage & { [claim: symbol]: unknown }
    const owner = req[this.#claim]
    if (owner === this) return false
    if (owner !== undefined) {
      const { name } = this.settings.cookie
      throw new SessionUsageError(
        `The cookie '${name}' belongs to the atomicSession of an application that this one is mounted in, or beside: remove one of the two, or pass another key and property`,
      )
    }
    req[this.#claim] = this
    arrivalOf(req)
    // The method that arrived, before an override.
    this.#methods?.set(ctx.req, ctx.req.method)
    this.#define(ctx)
    return true
  }
}
