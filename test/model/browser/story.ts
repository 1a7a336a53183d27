import fc from 'fast-check'
import type { Act, Step } from './server.ts'

/** What happens in front of the browser, in this order; how it goes on from there is the scheduler's. */
export type Event = { readonly process: number } & (
  | {
      readonly kind: 'page' | 'socket'
      readonly does: readonly Step[]
      readonly lost: boolean
      readonly thief: boolean
    }
  /** `lost`: so many of its answers never arrive, and the visitor does it again. `twice`: a double click. */
  | { readonly kind: 'act'; readonly does: Act; readonly lost: number; readonly twice: boolean }
  /** Somebody gets to know the cookie. */
  | { readonly kind: 'theft' }
  /** 20 seconds, or 11 minutes. */
  | { readonly kind: 'time'; readonly long: boolean }
)

export interface Story {
  readonly events: readonly Event[]
  /** The cookie lasts beyond the browser, so it slides. */
  readonly persistent: boolean
  /** Secrets are renewed by themselves. */
  readonly rotates: boolean
  /** The keys are changed meanwhile. */
  readonly keys: boolean
}

const process = fc.nat(1)
const steps = (...more: Step[]) =>
  fc.array(fc.constantFrom<Step>('read', 'write', 'unawaited', 'touch', 'wait', 'wait', 'form', 'fresh', ...more), {
    minLength: 1,
    maxLength: 5,
  })
const opened = { lost: fc.constantFrom(false, false, true), thief: fc.constantFrom(false, false, true) }
const page = fc.record({ process, kind: fc.constant('page' as const), does: steps('head', 'head'), ...opened })
const socket = fc.record({ process, kind: fc.constant('socket' as const), does: steps(), ...opened })
const action = fc.record({
  process,
  kind: fc.constant('act' as const),
  does: fc.constantFrom<Act>('login', 'login', 'login by regenerate', 'rotate', 'logout', 'me'),
  lost: fc.constantFrom(0, 0, 0, 1, 2),
  twice: fc.boolean(),
})
const theft = fc.record({ process, kind: fc.constant('theft' as const) })
const time = fc.record({ process, kind: fc.constant('time' as const), long: fc.boolean() })
const event = fc.oneof(
  { weight: 5, arbitrary: page },
  { weight: 2, arbitrary: socket },
  { weight: 4, arbitrary: action },
  { weight: 1, arbitrary: theft },
  { weight: 2, arbitrary: time },
)

export const story: fc.Arbitrary<Story> = fc.record({
  events: fc.array(event, { minLength: 2, maxLength: 9 }),
  persistent: fc.boolean(),
  rotates: fc.boolean(),
  keys: fc.boolean(),
})
