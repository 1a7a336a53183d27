import type { DestroyOptions } from '../cookie/site-data.ts'
import type { SessionView } from '../data/types.ts'
import type { Duration } from '../settings/duration.ts'
import type { Call } from './call.ts'
import type { Commands } from './commands.ts'

/**
 * What `ctx.session()` returns: nothing has been read, and nothing will be until it is awaited. Every command can be
 * called on it right away. A request has one handle, however often you call it.
 */
export interface SessionHandle<D> extends Commands<D, SessionChain<D>>, PromiseLike<Session<D>> {
  /**
   * Loads the session, once per request. A visitor without one gets a new session, for which nothing is read.
   *
   * @example
   * ```ts
   * const session = await ctx.session()
   * session.isNew // true
   * ```
   * @throws {@link StoreError} when the store fails. No visitor gets an empty session instead of their own.
   */
  then<A = Session<D>, B = never>(
    onfulfilled?: ((session: Session<D>) => A | PromiseLike<A>) | null,
    onrejected?: ((reason: unknown) => B | PromiseLike<B>) | null,
  ): Promise<A | B>
  catch<B = never>(onrejected?: ((reason: unknown) => B | PromiseLike<B>) | null): Promise<Session<D> | B>
  finally(onfinally?: (() => void) | null): Promise<Session<D>>

  /**
   * Fires when the session is destroyed or expires, and when another request gives it a new secret on purpose, as at
   * log-in. An automatic rotation does not count. Sockets and streams live longer than a request: close them when it
   * fires.
   *
   * It fires at once for what this process does, and for what others do if the store reports it. In any case it fires
   * within the option `recheck`, 30 seconds by default, because the store is asked that often. While the store does not
   * answer, it does not fire. Its `reason` is a `SessionGoneError` or a `SessionRotatedError`, or a
   * `SessionUnboundError` if the request did not come from the session's device. It does not fire for a visitor without
   * a session, or after the socket or the response has closed. Watching a session does not keep it alive.
   *
   * @example
   * ```ts
   * await ctx.session().set('user_id', 42)
   * const { ended } = ctx.session()
   * ended.aborted // false
   * await sessions.at(session.id).destroy()
   * ended.reason.code // 'ERR_SESSION_GONE'
   * ```
   */
  readonly ended: AbortSignal

  /**
   * Reads the session again.
   *
   * @example
   * ```ts
   * await ctx.session().inc('views')
   * const session = await ctx.session().update()
   * session.views // 1
   * ```
   */
  update(): Call<Session<D>>

  /**
   * Removes the session and its cookie without reading it. With `clear` the browser also removes other data.
   *
   * @example
   * ```ts
   * await ctx.session().set('user_id', 42)
   * await ctx.session().destroy()
   * ctx.session().inc('views') // SessionGoneError
   * ```
   */
  destroy(options?: DestroyOptions): Call<void>

  /**
   * Ends the session, and continues with a new one without data. The old id stays for one minute, empty and closed to
   * everybody, so a request that comes too late for it is refused with `ERR_SESSION_ROTATED` (409).
   *
   * @example
   * ```ts
   * await ctx.session().set('user_id', 42)
   * const session = await ctx.session().regenerate()
   * session.data // {}
   * ```
   */
  regenerate(): Call<Session<D>>
}

/**
 * Commands written one after another form one atomic update.
 *
 * It runs once. Awaiting it returns the refreshed session. A chain that is not awaited still runs: it is settled before
 * the response ends, and if it fails, the request fails.
 */
export interface SessionChain<D> extends Commands<D, SessionChain<D>>, PromiseLike<Session<D>> {
  /**
   * The session after this chain, once the store has applied all of it.
   *
   * @example
   * ```ts
   * const session = await ctx.session().set('theme', 'dark').inc('views')
   * session.data // { theme: 'dark', views: 1 }
   * ```
   */
  then<A = Session<D>, B = never>(
    onfulfilled?: ((session: Session<D>) => A | PromiseLike<A>) | null,
    onrejected?: ((reason: unknown) => B | PromiseLike<B>) | null,
  ): Promise<A | B>
  catch<B = never>(onrejected?: ((reason: unknown) => B | PromiseLike<B>) | null): Promise<Session<D> | B>
  finally(onfinally?: (() => void) | null): Promise<Session<D>>
}

/** A loaded session: its data as read-only properties, and its methods. */
export type Session<D> = LoadedSession<D> & SessionView<D>

