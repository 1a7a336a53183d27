import { newId } from '../cookie/credential.ts'
import { keygripOf } from '../cookie/keys.ts'
import { CsrfGuard } from '../csrf/guard.ts'
import { type Binding, createToken } from '../csrf/token.ts'
import { type Reading, storeTime } from '../delivery/clock.ts'
import { FreshAuthRequiredError, SessionGoneError, SessionRotatedError, SessionUnboundError } from '../errors/index.ts'
import { type Duration, milliseconds } from '../settings/duration.ts'
import { Progress } from './progress.ts'
import { type State, whenFormOpened } from './state.ts'

/** What a request proves about itself: where it comes from, which form it was sent from, how fresh its log-in is. */
export abstract class Proofs<V> extends Progress<V> {
  /** What the store's clock showed when it answered last. */
  protected clock: Reading = { store: 0, here: 0 }
  #guard: CsrfGuard | undefined

  /** When it answered last, by this process's clock. */
  get since(): number {
    return this.clock.here
  }

  createCSRF(): string {
    let state = this.state
    if (state.kind === 'gone' || state.kind === 'late') throw endOf(state)
    if (state.kind === 'new') {
      const { id } = state
      if (id === undefined) this.jar.assertWritable()
      const turn = whenFormOpened(state, id ?? newId())
      state = turn.state
      this.turn(id === undefined ? turn : { ...turn, cookie: 'renew' })
    }
    return createToken(this.#binding()!, keygripOf(this.host.keys()))
  }

  /** Throws for a request from elsewhere; answers whether the browser has said that it comes from here. */
  assertOrigin(): boolean {
    return this.#guarded.assertOrigin()
  }

  assertUpgrade(): void {
    this.#guarded.assertUpgrade(this.exchange.secure)
  }

  assertCSRF(token: unknown): void {
    this.#guarded.assertToken(token, this.#binding(), this.host.keys)
  }

  requireFresh(within: Duration): void {
    const limit = milliseconds(within, 'requireFresh')
    const authAt = this.record?.authAt
    if (authAt == null || storeTime(this.clock, performance.now()) - authAt > limit) throw new FreshAuthRequiredError()
  }

  get #guarded(): CsrfGuard {
    this.#guard ??= new CsrfGuard(this.exchange.headers, this.settings, ({ reason, detail }) => {
      // Who sent a forged request was not the visitor, whose session must not live longer by it.
      this.jar.stay()
      this.tell('csrf', { reason, detail })
    })
    return this.#guard
  }

  protected get forged(): boolean {
    return this.#guard?.forged === true
  }

  /** What a form's token is bound to; undefined where there is nothing that it could be good for. */
  #binding(): Binding | undefined {
    const { id } = this
    if (id === undefined || this.state.kind === 'late') return undefined
    return { cookie: this.settings.cookie.name, id, epoch: this.record?.epoch ?? '' }
  }
}

/** Why a session that is over, or a secret that is no longer its own, can do nothing. */
export function endOf(state: State): SessionGoneError | SessionRotatedError | SessionUnboundError {
  if (state.kind !== 'late') return new SessionGoneError()
  return state.unbound ? new SessionUnboundError() : new SessionRotatedError()
}
