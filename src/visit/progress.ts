import type { Data } from '../algebra/index.ts'
import type { SessionRecord, Store } from '../contract/store.ts'
import { aliasOf } from '../cookie/credential.ts'
import { CookieJar, placeOf } from '../cookie/jar.ts'
import type { Place } from '../cookie/places.ts'
import { publish, type SessionEvent } from '../diagnostics/events.ts'
import { subjectIn, subjectOf } from '../diagnostics/subject.ts'
import { SessionUsageError } from '../errors/index.ts'
import type { Settings } from '../settings/settings.ts'
import { skippedOf } from './binding.ts'
import { ownData } from './client.ts'
import type { Exchange, Host } from './exchange.ts'
import { cookieAge, initialState, type State, type Turn } from './state.ts'

const NO_DATA: Data = Object.freeze({})

/**
 * How far a request has come with its session: the state it is in, what shows of that, and with each turn the cookie
 * and the event that follow. It asks the store nothing.
 */
export abstract class Progress<V> {
  readonly settings: Settings
  protected readonly host: Host<V>
  protected readonly exchange: Exchange
  protected readonly jar: CookieJar
  protected state: State
  /** The data of a record as the application sees them. */
  #shown: { readonly record: SessionRecord; readonly data: Data } | undefined
  /** The id under which a session is being created. */
  protected beginning: string | undefined

  constructor(host: Host<V>, exchange: Exchange) {
    this.host = host
    this.settings = host.settings
    // Reading is refused too: it may slide the session, or renew its secret, and then the cookie is written.
    if (this.settings.cookie.secure === true && !exchange.secure) {
      throw new SessionUsageError(
        'A session with secure: true needs TLS. If TLS ends at a proxy in front of this application, set app.proxy = true (on other servers than Koa, the option proxy)',
      )
    }
    this.exchange = exchange
    this.jar = new CookieJar(exchange, host.settings.cookie, host.keys)
    this.state = initialState(this.jar.credential)
    if (this.jar.refused) this.tell(this.jar.refused)
  }

  get store(): Store {
    return this.host.store
  }

  /** What this request knows of its session, for who watches that: see `Watched`. */
  get known(): State {
    return this.state
  }

  onClose(done: () => void): void {
    this.exchange.onClose(done)
  }

  get record(): SessionRecord | undefined {
    return this.state.kind === 'live' ? this.state.record : undefined
  }

  get data(): Data {
    const { record } = this
    if (!record) return NO_DATA
    // One object for one record, because what is shown of it keeps its parts.
    if (this.#shown?.record !== record) this.#shown = { record, data: ownData(record.data) }
    return this.#shown.data
  }

  get isNew(): boolean {
    return this.state.kind === 'new'
  }

  get id(): string | undefined {
    const state = this.state
    return 'credential' in state ? state.credential.id : state.kind === 'new' ? state.id : undefined
  }

  /** The session as logs may name it. */
  get alias(): string | undefined {
    const id = this.beginning ?? this.id
    return id === undefined ? undefined : aliasOf(id, this.host.keys())
  }

  get maxAge(): number {
    return ('maxAge' in this.state ? this.state.maxAge : null) ?? this.settings.idle
  }

  /** Goes on to the next state: the cookie follows it, and who listens is told. */
  protected turn({ state, cookie, event }: Turn, about?: string): void {
    const before = this.state
    this.state = state
    switch (cookie) {
      case 'keep':
      case 'slide':
      case 'renew':
        if (state.kind === 'live') this.jar[cookie](state.credential, cookieAge(state, this.settings))
        else if (state.kind === 'new' && state.id) this.jar[cookie]({ kind: 'visitor', id: state.id }, undefined)
        this.jar.verify()
        break
      case 'clear':
        this.jar.clear()
        break
      case 'nothing':
        this.jar.leave()
        break
      case 'drop':
        this.jar.drop()
        break
    }
    // What is over was last seen before.
    if (event) {
      const reason = event === 'unbound' ? skippedOf(this.exchange.headers) : undefined
      this.tell(event, { reason, about, data: dataOf(state.kind === 'live' ? state : before) })
    }
  }

  /** Where this response may write the cookies of the session. */
  get place(): Place {
    return placeOf(this.settings.cookie, this.exchange.context)
  }

  /** The request has several cookies of the session's name, so none of them counts. */
  get duplicate(): boolean {
    return this.jar.refused === 'duplicate'
  }

  tell(type: SessionEvent['type'], { reason, about, detail, data = dataOf(this.state) }: Telling = {}): void {
    publish(() => ({
      type,
      session: about === undefined ? this.alias : aliasOf(about, this.host.keys()),
      client: this.exchange.client,
      cookie: this.settings.cookie.name,
      ...subjectIn(subjectOf(data, this.settings.subject)),
      ...(reason !== undefined && { reason }),
      ...(detail !== undefined && { detail }),
    }))
  }
}

/** What an event says besides its type. */
interface Telling {
  readonly reason?: string | undefined
  /** The id of the session that it is about, if that is not this one. */
  readonly about?: string | undefined
  readonly detail?: string
  /** What that session holds, as far as it is known. */
  readonly data?: Data | undefined
}

/** The data that the store has shown last, unless this request itself has changed them since. */
export function dataOf(state: State): Data | undefined {
  return state.kind === 'live' && state.fresh ? state.record?.data : undefined
}
