import type { Store } from '../contract/store.ts'
import type { StandardSchema } from '../data/schema.ts'
import type { Duration } from './duration.ts'
import type { Size } from './size.ts'

/** All the options. Each has a safe default, except the store. */
export interface SessionOptions {
  /** Where sessions are kept. May instead be set later: `sessions.store = …`, or `sessions.collection = …` for MongoDB. */
  readonly store?: Store
  /**
   * The cookie's name. With `secure: true` it gets the prefix `__Host-Http-`, or `__Secure-` if `domain` or `path` is
   * set. A name that already has a prefix is not changed.
   * @default 'sid'
   */
  readonly key?: string
  /**
   * Idle time: a session that is not used for this long is over. If you set it, the cookie lasts as long, unless
   * `persistent` is false; otherwise the cookie ends with the browser.
   * @default '14 days'
   */
  readonly maxAge?: Duration
  /**
   * Absolute lifetime from a session's creation, which nothing extends.
   * @default no limit
   */
  readonly maxLifetime?: Duration
  /**
   * The expiry slides at most this often, so most reads cost no write.
   * @default a tenth of `maxAge`, at most one minute
   */
  readonly touchAfter?: Duration
  /**
   * Renews the secret of a session automatically this often. The old one works for another 30 seconds, and longer if
   * the response with the new one was lost.
   * @default never
   */
  readonly rotateEvery?: Duration
  /**
   * What happens when the secret from before an automatic rotation comes after the new one was used. Then two parties
   * have the cookie, and nobody can tell which of them is the visitor. `'end'` removes the session, so both must log in
   * again. `'report'` only publishes the event `reused`.
   * @default 'end' with `rotateEvery`, otherwise 'report'
   */
  readonly onReuse?: 'end' | 'report'
  /**
   * True: cookies are set over TLS only, and using a session without TLS is an error. False: never Secure.
   * @default Secure whenever the request came over TLS
   */
  readonly secure?: boolean
  /**
   * Whether browsers send the cookie from other sites: with links ('lax'), never, or always, which needs `secure:
   * true`.
   * @default 'lax'
   */
  readonly sameSite?: 'lax' | 'strict' | 'none'
  /**
   * The cookie's Domain; set it only to share the cookie with subdomains. A function chooses it for each request: it
   * gets the Koa context, or the request of another server, and returns a host name, or undefined for a cookie of the
   * host alone. It is called before the session is used, and if it returns anything else, the request fails. A browser
   * accepts only a Domain above the host that it asked, so a forged Host header gains nothing.
   * @default none
   */
  // biome-ignore lint/suspicious/noExplicitAny: the context as the application's other middleware has made it
  readonly domain?: string | ((context: any) => string | undefined)
  /**
   * True: the cookie lasts as long as the session's idle time. False: it ends with the browser, unless
   * `session.touch(maxAge)` gave that session its own idle time ('remember me').
   * @default true if `maxAge` is set
   */
  readonly persistent?: boolean
  /**
   * The cookie's Path: the part of the site that has this session.
   * @default '/'
   */
  readonly path?: string
  /** Partitioned cookies (CHIPS), for pages embedded in other sites; needs `secure: true`. */
  readonly partitioned?: boolean
  /**
   * The application's own origins, such as `'https://example.org'`, for `assertCSRF` and `upgrade`. Without this
   * option, `upgrade` uses the Host header instead.
   */
  readonly origin?: string | readonly string[]
  /**
   * Fields to find sessions by: `index: ['user_id']`.
   * @default none
   */
  readonly index?: readonly string[]
  /**
   * How many sessions may hold one value of a field of `index`: `{ field: 'user_id', max: 5, beyond: 'oldest' }`. After
   * each chain that logs in (`rotate({ authenticated: true })` with commands) those with the oldest log-ins are
   * removed. If the store fails at that, the log-in is still valid, and the next one removes them.
   * @default no limit
   */
  readonly limit?: LimitOptions
  /**
   * The field that says whose session it is, `subject: 'user_id'`: events on the channel `koa-atomic-session:event`
   * carry its value, for audits, and no other data. They carry it if the session's data is at hand, because nothing is
   * read for it.
   * @default events name nobody
   */
  readonly subject?: string
  /**
   * Removes expired sessions about this often, on stores whose database does not do it by itself (PostgreSQL, MariaDB,
   * MySQL, SQLite, memory), at least every 16 days. Each process has its own timer, at random moments, which does not
   * keep the process alive.
   * @default never: call `sessions.prune()` yourself
   */
  readonly pruneEvery?: Duration
  /**
   * The data of a visitor's session in another library, to migrate without logging anybody out. It is called once for a
   * request without a cookie of this library, when the request first uses its session. It gets the Koa context, or the
   * request of another server. Its result becomes a new session in one insert, together with the request's own changes;
   * undefined means none. Return a {@link Handover} whose `forget` removes the old session and its cookie; otherwise a
   * visitor who logs out comes back with it. If it throws, the request fails. `koa-atomic-session/adopt` has it ready
   * for express-session and koa-session.
   */
  // biome-ignore lint/suspicious/noExplicitAny: the context as the application's other middleware has made it
  readonly adopt?: (context: any) => Adopted | Handover | Promise<Adopted | Handover>
  /**
   * What a list of devices shows of a client: `client: (ctx) => ({ agent: ctx.get('user-agent'), network: ctx.ip })`.
   * It is called when a session begins and at each log-in. It gets the Koa context, or the request of another server.
   * The result is kept beside the data, and `find` and `at` show it as `client`. Each text is cut (256 bytes of
   * `agent`, 64 of `network`). If `network` is an address, only its network is kept: `203.0.113.0/24`,
   * `2001:db8:7::/48`. Undefined keeps the old value. If it throws, the request fails.
   * @default nothing is kept
   */
  // biome-ignore lint/suspicious/noExplicitAny: the context as the application's other middleware has made it
  readonly client?: (context: any) => ClientDescription | null | undefined
  /**
   * A schema of zod, valibot, arktype or any other that follows https://standardschema.dev: it gives the session its
   * types, and validates what a command writes before any I/O (`InvalidValueError`, 400). The store keeps the schema's
   * output: coerced, trimmed, transformed, without the unknown keys that it strips. It must validate synchronously. A
   * transform should leave its own output unchanged, because a value that is read and written again passes through it
   * again.
   */
  readonly schema?: StandardSchema
  /**
   * The name on `ctx`: change it if another middleware owns `ctx.session`.
   * @default 'session'
   */
  readonly property?: string
  /**
   * How long the store may take for one call, retries included; then the request fails with 503.
   * @default 2000
   */
  readonly timeout?: Duration
  /**
   * How often the store is asked whether a session that an open socket or stream watches is still alive: see `ended` of
   * a session's handle. It is asked once for each session, however many sockets the session has in this process.
   * @default 30 seconds
   */
  readonly recheck?: Duration
  /**
   * The maximum size of a chain, and the size above which a session may not grow.
   * @default 65_536
   */
  readonly maxBytes?: number
  /**
   * How much of large sessions (2 KiB and more) each process keeps in its memory, as bytes of JSON: `'64 MiB'`, or a number
   * of bytes. Every request asks the store as without it, and is told whether the copy is still right, so the store need not
   * send it again. 0 keeps nothing.
   * @default '16 MiB'
   */
  readonly cache?: Size
}

