import type { IncomingHttpHeaders, ServerResponse } from 'node:http'
import { type Data, EMPTY_CHAIN, type Value } from '../algebra/index.ts'
import { type Session, viewOf } from '../api/loaded.ts'
import type { Absent, Access, Change, SessionRecord, Store, Updated } from '../contract/store.ts'
import { afterHeld, initial } from '../contract/transition.ts'
import { aliasOf, type Credential, type Keys, keygripOf, newId, newOperation, newSecret } from '../cookie/credential.ts'
import { CookieJar } from '../cookie/jar.ts'
import { assertSite, assertToken, createToken } from '../csrf/token.ts'
import type { Asking, ReliableStore } from '../delivery/reliable.ts'
import { publish, type SessionEvent } from '../diagnostics/events.ts'
import {
  CsrfError,
  errorOf,
  FreshAuthRequiredError,
  RotationLostError,
  SessionGoneError,
  SessionUsageError,
  StoreError,
} from '../errors/index.ts'
import { type Duration, milliseconds } from '../settings/duration.ts'
import type { Settings } from '../settings/options.ts'
import { adopted } from './adoption.ts'
import { Queue } from './queue.ts'
import { EMPTY_STEP, type Step } from './step.ts'

/** What a visit needs of the server it runs in. */
export interface Exchange {
  readonly headers: IncomingHttpHeaders
  /** Absent where nothing can be answered in headers: a WebSocket's upgrade. */
  readonly response: ServerResponse | undefined
  /** The request came over TLS, as far as the application trusts its proxies. */
  readonly secure: boolean
  /** The client's address, as far as the application trusts its proxies. */
  readonly client: string | undefined
  readonly keys: () => Keys
  /** What the option `adopt` is given. */
  readonly context: unknown
}

/** What a visit needs of the instance it belongs to. */
export interface Host {
  readonly settings: Settings
  readonly store: Store
  readonly reliable: ReliableStore
  /** Failures that no request can be told of any more, with the context of the one that they come from. */
  readonly background: (error: unknown, context?: unknown) => void
}

/**
 * `unread`: there is a valid cookie, but the store was not asked yet. `gone`: destroyed, by us or by another request.
 * `late`: as gone, but it lives on under another secret, so that it can still be destroyed.
 */
type State = 'unread' | 'live' | 'new' | 'gone' | 'late'
/** Answers to a change that was applied. */
type Applied = Extract<Updated, { outcome: 'changed' | 'held' | 'done' }>

/** The grace of rotations that happen by themselves: longer than a page takes to send its requests. */
const ROTATION_GRACE = 30_000
/** How long after a rotation a request with the old secret counts as late instead of as stale. */
const LATE = 60_000
const EVENT_OF = { absent: 'unknown', mismatch: 'unknown', expired: 'expired', reused: 'reused' } as const
const NO_DATA: Data = Object.freeze({})

/**
 * One request's dealings with one session: its credential, its record once the store has answered, and the order of
 * its calls. Everything that happens to a session within a request passes through here, and each of it may change the
 * state that all the rest depends on: that is why it is one file.
 */
export class Visit implements Asking {
  readonly settings: Settings
  readonly #host: Host
  readonly #exchange: Exchange
  readonly #jar: CookieJar
  readonly #queue: Queue
  #view: Session<unknown> | undefined
  #state: State
  #credential: Credential | undefined
  #record: SessionRecord | undefined
  /** The record is what the store had when it last answered, so that it may be named as held. */
  #current = false
  /** This request came with the secret before the last rotation: it must not write a cookie, or it would undo the new one. */
  #grace = false
  /** The `created` of a session for which this request came too late. */
  #lateFor: number | undefined
  /** The idle time that `touch` gave to a session that does not exist yet, and the lifetime it goes on with. */
  #start: { maxAge: number | null; created?: number } = { maxAge: null }
  #loading: Promise<void> | undefined
  #due: { touch: boolean; rotate: boolean } = { touch: false, rotate: false }
  /** A check has refused this request as forged. */
  #forged = false
  /** Whether an earlier session may still be handed over, and what came of it. */
  #adoptable: boolean
  #adopted: Data = NO_DATA

