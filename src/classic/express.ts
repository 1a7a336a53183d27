import type { IncomingMessage, ServerResponse } from 'node:http'
import { inspect } from 'node:util'
import type { SessionHandle } from '../api/types.ts'
import { SessionUsageError } from '../errors/index.ts'
import type { ExpressMiddleware, HttpSessions } from '../http/index.ts'
import { ClassicCookie } from './cookie.ts'
import { counterHints } from './hints.ts'
import { hold } from './hold.ts'
import { type ClassicOptions, checked } from './options.ts'
import { sessionStoreOf } from './session-store.ts'
import { type Callback, WorkingCopy } from './working-copy.ts'

/** The session as express-session shows it: its data is plain properties that you can change freely. */
export interface ClassicExpressSession {
  // biome-ignore lint/suspicious/noExplicitAny: the application's fields
  [field: string]: any
  /** The session's public id; undefined while nothing is stored. */
  readonly id: string | undefined
  /** The cookie's settings; assign `maxAge` or `expires` to give this session its own idle time. */
  readonly cookie: { maxAge: number | null; expires: Date | null; readonly originalMaxAge: number | null }
  /** Stores the changes now, instead of before the response ends. */
  save(callback?: (error?: unknown) => void): this
  /** Another session without data, under another id: for log-in. `req.session` is the new one when it calls back. */
  regenerate(callback: (error?: unknown) => void): this
  /** Removes the session and its cookie; `req.session` is undefined from now on. */
  destroy(callback?: (error?: unknown) => void): this
  /**
   * Reads what others have stored meanwhile; unsaved changes are lost. `req.session` is the new one when it calls back.
   */
  reload(callback: (error?: unknown) => void): this
  /** Slides the expiry. */
  touch(): this
  /** As `touch`. */
  resetMaxAge(): this
}

/** A class, so its methods are on the prototype and not enumerable, as express-session's. */
class ExpressSession {
  readonly #copy: WorkingCopy

  constructor(copy: WorkingCopy, request: IncomingMessage, cookie: ClassicCookie) {
    this.#copy = copy
    Object.defineProperty(this, 'req', { value: request })
    Object.defineProperty(this, 'cookie', { value: cookie, enumerable: true, writable: true, configurable: true })
  }

  get id(): string | undefined {
    return this.#copy.id
  }

  // With one parameter, by which grant knows that it calls back.
  save(callback: Callback): this {
    this.#copy.save(callback)
    return this
  }

  regenerate(callback: Callback): this {
    this.#copy.regenerate(callback)
    return this
  }

  destroy(callback: Callback): this {
    this.#copy.destroy(callback)
    return this
  }

  reload(callback: Callback): this {
    this.#copy.reload(callback)
    return this
  }

  touch(): this {
    this.#copy.touch()
    return this
  }

  resetMaxAge(): this {
    return this.touch()
  }

  [inspect.custom](): object {
    return { ...this }
  }
}

const MEMBERS: ReadonlySet<string> = new Set(['req', ...Object.getOwnPropertyNames(ExpressSession.prototype)])

/**
 * Gives an Express application, 4 or 5, `req.session` as express-session does, a plain object, over atomic commands:
 * what a request changed becomes one chain. Install it in place of express-session, after `sessions.express()`;
 * `req.atomic()` and `req.session` see the same session.
 *
 * If the visitor has a cookie, the session is read before the next middleware. Changes are stored before any part of
 * the response is sent. If the session was destroyed or has expired meanwhile, the changes of a plain request are
 * dropped, and `save(callback)` calls back with an error (409). If the store is down, using `req.session` throws.
 *
 * @example
 * ```js
 * const sessions = httpSessions({ store: sqlite('sessions.db'), keys: [process.env.SESSION_KEY!], property: 'atomic' })
 * app.use(sessions.express(), classicExpress(sessions, { counters: ['views'] }))
 * app.get('/', (req, res) => {
 *   req.session.views = (req.session.views ?? 0) + 1
 *   res.send(`seen ${req.session.views} times`)
 * })
 * ```
 * @throws `SessionUsageError` for an option that can't work.
 */
export function classicExpress(
  // biome-ignore lint/suspicious/noExplicitAny: sessions of any data
  sessions: HttpSessions<any>,
  options: ClassicOptions = {},
): ExpressMiddleware {
  if (typeof sessions?.express !== 'function') {
    throw new SessionUsageError('classicExpress takes the sessions: classicExpress(httpSessions(…))')
  }
  const { property, cookie: settings } = sessions.settings
  if (property === 'session') {
    throw new SessionUsageError(
      "req.session can't be both: pass { property: 'atomic' } to httpSessions(), and classicExpress() gives req.session",
    )
  }
  const names = checked(options)
  const hints = counterHints('req.session')
  return (request, response, next) => {
    const carrier = request as unknown as Record<string, () => SessionHandle<unknown>>
    if (typeof carrier[property] !== 'function') {
      next(new SessionUsageError('classicExpress comes after: app.use(sessions.express(), classicExpress(sessions))'))
      return
    }
    if (Object.hasOwn(request, 'session')) {
      next(new SessionUsageError('req.session belongs to another middleware already: remove it'))
      return
    }
    const form = {
      make: (copy: WorkingCopy) => new ExpressSession(copy, request, new ClassicCookie(copy, settings)),
      ignores: (name: string) => name === 'cookie',
      members: MEMBERS,
    }
    const copy = new WorkingCopy(() => carrier[property]!(), form, names, hints)
    give(request, response, copy, (error) => sessions.refuse(response, error))
    Object.defineProperty(request, 'sessionStore', {
      value: sessionStoreOf(sessions, copy),
      configurable: true,
      writable: true,
    })
    copy.load().then(() => next())
  }
}

/** `req.session` and `req.sessionID`. */
function give(request: IncomingMessage, response: ServerResponse, copy: WorkingCopy, refuse: (error: unknown) => void) {
  const watched = <T>(look: () => T): T => {
    const first = !copy.looked
    try {
      return look()
    } finally {
      if (first && copy.looked) {
        hold(response, () => copy.commit(), refuse)
      }
    }
  }
  Object.defineProperty(request, 'session', {
    // Deleting it must not look like a log-out: use req.session.destroy(), or assign null.
    configurable: false,
    enumerable: true,
    get: () => watched(() => copy.object),
    set: (value: unknown) =>
      watched(() => {
        if (typeof value === 'object' && value !== null) copy.replace(value)
        else if (value === null || value === undefined) copy.remove()
        else throw new SessionUsageError('req.session can only be set to an object, or to null')
      }),
  })
  Object.defineProperty(request, 'sessionID', { configurable: true, get: () => copy.id })
}
