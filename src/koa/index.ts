import type { IncomingHttpHeaders, IncomingMessage, ServerResponse } from 'node:http'
// biome-ignore lint/suspicious/noTsIgnore: an error is expected only where Koa's types are not installed
/** @ts-ignore: who uses other servers has no types of Koa */
import type Koa from 'koa'
import type { SessionHandle } from '../api/handle.ts'
import { Sessions } from '../api/sessions.ts'
import type { Keys } from '../cookie/credential.ts'
import { vary } from '../cookie/jar.ts'
import { isSafe } from '../csrf/token.ts'
import type { OutputOf, StandardSchema } from '../data/schema.ts'
import type { SessionData, Unreserved } from '../data/types.ts'
import { CsrfError, SessionUsageError } from '../errors/index.ts'
import { type SessionOptions, settingsOf } from '../settings/options.ts'
import type { Exchange, Visit } from '../visit/visit.ts'

/** What is needed of a Koa context; every application's own context type has it. */
export interface KoaContext {
  readonly req: IncomingMessage
  readonly res: ServerResponse
  readonly secure: boolean
  readonly ip: string
}

/** For applications with a context type of their own: `new Koa<State, SessionContext<MyData>>()`. */
export interface SessionContext<D = SessionData> {
  session(): SessionHandle<D>
}

// biome-ignore lint/suspicious/noTsIgnore: as above
/** @ts-ignore: as above */
declare module 'koa' {
  interface DefaultContext {
    /** This visitor's session; nothing is read until it is awaited. */
    session(): SessionHandle<SessionData>
  }
}

/** How `sessions.csrf()` judges a request. */
export interface CsrfOptions {
  /**
   * Reads the token of a request, `(ctx) => ctx.request.body?.csrf`, and asks for one of every request that may change
   * something. Never read it from the URL or a cookie: both travel without the page's doing.
   * @default X-CSRF-Token, only where the browser does not say where the request comes from
   */
  // biome-ignore lint/suspicious/noExplicitAny: the context as the application's other middleware has made it
  readonly token?: (ctx: any) => unknown
  /** Called instead of refusing, to see on a running application what would be refused. */
  // biome-ignore lint/suspicious/noExplicitAny: the context as the application's other middleware has made it
  readonly reportOnly?: (error: CsrfError, ctx: any) => void
}

interface Entry<D> {
  readonly visit: Visit
  readonly handle: SessionHandle<D>
}

type Carrier<D> = IncomingMessage & { [slot: symbol]: Entry<D> | undefined }

/** A class, because an object literal with getters costs more to make than everything else of a handle. */
class KoaExchange implements Exchange {
  readonly headers: IncomingHttpHeaders
  readonly response: ServerResponse
  readonly keys: () => Keys
  readonly context: KoaContext

  constructor(ctx: KoaContext, keys: () => Keys) {
    this.context = ctx
    this.headers = ctx.req.headers
    this.response = ctx.res
    this.keys = keys
  }

  get secure(): boolean {
    return this.context.secure
  }

  get client(): string {
    return this.context.ip
  }
}

/** The sessions of a Koa application. */
export class KoaSessions<D> extends Sessions<D> {
  /** Where a request keeps its session. A WeakMap would do too, but costs the garbage collector a tenth of a request. */
  readonly #slot = Symbol('koa-atomic-session')
  readonly #keys: () => Keys
  /** How requests arrived; kept only for `csrf()`. */
  #methods: WeakMap<object, string | undefined> | undefined

  constructor(...[settings, store, background, keys]: Required<ConstructorParameters<typeof Sessions>>) {
    super(settings, store, background, keys)
    this.#keys = keys
  }

  /** The session of a request: what `ctx.session()` gives, for libraries that don't know the application's types. */
  of(ctx: KoaContext): SessionHandle<D> {
    return this.#entry(ctx).handle
  }

