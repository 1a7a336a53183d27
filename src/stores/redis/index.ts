/**
 * Sessions in Redis or Valkey, by a client of node-redis, ioredis or iovalkey.
 *
 * @module koa-atomic-session/redis
 */
import { randomUUID } from 'node:crypto'
import {
  canGrow,
  type Data,
  EMPTY_CHAIN,
  equal,
  type Found,
  onlyIf,
  type Problem,
  parsePath,
  printPath,
  takes,
  type Value,
  valueAt,
} from '../../algebra/index.ts'
import { isLive, recordOf, type StoredSession } from '../../contract/record.ts'
import type {
  Access,
  Change,
  IndexableStore,
  IndexedStore,
  IndexValue,
  InspectableStore,
  Loaded,
  NewSession,
  SessionRecord,
  Updated,
} from '../../contract/store.ts'
import { loaded } from '../../contract/transition.ts'
import { SessionUsageError } from '../../errors/index.ts'
import { assertNames } from '../../settings/names.ts'
import { compareAndSet, expiring, isPlain, knows, type Reading, resultOf } from '../shared/oracle.ts'
import { failed, type RedisClient, type RunScript, scriptRunner } from './client.ts'
import { compile } from './compile.ts'
import { INDEX_SCRIPT, INDEX_SCRIPT_SHA, Index } from './indexing.ts'
import { type Known, parse, recordFrom, storedFrom, write } from './layout.ts'
import { keyLister, type ListKeys } from './scan.ts'
import { SCRIPT, SCRIPT_SHA } from './script.ts'

export type { IoRedisClient, NodeRedisClient, RedisClient } from './client.ts'

/** Where in the database sessions are kept. */
export interface RedisOptions {
  /**
   * What the names of this store's keys begin with.
   * @default 'session:'
   */
  readonly prefix?: string
}

/**
 * A store in Redis or Valkey, 6.2 or later, a cluster too. Takes a client, pool or cluster of node-redis 5 or 6, or a
 * client or cluster of ioredis 5 or 6 or iovalkey, which stays the application's.
 *
 * A session is one key, a chain one Lua script on it. The key ends with the session by Redis' own clock. Redis copies
 * to its replicas later than it answers: what it has acknowledged, a log-out too, can be lost when a replica takes over.
 */
export function redis(client: RedisClient, options: RedisOptions = {}): IndexableStore & InspectableStore {
  assertNames(options, ['prefix'], 'The redis store')
  const { prefix = 'session:' } = options
  const sessions = scriptRunner(client, SCRIPT, SCRIPT_SHA)
  const index = scriptRunner(client, INDEX_SCRIPT, INDEX_SCRIPT_SHA)
  if (!sessions || !index) {
    throw new SessionUsageError(
      'The redis store takes a client of node-redis, ioredis or iovalkey: redis(await createClient().connect())',
    )
  }
  return new RedisStore(sessions, index, keyLister(client, prefix), prefix)
}

/** A session's id, unlike the names of an index's keys, which begin with the same prefix. */
const ID = /^[A-Za-z0-9_-]{22}$/

class RedisStore implements IndexableStore, IndexedStore, InspectableStore {
  readonly name = 'redis'
  readonly #run: RunScript
  readonly #runIndex: RunScript
  readonly #keys: ListKeys
  readonly #prefix: string
  #index: Index | undefined

  constructor(run: RunScript, runIndex: RunScript, keys: ListKeys, prefix: string) {
    this.#run = run
    this.#runIndex = runIndex
    this.#keys = keys
    this.#prefix = prefix
  }

  async create(session: NewSession): Promise<SessionRecord | undefined> {
    const { id, hash, data, dates, created, maxAge, idle, authenticated } = session
    const horizon = await this.#index?.note(id, data, 2 * (maxAge ?? idle))
    const { together, apart } = write(data)
    const words = ['create', hash, word(created), String(maxAge), String(idle), authenticated ? '1' : '']
    words.push(String(horizon ?? null), String(apart.length), together, ...apart)
    const answer = await this.#call(id, compile(dates ?? EMPTY_CHAIN, words))
    return answer === null ? undefined : recordOf(foundOf(id, answer).stored!)
  }

  async load(access: Access): Promise<Loaded> {
    const { stored, now } = await this.#find(access.id)
    return loaded(stored, access, now)
  }

  async update(access: Access, change: Change): Promise<Updated> {
    const index = this.#index
    const effect = index?.effectOf(change.chain) ?? 'none'
    if (effect === 'computed' || !knows(change.chain)) return this.#compute(access, change)
    const horizon =
      effect === 'known'
        ? await index!.note(access.id, index!.known(change.chain), 2 * idleOf(change, change.held))
        : undefined
    const answer = await this.#update(access, change, horizon)
    const updated = answerOf(answer, access, change)
    if (answer[2] !== true) return updated
    // The change is applied; a slide that fails is made up for by the next request.
    const expires = await this.#renew(index!, access, change).catch(() => undefined)
    return expires === undefined ? updated : expiring(updated, expires)
  }

