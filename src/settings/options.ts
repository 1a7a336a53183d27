import { isList, keyFault } from '../algebra/index.ts'
import type { Store } from '../contract/store.ts'
import type { StandardSchema } from '../data/schema.ts'
import { SessionUsageError } from '../errors/index.ts'
import { ADVICE } from './advice.ts'
import { type Duration, milliseconds } from './duration.ts'
import { assertNames } from './names.ts'

/** All the options. Each has a safe default, except the store. */
export interface SessionOptions {
  /** Where sessions are kept. May instead be set later: `sessions.store = …`, or `sessions.collection = …` for MongoDB. */
  readonly store?: Store
  /**
   * The cookie's name. With `secure: true` it gets the prefix `__Host-Http-`, or `__Secure-` where `domain` or `path` is
   * set. A name that has a prefix already is left as it is.
   * @default 'sid'
   */
  readonly key?: string
  /**
   * Idle time: a session that is not used for this long is over. When it is given, the cookie lasts as long, unless
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
   * Renews the secret of a session by itself this often; the old one works for another 30 seconds, and longer if the
   * response with the new one was lost.
   * @default never
   */
  readonly rotateEvery?: Duration
  /**
   * What happens when the secret before an automatic rotation comes after the new one was used: two parties hold the
   * cookie, and nobody can tell which of them is the visitor. `'end'` removes the session, so both must log in again.
   * `'report'` only publishes the event `reused`.
   * @default 'end' with `rotateEvery`, otherwise 'report'
   */
  readonly onReuse?: 'end' | 'report'
  /**
   * True: cookies are set over TLS only, and using a session without TLS is an error. False: never Secure.
   * @default Secure whenever the request came over TLS
   */
  readonly secure?: boolean
  /**
   * Whether the cookie comes along from other sites: with links ('lax'), never, or always, which needs `secure: true`.
   * @default 'lax'
   */
  readonly sameSite?: 'lax' | 'strict' | 'none'
  /**
   * The cookie's Domain; set it only to share the cookie with subdomains. A function gives it by request: it gets the Koa
   * context, or the request of another server, and returns a host name, or undefined for a cookie of the host alone. It is
   * called before the session is used, and what is no host name fails the request. A browser keeps no cookie whose Domain
   * is not above the host that it asked, so a Host header that lies gains nothing.
   * @default none
   */
  // biome-ignore lint/suspicious/noExplicitAny: the context as the application's other middleware has made it
  readonly domain?: string | ((context: any) => string | undefined)
  /**
   * True: the cookie lasts as long as the session's idle time. False: it ends with the browser, unless
   * `session.touch(maxAge)` gave that session an idle time of its own ('remember me').
   * @default true where `maxAge` is given
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
   * The application's own origins, such as `'https://example.org'`, for `assertCSRF` and `upgrade`. The Host
   * header is asked only by `upgrade`, and only where there is no such option.
   */
  readonly origin?: string | readonly string[]
  /**
   * Fields to find sessions by: `index: ['user_id']`.
   * @default none
   */
  readonly index?: readonly string[]
  /**
   * How many sessions may hold one value of a field of `index`: `{ field: 'user_id', max: 5, beyond: 'oldest' }`. After each
   * chain that logs in (`rotate({ authenticated: true })` with commands) those with the oldest log-ins are removed. If the
   * store fails at that, the log-in counts all the same, and the next one removes them.
   * @default no limit
   */
  readonly limit?: LimitOptions
  /**
   * Removes expired sessions about this often, on stores whose database does not do it by itself (PostgreSQL, MariaDB,
   * MySQL, SQLite, memory), at least every 16 days. Each process has a timer of its own at random moments, which keeps no process alive.
   * @default never: call `sessions.prune()` yourself
   */
  readonly pruneEvery?: Duration
  /**
   * The data of a visitor's session in another library, for moving over without logging anybody out. Asked once for a
   * request that has no cookie of ours, when it first uses its session; gets the Koa context, or the request of another
   * server. What it gives becomes a new session in one insert, with whatever the request itself does; undefined gives
   * none. It must take the old cookie away, or a visitor who logs out comes back with it. When it throws, the request
   * fails.
   */
  // biome-ignore lint/suspicious/noExplicitAny: the context as the application's other middleware has made it
  readonly adopt?: (context: any) => Adopted | Promise<Adopted>
  /**
   * A schema of zod, valibot, arktype or any other that follows https://standardschema.dev: it gives the session its
   * types, and what a command writes is validated before any I/O (`InvalidValueError`, 400). What is stored is the
   * schema's output: coerced, trimmed, transformed, without the unknown keys that it strips. It must validate at once.
   * A transform should leave its own output as it is, because a value that is read and written again passes it again.
   */
  readonly schema?: StandardSchema
  /**
   * The name on `ctx`: change it where another middleware owns `ctx.session`.
   * @default 'session'
   */
  readonly property?: string
  /**
   * How long the store may take for one call, retries included; then the request fails with 503.
   * @default 2000
   */
  readonly timeout?: Duration
  /**
   * The size that one chain may have, and above which a session may not grow.
   * @default 65_536
   */
  readonly maxBytes?: number
}

