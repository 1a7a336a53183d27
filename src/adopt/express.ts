import { createHmac } from 'node:crypto'
import { readCookie } from '../cookie/header.ts'
import { sameText } from '../cookie/keys.ts'
import { oldCookieOf } from '../cookie/old.ts'
import { assertNames, fail } from '../settings/names.ts'
import type { Handover } from '../settings/options.ts'
import { asked, assertStore, type OldStore, rowOf } from './store.ts'

/** The settings that express-session had. */
export interface AdoptExpressOptions {
  /** Its `secret`: one, or several, any of which may have signed. It may be shorter than `keys` must be here. */
  readonly secret: string | readonly string[]
  /** Its `store`. Without the method `destroy` the old rows stay, so you can go back. */
  readonly store: OldStore
  /**
   * Its `name`.
   * @default 'connect.sid'
   */
  readonly name?: string
  /**
   * Its `cookie.domain`: a browser removes a cookie only from the domain for which it was set.
   * @default none, the host alone
   */
  readonly domain?: string | undefined
  /**
   * Its `cookie.path`.
   * @default '/'
   */
  readonly path?: string
}

/** The part of a request that is used: of Express, Fastify and node:http, and of a Koa context. */
export interface ExpressRequest {
  readonly headers: { readonly cookie?: string | undefined }
}

const OF = 'adoptExpressSession()'

/**
 * Makes the option `adopt` that takes over the sessions of express-session. It reads the old cookie, checks its
 * signature, and reads the session from the old store. The new session begins with its data. Once that is stored, the
 * old row is destroyed and the old cookie removed.
 *
 * A cookie with a wrong signature is ignored. If the old session is absent or expired, nothing is taken over, and its
 * cookie is removed. If the old store is down, the request fails with its error, and the visitor keeps the old session.
 * If a visitor sends several requests at once, each that reads the old row before it is destroyed takes it over; the
 * last cookie wins. A request that comes in between finds no session.
 *
 * @throws `SessionUsageError` at start, for options that can't work
 * @example
 * ```js
 * const old = new RedisStore({ client: redisClient })
 * const sessions = httpSessions({
 *   keys: [process.env.SESSION_KEY],
 *   store: redis(redisClient),
 *   adopt: adoptExpressSession({ secret: process.env.OLD_SECRET, store: old, domain: 'example.org' }),
 * })
 * ```
 */
export function adoptExpressSession(
  options: AdoptExpressOptions,
): (request: ExpressRequest) => Promise<Handover | undefined> {
  if (typeof options !== 'object' || options === null) fail(`${OF} takes options: { secret, store }`)
  assertNames(options, ['secret', 'store', 'name', 'domain', 'path'], OF)
  const { secret, store, name = 'connect.sid', domain, path } = options
  const secrets = [secret].flat()
  if (secrets.length === 0 || !secrets.every((text) => typeof text === 'string' && text !== '')) {
    fail(`${OF}: secret is express-session's secret, a text or a list of texts`)
  }
  assertStore(store, OF)
  const place = { domain, path }
  oldCookieOf(name, place, OF)
  return async ({ headers }) => {
    const id = signedIds(headers.cookie, name, secrets)[0]
    if (id === undefined) return undefined
    const row = rowOf(await asked((done) => store.get(id, done)), OF)
    const { cookie, ...data } = row ?? {}
    return {
      data: isOver(cookie) ? {} : data,
      async forget(clearCookie) {
        if (row && store.destroy) await asked((done) => store.destroy!(id, done))
        clearCookie(name, place)
      },
    }
  }
}

/** Of several cookies of the name, kept for several places, those that one of the secrets has signed. */
function signedIds(header: string | undefined, name: string, secrets: readonly string[]): string[] {
  return readCookie(header, name).flatMap((value) => {
    const [, id, mac] = /^s:(.+)\.([^.]+)$/.exec(decoded(value)) ?? []
    return id && mac && secrets.some((secret) => isSignature(id, mac, secret)) ? [id] : []
  })
}

/** HMAC-SHA-256 in base64 without padding, as cookie-signature has it. */
function isSignature(id: string, mac: string, secret: string): boolean {
  return sameText(mac, createHmac('sha256', secret).update(id).digest('base64').replace(/=+$/, ''))
}

function decoded(value: string): string {
  try {
    return decodeURIComponent(value)
  } catch {
    return ''
  }
}

/** Some stores leave it to express-session to see that a session has expired. */
function isOver(cookie: unknown): boolean {
  const { expires } = (cookie ?? {}) as { expires?: unknown }
  return expires !== undefined && expires !== null && new Date(expires as string).getTime() <= Date.now()
}
