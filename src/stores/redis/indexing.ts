import {
  apply,
  type Chain,
  type Command,
  type Data,
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
import { FORGET, NOTE } from './indexing.lua.ts'
import { wordsOf } from './words.ts'

/**
 * Which sessions hold a value: a sorted set of ids under a key of its own. In a cluster this key lies on another node
 * than the sessions, so no script can change both.
 *
 * The order of the writes makes this sound. A session's id is noted **before** the session is written, and for at least
 * as long as the session can live. The session keeps that time as its `horizon` and never outlives it. So the index may
 * name a session too many, never one too few. A reader looks at each session and passes over those that do not hold the
 * value. It leaves their entries alone, because they may be about to hold it.
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
    for (const [field, path] of this.fields) {
      const value = valueAt(data, path)
      if (!isIndexable(value)) continue
      const until = Number(await this.#run(this.#key(field, value), ['note', ...wordsOf(NOTE, { id, duration })]))
      if (horizon === undefined || until < horizon) horizon = until
    }
    return horizon
  }

  /** The ids of the sessions that may hold this value. */
  async members(field: string, value: Value): Promise<string[]> {
    return (await this.#run(this.#key(field, value), ['members'])) as string[]
  }

  /** Removes the entry of a session that is gone. */
  async forget(field: string, value: Value, id: string): Promise<void> {
    await this.#run(this.#key(field, value), ['forget', ...wordsOf(FORGET, { id })])
  }

  /**
   * What this chain does to the indexed values: nothing (`none`); it sets them to values that stand in the chain itself
   * (`known`); or they depend on the data (`computed`).
   */
  effectOf({ commands }: Chain): 'none' | 'known' | 'computed' {
    const paths = [...this.fields.values()]
    const reaching = commands.filter((command) =>
      places(command).some((place) => paths.some((path) => overlap(place, path))),
    )
    if (reaching.length === 0) return 'none'
    const setsAlone = ({ kind, path: place }: Command) =>
      SETTING.has(kind) && paths.every((path) => !overlap(place, path) || place.length <= path.length)
    return reaching.every(setsAlone) ? 'known' : 'computed'
  }

  /** The part of the data that a chain with a known effect sets. */
  known(chain: Chain): Data {
    const sets = chain.commands.filter(({ kind }) => kind === 'set')
    const result = apply({}, { conditions: [], commands: sets }, 0)
    return result.ok ? result.data : {}
  }

  #key(field: string, value: Value): string {
    return `${this.#prefix}index:${field}:${json(value)}`
  }
}

function isIndexable(value: Value | undefined): value is Value {
  return value !== undefined && value !== null && !isList(value) && !isObject(value)
}

/** The commands whose result does not depend on the data. */
const SETTING: ReadonlySet<Command['kind']> = new Set(['set', 'unset', 'take'])
