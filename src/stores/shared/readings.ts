import { liveRecord } from '../../contract/record.ts'
import type { Page, SessionRecord } from '../../contract/store.ts'
import type { Reading } from './oracle.ts'

/** The ids of the sessions that may hold a value, in their order, and at how many of them a removal has looked. */
export interface Candidates {
  readonly ids: readonly string[]
  looked: number
}

/**
 * What later pages of a reading need of the earlier ones: the ids of all that may be among them. They are asked for once,
 * so the work of all pages is linear, whatever one page of the value costs. They go with the reading.
 */
export class Readings {
  readonly #begun = new WeakSet<object>()
  readonly #candidates = new WeakMap<object, Candidates>()

  /** Whether this is the first page, or the only one. Most readings have no other, so nothing needs to be kept for it. */
  begins(reading: object | undefined): boolean {
    if (!reading) return true
    const begins = !this.#begun.has(reading)
    this.#begun.add(reading)
    return begins
  }

  /** Whether the candidates of this reading are known. */
  has(reading: object | undefined): boolean {
    return reading !== undefined && this.#candidates.has(reading)
  }

  async candidates(reading: object | undefined, ask: () => Promise<string[]>): Promise<Candidates> {
    const known = reading && this.#candidates.get(reading)
    if (known) return known
    const candidates = { ids: await ask(), looked: 0 }
    if (reading) this.#candidates.set(reading, candidates)
    return candidates
  }
}

/** One page of candidates. `load` gives those of a few that are live and hold the value by now. */
export async function pageOf(
  { ids }: Candidates,
  { limit, after }: Page,
  load: (ids: readonly string[]) => Promise<SessionRecord[]>,
): Promise<SessionRecord[]> {
  const found: SessionRecord[] = []
  for (let at = firstAfter(ids, after); at < ids.length && found.length < limit; ) {
    const next = ids.slice(at, at + limit - found.length)
    at += next.length
    found.push(...(await load(next)))
  }
  return found
}

/** Of candidates that were read, those that are live and hold the value by now. */
export function liveOf(
  found: readonly Reading[],
  maxLifetime: number,
  holds: (record: SessionRecord) => boolean,
): SessionRecord[] {
  return found.flatMap(({ stored, now }) => liveRecord(stored, now, maxLifetime) ?? []).filter(holds)
}

/** Removes as many candidates; answers how many were removed. `remove` answers the same for a few of them. */
export async function removed(
  candidates: Candidates,
  limit: number,
  remove: (ids: readonly string[]) => Promise<number>,
): Promise<number> {
  const { ids } = candidates
  let count = 0
  let at = candidates.looked
  while (at < ids.length && count < limit) {
    const next = ids.slice(at, at + limit - count)
    at += next.length
    count += await remove(next)
  }
  // Only now, because a page that fails is asked for again.
  candidates.looked = at
  return count
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
