import { type Command, commands, comparison, condition, Refusal } from '../algebra/index.ts'
import type { Assignments, At, Comparable, DeepReadonly, ElementAt, Place, Pulled, Target } from '../data/types.ts'
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

// More than 300 lines, because every command has its types, its docstring and its example here, and nowhere else.

/**
 * The commands, with the names and meanings of MongoDB's update operators.
 *
 * Each call returns the chain, so more can follow: `session.set('a', 1).unset('b')` is one atomic update, all of it or
 * nothing. A path is keys with dots between them; on a list a number is an index. What can be known to be wrong
 * before any I/O is thrown at the call: a path or a value that no session can have, two commands for one place.
 * Everything else rejects the chain.
 */
export abstract class Commands<D, C> {
  static {
    Object.setPrototypeOf(Commands.prototype, UNKNOWN)
  }

  /** @internal */
  abstract [ADD](change: (step: Step) => Step): C
  /** @internal */
  abstract [TAKE](change: (step: Step) => Step): Promise<unknown>

  /**
   * Writes a value, or several: `set({ a: 1, 'b.c': 2 })`. Creates missing parents. It is an error if a parent is not an
   * object.
   *
   * @example
   * ```ts
   * await session.set('theme', 'dark')
   * await session.set({ 'cart.total': 20, step: 1 })
   * session.data // { theme: 'dark', cart: { total: 20 }, step: 1 }
   * ```
   */
  set<const P extends string>(path: Place<D, P>, value: At<D, P>): C
  set<const P extends string>(values: Assignments<D, P>): C
  set(path: unknown, value?: unknown): C {
    return this.#add(() => (typeof path === 'string' ? [commands.set(path, value)] : assignments(path)))
  }

  /**
   * Removes values; what is missing stays missing. An element of a list becomes `null`.
   *
   * @example
   * ```ts
   * await session.set({ draft: 'Dear', theme: 'dark' })
   * await session.unset('draft')
   * session.data // { theme: 'dark' }
   * ```
   */
  unset<const P extends string>(...paths: Place<D, P>[]): C
  unset(...paths: unknown[]): C {
    return this.#add(() => paths.map(commands.unset))
  }

  /**
   * Adds to a number; a missing one begins at 0. It is an error on anything else.
   *
   * @example
   * ```ts
   * await session.inc('views')
   * session.views // 1
   * ```
   */
  inc<const P extends string>(path: Place<D, P, number, 'number'>, by?: number): C
  inc(path: unknown, by = 1): C {
    return this.#add(() => [commands.inc(path, by)])
  }

  /**
   * Multiplies a number; a missing one becomes 0. It is an error on anything else.
   *
   * @example
   * ```ts
   * await session.set('price', 20)
   * await session.mul('price', 1.5)
   * session.price // 30
   * ```
   */
  mul<const P extends string>(path: Place<D, P, number, 'number'>, by: number): C
  mul(path: unknown, by: number): C {
    return this.#add(() => [commands.mul(path, by)])
  }

  /**
   * Keeps the smaller of what is there and the value; sets what is missing. Both are numbers, or both dates.
   *
   * @example
   * ```ts
   * await session.set('best', 12)
   * await session.min('best', 9)
   * session.best // 9
   * ```
   */
  min<const P extends string>(path: Place<D, P, number | Date, 'number or date'>, value: Comparable<D, P>): C
  min(path: unknown, value: number | Date): C {
    return this.#add(() => [commands.min(path, value)])
  }

  /**
   * Keeps the larger of what is there and the value; sets what is missing. Both are numbers, or both dates.
   *
   * @example
   * ```ts
   * await session.set('best', 12)
   * await session.max('best', 9)
   * session.best // 12
   * ```
   */
  max<const P extends string>(path: Place<D, P, number | Date, 'number or date'>, value: Comparable<D, P>): C
  max(path: unknown, value: number | Date): C {
    return this.#add(() => [commands.max(path, value)])
  }

  /**
   * Moves a value and replaces what is at its new place. Nothing happens when there is none. Not into or out of lists.
   *
   * @example
   * ```ts
   * await session.set('guest.cart', ['tea'])
   * await session.rename('guest.cart', 'cart')
   * session.cart // ['tea']
   * ```
   */
  rename<const P extends string, const Q extends string>(path: Place<D, P>, to: Target<D, Q, P>): C
  rename(path: unknown, to: unknown): C {
    return this.#add(() => [commands.rename(path, to)])
  }

  /**
   * Appends to a list; a missing one begins empty. It is an error on anything else.
   *
   * @example
   * ```ts
   * await session.push('seen', 'tea', 'cup')
   * session.seen // ['tea', 'cup']
   * ```
   */
  push<const P extends string>(path: Place<D, P, readonly unknown[], 'list'>, ...values: ElementAt<D, P>[]): C
  push(path: unknown, ...values: unknown[]): C {
    return this.#add(() => [commands.push(path, values)])
  }

