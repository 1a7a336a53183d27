import { type Command, commands, Refusal } from '../algebra/index.ts'
import type { Assignments, At, Comparable, ElementAt, Place, Pulled, Target } from '../data/types.ts'
import { withCommands } from '../visit/step.ts'
import { ADD, Chaining } from './chaining.ts'

/**
 * The commands, with the names and meanings of MongoDB's update operators.
 *
 * Each call returns the chain, so more can follow: `session.set('a', 1).unset('b')` is one atomic update, all or
 * nothing. A path consists of keys with dots between them; on a list a number is an index. Mistakes that can be
 * detected before any I/O are thrown at the call: a path or a value that no session can have, or two commands for one
 * path. Other errors reject the chain.
 */
export abstract class Commands<D, C> extends Chaining<D, C> {
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
   * Removes values; a missing value stays missing. An element of a list becomes `null`.
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
   * Moves a value and replaces the value at its new path. Nothing happens if there is none. It can't move values into
   * or out of lists.
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
   * Appends the values that the list does not have yet, compared deeply, with keys in any order.
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
   * Removes the last element, or with -1 the first. Nothing happens if the list is missing or empty.
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

  #add(make: () => Command[]): C {
    return this[ADD]((step) => withCommands(step, make()))
  }
}

/** Options of `pushAll`. */
export interface PushOptions {
  /** How many elements stay: `10` the first ten, `-10` the last ten. */
  readonly slice?: number
}

/** One `set` for each key of an object; the keys are paths. */
/** What `set` makes of an object: a value for each path. */
export function assignments(values: unknown): Command[] {
  if (typeof values !== 'object' || values === null || Array.isArray(values)) {
    const reason = 'set takes a path and a value, or an object of them'
    throw new Refusal({ kind: 'path', path: `(${typeof values})`, reason })
  }
  return Object.entries(values).map(([path, value]) => commands.set(path, value))
}