/**
 * What a session has besides its data. The data is a snapshot: it shows what the store had when this request last asked
 * it, and the request's own commands as soon as they are applied.
 */
export interface LoadedSession<D> extends Commands<D, SessionChain<D>> {
  /**
   * The session's public id, which proves nothing; undefined while the visitor has neither a session nor an open form.
   */
  readonly id: string | undefined

  /** When the session began, on the store's clock; undefined for a new one. */
  readonly created: Date | undefined

  /** When it will expire unless it is used; undefined for a new one. */
  readonly expires: Date | undefined

  /** Its idle time in milliseconds. */
  readonly maxAge: number

  /** When the visitor last proved who they are: `rotate({ authenticated: true })`. */
  readonly authAt: Date | undefined

  /** Nothing is stored yet: the first command will create it. */
  readonly isNew: boolean

  /**
   * The data alone, whatever its keys are called. It is plain and frozen, so `structuredClone` and `postMessage` accept
   * it. The session's own properties, and the objects within them, throw an error with the command to use when you
   * change them. For that they are Proxies, which V8 can't clone.
   *
   * @example
   * ```ts
   * await session.set('user', { name: 'Alice' })
   * session.data.user // { name: 'Alice' }
   * ```
   */
  readonly data: SessionView<D>

  /**
   * What `JSON.stringify(session)` shows: the data alone.
   *
   * @example
   * ```ts
   * await session.set('theme', 'dark')
   * JSON.stringify(session) // '{"theme":"dark"}'
   * ```
   */
  toJSON(): SessionView<D>

  /**
   * Reads the session again, so it shows what other requests did. After a command, as in
   * `session.inc('views').then(session.update)`, nothing is read, because the command has already returned the newest
   * state. The method is bound, so you can pass it on like this.
   *
   * @example
   * ```ts
   * await ctx.session().inc('views').then(session.update)
   * session.views // 1
   * ```
   * @throws {@link SessionGoneError} when it has been destroyed or has expired in the meantime.
   */
  update(fresh?: unknown): Call<Session<D>>

  /**
   * Removes the session and its cookie; no new one begins. Removing a session that is gone is not an error. With
   * `clear` the browser also removes other data.
   *
   * @example
   * ```ts
   * await session.destroy()
   * session.inc('views') // SessionGoneError
   * ```
   */
  destroy(options?: DestroyOptions): Call<void>

  /**
   * Ends the session, and continues with a new one without data, which its first command saves. The old id stays for
   * one minute, empty and closed to everybody, so a request that comes too late for it is refused with
   * `ERR_SESSION_ROTATED` (409).
   *
   * @example
   * ```ts
   * await session.set('theme', 'dark')
   * await session.regenerate()
   * session.isNew // true
   * ```
   */
  regenerate(): Call<Session<D>>

  /**
   * A token for a form of this visitor. If the visitor has no session, it sets a cookie that holds no secret and costs
   * no I/O. The form stays valid when a session begins, until a log-in rotates it.
   *
   * @example
   * ```ts
   * const token = session.createCSRF()
   * session.assertCSRF(token)
   * ```
   */
  createCSRF(): string

  /**
   * Throws a `CsrfError` (403) unless the token was made for this visitor and session by `createCSRF()` and the browser
   * does not say that the request comes from another site. It accepts any value, such as a field of a parsed body.
   *
   * @example
   * ```ts
   * session.assertCSRF('made up') // CsrfError
   * ```
   */
  assertCSRF(token: unknown): void

  /**
   * Throws a `FreshAuthRequiredError` (401) unless the visitor proved who they are within this time.
   *
   * @example
   * ```ts
   * session.requireFresh('10 minutes') // FreshAuthRequiredError
   * await session.rotate({ authenticated: true }).set('user_id', 42)
   * session.requireFresh('10 minutes')
   * ```
   */
  requireFresh(within: Duration): void

  /**
   * The session is bound to a device, and this request has proved that it comes from there: see `deviceBound()`. It is
   * false in browsers that can't do that, before the browser has registered, and for the first requests after that.
   *
   * @example
   * ```ts
   * session.bound // false
   * ```
   */
  readonly bound: boolean

  /**
   * Throws a `SessionUnboundError` (401) unless the session is {@link bound}: for actions that a copied cookie must not
   * allow, even if the visitor's browser could not bind the session.
   *
   * @example
   * ```ts
   * session.requireBound() // SessionUnboundError
   * ```
   */
  requireBound(): void
}