  /**
   * Appends to a list and keeps only `slice` elements of it: the first, or with a negative number the last.
   *
   * @example
   * ```ts
   * await session.pushAll('seen', ['tea', 'cup', 'pot'], { slice: -2 })
   * session.seen // ['cup', 'pot']
   * ```
   */
  pushAll<const P extends string>(
    path: Place<D, P, readonly unknown[], 'list'>,
    values: readonly ElementAt<D, P>[],
    options?: PushOptions,
  ): C
  pushAll(path: unknown, values: readonly unknown[], { slice }: PushOptions = {}): C {
    return this.#add(() => [commands.push(path, values, slice)])
  }

  /**
   * Appends the values that the list does not hold yet, compared deeply, keys in any order.
   *
   * @example
   * ```ts
   * await session.addToSet('seen', 'tea', 'cup', 'tea')
   * session.seen // ['tea', 'cup']
   * ```
   */
  addToSet<const P extends string>(path: Place<D, P, readonly unknown[], 'list'>, ...values: ElementAt<D, P>[]): C
  addToSet(path: unknown, ...values: unknown[]): C {
    return this.#add(() => [commands.addToSet(path, values)])
  }

  /**
   * Removes the elements equal to the value; an object removes the elements that have all of its fields.
   *
   * @example
   * ```ts
   * await session.set('cart', [{ id: 7, qty: 1 }, { id: 8, qty: 2 }])
   * await session.pull('cart', { id: 7 })
   * session.cart // [{ id: 8, qty: 2 }]
   * ```
   */
  pull<const P extends string>(path: Place<D, P, readonly unknown[], 'list'>, value: Pulled<ElementAt<D, P>>): C
  pull(path: unknown, value: unknown): C {
    return this.#add(() => [commands.pull(path, value)])
  }

  /**
   * Removes the elements that are equal to one of the values.
   *
   * @example
   * ```ts
   * await session.set('seen', ['tea', 'cup', 'pot'])
   * await session.pullAll('seen', ['tea', 'pot'])
   * session.seen // ['cup']
   * ```
   */
  pullAll<const P extends string>(path: Place<D, P, readonly unknown[], 'list'>, values: readonly ElementAt<D, P>[]): C
  pullAll(path: unknown, values: readonly unknown[]): C {
    return this.#add(() => [commands.pullAll(path, values)])
  }

  /**
   * Removes the last element, or with -1 the first. Nothing happens on a missing or empty list.
   *
   * @example
   * ```ts
   * await session.set('steps', [1, 2, 3])
   * await session.pop('steps', -1)
   * session.steps // [2, 3]
   * ```
   */
  pop<const P extends string>(path: Place<D, P, readonly unknown[], 'list'>, end?: 1 | -1): C
  pop(path: unknown, end: 1 | -1 = 1): C {
    return this.#add(() => [commands.pop(path, end)])
  }

  /**
   * Writes the current time of the store's clock.
   *
   * @example
   * ```ts
   * await session.currentDate('seen_at')
   * session.seen_at instanceof Date // true
   * ```
   */
  currentDate<const P extends string>(path: Place<D, P, Date, 'date'>): C
  currentDate(path: unknown): C {
    return this.#add(() => [commands.currentDate(path)])
  }

  /**
   * The chain applies only where the path holds this value, compared deeply; otherwise it rejects with a
   * `ConditionFailedError`. Judged on the data before the chain; several conditions must all hold.
   *
   * @throws {@link InvalidValueError} for `undefined`, before any I/O: a field that is missing in a request would
   * otherwise hold where the session has nothing. To ask for nothing there, write `ifMissing(path)`.
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
   * The chain applies only where the path holds nothing; otherwise it rejects with a `ConditionFailedError`. `null` is
   * something.
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
   * Removes a value and resolves to it, undefined where nothing was; runs the chain before it, too. Of many callers
   * exactly one gets the value: for flash messages. For a code that a visitor sends, see `takeIf`.
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
   * Removes a value where it is equal to this one, and resolves to whether it was: for one-time codes. Of many callers
   * with the right value exactly one gets true. False removes nothing, so wrong guesses must be counted by themselves.
   * It runs the chain before it, too, all or nothing: `session.set('verified', true).takeIf('code', code)`.
   *
   * Two texts of one length are compared in a time that does not depend on where they differ, on the stores that
   * compare in this process (memory, SQLite).
   *
   * @throws {@link InvalidValueError} for `undefined`, null and what is no value, before any I/O: a field that is
   * missing in a request proves nothing.
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
   * Slides the session's expiry now. With an argument it gives this session an idle time of its own ('remember me'),
   * with null it takes that away. A session that is gone is passed over in silence.
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
   * Gives the session a new secret, in one atomic update with the rest of the chain; id and data stay. For log-in and
   * every change of privilege: `session.rotate().set('user_id', 42)`. CSRF tokens from before are void.
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

  #add(make: () => Command[]): C {
    return this[ADD]((step) => withCommands(step, make()))
  }
}

/** How `pushAll` appends. */
export interface PushOptions {
  /** How many elements stay: `10` the first ten, `-10` the last ten. */
  readonly slice?: number
}

/** One `set` for each key of an object; the keys are paths. */
function assignments(values: unknown): Command[] {
  if (typeof values !== 'object' || values === null || Array.isArray(values)) {
    const reason = 'set takes a path and a value, or an object of them'
    throw new Refusal({ kind: 'path', path: `(${typeof values})`, reason })
  }
  return Object.entries(values).map(([path, value]) => commands.set(path, value))
}