/** All of them, as the compiler sees to. */
const NAMES: Readonly<Record<keyof SessionOptions, true>> = {
  store: true,
  key: true,
  maxAge: true,
  maxLifetime: true,
  touchAfter: true,
  rotateEvery: true,
  onReuse: true,
  secure: true,
  sameSite: true,
  domain: true,
  persistent: true,
  path: true,
  partitioned: true,
  origin: true,
  index: true,
  limit: true,
  pruneEvery: true,
  adopt: true,
  schema: true,
  property: true,
  timeout: true,
  maxBytes: true,
}

/** See the option `limit`. */
export interface LimitOptions {
  readonly field: string
  /** From 1 to 1000. */
  readonly max: number
  /** Which are removed. Refusing the newcomer is not offered: two that log in at once would not see each other. */
  readonly beyond: 'oldest'
}

/** What `adopt` may hand over: the data, or nothing. */
export type Adopted = Readonly<Record<string, unknown>> | null | undefined

/** The options after checking, each default filled in. */
export interface Settings {
  readonly cookie: CookieSettings
  readonly idle: number
  readonly maxLifetime: number
  readonly touchAfter: number
  readonly rotateEvery: number
  readonly onReuse: 'end' | 'report'
  readonly origins: readonly string[]
  readonly index: readonly string[]
  readonly limit: LimitOptions | undefined
  /** 0: never. */
  readonly pruneEvery: number
  readonly adopt: SessionOptions['adopt']
  readonly schema: StandardSchema | undefined
  readonly property: string
  readonly timeout: number
  readonly maxBytes: number
}

export interface CookieSettings {
  readonly name: string
  /** The short cookie of a session that is bound to a device. */
  readonly bound: string
  readonly secure: boolean | undefined
  readonly sameSite: 'Lax' | 'Strict' | 'None'
  readonly domain: SessionOptions['domain']
  readonly path: string
  readonly partitioned: boolean
  /** The cookie outlives the browser. */
  readonly persistent: boolean
}

const DAY = 86_400_000
const MINUTE = 60_000
/** Browsers keep no cookie longer (RFC 6265bis, section 5.5). */
const LONGEST_COOKIE = 400 * DAY
/** What a timer of Node.js can wait; above it, it fires at once. */
const LONGEST_TIMER = 2 ** 31 - 1
/** Leaves room for the random half that may be added. */
const RAREST = LONGEST_TIMER / 1.5
const SAME_SITE = { lax: 'Lax', strict: 'Strict', none: 'None' } as const
/** RFC 6265, section 4.1.1: a cookie's name is a token. */
const TOKEN = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/
// biome-ignore lint/suspicious/noControlCharactersInRegex: these are what must not be there
const ATTRIBUTE = /^[^\x00-\x20\x7f-\uffff;,]+$/