  async destroy(access: Access): Promise<boolean> {
    return this.#call(access.id, ['destroy', ...proofOf(access)])
  }

  indexed(fields: readonly string[]): IndexedStore {
    this.#index = new Index(fields, this.#prefix, this.#runIndex)
    return this
  }

  async find(field: string, value: IndexValue, maxLifetime: number): Promise<SessionRecord[]> {
    const ids = await this.#index!.members(field, value as Value)
    const records = await Promise.all(ids.map((id) => this.#having(id, field, value as Value, maxLifetime)))
    return records.filter((record) => record !== undefined)
  }

  async destroyAll(field: string, value: IndexValue, except: string | undefined): Promise<number> {
    const ids = await this.#index!.members(field, value as Value)
    const doomed = ids.filter((id) => id !== except)
    const removed = await Promise.all(doomed.map((id) => this.#destroyHaving(id, field, value as Value)))
    return removed.filter(Boolean).length
  }

  async *list(): AsyncIterable<SessionRecord> {
    // SCAN may give a key more than once, when the server's table grows or shrinks meanwhile.
    const seen = new Set<string>()
    for await (const names of this.#keys()) {
      const ids = names.filter((id) => ID.test(id) && !seen.has(id))
      for (const id of ids) seen.add(id)
      const records = await Promise.all(ids.map((id) => this.get(id)))
      yield* records.filter((record) => record !== undefined)
    }
  }

  async get(id: string): Promise<SessionRecord | undefined> {
    const { stored, now } = await this.#find(id)
    return stored && isLive(stored, now) ? recordOf(stored) : undefined
  }

  /** Redis needs no preparation; this only asks whether it is there. */
  async setup(): Promise<void> {
    await this.#find('')
  }

  /** Redis removes what has expired by itself. */
  async prune(): Promise<number> {
    return 0
  }

  async close(): Promise<void> {}

  /**
   * A change whose indexed values only the data tell, or with a command that the script does not know: the data are
   * read, the oracle says what becomes of them, and that is written to this version only.
   */
  #compute(access: Access, change: Change): Promise<Updated> {
    const read = () => this.#find(access.id, true)
    return compareAndSet(this.name, access, change, read, async (next, answer, found) => {
      const horizon = await this.#index?.note(access.id, next.data, 2 * idleOf(change, found))
      const known = resultOf(change, next.data)
      const reply = await this.#update(access, known, horizon, found)
      if (reply[0] === 'other version') return undefined
      const applied = answerOf(reply, access, known)
      return applied.outcome === 'done' ? expiring(answer, applied.expires) : applied
    })
  }

  /**
   * The session slides beyond what the index is good for: its values are noted anew, then it slides all the way.
   * Answers the new expiry, undefined where another change was quicker.
   */
  async #renew(index: Index, access: Access, change: Change): Promise<number | undefined> {
    const { stored } = await this.#find(access.id)
    if (!stored) return undefined
    const horizon = await index.note(access.id, stored.data, 2 * idleOf(change, stored))
    const slide: Change = {
      op: randomUUID(),
      chain: EMPTY_CHAIN,
      held: undefined,
      answer: false,
      slide: { idle: change.slide.idle, atLeast: 0 },
      maxBytes: change.maxBytes,
    }
    const proven: Access = { ...access, proof: { created: stored.created } }
    const updated = answerOf(await this.#update(proven, slide, horizon, stored), proven, slide)
    return updated.outcome === 'done' ? updated.expires : undefined
  }

  async #update(access: Access, change: Change, horizon?: number, only?: StoredSession): Promise<Answer> {
    const { op, chain, held, answer, slide, maxBytes } = change
    const taking = takes(chain)
    const words = ['update', ...proofOf(access), op, String(slide.idle), String(slide.atLeast)]
    words.push(
      canGrow(chain) ? String(maxBytes) : '',
      taking ? '' : word(held?.version),
      answer || taking ? '1' : '',
      rareOf(change, horizon, only),
    )
    return this.#call(access.id, compile(chain, words))
  }

  /** The operations are those that are remembered, '' unless they are asked for. */
  async #find(id: string, operations = false): Promise<Reading> {
    return foundOf(id, await this.#call(id, ['load', operations ? '1' : '']))
  }

  async #having(id: string, field: string, value: Value, maxLifetime: number): Promise<SessionRecord | undefined> {
    const { stored, now } = await this.#find(id)
    // One that does not hold the value may be just about to: its entry stays until its time is over.
    if (!stored || !equal(valueAt(stored.data, parsePath(field)), value)) return undefined
    return isLive(stored, now, maxLifetime) ? recordOf(stored) : undefined
  }

  async #destroyHaving(id: string, field: string, value: Value): Promise<boolean> {
    const { stored } = await this.#find(id)
    if (!stored) return false
    const access: Access = { id, proof: { created: stored.created }, maxLifetime: Number.POSITIVE_INFINITY }
    const holding = onlyIf(EMPTY_CHAIN, { path: parsePath(field), value })
    const removed = await this.#call(id, compile(holding, ['destroy', ...proofOf(access)]))
    if (removed) await this.#index!.forget(field, value, id)
    return removed
  }

