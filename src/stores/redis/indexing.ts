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
import type { RunScript } from './client.ts'
import { json } from './compile.ts'
import { FORGET, NOTE, SCORE } from './indexing.lua.ts'
import { wordsOf } from './words.ts'

/** An entry that was found in the index. */
export interface Entry {
  readonly field: string
  readonly value: Value
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

  /**
   * Notes the session under each indexed value of these data. Answers until when all of its entries are good; undefined if
   * the data have no such value.
   */
  async note(id: string, data: Data, duration: number): Promise<number | undefined> {
    let horizon: number | undefined
    for (const { field, value } of this.valuesOf(data)) {
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
   * The entries of values that these data have and `next` do not. To be asked for before the session is written, and
   * forgotten after that.
   */
  async former(id: string, data: Data, next: Data = {}): Promise<Entry[]> {
    const lost = this.valuesOf(data).filter(({ field, value }) => {
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
  valuesOf(data: Data): { field: string; value: Value }[] {
    return [...this.fields].flatMap(([field, path]) => {
      const value = valueAt(data, path)
      return isIndexable(value) ? [{ field, value }] : []
    })
  }

  /** The key of a value. What a visitor may choose can be long, and would stand in memory as it is. */
  keyOf(field: string, value: Value): string {
    const text = json(value)
    const short = text.length > LONGEST ? `#${createHash('sha256').update(text).digest('base64url')}` : text
    return `${this.#prefix}index:${field}:${short}`
  }
}

/** The longest value that stands in a key as it is. */
const LONGEST = 64

function isIndexable(value: Value | undefined): value is Value {
  return value !== undefined && value !== null && !isList(value) && !isObject(value)
}
