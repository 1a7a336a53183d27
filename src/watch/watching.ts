import { equal, parsePath, type Value, valueAt } from '../algebra/index.ts'
import { accessFromOutside } from '../contract/record.ts'
import type {
  Access,
  IndexValue,
  Loaded,
  Notice,
  Notices,
  Outline,
  Store,
  TellingStore,
  Updated,
} from '../contract/store.ts'
import type { Asking, Hearing, ReliableStore } from '../delivery/reliable.ts'
import { SessionGoneError, SessionRotatedError, SessionUnboundError } from '../errors/index.ts'
import { isUnbound } from '../visit/state.ts'
import { type Watched, Watcher } from './watcher.ts'
import { Wheel } from './wheel.ts'

/** A session that somebody watches. */
interface WatchedSession {
  readonly id: string
  /** Tells it from a later one that took the same id. */
  readonly created: number
  readonly watchers: Set<Watcher>
  version: number
  /** The epoch of the newest answer, and when that was asked for. */
  epoch: { readonly is: string; readonly sent: number } | undefined
  /** The store is being asked, and has to be asked once more. */
  looking: boolean
  again: boolean
  /** The store tells of it, or will in a moment. */
  followed: boolean
}

/**
 * Notices the end of the sessions of one application, and their versions, for the sockets and streams that are open. It
 * hears at once what this process does to a session, and asks the store for each watched session once in `recheck`,
 * however many sockets it has: that is the floor of the promise.
 *
 * An answer is believed only about requests that knew their session before it was asked for. Otherwise an answer that
 * was long on its way would end a socket that was opened after a log-in, with the epoch from before.
 *
 * Over 300 lines, because what is heard, asked and believed changes one and the same state.
 */
export class Watching implements Hearing {
  readonly #reliable: ReliableStore
  readonly #maxLifetime: number
  readonly #watchers = new WeakMap<object, Watcher>()
  readonly #sessions = new Map<string, WatchedSession>()
  readonly #joined = new Map<Watcher, WatchedSession>()
  /** Where the store failed when a request was to read its session, the request itself. */
  readonly #wheel: Wheel<WatchedSession | Watcher>
  readonly #notices: Notices | undefined

