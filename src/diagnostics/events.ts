import { channel } from 'node:diagnostics_channel'
import type { Subject } from './subject.ts'

/**
 * What happens to sessions, for logs and alarms: published on the channel `koa-atomic-session:event` of
 * `node:diagnostics_channel`. Costs nothing while nobody listens.
 */
export interface SessionEvent {
  /**
   * - `created`, `rotated`, `destroyed`: done by a request. `regenerate()` is `destroyed`, and `created` at its first
   *   command. `revoke()` and `destroyAll()` publish `destroyed` too, without a client.
   * - `gone`: destroyed or expired while a request was using it.
   * - `expired`, `unknown`: a correctly signed cookie whose session has expired, or does not exist. If a database
   *   removes expired sessions by itself, both are `unknown`.
   * - `stale`: a correctly signed cookie of a live session, with a secret that a `rotate()` or several rotations ended.
   *   A late request, or a copy of an old cookie.
   * - `reused`: the secret before an automatic rotation, after its grace and after the new secret was used. Two parties
   *   have the cookie: the visitor and a thief, or a copy of the browser. See the option `onReuse`. If the request had
   *   arrived before, it is `stale`.
   * - `unbound`: the live secret of a session that is bound to a device, in a request that has not proved that it comes
   *   from there. It is a copied cookie, or a device that can't sign for a moment: then `reason` is the browser's own
   *   reason.
   * - `bound`: a device has registered for a session. `unproven`: a device's proof was refused; `reason` says why.
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
   * Whose session it is: its value at the path in the option `subject`. Absent if the session's data is not at hand,
   * and for values other than texts, numbers, booleans and `ObjectId` (as hex).
   */
  readonly subject?: Subject
  /** The client's address, as far as the application trusts its proxies. */
  readonly client: string | undefined
  /** The cookie's name, which tells several instances apart. */
  readonly cookie: string
  /** Which check refused a form; `reused` or `limit` if a session was removed for that reason. */
  readonly reason?: string
  /** What was wrong with the form, what the browser said about the request's origin, and what to do. */
  readonly detail?: string
  /** The number of sessions that `destroyAll()` removed; then `session` is undefined. */
  readonly count?: number
}

const events = channel('koa-atomic-session:event')

/** Publishes an event, which is made only if somebody listens. */
export function publish(make: () => SessionEvent): void {
  if (events.hasSubscribers) events.publish(make())
}
