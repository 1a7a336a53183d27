import { withData } from '../contract/record.ts'
import {
  type Absent,
  type Change,
  LOG_OUT_GRACE,
  type Loaded,
  type SessionRecord,
  type Standing,
  type Updated,
} from '../contract/store.ts'
import type { SessionCredential } from '../cookie/credential.ts'
import type { SessionEvent } from '../diagnostics/events.ts'
import { hasSlid, type SlideRules, slides } from './slide.ts'

/**
 * What a request knows of its session: pure, without I/O, without a clock, without a cookie of its own. The shell asks
 * the store, gives each answer to one of the functions below, and does what the {@link Turn} says.
 *
 * | state                    | the store answers, or the application asks       | next   | cookie               | event                 |
 * | ------------------------ | ------------------------------------------------ | ------ | -------------------- | --------------------- |
 * | `unread`, `live`         | loaded, the secret is live                       | `live` | slide or renew       |                       |
 * | `unread`, `live`         | loaded, the secret is older                      | `live` | nothing              |                       |
 * | `unread`, `live`         | applied, the secret is live                      | `live` | keep, slide or renew |                       |
 * | `unread`, `live`         | applied, the secret is older                     | `live` | nothing              |                       |
 * | `unread`, `live`, `late` | applied, with a new secret                       | `live` | keep                 | `rotated`             |
 * | `unread`, `late`         | absent or expired                                | `new`  | nothing              | `unknown`, `expired`  |
 * | `unread`, `late`         | stale, rotated or reused within the last minute  | `late` | nothing              | `stale`, `reused`     |
 * | `unread`, `late`         | stale, rotated or reused before                  | `new`  | nothing              | `stale`, `reused`     |
 * | `unread`, `late`         | unbound                                          | `late` | nothing              | `unbound`             |
 * | `live`                   | unbound                                          | `late` | drop                 | `unbound`             |
 * | `live`                   | absent, expired or reused                        | `gone` | drop                 | `gone`                |
 * | `live`                   | stale or rotated                                 | `late` | drop                 | `stale`               |
 * | `new`                    | begun                                            | `live` | keep                 | `created`             |
 * | `late`, `gone`           | begun                                            | `live` | keep                 | `created`             |
 * | `new`                    | a form is opened                                 | `new`  | keep                 |                       |
 * | `unread`, `live`, `new`, `late`, `gone` | destroyed                         | `gone` | clear                | `destroyed` or nothing |
 * | `gone`                   | regenerated                                      | `new`  | clear                |                       |
 *
 * A request whose secret was replaced since it arrived is late, however long it took ({@link asOnArrival}).
 * A request that is late, or whose session is gone, does nothing but log in: what it applies or begins is that.
 * What the table does not have cannot happen: the functions take only the states for which they are meant.
 *
 * Over 300 lines, because the table and the functions that it describes are read together.
 */
export type State = Unread | Live | New | Late | Gone

/** There is a valid cookie, but the store was not asked yet. */
export interface Unread {
  readonly kind: 'unread'
  readonly credential: SessionCredential
}

/** The store has let this request in. */
export interface Live {
  readonly kind: 'live'
  /** The secret that this request holds: its cookie's, or the one that it has set. */
  readonly credential: SessionCredential
  /** What that secret was worth when the store answered last. */
  readonly secret: Standing
  readonly created: number
  /** The epoch under which the secret was let in; undefined if that was within the grace of an explicit rotation. */
  readonly epoch: string | undefined
  readonly maxAge: number | null
  /** What the store told; undefined where commands were applied without reading. */
  readonly record: SessionRecord | undefined
  /** The data of `record` are what the store said last, so they may be shown, and named as held. */
  readonly fresh: boolean
  readonly due: Due
}

/** What is to be done for a live session at the end of the request, unless a command does it before. */
export interface Due {
  /** Slide the expiry. */
  readonly touch: boolean
  /** Renew the secret. */
  readonly rotate: boolean
  /** Note that the secret has arrived: it came with an automatic rotation. */
  readonly claim: boolean
}

/** Nothing is stored for this visitor: no cookie, or one that opens nothing. */
export interface New {
  readonly kind: 'new'
  /** The id that a visitor's open form is bound to, which the session will take. */
  readonly id: string | undefined
  /** The idle time of its own that the session will begin with. */
  readonly maxAge: number | null
  /** The lifetime that it goes on with; undefined: its own begins. */
  readonly created: number | undefined
}

/**
 * The session lives on, under another secret or `unbound`: for its device alone, from which this request has not come. The
 * request may log out, and nothing else.
 */
export interface Late {
  readonly kind: 'late'
  readonly unbound: boolean
  readonly credential: SessionCredential
  readonly created: number | undefined
  readonly epoch: string | undefined
}

