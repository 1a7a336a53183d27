import type { Value } from '../algebra/index.ts'
import { accessFromOutside } from '../contract/record.ts'
import type { Absent, Access } from '../contract/store.ts'
import { newId, newOperation, newSecret } from '../cookie/credential.ts'
import { type DestroyOptions, siteDataOf } from '../cookie/site-data.ts'
import { readingOf } from '../delivery/clock.ts'
import { errorOf, SessionRotatedError, SessionUsageError } from '../errors/index.ts'
import { Adoption } from './adoption.ts'
import { beginning, newSession } from './beginning.ts'
import { type ChangeContext, changeOf, maintenance, takenOf } from './change.ts'
import { describedBy, withClient } from './client.ts'
import { Devices } from './devices.ts'
import { slidesLater, workOf } from './due.ts'
import type { Exchange, Host } from './exchange.ts'
import { handedOver } from './handed-over.ts'
import { limits, looksAt, trim } from './limit.ts'
import { dataOf } from './progress.ts'
import { endOf } from './proofs.ts'
import { Queue } from './queue.ts'
import { retire } from './retirement.ts'
import {
  asOnArrival,
  type Gone,
  isUnbound,
  type Late,
  type Live,
  type New,
  newState,
  type Turn,
  type Unread,
  whenAbsent,
  whenApplied,
  whenBegun,
  whenDestroyed,
  whenLoaded,
  whenRegenerated,
  withoutDue,
  withoutTouch,
} from './state.ts'
import { EMPTY_STEP, isLogIn, type Step } from './step.ts'

/**
 * One request's dealings with one session. It asks the store, and goes on to the next state with each answer; what an
 * answer means stands in state.ts, what is asked in change.ts. Over 300 lines, because any of its calls may follow another.
 */
export class Visit extends Devices<Visit> {
  readonly #queue: Queue
  readonly #adoption: Adoption
  #view: unknown
  #loading: Promise<void> | undefined
  /** This request does not keep the session alive. */
  #quiet = false
  /** What this request did has slid the session, or will at its end. */
  #slid = false

  constructor(host: Host<Visit>, exchange: Exchange) {
    super(host, exchange)
    // Nobody waits for a socket's end, so what fails there is told at once.
    this.#queue = new Queue((error) => host.background(error, exchange.context), exchange.response === undefined)
    this.#adoption = Adoption.of(host.settings, exchange.context, this.jar.present)
  }

  get busy(): boolean {
    return !this.#queue.empty
  }

  /** The session as it is now; reads it if that has not happened. */
  current<S>(): S | Promise<S> {
    return this.#queue.empty && this.#shown ? this.#viewed<S>() : this.#load().then(() => this.#viewed<S>())
  }