  #entry(ctx: KoaContext): Entry<D> {
    const { req } = ctx
    let entry = this.#entryOf(req)
    if (!entry) {
      entry = this.handle(new KoaExchange(ctx, this.#keys))
      ;(req as Carrier<D>)[this.#slot] = entry
    }
    return entry
  }

  #entryOf(req: IncomingMessage): Entry<D> | undefined {
    return (req as Carrier<D>)[this.#slot]
  }

  /**
   * Middleware that refuses every forged request of an application with 403: `app.use(sessions.csrf())`, after
   * `atomicSession()` and, where tokens come in bodies, after the body parser.
   *
   * GET, HEAD and OPTIONS pass. Any other request must come from here by the browser's own word (Sec-Fetch-Site, or an
   * Origin that is among the option `origin`). One whose browser says nothing must carry a token of `createCSRF()`, by
   * default in the header X-CSRF-Token. With `token` every such request must carry one. The method is the one that
   * arrived, whatever other middleware makes of it.
   *
   * @throws {@link CsrfError} (403).
   */
  csrf({ token, reportOnly }: CsrfOptions = {}): (ctx: KoaContext, next: () => Promise<unknown>) => Promise<void> {
    this.#methods ??= new WeakMap()
    const tokenOf = token ?? ((ctx: KoaContext) => ctx.req.headers['x-csrf-token'])
    const check = async (ctx: KoaContext) => {
      if (isSafe(this.#methods?.get(ctx.req) ?? ctx.req.method)) return
      const said = this.#entry(ctx).visit.assertOrigin()
      if (said && !token) return
      const session = await this.of(ctx)
      session.assertCSRF(tokenOf(ctx))
    }
    return async (ctx, next) => {
      vary(ctx.res, 'Sec-Fetch-Site')
      vary(ctx.res, 'Origin')
      try {
        await check(ctx)
      } catch (error) {
        if (!reportOnly || !(error instanceof CsrfError)) throw error
        reportOnly(error, ctx)
      }
      await next()
    }
  }

  /** Runs the rest of the request, and ends it only when every session command that it began is settled. */
  around(ctx: KoaContext, next: () => Promise<unknown>): Promise<void> {
    // Where middleware runs outside of this one it comes twice, and an override may be in between.
    if (this.#methods && !this.#methods.has(ctx.req)) this.#methods.set(ctx.req, ctx.req.method)
    // Two callbacks, because this runs for every request, and an async function costs several times as much.
    return next().then(
      () => this.#entryOf(ctx.req)?.visit.settle(),
      async (error) => {
        // The request fails with its own error; what its commands do besides is told to the application.
        await this.#entryOf(ctx.req)
          ?.visit.settle()
          .catch((failure) => this.background(failure, ctx))
        throw error
      },
    )
  }
}

/** Tells the application, as Koa does, of what no request can be told any more; a request that was answered stays so. */
// biome-ignore lint/suspicious/noExplicitAny: applications of any state and context
function report(app: Koa<any, any>, error: unknown, context: unknown): void {
  try {
    if (app.listenerCount('error') > 0) app.emit('error', error, context)
    else app.onerror(error as Error)
  } catch (failure) {
    console.error(failure)
  }
}

const cookies = new WeakMap<object, Set<string>>()

/**
 * Gives every request of a Koa application, 2 or 3, its session as `ctx.session()`.
 *
 * `app.keys` must be set before the first request that uses a session. A request that uses none costs nothing and
 * gets no cookie.
 *
 * @example
 * ```ts
 * const sessions = atomicSession(app, { store: sqlite('sessions.db'), maxAge: '30 days' })
 * app.use(async (ctx) => {
 *   const session = await ctx.session()
 *   await session.inc('views')
 *   ctx.body = `seen ${session.views} times`
 * })
 * ```
 * @throws {@link SessionUsageError} for an option that can't work, and when it is called twice for one name or cookie.
 */
export function atomicSession<S extends StandardSchema>(
  // biome-ignore lint/suspicious/noExplicitAny: applications of any state and context
  app: Koa<any, any>,
  options: SessionOptions & { readonly schema: S },
): KoaSessions<OutputOf<S>>
export function atomicSession<D extends Unreserved<D> = SessionData>(
  // biome-ignore lint/suspicious/noExplicitAny: applications of any state and context
  app: Koa<any, any>,
  options?: SessionOptions,
): KoaSessions<D>
export function atomicSession<D>(
  // biome-ignore lint/suspicious/noExplicitAny: applications of any state and context
  app: Koa<any, any>,
  options: SessionOptions = {},
): KoaSessions<D> {
  if (typeof app?.use !== 'function' || typeof app.context !== 'object') {
    throw new SessionUsageError('atomicSession takes the Koa application first: atomicSession(app, { store })')
  }
  const settings = settingsOf(options)
  const { property, cookie } = settings
  const names = cookies.get(app) ?? new Set()
  if (property in app.context) {
    throw new SessionUsageError(
      names.size > 0
        ? `atomicSession was called before for ctx.${property}. For a second kind of session pass another property and key`
        : `ctx.${property} belongs to another middleware already. Remove that one, or pass { property: 'visit' } to use ctx.visit()`,
    )
  }
  if (names.has(cookie.name)) {
    throw new SessionUsageError(
      `The cookie '${cookie.name}' belongs to another atomicSession of this application: pass another key`,
    )
  }
  const sessions = new KoaSessions<D>(
    settings,
    options.store,
    (error, context) => report(app, error, context),
    () => app.keys as Keys,
  )
  cookies.set(app, names.add(cookie.name))
  Object.defineProperty(app.context, property, {
    configurable: true,
    value(this: KoaContext) {
      return sessions.of(this)
    },
  })
  const around = (ctx: KoaContext, next: () => Promise<unknown>) => sessions.around(ctx, next)
  // Middleware that was installed earlier runs outside of this one; what it begins must be settled, too.
  if (app.middleware.length > 0) app.middleware.unshift(around)
  app.use(around)
  return sessions
}
