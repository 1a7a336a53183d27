import { createHash } from 'node:crypto'
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

/**
 * Which sessions hold a value, as a sorted set of ids under a key of its own: in a cluster it lies on another node
 * than the sessions, so that no script can change both.
 *
 * The order makes up for it: a session's id is noted **before** the session is written, and for at least as long as
 * the session can live, which is kept in the session itself as its `horizon`. So the index may name a session too
 * many, never one too few. Who reads it looks at each session and passes over the wrong ones, which may be just about
 * to be right; entries that have outlived their time go at every visit.
 */
export const INDEX_SCRIPT = `
local key, action = KEYS[1], ARGV[1]
local time = redis.call('TIME')
local now = tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000)
redis.call('ZREMRANGEBYSCORE', key, '-inf', string.format('%.0f', now))
if action == 'note' then
  local last = math.max(now + math.ceil(tonumber(ARGV[3])), tonumber(redis.call('ZSCORE', key, ARGV[2]) or 0))
  redis.call('ZADD', key, string.format('%.0f', last), ARGV[2])
  redis.call('PEXPIREAT', key, string.format('%.0f', redis.call('ZRANGE', key, -1, -1, 'WITHSCORES')[2]))
  return string.format('%.0f', last)
end
if action == 'forget' then return redis.call('ZREM', key, ARGV[2]) end
return redis.call('ZRANGE', key, 0, -1)
`

export const INDEX_SCRIPT_SHA = createHash('sha1').update(INDEX_SCRIPT).digest('hex')

/** The entries of some fields. */
export class Index {
  readonly fields: ReadonlyMap<string, Path>
  readonly #prefix: string
  readonly #run: RunScript

  constructor(fields: readonly string[], prefix: string, run: RunScript) {
    this.fields = new Map(fields.map((field) => [field, parsePath(field)]))
    this.#prefix = prefix
    this.#run = run
  }

  /** Notes the session under each value that these data give it; answers until when, undefined where there is none. */
  async note(id: string, data: Data, duration: number): Promise<number | undefined> {
    let horizon: number | undefined
    for (const [field, path] of this.fields) {
      const value = valueAt(data, path)
      if (!isIndexable(value)) continue
      const until = Number(await this.#run(this.#key(field, value), ['note', id, String(duration)]))
      if (horizon === undefined || until < horizon) horizon = until
    }
    return horizon
  }

  async members(field: string, value: Value): Promise<string[]> {
    return (await this.#run(this.#key(field, value), ['members'])) as string[]
  }

  async forget(field: string, value: Value, id: string): Promise<void> {
    await this.#run(this.#key(field, value), ['forget', id])
  }

  /** How this chain changes what is indexed: not at all, to values that it says itself, or to what only the data tell. */
  effectOf({ commands }: Chain): 'none' | 'known' | 'computed' {
    const paths = [...this.fields.values()]
    const reaching = commands.filter((command) =>
      places(command).some((place) => paths.some((path) => overlap(place, path))),
    )
    if (reaching.length === 0) return 'none'
    const says = ({ kind, path: place }: Command) =>
      SAYING.has(kind) && paths.every((path) => !overlap(place, path) || place.length <= path.length)
    return reaching.every(says) ? 'known' : 'computed'
  }

  /** The data as far as a chain whose effect is known makes them. */
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

/** What they leave at their place is known without the data. */
const SAYING: ReadonlySet<Command['kind']> = new Set(['set', 'unset', 'take'])
