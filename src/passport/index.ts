/**
 * Passport on commands: log-in is one atomic update with a new secret, and log-out removes the session.
 *
 * @module koa-atomic-session/passport
 */
import type { IncomingMessage } from 'node:http'
import { isDeepStrictEqual } from 'node:util'
import type { SessionHandle } from '../api/types.ts'
import { SessionUsageError } from '../errors/index.ts'

/** Passport's own values: a user, a callback's result. */
// biome-ignore lint/suspicious/noExplicitAny: Passport has no types of its own
export type Anything = any
/** How Passport is called back. */
export type Done = (error?: unknown, value?: Anything) => void

/** What is used of Passport 0.6 and 0.7, or of koa-passport 6. */
export interface Passport {
  use(name: string, strategy: Anything): unknown
  serializeUser(user: Anything, request: Anything, done: Done): unknown
  deserializeUser(user: Anything, request: Anything, done: Done): unknown
}

/** A request as Passport hands it on: Express's own, or koa-passport's, which has Koa's context. */
export type PassportRequest = IncomingMessage & { readonly ctx?: Anything }

/**
 * Lets Passport store the user with commands instead of in a mutable session, so no overlapping request undoes a
 * log-out. Call it before `passport.initialize()` is used.
 *
 * Log-in sets `passport.user` together with a new secret and `authAt`, in one update. The other data stays, unless
 * another user was logged in. Log-out removes the session.
 *
 * @param sessionOf returns the handle of a request: `(req) => sessions.of(req.ctx)` on Koa, `(req) => req.session()` on
 * Express
 * @example
 * ```js
 * const sessions = atomicSession(app, { store: sqlite('sessions.db') })
 * atomicPassport(passport, (req) => sessions.of(req.ctx))
 * app.use(passport.initialize())
 * app.use(passport.session())
 * ```
 */
export function atomicPassport(
  passport: Passport,
  // biome-ignore lint/suspicious/noExplicitAny: requests as the application's server types them
  sessionOf: (request: any) => SessionHandle<any>,
): void {
  if (typeof passport?.use !== 'function' || typeof sessionOf !== 'function') {
    throw new SessionUsageError(
      'atomicPassport takes passport and a function: atomicPassport(passport, (req) => sessions.of(req.ctx))',
    )
  }
  /** Runs what a callback is waiting for; what the callback throws is not a failure of the work. */
  const then = (work: () => PromiseLike<unknown>, done: Done) =>
    (async () => work())().then(
      () => process.nextTick(done),
      (error) => process.nextTick(done, error),
    )
  const manager = {
    logIn(request: PassportRequest, user: Anything, options: Anything, done: Done = options) {
      passport.serializeUser(user, request, (error, id) => {
        if (error) return done(error)
        then(async () => {
          const session = await sessionOf(request)
          const other = session.passport !== undefined && !isDeepStrictEqual(session.passport.user, id)
          // What the one before has left is nothing for the next.
          const own = other ? await session.regenerate() : session
          await own.rotate({ authenticated: true }).set('passport', { user: id })
        }, done)
      })
    },
    logOut(request: PassportRequest, options: Anything, done: Done = options) {
      then(() => sessionOf(request).destroy(), done)
    },
  }
  const strategy = {
    name: 'session',
    async authenticate(this: Anything, request: PassportRequest) {
      try {
        const session = await sessionOf(request)
        const id = session.passport?.user
        if (id === undefined || id === null || id === '') return this.pass()
        const user = await new Promise<Anything>((resolve, reject) =>
          passport.deserializeUser(id, request, (error, found) => (error ? reject(error) : resolve(found))),
        )
        if (user) (request as Anything)[(request as Anything)._userProperty ?? 'user'] = user
        else await session.unset('passport')
        this.pass()
      } catch (error) {
        this.error(error)
      }
    },
  }
  Object.assign(passport, { _sm: manager })
  passport.use('session', strategy)
}
