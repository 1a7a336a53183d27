import { channel } from 'node:diagnostics_channel'
import type { Subject } from './subject.ts'

/**
 * What happens to sessions, for logs and alarms: published on the channel `koa-atomic-session:event` of
 * `node:diagnostics_channel`. Costs nothing while nobody listens.
 */
export interface SessionEvent {
  /**
   * - `created`, `rotated`, `destroyed`: done by a request. `regenerate()` is `destroyed`, and `created` at its first
   *   command. `revoke()` and `destroyAll()` tell `destroyed` too, without a client.
   * - `gone`: destroyed or expired under a request that had it.
   * - `expired`, `unknown`: a well-signed cookie whose session is over, or is not there. A database that removes what has
   *   expired by itself makes `unknown` of both.
   * - `stale`: a well-signed cookie of a live session, with a secret that a `rotate()` or several rotations ended. A late
   *   request, or a copy of an old cookie.
   * - `reused`: the secret before an automatic rotation, after its grace and after the new secret was used. Two parties
   *   hold the cookie: the visitor and a thief, or a copy of the browser. See the option `onReuse`. Where the request had
   *   arrived before, it is `stale`.
   * - `unbound`: the live secret of a session that is bound to a device, in a request that has not shown that it comes from
   *   there. A copied cookie, or a device that can't sign for a moment: then `reason` is the browser's own word for it.
   * - `bound`: a device has registered for a session. `unproven`: what a device has shown instead of a proof was refused;
   *   `reason` says for what.
   * - `forged`, `duplicate`: a cookie that these keys have not signed, or more than one of its name.
   * - `csrf`: a form that was refused.
   */
  readonly type:
    | 'created'
    | 'rotated'
    | 'destroyed'
    | 'gone'
    | 'expired'
    | 'unknown'
    | 'stale'
    | 'reused'
    | 'bound'
    | 'unbound'
    | 'unproven'
    | 'forged'
    | 'duplicate'
    | 'csrf'
  /** A keyed hash of the session's id, the same for the same session; it opens and names nothing. */
  readonly session: string | undefined
  /**
   * Whose session it is: what it holds at the option `subject`. Absent where the one who tells has not seen the session's
   * data, and for what is no text, number, boolean or `ObjectId` (its hex).
   */
  readonly subject?: Subject
  /** The client's address, as far as the application trusts its proxies. */
  readonly client: string | undefined
  /** The cookie's name, which tells several instances apart. */
  readonly cookie: string
  /** Which check refused a form; `reused` or `limit` where a session was removed for that. */
  readonly reason?: string
  /** What was wrong with the form, what the browser said about where it comes from, and what to do. */
  readonly detail?: string
  /** How many `destroyAll()` removed; `session` is undefined then. */
  readonly count?: number
}

const events = channel('koa-atomic-session:event')

/** Publishes an event, which is made only if somebody listens. */
export function publish(make: () => SessionEvent): void {
  if (events.hasSubscribers) events.publish(make())
}
