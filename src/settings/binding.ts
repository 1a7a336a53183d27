import { type Duration, milliseconds } from './duration.ts'
import { assertNames, fail } from './names.ts'
import type { Settings } from './settings.ts'

/** Options of `deviceBound()`. */
export interface BindingOptions {
  /**
   * How long a copied cookie jar works: the device must sign again after this time, from 5 seconds to a day.
   * @default '10 minutes'
   */
  readonly cookieAge?: Duration
  /**
   * Where the browser registers its key, and signs again: a path of this application that is used for nothing else.
   * @default '/session-binding'
   */
  readonly path?: string
  /**
   * `'bound'`: a request that does not come from the session's device gets a `SessionUnboundError` (401). `'report'`:
   * it is let in, and the event `unbound` reports it, so you can see on a running application what would be refused.
   * @default 'bound'
   */
  readonly enforce?: 'bound' | 'report'
  /** For which requests the browser signs before it sends them. */
  readonly scope?: BindingScope
}

/** See the option `scope`. */
export interface BindingScope {
  /**
   * True: the whole site with its subdomains, for a session whose cookie has a `domain`. The registration must then
   * come from the domain itself, or from a host that its `/.well-known/device-bound-sessions` lists.
   * @default false, the origin alone
   */
  readonly site?: boolean
  /** Beginnings of paths that use no session, such as `'/assets/'`: their requests never wait for the device. */
  readonly except?: readonly string[]
}

/** The options after checking. */
export interface Binding {
  readonly cookieAge: number
  readonly path: string
  readonly enforce: 'bound' | 'report'
  readonly site: boolean
  readonly except: readonly string[]
}

const DAY = 86_400_000

/** Checks the options; throws a `SessionUsageError` that says what to write instead. */
export function bindingOf(options: BindingOptions, { cookie }: Settings): Binding {
  if (typeof options !== 'object' || options === null) fail("deviceBound() takes options: { cookieAge: '10 minutes' }")
  assertNames(options, ['cookieAge', 'path', 'enforce', 'scope'], 'deviceBound()')
  const { cookieAge = '10 minutes', path = '/session-binding', enforce = 'bound', scope = {} } = options
  const age = milliseconds(cookieAge, 'cookieAge')
  if (age < 5000 || age > DAY) fail('cookieAge is from 5 seconds to a day')
  if (!isPath(path))
    fail("path is where the browser registers, such as '/session-binding': letters, digits, '/', '.', '_' and '-'")
  if (!isWithin(path, cookie.path)) fail(`path '${path}' must be within '${cookie.path}', or it gets no cookie`)
  if (enforce !== 'bound' && enforce !== 'report') fail("enforce must be 'bound' or 'report'")
  if (typeof scope !== 'object' || scope === null) fail("scope is an object: { except: ['/assets/'] }")
  assertNames(scope, ['site', 'except'], 'scope')
  const { site = false, except = [] } = scope
  if (typeof site !== 'boolean') fail('scope: site must be true or false')
  if (site && cookie.domain === undefined) fail('scope: site needs the option domain, or subdomains get no cookie')
  if (!Array.isArray(except) || !except.every(isPath)) fail("scope: except is a list of paths: ['/assets/']")
  return Object.freeze({ cookieAge: age, path, enforce, site, except: Object.freeze([...except]) })
}

function isPath(path: unknown): path is string {
  return typeof path === 'string' && /^\/[\w./-]{0,200}$/.test(path) && !path.includes('//')
}

function isWithin(path: string, base: string): boolean {
  return path === base || path.startsWith(base.endsWith('/') ? base : `${base}/`)
}
