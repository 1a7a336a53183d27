import { isList, keyFault, type Path, parsePath, Refusal } from '../algebra/index.ts'
import type { StandardSchema } from '../data/schema.ts'
import { ADVICE } from './advice.ts'
import { type Duration, milliseconds } from './duration.ts'
import { assertNames, fail } from './names.ts'
import type { LimitOptions, SessionOptions } from './options.ts'
import { sizeOf } from './size.ts'

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
  readonly subject: Path | undefined
  /** 0: never. */
  readonly pruneEvery: number
  readonly adopt: SessionOptions['adopt']
  readonly client: SessionOptions['client']
  readonly schema: StandardSchema | undefined
  readonly property: string
  readonly timeout: number
  readonly recheck: number
  readonly maxBytes: number
  /** In bytes; 0: no copies are kept. */
  readonly cache: number
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

/** All the options, as the compiler sees to. */
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
  subject: true,
  pruneEvery: true,
  adopt: true,
  client: true,
  schema: true,
  property: true,
  timeout: true,
  recheck: true,
  maxBytes: true,
  cache: true,
}

const DAY = 86_400_000
const MINUTE = 60_000
/** Browsers keep no cookie longer (RFC 6265bis, section 5.5). */
export const LONGEST_COOKIE: number = 400 * DAY
/** What a timer of Node.js can wait; above it, it fires at once. */
const LONGEST_TIMER = 2 ** 31 - 1
/** Leaves room for the random half that may be added. */
const RAREST = LONGEST_TIMER / 1.5
const SAME_SITE = { lax: 'Lax', strict: 'Strict', none: 'None' } as const
/** RFC 6265, section 4.1.1: a cookie's name is a token. */
export const TOKEN: RegExp = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/
// biome-ignore lint/suspicious/noControlCharactersInRegex: these are what must not be there
export const ATTRIBUTE: RegExp = /^[^\x00-\x20\x7f-\uffff;,]+$/

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
  if (!isList(index)) fail("index must be a list of fields: index: ['user_id']")
  for (const field of index) {
    if (!/^[A-Za-z_][\w-]*(\.[A-Za-z_][\w-]*)*$/.test(field)) fail(`index '${field}': use letters, digits, '_' and '-'`)
    if (field.split('.').some((key) => keyFault(key))) fail(`index '${field}' is not a path that a session can have`)
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
    subject: subjectOf(options.subject),
    pruneEvery: given('pruneEvery') ? Math.min(positive(options.pruneEvery, 'pruneEvery'), RAREST) : 0,
    adopt: functionOf(options.adopt, 'adopt'),
    client: functionOf(options.client, 'client'),
    schema: schemaOf(options.schema),
    property,
    timeout: given('timeout') ? Math.min(positive(options.timeout, 'timeout'), LONGEST_TIMER) : 2000,
    recheck: given('recheck') ? Math.min(positive(options.recheck, 'recheck'), LONGEST_TIMER) : 30_000,
    maxBytes,
    cache: sizeOf(options.cache === undefined ? '16 MiB' : options.cache, 'cache'),
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
  if (!Number.isInteger(max) || max < 1 || max > 1000) fail('limit: max must be a whole number from 1 to 1000')
  if (beyond !== 'oldest')
    fail("limit: beyond must be 'oldest'; a newcomer can't be refused, because two may come at once")
  return Object.freeze({ field, max, beyond })
}

function subjectOf(field: unknown): Path | undefined {
  if (field === undefined) return undefined
  try {
    return parsePath(field)
  } catch (error) {
    if (error instanceof Refusal) fail("subject must be the path of a field: subject: 'user_id'")
    throw error
  }
}

function cookieOf(options: SessionOptions): CookieSettings {
  const { key = 'sid', secure, sameSite = 'lax', domain, path = '/', partitioned = false } = options
  if (!TOKEN.test(key)) fail(`key '${key}' cannot be a cookie's name: use letters, digits, '_' and '-'`)
  if (!Object.hasOwn(SAME_SITE, sameSite)) fail("sameSite must be 'lax', 'strict' or 'none'")
  if (sameSite === 'none' && secure !== true)
    fail("sameSite 'none' needs secure: true; browsers drop the cookie otherwise")
  if (partitioned && secure !== true) fail('partitioned needs secure: true; browsers drop the cookie otherwise')
  if (typeof domain !== 'function' && !isDomain(domain)) fail(`domain '${domain}' is not a host name`)
  if (!path.startsWith('/') || !ATTRIBUTE.test(path) || path.length > 1024) fail(`path '${path}' is not a cookie path`)
  const prefix = /^__(host|secure|host-http|http)-/i.exec(key)?.[0]
  if (prefix && secure !== true) fail(`key '${key}' needs secure: true; browsers drop the cookie otherwise`)
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

export function isDomain(domain: unknown): domain is string | undefined {
  return domain === undefined || (typeof domain === 'string' && DOMAIN.test(domain))
}

function booleanOf(value: unknown, option: string): boolean | undefined {
  return value === undefined || typeof value === 'boolean' ? value : fail(`${option} must be true or false`)
}

function reuseOf({ onReuse, rotateEvery }: SessionOptions): 'end' | 'report' {
  if (onReuse === undefined) return rotateEvery === undefined ? 'report' : 'end'
  return onReuse === 'end' || onReuse === 'report' ? onReuse : fail("onReuse must be 'end' or 'report'")
}

function originOf(origin: string): string {
  const url = URL.canParse(origin) ? new URL(origin) : undefined
  if (url?.origin === origin && /^https?:/.test(origin)) return origin
  return fail(`origin '${origin}' must look like 'https://example.org': scheme, host, and a port only if it is unusual`)
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
  return ms > 0 ? ms : fail(`${option} must be longer than 0`)
}
