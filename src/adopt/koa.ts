import { Buffer } from 'node:buffer'
import Keygrip from 'keygrip'
import { oldCookieOf } from '../cookie/old.ts'
import { SessionUsageError } from '../errors/index.ts'
import { assertNames, fail } from '../settings/names.ts'
import type { Handover } from '../settings/options.ts'
import { assertStore, type OldStore, rowOf } from './store.ts'

/** The settings that koa-session had. */
export interface AdoptKoaOptions {
  /**
   * Its `store`. Without the method `destroy` the old rows stay, so you can go back.
   * @default none: the old cookie itself holds the data
   */
  readonly store?: OldStore
  /**
   * Its `key`.
   * @default 'koa.sess'
   */
  readonly key?: string
  /**
   * The keys that have signed the old cookie, if they are not `app.keys`. They may be shorter than `app.keys` must be.
   * @default app.keys
   */
  readonly keys?: readonly string[]
  /**
   * Its `domain`: a browser removes a cookie only from the domain for which it was set.
   * @default none, the host alone
   */
  readonly domain?: string | undefined
  /**
   * Its `path`.
   * @default '/'
   */
  readonly path?: string
}

/** The part of a Koa context that is used. */
export interface KoaContext {
  readonly cookies: { get(name: string, options: { signed: false }): string | undefined }
  readonly app: { readonly keys?: unknown }
}

interface Signer {
  verify(data: string, digest: string): boolean
}

const OF = 'adoptKoaSession()'

/**
 * Makes the option `adopt` that takes over the sessions of koa-session. It reads the old cookie, checks its signature,
 * and reads the session from the old store, or from the cookie itself. The new session begins with its data. Once that
 * is stored, the old row is destroyed and the old cookie removed.
 *
 * A cookie with a wrong signature is ignored. If the old session is absent or expired, nothing is taken over, and its
 * cookie is removed. If the old store is down, the request fails with its error, and the visitor keeps the old session.
 * If a visitor sends several requests at once, each that reads the old row before it is destroyed takes it over; the
 * last cookie wins. A request that comes in between finds no session.
 *
 * @throws `SessionUsageError` at start, for options that can't work
 * @example
 * ```js
 * atomicSession(app, { store: redis(client), adopt: adoptKoaSession({ store: oldStore, domain: 'example.org' }) })
 * ```
 */
export function adoptKoaSession(options: AdoptKoaOptions = {}): (ctx: KoaContext) => Promise<Handover | undefined> {
  if (typeof options !== 'object' || options === null) fail(`${OF} takes options: { store, key, domain }`)
  assertNames(options, ['store', 'key', 'keys', 'domain', 'path'], OF)
  const { store, key = 'koa.sess', keys, domain, path } = options
  if (store !== undefined) assertStore(store, OF)
  if (keys !== undefined && !isKeys(keys)) fail(`${OF}: keys is a list of the texts that have signed the old cookie`)
  const place = { domain, path }
  oldCookieOf(key, place, OF)
  const own = keys && new Keygrip([...keys])
  return async (ctx) => {
    const value = ctx.cookies.get(key, { signed: false })
    const mac = ctx.cookies.get(`${key}.sig`, { signed: false })
    if (!value || !mac || !(own ?? signerOf(ctx.app.keys)).verify(`${key}=${value}`, mac)) return undefined
    const row = store ? rowOf(await store.get(value, undefined, { rolling: false, ctx }), OF) : read(value)
    const { _expire, _maxAge, _session, ...data } = row ?? {}
    return {
      data: typeof _expire === 'number' && _expire <= Date.now() ? {} : data,
      async forget(clearCookie) {
        if (row && store?.destroy) await store.destroy(value, { ctx })
        clearCookie(key, place)
        clearCookie(`${key}.sig`, place)
      },
    }
  }
}

function isKeys(keys: unknown): boolean {
  return Array.isArray(keys) && keys.length > 0 && keys.every((key) => typeof key === 'string' && key !== '')
}

/** Koa's own keys: a Keygrip, or a list of which it makes one. */
function signerOf(keys: unknown): Signer {
  if (typeof (keys as Signer | undefined)?.verify === 'function') return keys as Signer
  if (isKeys(keys)) return new Keygrip([...(keys as string[])])
  throw new SessionUsageError(`${OF} needs app.keys, which have signed the old cookie, or { keys: [oldKey] }`)
}

/** The data of a cookie that holds all of them. It was signed, so what can't be read is another library's. */
function read(value: string): Record<string, unknown> | undefined {
  try {
    const row = JSON.parse(Buffer.from(value, 'base64').toString('utf8'))
    return typeof row === 'object' && row !== null && !Array.isArray(row) ? row : undefined
  } catch {
    return undefined
  }
}