/** Without a port; browsers pass over a dot in front. */
const DOMAIN = /^\.?[a-z\d](?:[a-z\d.-]{0,251}[a-z\d])?$/i

/**
 * Checks the options; throws a `SessionUsageError` that says what to write instead. `more` are the names of those that
 * a server has besides.
 */
export function settingsOf(options: SessionOptions, more: readonly string[] = []): Settings {
  assertNames(options, [...Object.keys(NAMES), ...more], 'A session', ADVICE)
  const given = (name: keyof SessionOptions) => name in options
  const idle = given('maxAge') ? positive(options.maxAge, 'maxAge') : 14 * DAY
  if (given('maxAge') && idle > LONGEST_COOKIE)
    fail('maxAge is longer than 400 days, the longest that browsers keep a cookie')
  const index = options.index ?? []
  if (!isList(index)) fail("index is a list of fields: index: ['user_id']")
  for (const field of index) {
    if (!/^[A-Za-z_][\w-]*(\.[A-Za-z_][\w-]*)*$/.test(field)) fail(`index '${field}': use letters, digits, '_' and '-'`)
    if (field.split('.').some((key) => keyFault(key))) fail(`index '${field}' is no path that a session can have`)
  }
  const maxBytes = options.maxBytes ?? 65_536
  if (!Number.isSafeInteger(maxBytes) || maxBytes < 1) fail('maxBytes must be a positive whole number')
  const property = options.property ?? 'session'
  if (property === '') fail('property must be a name on ctx')
  return Object.freeze({
    cookie: cookieOf(options),
    idle,
    maxLifetime: given('maxLifetime') ? positive(options.maxLifetime, 'maxLifetime') : Number.POSITIVE_INFINITY,
    touchAfter: given('touchAfter') ? milliseconds(options.touchAfter, 'touchAfter') : Math.min(idle / 10, MINUTE),
    rotateEvery: given('rotateEvery') ? positive(options.rotateEvery, 'rotateEvery') : Number.POSITIVE_INFINITY,
    onReuse: reuseOf(options),
    origins: [options.origin ?? []].flat().map(originOf),
    index,
    limit: limitOf(options.limit, index),
    pruneEvery: given('pruneEvery') ? Math.min(positive(options.pruneEvery, 'pruneEvery'), RAREST) : 0,
    adopt: functionOf(options.adopt, 'adopt'),
    schema: schemaOf(options.schema),
    property,
    timeout: given('timeout') ? Math.min(positive(options.timeout, 'timeout'), LONGEST_TIMER) : 2000,
    maxBytes,
  })
}

/** The milliseconds of a session's own idle time, which its cookie must be able to follow. */
export function ownMaxAge(value: Duration): number {
  const ms = positive(value, 'maxAge')
  return ms <= LONGEST_COOKIE ? ms : fail('maxAge is longer than 400 days, the longest that browsers keep a cookie')
}

function limitOf(limit: LimitOptions | undefined, index: readonly string[]): LimitOptions | undefined {
  if (limit === undefined) return undefined
  assertNames(limit, ['field', 'max', 'beyond'], 'limit')
  const { field, max, beyond } = limit
  if (!index.includes(field)) fail(`limit: '${field}' is not indexed: pass index: ['${field}']`)
  if (!Number.isInteger(max) || max < 1 || max > 1000) fail('limit: max is a whole number from 1 to 1000')
  if (beyond !== 'oldest') fail("limit: beyond is 'oldest'; a newcomer can't be refused, because two may come at once")
  return Object.freeze({ field, max, beyond })
}

