import type { Access } from '../contract/store.ts'
import { isBound } from '../cookie/bound.ts'
import { SessionUnboundError } from '../errors/index.ts'
import { askToBind, skippedOf } from './binding.ts'
import { accessOf } from './change.ts'
import { Proofs } from './proofs.ts'
import type { Late, Live, Unread } from './state.ts'
import type { Step } from './step.ts'

/** What a request shows of the device that its session may be bound to, and with what right it asks the store. */
export abstract class Devices<V> extends Proofs<V> {
  /** The request has shown that it comes from the device of the session with its cookie's id. Undefined: nobody has looked yet. */
  #bound: boolean | undefined
  /** It has not, and is let in all the same. */
  #letIn = false
  #asksToBind = false

  /** The session is bound to a device, and this request has shown that it comes from there. */
  get bound(): boolean {
    return this.record?.device !== undefined && this.#bound === true
  }

  requireBound(): void {
    if (!this.bound) throw new SessionUnboundError()
  }

  /** For the device's own requests, which show a proof instead. Undefined without a session's cookie. */
  get deviceAccess(): Access | undefined {
    const state = this.state
    return 'credential' in state ? { ...this.accessTo(state), bound: true } : undefined
  }

  /** Asks the store by what the request has shown of its device. Not async: that would cost each request a turn more. */
  protected guarded<A extends { readonly outcome: string }>(
    state: Unread | Live | Late,
    ask: (access: Access) => Promise<A>,
  ): Promise<A> {
    const asked = ask(this.accessTo(state))
    return this.host.binding()?.enforce === 'report' ? this.#reported(state, asked, ask) : asked
  }

  /** The application only wants to be told of a request that has shown nothing: it is told, and lets the request in. */
  async #reported<A extends { readonly outcome: string }>(
    state: Unread | Live | Late,
    asked: Promise<A>,
    ask: (access: Access) => Promise<A>,
  ): Promise<A> {
    const answer = await asked
    if (answer.outcome !== 'unbound') return answer
    this.#letIn = true
    this.tell('unbound', { reason: skippedOf(this.exchange.headers) })
    return ask(this.accessTo(state))
  }

  protected accessTo(state: Unread | Live | Late): Access {
    const { cookie, maxLifetime } = this.settings
    this.#bound ??= isBound(this.exchange.headers.cookie, cookie.bound, state.credential.id, this.host.keys)
    return accessOf(state, maxLifetime, this.#bound || this.#letIn)
  }

  /** The response asks the browser to bind the session that the visitor has just logged in to. */
  protected loggedIn({ rotate }: Step): void {
    if (!rotate?.authenticated || this.#asksToBind) return
    this.#asksToBind = askToBind(this.host, this.exchange, () => this.state)
  }
}