  /** The id under which a session is being created. */
  #beginning: string | undefined
  /** When the call whose turn it is was asked for, and when one was given up: see `Asking`. */
  asked = 0
  givenUp = Number.NEGATIVE_INFINITY

  constructor(host: Host, exchange: Exchange) {
    this.#host = host
    this.settings = host.settings
    // Reading is refused too: it may slide the session, or renew its secret, and then the cookie is written.
    if (this.settings.cookie.secure === true && !exchange.secure) {
      throw new SessionUsageError(
        'A session with secure: true needs TLS. If TLS ends at a proxy in front of this application, set app.proxy = true (on other servers than Koa, the option proxy)',
      )
    }
    this.#exchange = exchange
    this.#queue = new Queue((error) => host.background(error, exchange.context))
    this.#jar = new CookieJar(exchange, host.settings.cookie)
    this.#credential = this.#jar.credential
    if (this.#jar.refused) this.#tell(this.#jar.refused)
    this.#state = this.#credential?.kind === 'session' ? 'unread' : 'new'
    this.#adoptable = host.settings.adopt !== undefined && !this.#jar.present
  }

  get store(): Store {
    return this.#host.store
  }

  get record(): SessionRecord | undefined {
    return this.#record
  }

  get data(): Data {
    return this.#record?.data ?? NO_DATA
  }

  get isNew(): boolean {
    return this.#state === 'new'
  }

  get id(): string | undefined {
    return this.#credential?.id
  }

  get alias(): string | undefined {
    const id = this.#beginning ?? this.id
    return id === undefined ? undefined : aliasOf(id, this.#exchange.keys())
  }

  get maxAge(): number {
    return (this.#record ?? this.#start).maxAge ?? this.settings.idle
  }

  /** The session as it is now; reads it if that has not happened. */
  current<D>(): Session<D> | Promise<Session<D>> {
    return this.#queue.empty && this.#shown() ? this.#viewed<D>() : this.#load().then(() => this.#viewed<D>())
  }

  #viewed<D>(): Session<D> {
    this.#view ??= viewOf<unknown>(this)
    return this.#view as Session<D>
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

  /** Waits for everything that was begun, then does what fell due; rejects with the first failure that nobody watched. */
  async settle(): Promise<void> {
    await this.#queue.drain()
    if (this.#state === 'live' && (this.#due.touch || this.#due.rotate)) await this.#maintain()
    this.#queue.settle()
  }

  /** Applies one step, in its turn, and answers what its `take` removed. */
  async run(step: Step, answer: boolean): Promise<Value | undefined> {
    if (this.#over) return this.#gone(step)
    if (this.#state === 'new') return this.#begin(step)
    if (step.rotate) this.#jar.assertWritable()
    const { idle, touchAfter, maxBytes } = this.settings
    const secret = step.rotate && newSecret(this.#credential!.id)
    const change: Change = {
      op: newOperation(),
      chain: step.chain,
      held: this.#current ? this.#record : undefined,
      answer,
      slide: { idle, maxAge: step.touch?.maxAge, atLeast: step.touch ? 0 : touchAfter },
      maxBytes,
      rotation: secret && { from: this.#hash(), to: secret.hash, grace: step.rotate!.grace, epoch: newId() },
      authenticated: step.rotate?.authenticated,
    }
    const updated = await this.#host.reliable.update(this.#access(), change, this)
    switch (updated.outcome) {
      case 'changed':
      case 'held':
      case 'done':
        this.#applied(updated, change, secret)
        return this.#taken(step, updated)
      case 'refused':
        throw errorOf(updated.problem)
      case 'outrun':
        throw new RotationLostError()
      case 'forgotten':
        throw new TypeError('only a change that is sent again can have been forgotten')
      default:
        return this.#absent(updated) === 'new' ? this.#begin(step) : this.#gone(step)
    }
  }

  destroy(): Promise<void> {
    return this.enqueue(() => this.#destroy())
  }

  regenerate(): Promise<void> {
    return this.enqueue(async () => {
      // The absolute lifetime goes on, or a session could be kept alive for ever by regenerating it.
      if (this.settings.maxLifetime !== Number.POSITIVE_INFINITY && this.#state === 'unread') await this.#read()
      const created = this.#record?.created
      await this.#destroy()
      this.#state = 'new'
      this.#credential = undefined
      this.#grace = false
      this.#start =
        this.settings.maxLifetime !== Number.POSITIVE_INFINITY && created ? { maxAge: null, created } : { maxAge: null }
    })
  }

  createCSRF(): string {
    if (this.#over) throw new SessionGoneError()
    if (!this.#credential) {
      this.#jar.assertWritable()
      this.#credential = { kind: 'visitor', id: newId() }
      this.#jar.keep(this.#credential, undefined)
    } else if (this.#credential.kind === 'visitor') this.#jar.renew(this.#credential, undefined, false)
    return createToken(this.#binding(), this.#keygrip())
  }

  /** Throws for a request from elsewhere; answers whether the browser has said that it comes from here. */
  assertOrigin(): boolean {
    return this.#guarded(() => assertSite(this.#exchange.headers, this.settings.origins))
  }

  /**
   * The same for a WebSocket, where no token can decide: a page whose Origin there is nothing to compare with is refused
   * unless SameSite keeps the cookie from other sites.
   */
  assertUpgrade(): void {
    this.#guarded(() => {
      const said = assertSite(this.#exchange.headers, this.settings.origins)
      const anybody = this.settings.cookie.sameSite === 'None' && this.#exchange.headers.origin !== undefined
      if (!said && anybody) throw new CsrfError('origin')
    })
  }

  assertCSRF(token: unknown): void {
    this.assertOrigin()
    this.#guarded(() => {
      if (!this.#credential || this.#over) throw new CsrfError('token')
      assertToken(token, this.#binding(), this.#keygrip())
    })
  }

  #guarded<T>(check: () => T): T {
    try {
      return check()
    } catch (error) {
      if (error instanceof CsrfError) {
        this.#forged = true
        this.#tell('csrf', error.reason)
      }
      throw error
    }
  }

  requireFresh(within: Duration): void {
    const limit = milliseconds(within, 'requireFresh')
    const authAt = this.#record?.authAt
    if (authAt == null || this.#now() - authAt > limit) throw new FreshAuthRequiredError()
  }

  #binding(): { cookie: string; id: string; epoch: string } {
    return { cookie: this.settings.cookie.name, id: this.#credential!.id, epoch: this.#record?.epoch ?? '' }
  }

  #keygrip(): ReturnType<typeof keygripOf> {
    return keygripOf(this.#exchange.keys())
  }

  /** The store's clock, as far as this request knows: what it said last, and the time since. */
  #clock = { store: 0, here: 0 }
  #now(): number {
    return this.#clock.store + performance.now() - this.#clock.here
  }

  get #over(): boolean {
    return this.#state === 'gone' || this.#state === 'late'
  }

  /** What this request can show is what the store last answered. */
  #shown(): boolean {
    return this.#state === 'live' ? this.#current : this.#state !== 'unread' && !this.#adoptable
  }

  /** Loads once, after everything that was begun before. */
  #load(): Promise<void> {
    this.#loading ??= this.enqueue(async () => {
      if (!this.#shown()) await this.#read()
    }).finally(() => {
      this.#loading = undefined
    })
    return this.#loading
  }

  async #read(): Promise<void> {
    if (this.#over) throw new SessionGoneError()
    if (this.#state === 'new') {
      if (this.#adoptable) await this.#begin(EMPTY_STEP)
      return
    }
    const loaded = await this.#host.reliable.load(this.#access(), this)
    if (loaded.outcome === 'live') {
      this.#hold(loaded.record, loaded.now, loaded.grace)
      this.#jar.renew(this.#credential!, this.#cookieAge(), this.#grace)
      this.#due.touch = loaded.now + this.maxAge - loaded.record.expires >= this.settings.touchAfter
    } else if (this.#state === 'live') {
      this.#absent(loaded)
      throw new SessionGoneError()
    } else this.#absent(loaded)
  }

  #hold(record: SessionRecord, now: number, grace: boolean): void {
    this.#state = 'live'
    this.#record = record
    this.#current = true
    this.#grace ||= grace
    this.#clock = { store: now, here: performance.now() }
    this.#due.rotate = !this.#grace && now - record.rotated >= this.settings.rotateEvery
  }

  #applied(updated: Applied, change: Change, secret: (Credential & { kind: 'session' }) | undefined): void {
    if (updated.outcome === 'changed') this.#hold(updated.record, updated.now, updated.grace)
    else if (updated.outcome === 'held') this.#hold(afterHeld(change.held!, change, updated), updated.now, false)
    else {
      // The store sent no data back: what this request holds is older than what is stored.
      this.#current = false
      this.#grace ||= updated.grace
    }
    this.#due.touch = false
    const { maxAge, expires } = updated.outcome === 'done' ? updated : this.#record!
    const age = this.#cookieAge(maxAge)
    // The expiry has just moved, so that a cookie with a Max-Age must move too.
    const slid = updated.now + (maxAge ?? this.settings.idle) - expires < 1000
    if (secret) {
      this.#credential = secret
      this.#grace = false
      this.#jar.keep(secret, age)
      this.#tell('rotated')
    } else if (slid && age !== undefined && !this.#grace) this.#jar.keep(this.#credential!, age)
    else this.#jar.renew(this.#credential!, age, this.#grace)
  }

  /** What `take` removed. A store that answers a repeated operation can't tell any more. */
  #taken({ chain }: Step, updated: Updated): Value | undefined {
    if (!chain.commands.some(({ kind }) => kind === 'take')) return undefined
    if (updated.outcome === 'changed' && 'taken' in updated) return updated.taken
    throw new StoreError(this.store.name, 'lost the answer to take(): the value may have been removed', 'unknown')
  }

  /** The session is not there: a request that had it sees it go, any other begins anew under another id. */
  #absent(answer: Absent): State {
    this.#tell(this.#state === 'live' ? 'gone' : EVENT_OF[answer.outcome])
    if (this.#state === 'live') {
      this.#state = 'gone'
      this.#jar.clear()
    } else if (answer.outcome === 'reused' && answer.ago < LATE) {
      // Most likely a request that was on its way when another one rotated. A cookie in its response, new or cleared,
      // would undo the rotated one.
      this.#state = 'late'
      this.#lateFor = answer.created
    } else {
      this.#state = 'new'
      this.#credential = undefined
    }
    this.#record = undefined
    this.#current = false
    return this.#state
  }

  /** A touch passes over a session that is gone; a command must not seem to have been applied. */
  #gone(step: Step): undefined {
    if (step.chain.commands.length === 0 && !step.rotate) return undefined
    throw new SessionGoneError()
  }

  /** The first command of a new session: one insert. Commands that leave it empty leave nothing in the store. */
  async #begin(step: Step): Promise<Value | undefined> {
    await this.#adopt()
    const result = initial(this.#adopted, step.chain)
    if (!result.ok) throw errorOf(result.problem)
    if (step.touch?.maxAge !== undefined) this.#start.maxAge = step.touch.maxAge
    // A form opened before log-in must be void after it, so that what rotates does not go on with the visitor's id.
    if (step.rotate) this.#credential = undefined
    if (Object.keys(result.data).length === 0) return result.taken
    this.#jar.assertWritable()
    const wanted = this.#credential?.id
    for (const id of wanted ? [wanted, newId()] : [newId()]) {
      const credential = newSecret(id)
      const session = {
        id,
        hash: credential.hash,
        data: result.data,
        ...(result.dates && { dates: result.dates }),
        idle: this.settings.idle,
        authenticated: step.rotate?.authenticated === true,
        ...this.#start,
      }
      this.#beginning = id
      const record = await this.#host.reliable.create(session, this).finally(() => {
        this.#beginning = undefined
      })
      if (!record) continue
      this.#credential = credential
      this.#hold(record, record.rotated, false)
      this.#jar.keep(credential, this.#cookieAge())
      this.#tell('created')
      return result.taken
    }
    throw new SessionUsageError('The store says that a random id is taken: its create() answers wrongly')
  }

  async #destroy(): Promise<void> {
    // What is handed over only now would otherwise come back with the next request.
    await this.#adopt()
    this.#adopted = NO_DATA
    if (this.#state !== 'new' && this.#state !== 'gone') {
      if (await this.#host.reliable.destroy(this.#access(), this)) this.#tell('destroyed')
    }
    this.#state = 'gone'
    this.#record = undefined
    this.#lateFor = undefined
    this.#current = false
    this.#jar.clear()
  }

  /** An earlier session's data, for a visitor without our cookie: asked for once, and only when the session is used. */
  async #adopt(): Promise<void> {
    if (!this.#adoptable) return
    this.#adoptable = false
    this.#adopted = adopted(await this.settings.adopt!(this.#exchange.context), this.store, this.settings)
  }

  /** Slides, or renews the secret, after the handler: whatever it did itself has made that unnecessary. */
  async #maintain(): Promise<void> {
    // Who sent it was not the visitor, whose session must not live longer by it.
    if (this.#forged) return
    this.asked = performance.now()
    // A new secret whose cookie can't be sent any more would lock the visitor out.
    const rotate = this.#due.rotate && this.#exchange.response?.headersSent === false
    if (!rotate && !this.#due.touch) return
    this.#due = { touch: false, rotate: false }
    const secret = rotate ? newSecret(this.#credential!.id) : undefined
    const change: Change = {
      op: newOperation(),
      chain: EMPTY_CHAIN,
      held: this.#record,
      answer: true,
      slide: { idle: this.settings.idle, atLeast: this.settings.touchAfter },
      maxBytes: this.settings.maxBytes,
      // No new epoch: forms that are open stay valid.
      rotation: secret && { from: this.#hash(), to: secret.hash, grace: ROTATION_GRACE },
    }
    try {
      const updated = await this.#host.reliable.update(this.#access(), change, this)
      if (updated.outcome === 'changed' || updated.outcome === 'held') this.#applied(updated, change, secret)
    } catch (error) {
      // The handler has its answer. A session that could not be slid now is slid by the next request.
      this.#host.background(error, this.#exchange.context)
    }
  }

  #tell(type: SessionEvent['type'], reason?: string): void {
    publish(() => {
      const cookie = this.settings.cookie.name
      return {
        type,
        session: this.alias,
        client: this.#exchange.client,
        cookie,
        ...(reason !== undefined && { reason }),
      }
    })
  }

  #access(): Access {
    const created = this.#record?.created ?? this.#lateFor
    const proof = created === undefined ? { hash: this.#hash() } : { created }
    return { id: this.#credential!.id, proof, maxLifetime: this.settings.maxLifetime }
  }

  #hash(): string {
    return (this.#credential as Credential & { kind: 'session' }).hash
  }

  /** How long the cookie of a session with this idle time of its own lasts; undefined: as long as the browser. */
  #cookieAge(own = this.#record?.maxAge ?? null): number | undefined {
    return this.settings.cookie.persistent || own !== null ? (own ?? this.settings.idle) : undefined
  }
}