  constructor(
    store: Store,
    reliable: ReliableStore,
    { recheck, maxLifetime }: { recheck: number; maxLifetime: number },
  ) {
    this.#reliable = reliable
    this.#maxLifetime = maxLifetime
    this.#wheel = new Wheel(recheck, (due) => {
      if (due instanceof Watcher) return void this.#read(due)
      // If that has failed. Nobody waits for it, or a listener that is down would stop the rechecks.
      this.#follow(due)
      void this.#look(due)
    })
    reliable.hearing = this
    this.#notices = (store as Partial<TellingStore>).notices?.((notice) => this.#notice(notice))
  }

  /** Watches the session of this request, from now on and until it closes. */
  of(visit: Watched): Watcher {
    const known = this.#watchers.get(visit)
    if (known) return known
    const watcher = new Watcher(visit)
    this.#watchers.set(visit, watcher)
    visit.onClose(() => this.release(watcher))
    if (!watcher.over) this.#join(watcher)
    return watcher
  }

  /** Keeps nothing of it any more. */
  release(watcher: Watcher): void {
    watcher.close()
    this.#leave(watcher)
  }

  /** Keeps nothing at all any more. */
  close(): void {
    this.#wheel.clear()
    for (const watcher of this.#joined.keys()) watcher.close()
    this.#joined.clear()
    this.#sessions.clear()
    this.#notices?.close()
  }

  began(asking: Asking | undefined): void {
    const watcher = asking && this.#watchers.get(asking)
    // By then the request knows its session.
    if (watcher) setImmediate(() => watcher.over || this.#join(watcher))
  }

  answered(access: Access, answer: Loaded | Updated, sent: number, asking?: Asking): void {
    const session = this.#sessions.get(access.id)
    if (!session) return
    switch (answer.outcome) {
      case 'live':
      case 'changed':
      case 'held':
      case 'done':
        this.#told(session, answer.record, sent, asking)
        break
      case 'absent':
      case 'expired':
        this.#gone(session, access.proof.created, sent)
    }
    if ('secret' in answer && answer.secret !== 'grace') return
    // A request whose own call was refused knows by then why.
    const watcher = asking && this.#watchers.get(asking)
    if (watcher) setImmediate(() => watcher.over || this.#judge(watcher))
  }

  removed({ id, proof }: Access, sent: number): void {
    const session = this.#sessions.get(id)
    if (session) this.#gone(session, proof.created, sent)
  }

  /** The store does not say which, so those that may be among them are asked for. */
  removedAll(field: string, value: IndexValue): void {
    const path = parsePath(field)
    const mayHold = ({ visit: { known } }: Watcher) =>
      known.kind !== 'live' || !known.record || equal(valueAt(known.record.data, path), value as Value)
    for (const session of this.#sessions.values()) if ([...session.watchers].some(mayHold)) void this.#look(session)
  }

  /** Begins with what the request knows of its session. */
  #join(watcher: Watcher): void {
    const state = watcher.visit.known
    switch (state.kind) {
      case 'unread':
        void this.#read(watcher)
        break
      case 'late':
      case 'gone':
        this.#judge(watcher)
        break
      case 'live': {
        const session = this.#sessionOf(state.credential.id, state.created)
        if (!session) {
          watcher.end(new SessionGoneError())
          break
        }
        session.watchers.add(watcher)
        this.#joined.set(watcher, session)
        if (state.fresh && state.record) session.version = Math.max(session.version, state.record.version)
        watcher.changed(session.version)
        // What was heard between its own answer and this moment.
        this.#judge(watcher, session.epoch)
      }
    }
    // One that is new may begin later: see `began`.
  }

  /** Undefined where the id belongs to a later session by now. */
  #sessionOf(id: string, created: number): WatchedSession | undefined {
    const there = this.#sessions.get(id)
    if (there?.created === created) return there
    if (there && there.created > created) return undefined
    if (there) this.#end(there)
    const watchers = new Set<Watcher>()
    const session = {
      id,
      created,
      watchers,
      version: 0,
      epoch: undefined,
      looking: false,
      again: false,
      followed: false,
    }
    this.#sessions.set(id, session)
    this.#wheel.add(session)
    this.#follow(session)
    return session
  }

  #leave(watcher: Watcher): void {
    this.#wheel.delete(watcher)
    const session = this.#joined.get(watcher)
    this.#joined.delete(watcher)
    if (session?.watchers.delete(watcher) && session.watchers.size === 0) this.#forget(session)
  }

  #forget(session: WatchedSession): void {
    if (this.#sessions.get(session.id) === session) this.#sessions.delete(session.id)
    this.#wheel.delete(session)
    this.#notices?.unfollow(session.id)
  }

  /** The session is gone. */
  #end(session: WatchedSession): void {
    this.#forget(session)
    for (const watcher of session.watchers) {
      this.#joined.delete(watcher)
      watcher.end(new SessionGoneError())
    }
  }

  /** A request that has a cookie, and has not asked for its session yet. */
  async #read(watcher: Watcher): Promise<void> {
    this.#wheel.delete(watcher)
    try {
      await watcher.visit.current()
    } catch {
      if (watcher.over) return
      // Most likely the store has failed: then it is tried again, as with a session that is known.
      if (watcher.visit.known.kind === 'late') this.#judge(watcher)
      else this.#wheel.add(watcher)
      return
    }
    if (watcher.over) return
    // Its cookie opens nothing.
    if (watcher.visit.known.kind === 'new') watcher.end(new SessionGoneError())
    else this.#join(watcher)
  }

  #notice({ id, created, what }: Notice): void {
    const session = this.#sessions.get(id)
    if (session?.created !== created) return
    if (what === 'gone') this.#end(session)
    else if (what === 'rotated') void this.#look(session)
    else this.#changed(session, what)
  }

  /** Once the store tells of it, it is looked at: what happened between its last answer and that moment was not told. */
  #follow(session: WatchedSession): void {
    if (!this.#notices || session.followed) return
    session.followed = true
    this.#notices.follow(session.id).then(
      () => (this.#sessions.get(session.id) === session ? this.#look(session) : undefined),
      () => {
        session.followed = false
      },
    )
  }

  /** Asks the store: the answer comes to `answered`. Nothing is told while it fails, because nothing is known. */
  async #look(session: WatchedSession): Promise<void> {
    if (session.looking) {
      session.again = true
      return
    }
    session.looking = true
    const { id, created } = session
    do {
      session.again = false
      await this.#reliable.load(accessFromOutside({ id, created }, this.#maxLifetime)).catch(() => {})
    } while (session.again && this.#sessions.get(id) === session)
    session.looking = false
  }

  #gone(session: WatchedSession, created: number | undefined, sent: number): void {
    if (created === session.created) this.#end(session)
    if (created !== undefined) return
    // Without it, an answer that was asked for before somebody saw this session may be about an earlier one.
    if ([...session.watchers].every(({ visit }) => visit.since < sent)) this.#end(session)
    else void this.#look(session)
  }

  #told(session: WatchedSession, { created, epoch, version }: Outline, sent: number, asking: Asking | undefined): void {
    if (created > session.created) this.#end(session)
    if (created !== session.created) return
    const heard = { is: epoch, sent }
    if (!session.epoch || sent > session.epoch.sent) session.epoch = heard
    const own = asking && this.#watchers.get(asking)
    for (const watcher of session.watchers) if (watcher !== own) this.#judge(watcher, heard)
    this.#changed(session, version)
  }

  #changed(session: WatchedSession, version: number): void {
    if (version <= session.version) return
    session.version = version
    for (const watcher of session.watchers) watcher.changed(version)
  }

  /** Ends it if its session has another epoch now, which is what an explicit rotation leaves, or if it knows so itself. */
  #judge(watcher: Watcher, heard?: WatchedSession['epoch']): void {
    const { visit } = watcher
    const state = visit.known
    if (state.kind === 'gone') watcher.end(new SessionGoneError())
    else if (isUnbound(state)) watcher.end(new SessionUnboundError())
    // A secret that is let in for a moment only was rotated away on purpose.
    else if (state.kind === 'late' || (state.kind === 'live' && state.secret === 'grace')) {
      watcher.end(new SessionRotatedError())
    } else if (state.kind === 'live' && heard && heard.is !== state.epoch && visit.since < heard.sent) {
      // It may be rotating the session itself: its own answer, which comes in its turn, tells.
      if (visit.busy) visit.reload().then(undefined, () => watcher.over || this.#judge(watcher))
      else watcher.end(new SessionRotatedError())
    }
    if (watcher.over) this.#leave(watcher)
  }
}