/** The session was destroyed or has expired. */
export interface Gone {
  readonly kind: 'gone'
  /** This request has destroyed it. */
  readonly own: boolean
}

/**
 * What to do with the response's cookie. `keep`: write it. `slide`: write it for its new Max-Age, unless the request turns
 * out not to count as use of the session. `renew`: write it if an older key has signed it. `nothing`: write nothing but a
 * secret that this request has set. `drop`: write nothing, not even that. `clear`: remove it from the browser.
 */
export type CookieAction = 'keep' | 'slide' | 'renew' | 'nothing' | 'drop' | 'clear'

/** One transition. */
export interface Turn<S extends State = State> {
  readonly state: S
  readonly cookie: CookieAction
  readonly event?: SessionEvent['type'] | undefined
}

/** What the transitions need of the settings. */
export interface Rules extends SlideRules {
  readonly rotateEvery: number
  /** `persistent`: the cookie has a Max-Age, which slides with the session. */
  readonly cookie: { readonly persistent: boolean }
}

export type LiveAnswer = Extract<Loaded, { outcome: 'live' }>
/** Answers to a change that was applied. */
export type Applied = Extract<Updated, { outcome: 'changed' | 'done' }>

const NOTHING_DUE: Due = { touch: false, rotate: false, claim: false }
const EVENT_OF = {
  absent: 'unknown',
  expired: 'expired',
  stale: 'stale',
  rotated: 'stale',
  reused: 'reused',
} as const

/** The state of a request that comes with this cookie. */
export function initialState(
  credential: SessionCredential | { kind: 'visitor'; id: string } | undefined,
): Unread | New {
  return credential?.kind === 'session' ? { kind: 'unread', credential } : newState(credential?.id)
}

/** Nothing is stored yet. */
export function newState(id?: string, created?: number): New {
  return { kind: 'new', id, maxAge: null, created }
}

/** The store has shown the session. `quiet`: this read does not keep it alive. */
export function whenLoaded(state: Unread | Live, answer: LiveAnswer, rules: Rules, quiet: boolean): Turn<Live> {
  const { record, secret, now } = answer
  const live = isCurrent(secret)
  const touch = !quiet && slides(record, now, rules)
  const due = { touch, rotate: rotates(secret, record, now, rules), claim: secret === 'first' }
  const next = known(state, record, secret, due)
  // The cookie slides in the same moment as the store's expiry is known to be due: a response whose headers leave before
  // the handler ends carries it, or an active visitor would be logged out by the browser.
  return { state: next, cookie: live ? (touch && isPersistent(next, rules) ? 'slide' : 'renew') : 'nothing' }
}

/**
 * The store has applied a change. `credential`: the secret that it has set. `defers`: the expiry slides at the end of the
 * request, where the change has not moved it.
 */
export function whenApplied(
  state: Unread | Live | Late,
  change: Change,
  answer: Applied,
  credential: SessionCredential | undefined,
  rules: Rules,
  defers = false,
): Turn<Live> {
  const { secret, now } = answer
  const next = applied(credential ? { ...state, credential } : state, change, answer, rules, defers)
  if (credential) return { state: next, cookie: 'keep', event: 'rotated' }
  if (!isCurrent(secret)) return { state: next, cookie: 'nothing' }
  const moved = hasSlid(change, answer.record, now, rules)
  const slid = (moved || next.due.touch) && isPersistent(next, rules)
  // An idle time of its own that was given or taken away changes how long the cookie lasts.
  if (change.slide.maxAge !== undefined) return { state: next, cookie: 'keep' }
  return { state: next, cookie: slid ? 'slide' : 'renew' }
}

function applied(state: Unread | Live | Late, change: Change, answer: Applied, rules: Rules, defers: boolean): Live {
  const { secret, now } = answer
  const touch = defers && slides(answer.record, now, rules)
  if (answer.outcome === 'changed') {
    const { record } = answer
    return known(state, record, secret, { ...NOTHING_DUE, touch, rotate: rotates(secret, record, now, rules) })
  }
  const before = state.kind === 'live' ? state : undefined
  const record = before?.record && withData(answer.record, before.record.data)
  const { created, epoch, maxAge } = answer.record
  const rotate = secret === 'lost' || (isCurrent(secret) && !change.rotation && before?.due.rotate === true)
  const due = { ...NOTHING_DUE, touch, rotate }
  return {
    kind: 'live',
    credential: state.credential,
    secret,
    created,
    epoch: secret === 'grace' ? before?.epoch : epoch,
    maxAge,
    record,
    // The store sent no data back: what this request holds is older than what is stored.
    fresh: false,
    due,
  }
}

