import { type Chain, EMPTY_CHAIN, onlyIf, parsePath, type Value } from '../../algebra/index.ts'
import { FIRST_PAGE, type IndexValue, LIST_BATCH, type Page, type SessionRecord } from '../../contract/store.ts'
import { holding } from '../shared/holding.ts'
import { type Candidates, liveOf, pageOf, Readings, removed } from '../shared/readings.ts'
import type { Held, Index } from './indexing.ts'
import type { Script } from './script.ts'
import type { Sweep } from './sweep.ts'

/**
 * The sessions that hold a value. The candidates are asked for once for all pages of a reading, so its work is linear, also
 * where they take a look at every session. Each candidate is looked at again before it is shown or removed.
 */
export class Lookups {
  readonly #index: Index
  readonly #sweep: Sweep
  readonly #script: Script
  readonly #readings = new Readings()

  constructor(index: Index, sweep: Sweep, script: Script) {
    this.#index = index
    this.#sweep = sweep
    this.#script = script
  }

  async find(field: string, value: IndexValue, maxLifetime: number, page: Page = FIRST_PAGE): Promise<SessionRecord[]> {
    const candidates = await this.#candidates(field, value, page.reading)
    const holds = holding(field, value)
    return pageOf(candidates, page, async (ids) => {
      return liveOf(await Promise.all(ids.map((id) => this.#script.load(id))), maxLifetime, holds)
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
    const condition = onlyIf(EMPTY_CHAIN, { path: parsePath(field), value: value as Value })
    return removed(candidates, limit, async (ids) => {
      const all = await Promise.all(ids.map((id) => id !== except && this.#destroyHaving(id, condition)))
      return all.filter(Boolean).length
    })
  }

  #candidates(field: string, value: IndexValue, reading: object | undefined): Promise<Candidates> {
    return this.#readings.candidates(reading, async () => (await this.#sweep.candidates(field, value as Value)).sort())
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
