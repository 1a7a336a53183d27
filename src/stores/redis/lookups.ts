import { type Chain, EMPTY_CHAIN, onlyIf, parsePath, type Value } from '../../algebra/index.ts'
import { liveRecord } from '../../contract/record.ts'
import { FIRST_PAGE, type IndexValue, LIST_BATCH, type Page, type SessionRecord } from '../../contract/store.ts'
import { holding } from '../shared/holding.ts'
import type { Held, Index } from './indexing.ts'
import type { Script } from './script.ts'
import type { Sweep } from './sweep.ts'

/** The ids of the sessions that may hold a value, in order, and at how many of them a removal has looked. */
interface Candidates {
  readonly ids: readonly string[]
  looked: number
}

/**
 * The sessions that hold a value. The candidates are asked for once for all pages of a reading, so its work is linear, also
 * where they take a look at every session. Each candidate is looked at again before it is shown or removed.
 */
export class Lookups {
  readonly #index: Index
  readonly #sweep: Sweep
  readonly #script: Script
  /** The candidates of each reading, which its later pages need. They go with the reading. */
  readonly #readings = new WeakMap<object, Candidates>()

  constructor(index: Index, sweep: Sweep, script: Script) {
    this.#index = index
    this.#sweep = sweep
    this.#script = script
  }

  async find(field: string, value: IndexValue, maxLifetime: number, page: Page = FIRST_PAGE): Promise<SessionRecord[]> {
    const { ids } = await this.#candidates(field, value, page.reading)
    const found: SessionRecord[] = []
    const holds = holding(field, value)
    // A candidate may hold another value by now, so a page may take more of them than it has places.
    for (let at = firstAfter(ids, page.after); at < ids.length && found.length < page.limit; ) {
      const next = ids.slice(at, at + page.limit - found.length)
      at += next.length
      for (const { stored, now } of await Promise.all(next.map((id) => this.#script.load(id)))) {
        const record = liveRecord(stored, now, maxLifetime)
        if (record && holds(record)) found.push(record)
      }
    }
    return found
  }

  async destroyAll(
    field: string,
    value: IndexValue,
    except: string | undefined,
    limit: number = LIST_BATCH,
    reading?: object,
  ): Promise<number> {
    const candidates = await this.#candidates(field, value, reading)
    const { ids } = candidates
    const condition = onlyIf(EMPTY_CHAIN, { path: parsePath(field), value: value as Value })
    let count = 0
    let at = candidates.looked
    while (at < ids.length && count < limit) {
      const next = ids.slice(at, at + limit - count)
      at += next.length
      const removed = await Promise.all(next.map((id) => id !== except && this.#destroyHaving(id, condition)))
      count += removed.filter(Boolean).length
    }
    // Only now, because a page that fails is asked for again.
    candidates.looked = at
    return count
  }

  async #candidates(field: string, value: IndexValue, reading: object | undefined): Promise<Candidates> {
    const known = reading && this.#readings.get(reading)
    if (known) return known
    const ids = (await this.#sweep.candidates(field, value as Value)).sort()
    const candidates = { ids, looked: 0 }
    if (reading) this.#readings.set(reading, candidates)
    return candidates
  }

  /** The indexed values of a session, read without its data; undefined if there is no session. */
  async heldBy(id: string): Promise<Held[] | undefined> {
    const { stored, values } = await this.#script.values(id, [...this.#index.fields.values()])
    return stored && this.#index.held(values)
  }

  async #destroyHaving(id: string, condition: Chain): Promise<boolean> {
    const held = await this.heldBy(id)
    if (!held) return false
    const entries = await this.#index.former(id, held)
    const removed = await this.#script.destroyIf(id, condition)
    if (removed) await this.#index.forget(id, entries)
    return removed
  }
}

/** Where those ids begin that come after this one. */
function firstAfter(ids: readonly string[], after: string): number {
  let [low, high] = [0, ids.length]
  while (low < high) {
    const middle = (low + high) >> 1
    if (ids[middle]! <= after) low = middle + 1
    else high = middle
  }
  return low
}
