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
  /** Processes keep copies of sessions. */
  readonly copies: boolean
}

const process = fc.nat(1)
const step = fc.constantFrom<Step>('read', 'read', 'write', 'unawaited', 'touch', 'touch', 'form', 'fresh')
/** Asks for the session, mostly takes a while, and goes on. */
const steps = (...more: Step[]) =>
  fc
    .tuple(
      fc.array(fc.constantFrom<Step>('wait', ...more), { maxLength: 1 }),
      step,
      fc.array(fc.constantFrom<Step>('wait', 'wait', 'wait', ...more), { maxLength: 3 }),
      fc.array(step, { maxLength: 1 }),
    )
    .map((parts) => parts.flat())
const opened = {
  process,
  lost: fc.constantFrom(false, false, false, true),
  thief: fc.constantFrom(false, false, false, true),
}
const page = fc.record({ kind: fc.constant('page' as const), does: steps('head'), ...opened })
const socket = fc.record({ kind: fc.constant('socket' as const), does: steps(), ...opened })
const action = fc.record({
  process,
  kind: fc.constant('act' as const),
  does: fc.constantFrom<Act>('login', 'login', 'login', 'login by regenerate', 'rotate', 'logout', 'me'),
  lost: fc.constantFrom(0, 0, 0, 0, 1, 2),
  twice: fc.boolean(),
})
const theft = fc.record({ process, kind: fc.constant('theft' as const) })
const time = fc.record({ process, kind: fc.constant('time' as const), long: fc.boolean() })
/** Something happens while pages and sockets are open. */
const scene = fc
  .tuple(
    fc.array(fc.oneof({ weight: 3, arbitrary: page }, { weight: 1, arbitrary: socket }), { maxLength: 3 }),
    fc.oneof({ weight: 6, arbitrary: action }, { weight: 1, arbitrary: theft }, { weight: 3, arbitrary: time }),
  )
  .map(([opened, then]): Event[] => [...opened, then])

export const story: fc.Arbitrary<Story> = fc.record({
  events: fc.array(scene, { minLength: 1, maxLength: 4 }).map((scenes) => scenes.flat()),
  persistent: fc.constantFrom(true, true, false),
  rotates: fc.boolean(),
  keys: fc.boolean(),
  copies: fc.boolean(),
})