/** The state with a record that the store has just told. */
function known(state: Unread | Live | Late, record: SessionRecord, secret: Standing, due: Due): Live {
  const { created, epoch, maxAge } = record
  const proven = secret === 'grace' ? (state.kind === 'unread' ? undefined : state.epoch) : epoch
  return {
    kind: 'live',
    credential: state.credential,
    secret,
    created,
    epoch: proven,
    maxAge,
    record,
    fresh: true,
    due,
  }
}

/**
 * A secret that was let in when the request arrived, `age` milliseconds ago, was replaced meanwhile. That is no copy of an
 * old cookie, though the store can't know it: a slow upload, or a socket that asks for its session late. It counts as
 * replaced just now.
 */
export function asOnArrival(answer: Absent, age: number): Absent {
  if (!('ago' in answer) || answer.ago > age) return answer
  return { ...answer, outcome: answer.outcome === 'reused' ? 'rotated' : answer.outcome, ago: 0 }
}

/** The store does not let this request in, or not any more. */
export function whenAbsent(state: Unread | Live | Late, answer: Absent): Turn<New | Late | Gone> {
  if (answer.outcome === 'unbound') {
    const { created, epoch } = state.kind === 'unread' ? { created: undefined, epoch: undefined } : state
    const next: Late = { kind: 'late', unbound: true, credential: state.credential, created, epoch }
    return { state: next, cookie: state.kind === 'live' ? 'drop' : 'nothing', event: 'unbound' }
  }
  const late = 'ago' in answer && answer.ago < LOG_OUT_GRACE
  if (state.kind === 'live') {
    if (answer.outcome !== 'rotated' && answer.outcome !== 'stale') {
      return { state: { kind: 'gone', own: false }, cookie: 'drop', event: 'gone' }
    }
    const { credential, created, epoch } = state
    return { state: { kind: 'late', unbound: false, credential, created, epoch }, cookie: 'drop', event: 'stale' }
  }
  const event = EVENT_OF[answer.outcome]
  if (!late) return { state: newState(), cookie: 'nothing', event }
  // Most likely a request that was on its way when another one rotated. A cookie in its response, new or cleared, would
  // undo the rotated one.
  // Its secret was the one before, so it may log out, though more rotations follow.
  const created = answer.outcome === 'stale' ? undefined : answer.created
  const next = { created, epoch: undefined, ...state, kind: 'late', unbound: false } as const
  return { state: next, cookie: 'nothing', event }
}

/** The first command was stored. */
export function whenBegun(record: SessionRecord, credential: SessionCredential): Turn<Live> {
  return {
    state: known({ kind: 'unread', credential }, record, 'current', NOTHING_DUE),
    cookie: 'keep',
    event: 'created',
  }
}

/** This request has logged out. `removed`: there was something to remove. */
export function whenDestroyed(removed: boolean): Turn<Gone> {
  return { state: { kind: 'gone', own: true }, cookie: 'clear', event: removed ? 'destroyed' : undefined }
}

/** The old session is destroyed, a new one goes on, within the old one's lifetime if there is a limit. */
export function whenRegenerated(created: number | undefined): Turn<New> {
  return { state: newState(undefined, created), cookie: 'clear' }
}

/** A visitor without a session has opened a form: the session that begins takes this id. */
export function whenFormOpened(state: New, id: string): Turn<New> {
  return { state: { ...state, id }, cookie: 'keep' }
}

/** The session that begins gets an idle time of its own. */
export function withMaxAge(state: New, maxAge: number | null): New {
  return { ...state, maxAge }
}

/** A secret with which a response may write a cookie. */
export function isCurrent(secret: Standing): boolean {
  return secret === 'current' || secret === 'first'
}

/** The session is for its device alone, from which this request has not come. */
export function isUnbound(state: State): boolean {
  return state.kind === 'late' && state.unbound
}

/** The request does not keep the session alive. */
export function withoutTouch(state: Live): Live {
  return { ...state, due: { ...state.due, touch: false } }
}

/** What has become due is done, or is not to be done. */
export function withoutDue(state: Live): Live {
  return { ...state, due: NOTHING_DUE }
}

/** How long the cookie of this session lasts; undefined: as long as the browser. */
export function cookieAge(state: Live, { idle, cookie }: Rules): number | undefined {
  return cookie.persistent || state.maxAge !== null ? (state.maxAge ?? idle) : undefined
}

/** The cookie has a Max-Age. */
export function isPersistent(state: Live, rules: Rules): boolean {
  return cookieAge(state, rules) !== undefined
}

/** The secret is old enough for a new one, or its successor was lost on its way. */
function rotates(secret: Standing, { rotated }: SessionRecord, now: number, { rotateEvery }: Rules): boolean {
  return secret === 'lost' || (isCurrent(secret) && now - rotated >= rotateEvery)
}
