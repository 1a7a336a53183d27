import { ServerResponse } from 'node:http'
// biome-ignore lint/suspicious/noTsIgnore: an error is expected only where Koa's types are not installed
/** @ts-ignore: who uses other servers has no types of Koa */
import type Koa from 'koa'
import { guardOf } from '../api/guard.ts'
import type { SessionHandle } from '../api/types.ts'
import type { SessionUse } from '../api/use.ts'
import type { Keys } from '../cookie/keys.ts'
import type { OutputOf, StandardSchema } from '../data/schema.ts'
import type { SessionData, Unreserved } from '../data/types.ts'
import { SessionUsageError } from '../errors/index.ts'
import type { SessionOptions } from '../settings/options.ts'
import { settingsOf } from '../settings/settings.ts'
import type { KoaContext } from './exchange.ts'
import { keepOwn, override } from './own.ts'
import { KoaSessions } from './sessions.ts'

export type { CsrfOptions } from './csrf.ts'
export type { KoaContext } from './exchange.ts'
export type { KoaSessions } from './sessions.ts'

/** For applications with their own context type: `new Koa<State, SessionContext<MyData>>()`. */
export interface SessionContext<D = SessionData> {
  /** This visitor's session; nothing is read until it is awaited. */
  readonly session: SessionFunction<D>
}

/** What `ctx.session` is: it can be called, and nothing else. */
export interface SessionFunction<D = SessionData> {
  /** @throws {@link SessionUsageError} for anything but `{ touch }`. */
  (use?: SessionUse): SessionHandle<D>
  /** Fits no session object, so nothing compiles while the types of koa-session are still installed. */
  readonly populated?: undefined
}

// biome-ignore lint/suspicious/noTsIgnore: as above
/** @ts-ignore: as above */
declare module 'koa' {
  // Inherited, so an application that uses another `property` can declare what its own `session` is.
  interface DefaultContext extends SessionContext {}
}

/** Reports to the application, as Koa does, what can no longer fail a request. A request that was answered stays answered. */
// biome-ignore lint/suspicious/noExplicitAny: applications of any state and context
function report(own: Koa<any, any>, error: unknown, context: unknown): void {
  // Where this application is mounted in another, that one has the listeners.
  const app = (context as Koa.Context | undefined)?.app ?? own
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
    { background: (error, context) => report(app, error, context), keys: () => app.keys as Keys },
    (request) => app.createContext(request, new ServerResponse(request)),
    (ctx) => {
      // Mounted, this application's middleware runs on the context of another.
      if ((ctx as unknown as Koa.Context).app !== app) defineOn(ctx)
    },
  )
  cookies.set(app, names.add(cookie.name))
  const define = guardOf('ctx', property)
  // One function for all requests: whose session it gives is known by the context that it is called on.
  const open = function (this: KoaContext | undefined, use?: SessionUse) {
    if (this?.req) return sessions.of(this, use)
    throw new SessionUsageError(`ctx.${property} was detached from its context. Write: ctx.${property}()`)
  }
  define(app.context, open, true)
  const defineOn = (ctx: KoaContext) => {
    if (property in ctx) {
      throw new SessionUsageError(
        `ctx.${property} belongs to the application that this one is mounted in. Install sessions only there, or pass { property: 'visit' } to use ctx.visit()`,
      )
    }
    define(ctx, open)
  }
  const around = (ctx: KoaContext, next: () => Promise<unknown>) => sessions.around(ctx, next)
  const { middleware } = app
  // Middleware that was installed earlier runs outside of this one; what it begins must be settled, too.
  if (middleware.length > 0) middleware.unshift(around)
  app.use(around)
  const { use } = app
  override(app, 'use', (later) => {
    use.call(app, later)
    // A failure comes to light after each that is installed later, so it passes through the application's own error
    // middleware. What looks at the list of middleware finds as many, with what they carry.
    const own = middleware.pop()!
    const watched = (ctx: Koa.Context, next: Koa.Next) => sessions.after(ctx, () => own(ctx as never, next))
    middleware.push(Object.defineProperties(watched, Object.getOwnPropertyDescriptors(own)))
    return app
  })
  keepOwn(
    app,
    property,
    `Another middleware has taken ctx.${property} since atomicSession() was called. Remove that one, or pass { property: 'visit' } to use ctx.visit()`,
  )
  return sessions
}
