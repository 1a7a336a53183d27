import { Commands } from './commands.ts'
import type { Session, SessionChain } from './types.ts'

/** Asks for the session: `then`, `catch` and `finally` have this in common. */
export const SESSION: unique symbol = Symbol('session')

/** Something that takes commands and can be awaited for the session: a handle or a chain. */
export abstract class Awaitable<D> extends Commands<D, SessionChain<D>> implements PromiseLike<Session<D>> {
  abstract [SESSION](): Promise<Session<D>>

  then<A = Session<D>, B = never>(
    onfulfilled?: ((session: Session<D>) => A | PromiseLike<A>) | null,
    onrejected?: ((reason: unknown) => B | PromiseLike<B>) | null,
  ): Promise<A | B> {
    return this[SESSION]().then(onfulfilled, onrejected)
  }

  catch<B = never>(onrejected?: ((reason: unknown) => B | PromiseLike<B>) | null): Promise<Session<D> | B> {
    return this[SESSION]().catch(onrejected)
  }

  finally(onfinally?: (() => void) | null): Promise<Session<D>> {
    return this[SESSION]().finally(onfinally)
  }
}
