import { createHash } from 'node:crypto'
import {
  type Chain,
  type Data,
  equal,
  isList,
  isObject,
  overlap,
  type Path,
  parsePath,
  places,
  type Value,
  valueAt,
} from '../../algebra/index.ts'
import { encode } from '../shared/json.ts'
import type { RunScript } from './client.ts'
import { FORGET, NOTE, SCORE } from './indexing.lua.ts'
import { wordsOf } from './words.ts'

/** A value of an indexed field. */
export interface Held {
  readonly field: string
  readonly value: Value
}

/** An entry that was found in the index. */
export interface Entry extends Held {
  /** Until when it is good, which tells whether it was noted again since. */
  readonly score: string
}

/**
 * Which sessions hold a value: a sorted set of ids under a key of its own. In a cluster this key lies on another node
 * than the sessions, so no script can change both.
 *
 * The order of the writes makes this sound. A session's id is noted **before** the session is written, and for at least
 * as long as the session can live. The session keeps that time as its `horizon` and never outlives it. So the index may
 * name a session too many, never one too few. A reader looks at each session and passes over those that do not hold the
 * value.
 *
 * An entry is forgotten **after** its session was written without the value, and only if nobody has noted it since it was
 * seen before that write. Whoever gives the session the value again has read the session after that write, and notes it
 * after reading.
 *
 * That holds for what processes with this index write. Whether the index has every session: see register.ts.
 */
export class Index {
  readonly fields: ReadonlyMap<string, Path>
  readonly #prefix: string
  readonly #run: RunScript

  constructor(fields: readonly string[], prefix: string, run: RunScript) {
    this.fields = new Map(fields.map((field) => [field, parsePath(field)]))
    this.#prefix = prefix
    this.#run = run
  }

  /** Notes a session under each of its values. Answers until when all of its entries are good; undefined if it has none. */
  async note(id: string, held: readonly Held[], duration: number): Promise<number | undefined> {
    let horizon: number | undefined
    for (const { field, value } of held) {
      const until = Number(await this.#run(this.keyOf(field, value), ['note', ...wordsOf(NOTE, { id, duration })]))
      if (horizon === undefined || until < horizon) horizon = until
    }
    return horizon
  }

  /** The ids of the sessions that may hold this value. */
  async members(field: string, value: Value): Promise<string[]> {
    return (await this.#run(this.keyOf(field, value), ['members'])) as string[]
  }

  /**
   * The entries of values that a session holds and `next` does not. To be asked for before the session is written, and
   * forgotten after that.
   */
  async former(id: string, held: readonly Held[], next: Data = {}): Promise<Entry[]> {
    const lost = held.filter(({ field, value }) => {
      const after = valueAt(next, this.fields.get(field)!)
      return after === undefined || !equal(after, value)
    })
    return Promise.all(
      lost.map(async ({ field, value }) => {
        const score = await this.#run(this.keyOf(field, value), ['score', ...wordsOf(SCORE, { id })])
        return { field, value, score: score as string }
      }),
    )
  }

  /** Removes these entries of a session, unless they were noted again. If it fails they end with their time. */
  async forget(id: string, entries: readonly Entry[]): Promise<void> {
    const forgetting = entries.map(({ field, value, score }) =>
      this.#run(this.keyOf(field, value), ['forget', ...wordsOf(FORGET, { id, score })]),
    )
    await Promise.allSettled(forgetting)
  }

  /** Whether a chain can change an indexed value. */
  reaches({ commands }: Chain): boolean {
    const paths = [...this.fields.values()]
    return commands.some((command) => places(command).some((place) => paths.some((path) => overlap(place, path))))
  }

  /** The indexed values of these data. */
  heldBy(data: Data): Held[] {
    return this.held([...this.fields.values()].map((path) => valueAt(data, path)))
  }

  /** The indexed values among what stands at the fields, in their order. */
  held(values: readonly (Value | undefined)[]): Held[] {
    return [...this.fields.keys()].flatMap((field, i) => {
      const value = values[i]
      return isIndexable(value) ? [{ field, value }] : []
    })
  }

  /** The key of a value. What a visitor may choose can be long, and would stand in memory as it is. */
  keyOf(field: string, value: Value): string {
    const text = encode(value)
    const short = text.length > LONGEST ? `#${createHash('sha256').update(text).digest('base64url')}` : text
    return `${this.#prefix}index:${field}:${short}`
  }
}

/** The longest value that stands in a key as it is. */
const LONGEST = 64

function isIndexable(value: Value | undefined): value is Value {
  return value !== undefined && value !== null && !isList(value) && !isObject(value)
}
