import { SessionUsageError } from '../errors/index.ts'
import { assertNames } from '../settings/names.ts'
import type { Entry } from './sessions.ts'
import type { SessionHandle } from './types.ts'

/** How a request uses its session: `ctx.session({ touch: false })`. */
export interface SessionUse {
  /**
   * False: this request does not keep the session alive, as with a poll that a page sends while nobody is there. It
   * applies to the whole request as soon as one call says so: reads and commands slide neither the expiry nor the
   * cookie. `session.touch()` still slides them. A new secret that is due is still set.
   * @default true
   */
  readonly touch?: boolean
}

/** The handle of a request that uses its session like this. */
export function used<D>({ visit, handle }: Entry<D>, use: SessionUse | undefined): SessionHandle<D> {
  if (use === undefined) return handle
  if (typeof use !== 'object' || use === null) {
    throw new SessionUsageError(
      'The session is called with no argument, or with an object: ctx.session({ touch: false })',
    )
  }
  assertNames(use, ['touch'], 'A call for the session')
  const { touch = true } = use
  if (typeof touch !== 'boolean')
    throw new SessionUsageError('touch must be true or false: ctx.session({ touch: false })')
  if (!touch) visit.beQuiet()
  return handle
}
