import { inspect } from 'node:util'
import { SessionGoneError, SessionUsageError } from '../errors/index.ts'
import { conditionsOf, EMPTY_STEP, extended, type Step } from '../visit/step.ts'
import { ADD, TAKE } from './chaining.ts'
import { Commands } from './commands.ts'
import { type FoundSession, foundOf } from './found.ts'
import type { Outcome, Target } from './target.ts'

/** Commands for a session from outside of its requests. They have no cookie, so they can give it no new secret. */
abstract class Outside<D, C> extends Commands<D, C> {
  /**
   * Only the visitor's own request can be given a new secret: to end a session, write `destroy()`.
   *
   * @example
   * ```ts
   * await session.set('user_id', 42)
   * sessions.at(session.id).rotate() // SessionUsageError
   * ```
   */
  override rotate(): never {
    throw new SessionUsageError("rotate() needs the visitor's own request; to end their session, write destroy()")
  }
}

/**
 * A session by its id, for an administrator or a job: what `sessions.at(id)` returns. It is the session that has this
 * id at the first call; a later session with the same id is not changed. Nothing is read before it is used.
 */
export class SessionAt<D> extends Outside<D, ChainAt<D>> implements PromiseLike<FoundSession<D>> {
  readonly #target: Target

  /** @internal */
  constructor(target: Target) {
    super()
    this.#target = target
  }

  /** @internal */
  override [ADD](change: (step: Step) => Step): ChainAt<D> {
    return ChainAt.of<D>(this.#target, change)
  }

  /** @internal */
  override [TAKE](change: (step: Step) => Step): Promise<unknown> {
    return ChainAt.take<D>(this.#target, change)
  }

  /**
   * The session as it is now.
   *
   * @example
   * ```ts
   * await session.set('user_id', 42)
   * const { data } = await sessions.at(session.id)
   * data // { user_id: 42 }
   * ```
   * @throws {@link SessionGoneError} when there is none.
   */
  then<A = FoundSession<D>, B = never>(
    onfulfilled?: ((found: FoundSession<D>) => A | PromiseLike<A>) | null,
    onrejected?: ((reason: unknown) => B | PromiseLike<B>) | null,
  ): Promise<A | B> {
    return this.#target
      .inTurn(async () => foundOf<D>(await this.#target.read(), this.#target.host.settings.idle))
      .then(onfulfilled, onrejected)
  }

  /**
   * Removes the session, whoever has its cookie. Resolves to whether there was one.
   *
   * @example
   * ```ts
   * await session.set('user_id', 42)
   * const there = sessions.at(session.id)
   * await there.destroy() // true
   * await there.destroy() // false
   * ```
   */
  destroy(): Promise<boolean> {
    return new ChainAt<D>(this.#target).destroy()
  }

  [inspect.custom](): string {
    return 'SessionAt {}'
  }
}

/**
 * Commands for a session by its id, written one after another: one atomic update. It runs once, even if it is not
 * awaited; a failure is then reported like one after the end of a request. It does not keep the session alive, unless
 * it calls `touch()`.
 */
export class ChainAt<D> extends Outside<D, ChainAt<D>> implements PromiseLike<FoundSession<D>> {
  readonly #target: Target
  readonly #begun: Promise<Outcome>
  #step: Step
  #fault: unknown
  #started = false
  #ends = false
  #wanted = false
  #watched = false

  /** @internal */
  constructor(target: Target, step = EMPTY_STEP) {
    super()
    this.#target = target
    this.#step = step
    // Its commands are complete after this turn of the event loop, and `await` has looked at it by then.
    this.#begun = target.inTurn(async () => {
      await undefined
      this.#started = true
      if (this.#fault) throw this.#fault
      return this.#ends ? target.remove(this.#step) : target.update(this.#step, this.#wanted)
    })
    this.#begun.catch((error) => this.#watched || target.background(error))
  }

  /** @internal As `Chain.of`. */
  static of<D>(target: Target, change: (step: Step) => Step, before = EMPTY_STEP): ChainAt<D> {
    return new ChainAt<D>(target, extended(conditionsOf(before), change, target.host))
  }

  /** @internal */
  static async take<D>(target: Target, change: (step: Step) => Step): Promise<unknown> {
    return (await ChainAt.of<D>(target, change).#watch()).taken
  }

  /** @internal */
  override [ADD](change: (step: Step) => Step): ChainAt<D> {
    const over = () => this.#started || this.#ends
    const step = over() ? undefined : this.#extended(change)
    // Asked again for the reason that `Chain` has.
    if (!step || over()) return ChainAt.of<D>(this.#target, change, this.#step)
    this.#step = step
    return this
  }

  #extended(change: (step: Step) => Step): Step {
    try {
      return extended(this.#step, change, this.#target.host)
    } catch (error) {
      this.#fault = error
      this.#watched = true
      throw error
    }
  }

  /** @internal */
  override async [TAKE](change: (step: Step) => Step): Promise<unknown> {
    return (await this[ADD](change).#watch()).taken
  }

  /**
   * The session after this chain, once the store has applied all of it.
   *
   * @example
   * ```ts
   * await session.set({ user_id: 42, role: 'admin' })
   * const { data } = await sessions.at(session.id).unset('role').push('notices', 'You are no administrator any more.')
   * data // { user_id: 42, notices: ['You are no administrator any more.'] }
   * ```
   * @throws {@link SessionGoneError} when there is no such session.
   */
  then<A = FoundSession<D>, B = never>(
    onfulfilled?: ((found: FoundSession<D>) => A | PromiseLike<A>) | null,
    onrejected?: ((reason: unknown) => B | PromiseLike<B>) | null,
  ): Promise<A | B> {
    this.#wanted = true
    const found = this.#watch().then(({ record }) => {
      if (!record) throw new SessionGoneError()
      return foundOf<D>(record, this.#target.host.settings.idle)
    })
    return found.then(onfulfilled, onrejected)
  }

  /**
   * Removes the session if the conditions before it hold, so visitors can end one of their own sessions by its id. The
   * database checks the conditions, and from that moment on no request of that session gets in, so it can't become
   * another user's before it is removed. Resolves to whether there was a session.
   *
   * @example
   * ```ts
   * await session.set('user_id', 42)
   * await sessions.at(session.id).if('user_id', 42).destroy() // true
   * ```
   * @throws {@link ConditionFailedError} when a condition does not hold. Nothing is removed then.
   */
  async destroy(): Promise<boolean> {
    const { chain, touch } = this.#step
    if (this.#started || this.#fault || touch || chain.commands.length > 0) {
      this.#fault = new SessionUsageError(
        'Only conditions may come before destroy(): a removed session needs no change',
      )
      this.#watched = true
      throw this.#fault
    }
    this.#ends = true
    return (await this.#watch()).removed
  }

  #watch(): Promise<Outcome> {
    this.#watched = true
    return this.#begun
  }

  [inspect.custom](): string {
    return 'ChainAt {}'
  }
}