  /** What the script answers, which is JSON text. */
  // biome-ignore lint/suspicious/noExplicitAny: what JSON.parse gives
  async #call(id: string, words: string[]): Promise<any> {
    const answer = await this.#run(this.#prefix + id, words)
    try {
      return parse(answer as string | string[])
    } catch (error) {
      return failed(error)
    }
  }
}

/** What the script answers to an update; `clamped`: the slide was cut short. */
type Answer =
  | readonly ['changed', now: number, clamped: boolean, taken: [Value?] | null, known: Known, data: Data]
  | readonly ['held', now: number, clamped: boolean, version: number, expires: number]
  | readonly ['done', now: number, clamped: boolean, expires: number, maxAge: number | null, grace: boolean]
  | readonly ['refused', 'size', bytes: number, limit: number]
  | readonly ['refused', 'condition', at: number, _?: undefined]
  | readonly ['refused', 'type', at: number, found: Found]
  | readonly ['reused', ago: number, created: number]
  | readonly ['absent' | 'expired' | 'mismatch' | 'outrun' | 'forgotten' | 'other version']

function answerOf(answer: Answer, access: Access, change: Change): Updated {
  switch (answer[0]) {
    case 'changed': {
      const [outcome, now, , taken, known, data] = answer
      const [, , , , , , , , hash] = known
      const grace = 'hash' in access.proof && !change.rotation && hash !== access.proof.hash
      return { outcome, record: recordFrom(access.id, known, data), grace, now, ...(taken && { taken: taken[0] }) }
    }
    case 'held': {
      const [outcome, now, , version, expires] = answer
      return { outcome, now, version, expires }
    }
    case 'done': {
      const [outcome, now, , expires, maxAge, grace] = answer
      return { outcome, now, expires, maxAge, grace }
    }
    case 'refused':
      return { outcome: answer[0], problem: problemOf(answer, change) }
    case 'reused':
      return { outcome: answer[0], ago: answer[1], created: answer[2] }
    default:
      return { outcome: answer[0] } as Updated
  }
}

function problemOf(answer: Answer & { 0: 'refused' }, { chain }: Change): Problem {
  const [, kind, at, more] = answer
  if (kind === 'size') return { kind, bytes: at, limit: more }
  if (kind === 'condition') return { kind, path: printPath(chain.conditions[at]!.path) }
  const command = chain.commands[at]!
  return { kind, command: command.kind, path: printPath(command.path), found: more }
}

function foundOf(
  id: string,
  [now, ops, known, data]: [now: number, ops?: string, known?: Known, data?: Data],
): Reading {
  return { stored: known && storedFrom(id, known, data!, ops!), now }
}

/** A word for the script. */
function word(value: number | undefined): string {
  return value === undefined ? '' : String(value)
}

function proofOf({ proof, maxLifetime }: Access): [hash: string, created: string, maxLifetime: string] {
  return [
    'hash' in proof ? proof.hash : '',
    'created' in proof ? String(proof.created) : '',
    maxLifetime === Number.POSITIVE_INFINITY ? '' : String(maxLifetime),
  ]
}

/** What few changes have, by name; '' for the others. */
function rareOf(change: Change, horizon: number | undefined, only: StoredSession | undefined): string {
  if (isPlain(change) && horizon === undefined && !only) return ''
  const { slide, rotation, authenticated, repeatedSince } = change
  return JSON.stringify({
    maxAge: slide.maxAge === undefined ? undefined : String(slide.maxAge),
    ...rotation,
    authenticated: authenticated || undefined,
    horizon,
    only: only && String(only.version),
    repeatedSince,
  })
}

/** The idle time that a session will have, as far as the caller knows. */
function idleOf({ slide }: Change, session: { maxAge: number | null } | undefined): number {
  return Math.max(slide.idle, slide.maxAge ?? 0, session?.maxAge ?? 0)
}
