import type { Applied, Read } from '../cache/copies.ts'
import type { Access, Change } from '../contract/store.ts'
import { isBound } from '../cookie/bound.ts'
import type { Asking } from '../delivery/reliable.ts'
import { SessionUnboundError } from '../errors/index.ts'
import { askToBind, skippedOf } from './binding.ts'
import { accessOf } from './change.ts'
import { Proofs } from './proofs.ts'
import type { Late, Live, Unread } from './state.ts'
import type { Step } from './step.ts'

/** What a request shows of the device that its session may be bound to, and how it asks the store by that right. */
export abstract class Devices<V> extends Proofs<V> implements Asking {
  /** When the call whose turn it is was asked for, and when one was given up: see `Asking`. */
  asked = 0
  givenUp = Number.NEGATIVE_INFINITY
  /** Whether the request comes from the device of the session with its cookie's id. Undefined: nobody has looked yet. */
  #standing: 'device' | 'nothing' | 'nothing, and is let in' | undefined

  /** The session is bound to a device, and this request has shown that it comes from there. */
  get bound(): boolean {
    return this.record?.device !== undefined && this.#standing === 'device'
  }

  requireBound(): void {
    if (!this.bound) throw new SessionUnboundError()
  }

  /** For the device's own requests, which show a proof instead. Undefined without a session's cookie. */
  get deviceAccess(): Access | undefined {
    const state = this.state
    return 'credential' in state ? { ...this.accessTo(state), bound: true } : undefined
  }

  /**
   * Whether to ask the store again, which has taken the request for one from elsewhere: the application only wants to be
   * told of that. After the answer, because a request of a session that is not bound must pay nothing for this.
   */
  protected letsIn({ outcome }: { readonly outcome: string }): boolean {
    if (outcome !== 'unbound' || this.#standing !== 'nothing') return false
    if (this.host.binding()?.enforce !== 'report') return false
    this.#standing = 'nothing, and is let in'
    this.tell('unbound', { reason: skippedOf(this.exchange.headers) })
    return true
  }

  protected accessTo(state: Unread | Live | Late): Access {
    const { cookie, maxLifetime } = this.settings
    const { cookie: header } = this.exchange.headers
    this.#standing ??= isBound(header, cookie.bound, state.credential.id, this.host.keys) ? 'device' : 'nothing'
    return accessOf(state, maxLifetime, this.#standing !== 'nothing')
  }

  /** Reads the session. Its data come from the store, or from this process where the store says that they are the same. */
  protected async load(state: Unread | Live | Late): Promise<Read> {
    const { reliable, copies } = this.host
    const access = this.accessTo(state)
    const copy = copies.of(access)
    const loaded = copies.read(access, copy, await reliable.load(access, this, copy?.record))
    return loaded ?? this.load(state)
  }

  protected async update(state: Unread | Live | Late, change: Change): Promise<Applied> {
    const { reliable, copies } = this.host
    const access = this.accessTo(state)
    const named = copies.naming(access, change)
    return copies.applied(access, named, await reliable.update(access, named, this))
  }

  /** The response asks the browser to bind the session that the visitor has just logged in to. */
  protected loggedIn({ rotate }: Step): void {
    if (rotate?.authenticated) askToBind(this.host, this.exchange, () => this.state)
  }
}
