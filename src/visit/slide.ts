import type { Change, SessionRecord } from '../contract/store.ts'

/** What the decision to slide an expiry needs of the settings. */
export interface SlideRules {
  readonly idle: number
  readonly touchAfter: number
}

/** A change's `slide.atLeast` for which the expiry stays as it is. */
export const NEVER: number = Number.MAX_SAFE_INTEGER

/** By how many milliseconds a store's clock may go on between what it writes and what it answers. */
const MOMENT = 1000

type Expiry = Pick<SessionRecord, 'expires' | 'maxAge'>

/** Whether the expiry is to slide now: it would be later by `touchAfter` at least, so most reads cost no write. */
export function slides({ expires, maxAge }: Expiry, now: number, { idle, touchAfter }: SlideRules): boolean {
  return now + (maxAge ?? idle) - expires >= touchAfter
}

/** Whether the store has slid the expiry with this change, which it decides itself by `slide.atLeast`. */
export function hasSlid({ slide }: Change, { expires, maxAge }: Expiry, now: number, { idle }: SlideRules): boolean {
  return slide.atLeast < NEVER && now + (maxAge ?? idle) - expires < MOMENT
}