  #viewed<S>(): S {
    this.#view ??= this.host.view(this)
    return this.#view as S
  }

  /** Reads the session again, also when it has been read. */
  reload(): Promise<void> {
    return this.enqueue(() => this.#read())
  }

  /** Runs the request's calls one after another, in the order in which they were written. */
  enqueue<T>(work: () => Promise<T>): Promise<T> {
    const asked = performance.now()
    return this.#queue.add(() => {
      this.asked = asked
      return work()
    })
  }

  /** A chain has failed. Unless somebody watches it, its failure is the request's. */
  failed(error: unknown, watched: boolean): void {
    this.#queue.failed(error, watched)
  }

  /** Waits for everything that was begun so far; rejects with the first failure that nobody watched. */
  async catchUp(): Promise<void> {
    await this.#queue.drain()
    this.#queue.raise()
  }

  /** Waits for everything that was begun, then does what fell due; rejects with the first failure that nobody watched. */
  async settle(): Promise<void> {
    if (!this.#queue.empty) await this.#queue.drain()
    if (this.state.kind === 'live') await this.#maintain(this.state)
    this.#queue.settle()
  }

  /** Applies one step, in its turn, and answers what its `take` removed. */
  async run(step: Step, answer: boolean): Promise<Value | undefined> {
    const state = this.state
    if (state.kind === 'new') return this.#begin(step, state)
    if (state.kind === 'gone' || (state.kind === 'late' && (isUnbound(state) || !isLogIn(step)))) {
      return this.#over(step, state)
    }
    if (step.rotate) this.jar.assertWritable()
    const renewal = step.rotate && { secret: newSecret(state.credential.id), epoch: newId() }
    // Not for a step that begins a session instead: that asks by itself.
    const whole = isLogIn(step) ? withClient(step, this.settings, this.exchange.context) : step
    const defers = !this.#quiet && this.exchange.response !== undefined && slidesLater(step, state, this.settings)
    const change = changeOf(whole, state, this.#context(defers), answer || looksAt(step, this.settings), renewal)
    const updated = await this.update(state, change)
    switch (updated.outcome) {
      case 'changed':
      case 'done':
        this.clock = readingOf(updated.now)
        this.#applied(whenApplied(state, change, updated, renewal?.secret, this.settings, defers))
        this.loggedIn(step)
        if (limits(step, this.settings)) await this.#limit()
        return takenOf(step, updated, this.store)
      case 'refused':
        throw errorOf(updated.problem)
      case 'outrun':
      case 'unproven':
      case 'forgotten':
        throw new TypeError(`the store has answered ${updated.outcome} to a change that cannot be that`)
      default: {
        if (this.letsIn(updated)) return this.run(step, answer)
        const next = await this.#absent(state, updated)
        return next.kind === 'new' ? this.#begin(step, next) : this.#over(step, next)
      }
    }
  }

  #applied(turn: Turn<Live>): void {
    this.#slid ||= turn.cookie === 'slide'
    this.turn(turn)
  }

  /** This request does not keep the session alive. A touch does all the same, and what has been done before stays done. */
  beQuiet(): void {
    this.#quiet = true
    if (this.#slid) return
    this.jar.stay()
    if (this.state.kind === 'live') this.state = withoutTouch(this.state)
  }

  destroy(options?: DestroyOptions): Promise<void> {
    return this.enqueue(async () => {
      const siteData = siteDataOf(options)
      if (siteData !== undefined) this.jar.forgetSite(siteData)
      await this.#destroy()
    })
  }

  regenerate(): Promise<void> {
    return this.enqueue(async () => {
      const { id } = this
      const retired = await this.#retire()
      this.turn(whenDestroyed(retired !== undefined), id)
      // The absolute lifetime goes on, or a session could be kept alive forever by regenerating it.
      const limited = this.settings.maxLifetime !== Number.POSITIVE_INFINITY
      this.turn(whenRegenerated(limited ? retired : undefined))
    })
  }

  /** How many milliseconds the request has been here. */
  get #age(): number {
    return performance.now() - this.exchange.arrived
  }

  /** What this request can show is what the store last answered. */
  get #shown(): boolean {
    const state = this.state
    if (state.kind === 'live') return state.fresh
    if (state.kind === 'late') return !isUnbound(state)
    return state.kind === 'new' ? !this.#adoption.pending : state.kind !== 'unread'
  }

  /** Loads once, after everything that was begun before. */
  #load(): Promise<void> {
    this.#loading ??= this.enqueue(async () => {
      try {
        if (!this.#shown) await this.#read()
      } finally {
        this.#loading = undefined
      }
    })
    return this.#loading
  }

  async #read(): Promise<void> {
    const state = this.state
    if (state.kind === 'gone' || state.kind === 'late') throw endOf(state)
    if (state.kind === 'new') {
      if (this.#adoption.pending) await this.#begin(EMPTY_STEP, state)
      return
    }
    const loaded = await this.load(state)
    if (loaded.outcome === 'live') {
      this.clock = readingOf(loaded.now)
      this.turn(whenLoaded(state, loaded, this.settings, this.forged || this.#quiet))
      return
    }
    if (this.letsIn(loaded)) return this.#read()
    const next = await this.#absent(state, loaded)
    if (state.kind === 'live' || isUnbound(next)) throw endOf(next)
  }

  /** The session is not there for this request, or not any more. */
  async #absent(state: Unread | Live | Late, told: Absent): Promise<New | Late | Gone> {
    const answer = asOnArrival(told, this.#age)
    const turn = whenAbsent(state, answer)
    const data = dataOf(state)
    this.turn(turn)
    if (answer.outcome === 'reused' && this.settings.onReuse === 'end') {
      // Two parties hold this session's cookie, and nobody can tell which of them is the visitor.
      const { id } = state.credential
      const theirs = accessFromOutside({ id, created: answer.created }, this.settings.maxLifetime)
      if (await this.host.reliable.destroy(theirs, this)) this.tell('destroyed', { reason: 'reused', about: id, data })
    }
    return turn.state
  }

  /** A step for a session that is over: a touch passes over it, a log-in starts again, anything else fails. */
  async #over(step: Step, state: Late | Gone): Promise<Value | undefined> {
    // Whoever has just proven who they are is not refused. Their session begins with this chain alone.
    if (isLogIn(step) && !(state.kind === 'gone' && state.own)) return this.#begin(step, newState())
    // A touch passes over a session that is gone; a command must not seem to have been applied.
    if (step.chain.commands.length === 0 && !step.rotate && !isUnbound(state)) return undefined
    throw endOf(state)
  }

  /** The first command of a new session: one insert. Commands that leave it empty leave nothing in the store. */
  async #begin(step: Step, before: New): Promise<Value | undefined> {
    const { state, result, earlier } = beginning(step, before, await this.#adoption.earlier(this.store))
    if (this.state.kind === 'new') this.state = state
    if (Object.keys(result.data).length === 0) return this.#adoption.done(this.jar).then(() => result.taken)
    this.jar.assertWritable()
    const described = describedBy(result, this.settings, this.exchange.context)
    for (const id of state.id ? [state.id, newId()] : [newId()]) {
      const credential = newSecret(id)
      const session = newSession(step, state, described, credential, this.settings.idle, earlier)
      this.beginning = id
      const record = await this.host.reliable.create(session, this).finally(() => {
        this.beginning = undefined
      })
      if (!record) continue
      await handedOver(record, this.#adoption, this.jar, this.host, this)
      this.clock = readingOf(record.rotated)
      this.turn(whenBegun(record, credential))
      this.loggedIn(step)
      if (limits(step, this.settings)) await this.#limit()
      return result.taken
    }
    throw new SessionUsageError('The store says that a random id is taken: its create() answers wrongly')
  }

  async #destroy(): Promise<void> {
    await this.#adoption.forget(this.store, this.jar)
    const { state, id } = this
    let removed = false
    if (state.kind !== 'new' && state.kind !== 'gone') {
      const access = this.accessTo(state)
      this.host.copies.drop(access)
      removed = await this.host.reliable.destroy(access, this)
      if (!removed) await this.#assertNowhere(state, access)
    }
    this.turn(whenDestroyed(removed), id)
  }

  /** Ends the session, so a new one begins. Answers when it was created, if it was there for this request. */
  async #retire(): Promise<number | undefined> {
    await this.#adoption.forget(this.store, this.jar)
    const { state } = this
    if (state.kind === 'new' || state.kind === 'gone') return undefined
    const access = { ...this.accessTo(state), bound: true } // As a log-out, it needs no device.
    this.host.copies.drop(access)
    return retire(this.host.reliable, access, this.record?.data ?? {}, this.settings.maxBytes, this)
  }

  /** After a log-in: the user may have too many sessions now. It counts, whatever becomes of that. */
  async #limit(): Promise<void> {
    if (!this.record) return
    try {
      await trim(this.host.reliable, this.settings, this.record, (id, data) =>
        this.tell('destroyed', { reason: 'limit', about: id, data }),
      )
    } catch (error) {
      this.host.background(error, this.exchange.context)
    }
  }

  /** Nothing was removed. A log-out must not seem to have worked while the session lives on under another secret. */
  async #assertNowhere(state: Unread | Live | Late, access: Access): Promise<void> {
    const loaded = await this.host.reliable.load(access, this)
    if (!('ago' in loaded)) return
    this.turn(whenAbsent(state, asOnArrival(loaded, this.#age)))
    throw new SessionRotatedError()
  }

  /** Slides, renews the secret, or notes its first use, after the handler: whatever it did itself made that unnecessary. */
  async #maintain(state: Live): Promise<void> {
    const { jar, exchange, settings } = this
    const writable = exchange.response?.headersSent === false
    const { slide, renew, ask } = workOf(state, jar, writable, exchange.arrived, settings)
    if (this.forged) return
    if (!(slide || renew || ask)) {
      if (jar.verified) jar.verify(true)
      return
    }
    const rested = withoutDue(state)
    this.state = rested
    this.asked = performance.now()
    const secret = renew ? newSecret(state.credential.id) : undefined
    const change = maintenance(slide ? state : withoutTouch(state), this.#context(), secret)
    try {
      const updated = await this.update(state, change)
      if (updated.outcome === 'changed' || updated.outcome === 'done') {
        jar.verify(true)
        this.turn(whenApplied(rested, change, updated, secret, this.settings))
      } else if (updated.outcome === 'outrun') {
        jar.leave()
      } else if (updated.outcome !== 'refused' && updated.outcome !== 'forgotten' && updated.outcome !== 'unproven') {
        this.turn(whenAbsent(rested, asOnArrival(updated, this.#age)))
      }
    } catch (error) {
      // The handler has its answer. A session that could not be slid now is slid by the next request.
      this.host.background(error, this.exchange.context)
    }
  }

  #context(quiet = false): ChangeContext {
    const { idle, touchAfter, maxBytes } = this.settings
    return { idle, touchAfter, maxBytes, op: newOperation(), quiet: this.#quiet || quiet }
  }
}
