import { inspect } from 'node:util'
import { type Chain, type Data, takes, type Value } from '../algebra/index.ts'
import type { Access, InspectableStore, SessionRecord } from '../contract/store.ts'
import { isId, newId, newOperation, newSecret } from '../cookie/credential.ts'
import { errorOf, isSessionError, SessionGoneError, SessionUsageError } from '../errors/index.ts'
import { outsideChange, takenOf } from '../visit/change.ts'
import type { Host } from '../visit/exchange.ts'
import { EMPTY_STEP, extended, type Step } from '../visit/step.ts'
import { ADD, TAKE } from './chaining.ts'
import { Commands } from './commands.ts'
import { type FoundSession, foundOf } from './found.ts'

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
    return new ChainAt<D>(this.#target)[ADD](change)
  }

  /** @internal */
  override [TAKE](change: (step: Step) => Step): Promise<unknown> {
    return new ChainAt<D>(this.#target)[TAKE](change)
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
  #step = EMPTY_STEP
  #fault: unknown
  #started = false
  #ends = false
  #wanted = false
  #watched = false

  /** @internal */
  constructor(target: Target) {
    super()
    this.#target = target
    // Its commands are complete after this turn of the event loop, and `await` has looked at it by then.
    this.#begun = target.inTurn(async () => {
      await undefined
      this.#started = true
      if (this.#fault) throw this.#fault
      return this.#ends ? target.remove(this.#step) : target.update(this.#step, this.#wanted)
    })
    this.#begun.catch((error) => this.#watched || target.background(error))
  }

  /** @internal */
  override [ADD](change: (step: Step) => Step): ChainAt<D> {
    if (this.#started || this.#ends) return new ChainAt<D>(this.#target)[ADD](change)
    try {
      this.#step = extended(this.#step, change, this.#target.host)
    } catch (error) {
      this.#fault = error
      this.#watched = true
      throw error
    }
    return this
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

interface Outcome {
  /** The session afterwards, if somebody waits for it. */
  readonly record?: SessionRecord | undefined
  readonly taken?: Value | undefined
  readonly removed: boolean
}

/** One session by its id, and the store that has it. Its calls run one after another. */
export class Target {
  readonly host: Pick<Host, 'settings' | 'store' | 'reliable'>
  readonly background: (error: unknown) => void
  readonly #id: string
  readonly #removed: (data: Data) => void
  /** Of the session that was first seen under this id. */
  #created: number | undefined
  #last: Promise<unknown> = Promise.resolve()

  constructor(id: string, host: Target['host'], background: Target['background'], removed: (data: Data) => void) {
    if (typeof (host.store as InspectableStore).get !== 'function') {
      throw new SessionUsageError(`The ${host.store.name} store can't look up an id`)
    }
    this.#id = id
    this.host = host
    this.background = background
    this.#removed = removed
  }

  inTurn<T>(work: () => Promise<T>): Promise<T> {
    const turn = this.#last.then(work)
    this.#last = turn.catch(() => {})
    return turn
  }

  async read(): Promise<SessionRecord> {
    const record = await this.#find()
    if (!record) throw new SessionGoneError()
    return record
  }

  async update(step: Step, wanted: boolean): Promise<Outcome> {
    const { host } = this
    this.#created ??= (await this.read()).created
    const change = outsideChange(step, host.settings, newOperation(), wanted || takes(step.chain))
    const updated = await host.reliable.update(this.#access(), change)
    if (updated.outcome === 'refused') throw errorOf(updated.problem)
    if (updated.outcome === 'changed') {
      return { record: updated.record, taken: takenOf(step, updated, host.store), removed: false }
    }
    if (updated.outcome === 'done') return { removed: false }
    throw new SessionGoneError()
  }

  async remove({ chain }: Step): Promise<Outcome> {
    const record = await this.#find()
    if (!record) return { removed: false }
    const conditional = chain.conditions.length > 0
    if (conditional && !(await this.#close(chain))) return { removed: false }
    try {
      const removed = await this.host.reliable.destroy(this.#access())
      if (removed) this.#removed(record.data)
      return { removed }
    } catch (error) {
      // Nobody can use it any more, though it may be there.
      if (conditional && isSessionError(error)) error.applied = 'unknown'
      throw error
    }
  }

  /**
   * Gives the session a new secret which nobody is told, if the conditions hold: one update. Every request of the visitor
   * is refused from then on, so what has been judged can't become another's before it is removed.
   */
  async #close(chain: Chain): Promise<boolean> {
    const { settings, reliable } = this.host
    const change = outsideChange({ ...EMPTY_STEP, chain }, settings, newOperation(), false)
    const rotation = { to: newSecret(this.#id).hash, grace: 0, epoch: newId() }
    const updated = await reliable.update(this.#access(), { ...change, rotation })
    if (updated.outcome === 'refused') throw errorOf(updated.problem)
    return updated.outcome === 'changed' || updated.outcome === 'done'
  }

  /** The session that this is about; not another one that has taken its id. */
  async #find(): Promise<SessionRecord | undefined> {
    const { reliable, settings } = this.host
    if (!isId(this.#id)) return undefined
    const record = await reliable.get(this.#id)
    this.#created ??= record?.created
    if (!record || record.created !== this.#created) return undefined
    if (settings.maxLifetime === Number.POSITIVE_INFINITY) return record
    // Only the store's own clock can tell whether the session is too old.
    const loaded = await reliable.load(this.#access())
    return loaded.outcome === 'live' ? loaded.record : undefined
  }

  #access(): Access {
    return { id: this.#id, proof: { created: this.#created }, maxLifetime: this.host.settings.maxLifetime }
  }
}
