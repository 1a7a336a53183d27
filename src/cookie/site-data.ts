import { SessionUsageError } from '../errors/index.ts'
import { assertNames } from '../settings/names.ts'

/** What a browser can be asked to remove (https://www.w3.org/TR/clear-site-data/). */
export type SiteData = 'cache' | 'cookies' | 'storage' | 'executionContexts'

/** What else to remove with a session. */
export interface DestroyOptions {
  /**
   * Tells the browser with `Clear-Site-Data` to remove what it keeps for this origin: `'cache'`, `'storage'` (also
   * service workers and what scripts have stored), `'cookies'` (for the whole site, including its other hosts), or
   * `'executionContexts'` (reloads its pages). Browsers obey it only over TLS, and some ignore some of the values, so
   * don't depend on it.
   * @default nothing
   */
  readonly clear?: readonly SiteData[]
}

const KNOWN: readonly unknown[] = ['cache', 'cookies', 'storage', 'executionContexts'] satisfies SiteData[]

/** The header's value; undefined if there is nothing to send. */
export function siteDataOf(options: DestroyOptions = {}): string | undefined {
  assertNames(options, ['clear'], 'destroy()')
  const { clear = [] } = options
  if (!Array.isArray(clear) || !clear.every((one) => KNOWN.includes(one))) {
    throw new SessionUsageError(`destroy({ clear }) takes a list of ${KNOWN.map((one) => `'${one}'`).join(', ')}`)
  }
  return clear.length === 0 ? undefined : [...new Set(clear)].map((one) => `"${one}"`).join(', ')
}
