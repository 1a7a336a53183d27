import { ROTATION_GRACE } from '../contract/store.ts'
import type { CookieJar } from '../cookie/jar.ts'
import { isPersistent, type Late, type Live, type Rules, type Unread } from './state.ts'
import type { Step } from './step.ts'

/**
 * A request that takes longer than this many milliseconds renews no secret by itself. The browser has most likely got a
 * newer one in the meantime, which it has not needed yet: it would be taken for lost.
 */
const SLOW = ROTATION_GRACE / 2

/** What the end of a request asks of the store. */
export interface Work {
  /** Slide the expiry. */
  readonly slide: boolean
  /** Renew the secret. */
  readonly renew: boolean
  /** Ask once more whether the secret that the response carries is the live one, or note its first use. */
  readonly ask: boolean
}

/**
 * What is to be done for a live session at the end of its request, which `arrived` then. `writable`: the response's headers
 * have not left.
 */
export function workOf(state: Live, jar: CookieJar, writable: boolean, arrived: number, rules: Rules): Work {
  const { due } = state
  return {
    // The expiry slides in the store and in the browser, or in neither.
    slide: due.touch && (writable || jar.slid || !isPersistent(state, rules)),
    // A new secret whose cookie can't be sent any more would lock the visitor out.
    renew: due.rotate && writable && performance.now() - arrived < SLOW,
    ask: due.claim || (jar.carries && writable && !jar.verified),
  }
}

/**
 * Whether a step leaves the sliding to the end of its request, where a response can write a cookie. The expiry slides in
 * the store when it does in the browser: when the store is asked whether the secret still counts.
 */
export function slidesLater({ rotate, touch }: Step, state: Unread | Live | Late, rules: Rules): boolean {
  const persistent = state.kind === 'live' ? isPersistent(state, rules) : rules.cookie.persistent
  return persistent && !rotate && !touch
}