function cookieOf(options: SessionOptions): CookieSettings {
  const { key = 'sid', secure, sameSite = 'lax', domain, path = '/', partitioned = false } = options
  if (!TOKEN.test(key)) fail(`key '${key}' cannot be a cookie's name: use letters, digits, '_' and '-'`)
  if (!Object.hasOwn(SAME_SITE, sameSite)) fail("sameSite is 'lax', 'strict' or 'none'")
  if (sameSite === 'none' && secure !== true)
    fail("sameSite 'none' needs secure: true, browsers drop the cookie otherwise")
  if (partitioned && secure !== true) fail('partitioned needs secure: true, browsers drop the cookie otherwise')
  if (typeof domain !== 'function' && !isDomain(domain)) fail(`domain '${domain}' is no host name`)
  if (!path.startsWith('/') || !ATTRIBUTE.test(path) || path.length > 1024) fail(`path '${path}' is no cookie path`)
  const prefix = /^__(host|secure|host-http|http)-/i.exec(key)?.[0]
  if (prefix && secure !== true) fail(`key '${key}' needs secure: true, browsers drop the cookie otherwise`)
  if (/^__host/i.test(key) && (domain !== undefined || path !== '/'))
    fail(`key '${key}' allows neither domain nor path`)
  if (key.length > 256) fail(`the key is ${key.length} characters long, and browsers drop cookies that are too long`)
  if (/^(_+(host|secure|http)|(host|secure|http)__)/i.test(key) && !prefix)
    fail(`key '${key}': a cookie prefix is written __Host- or __Secure-`)
  const shared = domain !== undefined || path !== '/'
  const name = secure === true && !prefix ? `${shared ? '__Secure-' : '__Host-Http-'}${key}` : key
  return Object.freeze({
    name,
    bound: boundName(name),
    secure,
    sameSite: SAME_SITE[sameSite],
    domain,
    path,
    partitioned,
    persistent: booleanOf(options.persistent, 'persistent') ?? 'maxAge' in options,
  })
}

/**
 * Chromium refuses to bind a session to a cookie whose prefix ends with `Http-`: it makes these up without a response. The
 * value's MAC says what the prefix would.
 */
function boundName(name: string): string {
  return `${name.replace(/^__Host-Http-/i, '__Host-').replace(/^__Http-/i, '__Secure-')}-bound`
}

/** The cookie's Domain for one request, checked as the option's text is. */
export function domainOf(domain: (context: unknown) => unknown, context: unknown): string | undefined {
  const given = domain(context)
  // It is not quoted: most likely it is what the visitor's Host header says.
  return isDomain(given) ? given : fail('domain(ctx) must return a host name without a port, or undefined')
}

function isDomain(domain: unknown): domain is string | undefined {
  return domain === undefined || (typeof domain === 'string' && DOMAIN.test(domain))
}

function booleanOf(value: unknown, option: string): boolean | undefined {
  return value === undefined || typeof value === 'boolean' ? value : fail(`${option} is true or false`)
}

function reuseOf({ onReuse, rotateEvery }: SessionOptions): 'end' | 'report' {
  if (onReuse === undefined) return rotateEvery === undefined ? 'report' : 'end'
  return onReuse === 'end' || onReuse === 'report' ? onReuse : fail("onReuse is 'end' or 'report'")
}

function originOf(origin: string): string {
  const url = URL.canParse(origin) ? new URL(origin) : undefined
  if (url?.origin === origin && /^https?:/.test(origin)) return origin
  return fail(
    `origin '${origin}' must look like 'https://example.org': scheme, host, and a port only where it is unusual`,
  )
}

function schemaOf(schema: SessionOptions['schema']): StandardSchema | undefined {
  if (schema === undefined || typeof schema['~standard']?.validate === 'function') return schema
  return fail('schema takes a schema of zod, valibot, arktype or another that follows Standard Schema')
}

function functionOf<T>(value: T, option: string): T {
  return value === undefined || typeof value === 'function' ? value : fail(`${option} must be a function`)
}

function positive(value: unknown, option: string): number {
  const ms = milliseconds(value, option)
  return ms > 0 ? ms : fail(`${option} must be longer than nothing`)
}

function fail(message: string): never {
  throw new SessionUsageError(message)
}
