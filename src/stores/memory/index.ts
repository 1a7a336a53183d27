/**
 * Sessions in this process's memory, for development and tests. They are gone when it exits, and no other process sees them.
 *
 * @module koa-atomic-session/memory
 */
import { begin, isLive, liveRecord, recordOf, type StoredSession } from '../../contract/record.ts'
import type {
  Access,
  Change,
  Held,
  IndexableStore,
  IndexedStore,
  IndexValue,
  InspectableStore,
  Loaded,
  NewSession,
  Notice,
  Notices,
  SessionRecord,
  TellingStore,
  Updated,
} from '../../contract/store.ts'
import { FIRST_PAGE, LIST_BATCH } from '../../contract/store.ts'
import { loaded, mayDestroy, transition } from '../../contract/transition.ts'
import { SessionUsageError } from '../../errors/index.ts'
import { assertNames } from '../../settings/names.ts'
import { holding } from '../shared/holding.ts'
import { type Candidates, pageOf, Readings, removed } from '../shared/readings.ts'
import { Emitter } from './notices.ts'

/** Options of the memory store. */
export interface MemoryOptions {
  /**
   * The maximum number of sessions. Beyond it, the one that was changed longest ago is removed, so a flood of visitors
   * can't exhaust the memory.
   * @default 10_000
   */
  readonly max?: number
  /**
   * The store's clock, for tests that let time pass: the milliseconds since 1970, a whole number. All times of a
   * session follow it, but cookies follow the browser's clock.
   * @default Date.now
   */
  readonly now?: () => number
}

/**
 * A store that keeps at most `max` sessions in a map. It needs no set-up.
 *
 * @example
 * ```ts
 * import { memory } from 'koa-atomic-session/memory'
 *
 * let now = Date.UTC(2030, 0, 1)
 * const store = memory({ now: () => now })
 * now += 30 * 60_000 // half an hour later
 * ```
 * @throws `SessionUsageError` for an option that can't work, and later where `now` gives no time.
 */
export function memory(options: MemoryOptions = {}): IndexableStore & InspectableStore {
  assertNames(options, ['max', 'now'], 'The memory store')
  const { max = 10_000, now = () => Date.now() } = options
  if (!Number.isSafeInteger(max) || max < 1) {
    throw new SessionUsageError('max of the memory store must be a whole number of sessions, from 1')
  }
  if (typeof now !== 'function') {
    throw new SessionUsageError('now of the memory store must be a function that gives milliseconds: now: () => clock')
  }
  return new MemoryStore(max, now)
}

class MemoryStore implements IndexableStore, IndexedStore, InspectableStore, TellingStore {
  readonly name = 'memory'
  /** In the order of their last change, so the first one is the one to remove. */
  readonly #sessions = new Map<string, StoredSession>()
  readonly #max: number
  readonly #emitter = new Emitter()
  readonly #readings = new Readings()
  readonly #clock: () => number

  constructor(max: number, clock: () => number) {
    this.#max = max
    this.#clock = clock
  }

  async create(session: NewSession): Promise<SessionRecord | undefined> {
    if (this.#sessions.has(session.id)) return undefined
    const stored = begin(session, this.#now())
    this.#keep(stored)
    return recordOf(stored)
  }

  async load(access: Access, held?: Held): Promise<Loaded> {
    return loaded(this.#sessions.get(access.id), access, this.#now(), held)
  }

  async update(access: Access, change: Change): Promise<Updated> {
    const found = this.#sessions.get(access.id)
    const { next, answer } = transition(found, access, change, this.#now())
    if (next) {
      this.#keep(next)
      this.#emitter.tell(found!, next)
    }
    return answer
  }

  async destroy(access: Access): Promise<boolean> {
    const found = this.#sessions.get(access.id)
    return mayDestroy(found, access, this.#now()) && this.#remove(found!)
  }

  indexed(): IndexedStore {
    return this
  }

  async find(field: string, value: IndexValue, maxLifetime: number, page = FIRST_PAGE): Promise<SessionRecord[]> {
    const now = this.#now()
    const candidates = await this.#candidates(field, value, page.reading)
    const holds = holding(field, value)
    return pageOf(candidates, page, async (ids) => {
      return ids.flatMap((id) => liveRecord(this.#sessions.get(id), now, maxLifetime) ?? []).filter(holds)
    })
  }

  async destroyAll(
    field: string,
    value: IndexValue,
    except: string | undefined,
    limit: number = LIST_BATCH,
    reading?: object,
  ): Promise<number> {
    const candidates = await this.#candidates(field, value, reading)
    const holds = holding(field, value)
    return removed(candidates, limit, async (ids) => {
      const found = ids.map((id) => id !== except && this.#sessions.get(id))
      return found.filter((stored) => stored && holds(stored) && this.#remove(stored)).length
    })
  }

  async *list(): AsyncIterable<SessionRecord> {
    for (const stored of [...this.#sessions.values()]) if (isLive(stored, this.#now())) yield recordOf(stored)
  }

  async get(id: string): Promise<SessionRecord | undefined> {
    return liveRecord(this.#sessions.get(id), this.#now())
  }

  async setup(): Promise<void> {}

  async prune(): Promise<number> {
    const now = this.#now()
    const dead = [...this.#sessions.values()].filter((stored) => !isLive(stored, now))
    for (const stored of dead) this.#remove(stored)
    return dead.length
  }

  notices(hear: (notice: Notice) => void): Notices {
    return this.#emitter.notices(hear)
  }

  async close(): Promise<void> {}

  #now(): number {
    const now = this.#clock()
    if (Number.isSafeInteger(now) && now > 0) return now
    throw new SessionUsageError('now of the memory store must give milliseconds since 1970, a whole number')
  }

  #keep(stored: StoredSession): void {
    this.#sessions.delete(stored.id)
    this.#sessions.set(stored.id, stored)
    if (this.#sessions.size > this.#max) this.#remove(this.#sessions.values().next().value!)
  }

  #remove(stored: StoredSession): boolean {
    const removed = this.#sessions.delete(stored.id)
    this.#emitter.tell(stored, undefined)
    return removed
  }

  /** The sessions that hold a value, found by a look at all of them. */
  #candidates(field: string, value: IndexValue, reading: object | undefined): Promise<Candidates> {
    const holds = holding(field, value)
    return this.#readings.candidates(reading, async () => {
      const ids: string[] = []
      for (const stored of this.#sessions.values()) if (holds(stored)) ids.push(stored.id)
      return ids.sort()
    })
  }
}