/** See the option `limit`. */
export interface LimitOptions {
  readonly field: string
  /** From 1 to 1000. */
  readonly max: number
  /** Which are removed. You can't refuse the newest log-in, because two simultaneous log-ins would not see each other. */
  readonly beyond: 'oldest'
}

/** What is kept of a client: see the option `client`. */
export interface ClientDescription {
  /** The browser, as the application names it. */
  readonly agent?: string | undefined
  /** Where it comes from: a network, a city. */
  readonly network?: string | undefined
}

/** What `adopt` may return: the data, or nothing. */
export type Adopted = Readonly<Record<string, unknown>> | null | undefined

/** A session of another library, and how to end it. The function `forget` distinguishes it from plain data. */
export interface Handover {
  readonly data: Readonly<Record<string, unknown>>
  /**
   * This session's own idle time, as after `touch('30 days')`.
   * @default it follows the option `maxAge`
   */
  readonly maxAge?: Duration | null | undefined
  /**
   * When the visitor logged in, for `requireFresh`.
   * @default nobody knows, so `requireFresh` asks for a new log-in
   */
  readonly authAt?: Date | null | undefined
  /**
   * When the old session began, for `maxLifetime`. If that is over, nothing is taken over, and `forget` is called.
   * @default now
   */
  readonly created?: Date | undefined
  /**
   * Ends the old session: removes its row and its cookie. Called when the new session is stored, and when the visitor
   * logs out before that. If it throws, the new session is removed, no cookie is touched, and the request fails, so the
   * visitor keeps the old session. The next request tries again.
   */
  readonly forget: (clearCookie: ClearCookie) => unknown
}

/**
 * The response will remove this cookie. A browser removes it only from the place where it was set: `domain` and `path`
 * must be the same. Throws a `SessionUsageError` for a name or a place that no cookie can have, and if the headers have
 * been sent.
 */
export type ClearCookie = (name: string, place?: OldPlace) => void

/** Where an old cookie was set. */
export interface OldPlace {
  /** @default none, the host alone */
  readonly domain?: string | undefined
  /** @default '/' */
  readonly path?: string | undefined
}
