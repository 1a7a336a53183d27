import { commands, comparison, condition } from '../algebra/index.ts'
import type { At, DeepReadonly, Place } from '../data/types.ts'
import { ConditionFailedError } from '../errors/index.ts'
import type { Duration } from '../settings/duration.ts'
import { type RotateOptions, rotationOf, type Step, touchOf, withCommands, withCondition } from '../visit/step.ts'
import { UNKNOWN } from './guard.ts'

/**
 * Adds to a chain. This is the one thing that handles, sessions and chains each do in their own way. The arguments are
 * checked inside `change`, so a chain that can't be completed knows about it and applies none of its commands.
 */
export const ADD: unique symbol = Symbol('add')

/** Adds a `take` to a chain, and resolves to the value that it has removed. */
export const TAKE: unique symbol = Symbol('take')

/**
 * The parts of a chain other than commands that write: conditions, values to take, a new expiry, a new secret. Each
 * call except `take` and `takeIf` returns the chain, so more can follow.
 */
export abstract class Chaining<D, C> {
  static {
    Object.setPrototypeOf(Chaining.prototype, UNKNOWN)
  }

  /** @internal */
  abstract [ADD](change: (step: Step) => Step): C
  /** @internal */
  abstract [TAKE](change: (step: Step) => Step): Promise<unknown>

  /**
   * The chain applies only if the path has this value, compared deeply; otherwise it rejects with a
   * `ConditionFailedError`. The data before the chain is checked, and all conditions must hold. They also hold for what
   * is added to the chain after it has been awaited.
   *
   * @throws {@link InvalidValueError} for `undefined`, before any I/O: otherwise a field that is missing in a request
   * would match one that is missing in the session. To require that nothing is there, write `ifMissing(path)`.
   *
   * @example
   * ```ts
   * await session.set('step', 1)
   * await session.if('step', 1).set('step', 2)
   * session.if('step', 1).set('step', 3) // ConditionFailedError
   * ```
   */
  if<const P extends string>(path: Place<D, P>, value: DeepReadonly<Exclude<At<D, P>, undefined>>): C
  if(path: unknown, value: unknown): C {
    return this[ADD]((step) => withCondition(step, comparison(path, value, 'if')))
  }

  /**
   * The chain applies only if nothing is at the path; otherwise it rejects with a `ConditionFailedError`. `null` counts
   * as a value.
   *
   * @example
   * ```ts
   * await session.ifMissing('order').set('order', { id: 7 })
   * session.ifMissing('order').set('order', { id: 8 }) // ConditionFailedError
   * ```
   */
  ifMissing<const P extends string>(path: Place<D, P>): C
  ifMissing(path: unknown): C {
    return this[ADD]((step) => withCondition(step, condition(path, undefined)))
  }

  /**
   * Removes a value and resolves to it, or to undefined if there was none. It also runs the chain before it. Exactly
   * one of many callers gets the value, so it suits flash messages. For a code that a visitor sends, see `takeIf`.
   *
   * @example
   * ```ts
   * await session.set('flash', 'Saved')
   * await session.take('flash') // 'Saved'
   * await session.take('flash') // undefined
   * ```
   * @throws {@link StoreError} with `applied: 'unknown'` when the answer was lost on its way: the value may be gone.
   */
  take<const P extends string>(path: Place<D, P>): Promise<At<D, P> | undefined>
  take(path: unknown): Promise<unknown> {
    return this[TAKE]((step) => withCommands(step, [commands.take(path)]))
  }

  /**
   * Removes a value if it is equal to this one, and resolves to whether it was: for one-time codes. Of many callers
   * with the right value, exactly one gets true. A wrong value removes nothing, so count wrong guesses separately. It
   * also runs the chain before it, all or nothing: `session.set('verified', true).takeIf('code', code)`.
   *
   * Two texts of one length are compared in a time that does not depend on where they differ, on the stores that
   * compare in this process (memory, SQLite).
   *
   * @throws {@link InvalidValueError} for `undefined`, null and anything that is not a value, before any I/O: a field
   * that is missing in a request proves nothing.
   * @throws {@link ConditionFailedError} when another condition of the chain does not hold.
   * @throws {@link StoreError} with `applied: 'unknown'` when the answer was lost on its way: the value may be gone.
   *
   * @example
   * ```ts
   * await session.set('code', '123456')
   * await session.takeIf('code', '000000') // false
   * await session.takeIf('code', '123456') // true
   * await session.takeIf('code', '123456') // false
   * ```
   */
  takeIf<const P extends string>(path: Place<D, P>, value: DeepReadonly<NonNullable<At<D, P>>>): Promise<boolean>
  takeIf(path: unknown, value: unknown): Promise<boolean> {
    // What is removed is known, so no store has to send it back: the answer is that the condition held.
    const removed = this[TAKE]((step) =>
      withCondition(withCommands(step, [commands.unset(path)]), comparison(path, value, 'takeIf')),
    )
    return removed.then(
      () => true,
      (error) => {
        if (error instanceof ConditionFailedError && error.path === path) return false
        throw error
      },
    )
  }

  /**
   * Slides the session's expiry now. With an argument it gives this session its own idle time ('remember me'); null
   * removes it. If the session is gone, nothing happens.
   *
   * @example
   * ```ts
   * await session.set('user_id', 42).touch('30 days')
   * session.maxAge // 30 * 24 * 60 * 60 * 1000
   * ```
   */
  touch(maxAge?: Duration | null): C {
    return this[ADD]((step) => ({ ...step, touch: touchOf(maxAge) }))
  }

  /**
   * Gives the session a new secret, in one atomic update with the rest of the chain; id and data stay. Use it at log-in
   * and at every change of privilege: `session.rotate().set('user_id', 42)`. CSRF tokens from before are void.
   *
   * @example
   * ```ts
   * await session.rotate({ authenticated: true }).set('user_id', 42)
   * session.user_id // 42
   * ```
   * @throws {@link SessionRotatedError} when another request rotated first; nothing of the chain is applied then.
   */
  rotate(options: RotateOptions = {}): C {
    return this[ADD]((step) => ({ ...step, rotate: rotationOf(options) }))
  }
}
