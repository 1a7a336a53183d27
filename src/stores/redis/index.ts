/**
 * Sessions in Redis or Valkey, by a client of node-redis, ioredis or iovalkey.
 *
 * @module koa-atomic-session/redis
 */
import { randomUUID } from 'node:crypto'
import {
  canGrow,
  EMPTY_CHAIN,
  equal,
  type Problem,
  parsePath,
  printPath,
  type Value,
  valueAt,
} from '../../command/index.ts'
import { SessionUsageError, StoreError } from '../../errors.ts'
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
} from '../../store.ts'
import { loaded, recordOf, type StoredSession, transition } from '../../transition.ts'
import { decode } from '../json.ts'
import { expiring, pause, resultOf } from '../result.ts'
import { appliedAfter, type RedisClient, type RunScript, scriptRunner } from './client.ts'
import { type Argument, compile, json, knows, pathOf } from './compile.ts'
import { INDEX_SCRIPT, INDEX_SCRIPT_SHA, Index } from './indexing.ts'
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
export function redis(
  client: RedisClient,
  { prefix = 'session:' }: RedisOptions = {},
): IndexableStore & InspectableStore {
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

/** Tries of a change whose indexed value depends on the data, while others change the same session. */
const MAX_TRIES = 100

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

  create(session: NewSession): Promise<SessionRecord | undefined> {
    return this.#try(async () => {
      const { id, hash, data, dates, created, maxAge, idle, authenticated } = session
      const horizon = await this.#index?.note(id, data, 2 * (maxAge ?? idle))
      const paths = dates?.commands.map(({ path }) => pathOf(path)) ?? []
      const request = [hash, maxAge ?? false, idle, authenticated, created ?? false, horizon ?? false, paths]
      const fields = Object.entries(data).flatMap(([key, value]) => [`.${key}`, json(value)])
      const answer = (await this.#call(id, 'create', request, ...fields)) as [now: number, hash: string[]] | null
      return answer ? recordOf(parse(id, answer[1])!) : undefined
    })
  }

  load(access: Access): Promise<Loaded> {
    return this.#try(async () => {
      const { stored, now } = await this.#find(access.id)
      return loaded(stored, access, now)
    })
  }

  update(access: Access, change: Change): Promise<Updated> {
    return this.#try(async () => {
      const index = this.#index
      const effect = index?.effectOf(change.chain) ?? 'none'
      if (effect === 'computed' || !knows(change.chain)) return this.#compute(access, change)
      const horizon =
        effect === 'known'
          ? await index!.note(access.id, index!.known(change.chain), 2 * idleOf(change, change.held))
          : undefined
      const answer = await this.#update(access, change, horizon)
      const updated = answerOf(answer, access, change)
      if (answer[1] !== '1') return updated
      // The change is applied; a slide that fails is made up for by the next request.
      const expires = await this.#renew(index!, access, change).catch(() => undefined)
      return expires === undefined ? updated : expiring(updated, expires)
    })
  }

  destroy(access: Access): Promise<boolean> {
    return this.#try(async () => Number(await this.#call(access.id, 'destroy', proofOf(access))) === 1)
  }

  indexed(fields: readonly string[]): IndexedStore {
    this.#index = new Index(fields, this.#prefix, this.#runIndex)
    return this
  }

  find(field: string, value: IndexValue, maxLifetime: number): Promise<SessionRecord[]> {
    return this.#try(async () => {
      const ids = await this.#index!.members(field, value as Value)
      const records = await Promise.all(ids.map((id) => this.#having(id, field, value as Value, maxLifetime)))
      return records.filter((record) => record !== undefined)
    })
  }

  destroyAll(field: string, value: IndexValue, except: string | undefined): Promise<number> {
    return this.#try(async () => {
      const ids = await this.#index!.members(field, value as Value)
      const doomed = ids.filter((id) => id !== except)
      const removed = await Promise.all(doomed.map((id) => this.#destroyHaving(id, field, value as Value)))
      return removed.filter(Boolean).length
    })
  }

  async *list(): AsyncIterable<SessionRecord> {
    // SCAN may give a key more than once, when the server's table grows or shrinks meanwhile.
    const seen = new Set<string>()
    const batches = this.#keys()[Symbol.asyncIterator]()
    for (;;) {
      const { value: names, done } = await this.#try(() => batches.next())
      if (done) return
      const ids = (names as string[]).filter((id) => ID.test(id) && !seen.has(id))
      for (const id of ids) seen.add(id)
      const records = await Promise.all(ids.map((id) => this.get(id)))
      yield* records.filter((record) => record !== undefined)
    }
  }

  get(id: string): Promise<SessionRecord | undefined> {
    return this.#try(async () => {
      const { stored, now } = await this.#find(id)
      return stored && stored.expires > now ? recordOf(stored) : undefined
    })
  }

  /** Redis needs no preparation; this only asks whether it is there. */
  async setup(): Promise<void> {
    await this.#try(() => this.#find(''))
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
  async #compute(access: Access, change: Change): Promise<Updated> {
    for (let tries = 0; tries < MAX_TRIES; tries++) {
      const { stored, now } = await this.#find(access.id)
      const { next, answer } = transition(stored, access, change, now)
      if (!stored || !next) return answer
      const horizon = await this.#index?.note(access.id, next.data, 2 * idleOf(change, stored))
      const known = resultOf(change, next.data)
      const reply = await this.#update(access, known, horizon, stored)
      const applied = answerOf(reply, access, known)
      if (applied.outcome === 'done') return expiring(answer, applied.expires)
      if (reply[0] !== 'other version') return applied
      await pause(tries)
    }
    throw new StoreError(this.name, 'saw too many other changes of one session', false)
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
    const { op, chain, held, answer, slide, rotation, authenticated, maxBytes } = change
    const takes = chain.commands.some(({ kind }) => kind === 'take')
    const reply = await this.#call(access.id, 'update', [
      ...proofOf(access),
      op,
      (chain.commands.length > 0 || chain.conditions.length > 0) && compile(chain),
      slide.idle,
      slide.maxAge === null ? 'none' : (slide.maxAge ?? false),
      slide.atLeast,
      rotation?.from ?? false,
      rotation?.to ?? false,
      rotation?.grace ?? false,
      rotation?.epoch ?? false,
      authenticated ?? false,
      canGrow(chain) && maxBytes,
      (!takes && held?.version) ?? false,
      answer || takes,
      horizon ?? false,
      only !== undefined,
      only?.version ?? false,
      change.repeatedSince ?? false,
    ])
    return reply as Answer
  }

  async #find(id: string): Promise<{ stored: StoredSession | undefined; now: number }> {
    const [now, hash] = (await this.#call(id, 'load', [])) as [number, string[]]
    return { stored: parse(id, hash), now: Number(now) }
  }

  async #having(id: string, field: string, value: Value, maxLifetime: number): Promise<SessionRecord | undefined> {
    const { stored, now } = await this.#find(id)
    // One that does not hold the value may be just about to: its entry stays until its time is over.
    if (!stored || !equal(valueAt(stored.data, parsePath(field)), value)) return undefined
    return stored.expires > now && stored.created + maxLifetime > now ? recordOf(stored) : undefined
  }

  async #destroyHaving(id: string, field: string, value: Value): Promise<boolean> {
    const { stored } = await this.#find(id)
    if (!stored) return false
    const access: Access = { id, proof: { created: stored.created }, maxLifetime: Number.POSITIVE_INFINITY }
    const holding = [pathOf(parsePath(field)), json(value)]
    const removed = Number(await this.#call(id, 'destroy', [...proofOf(access), ...holding])) === 1
    if (removed) await this.#index!.forget(field, value, id)
    return removed
  }

  #call(id: string, action: string, request: readonly Parameter[], ...fields: string[]): Promise<unknown> {
    return this.#run(`${this.#prefix}${id}`, [action, JSON.stringify(request), ...fields])
  }

  async #try<T>(work: () => Promise<T>): Promise<T> {
    try {
      return await work()
    } catch (error) {
      if (error instanceof StoreError) throw error
      throw new StoreError(this.name, 'failed', appliedAfter(error), error)
    }
  }
}

/** What the script is told; false for what is absent. */
type Parameter = Argument | number | boolean

/** What the script answers: what became of it, whether the slide was cut short, and what goes with that. */
type Answer = readonly [outcome: string, clamped?: string, now?: number, ...more: unknown[]]

function answerOf(answer: Answer, access: Access, change: Change): Updated {
  const [outcome, , now, ...more] = answer
  switch (outcome) {
    case 'changed': {
      const stored = parse(access.id, more[0] as string[])!
      const taken = more[1] === undefined ? undefined : decode(more[1] as string)
      const grace = 'hash' in access.proof && !change.rotation && stored.hash !== access.proof.hash
      return { outcome, record: recordOf(stored), grace, now: Number(now), taken }
    }
    case 'held':
      return { outcome, now: Number(now), version: Number(more[0]), expires: Number(more[1]) }
    case 'done': {
      const maxAge = more[1] === '' ? null : Number(more[1])
      return { outcome, now: Number(now), expires: Number(more[0]), maxAge, grace: Number(more[2]) === 1 }
    }
    case 'refused':
      return { outcome, problem: problemOf(answer.slice(1), change) }
    case 'reused':
      return { outcome, ago: Number(answer[1]), created: Number(answer[2]) }
    default:
      return { outcome } as Updated
  }
}

function problemOf([kind, a, b]: readonly unknown[], { chain }: Change): Problem {
  if (kind === 'size') return { kind, bytes: Number(a), limit: Number(b) }
  if (kind === 'condition') return { kind, path: printPath(chain.conditions[Number(a)]!.path) }
  const command = chain.commands[Number(a)]!
  return { kind: 'type', command: command.kind, path: printPath(command.path), found: b } as Problem
}

/** The session of a hash, whose names and values come one after another; undefined where there are none. */
function parse(id: string, fields: readonly string[]): StoredSession | undefined {
  if (fields.length === 0) return undefined
  // Collected first: to assign a field that is called __proto__ would give the data another prototype.
  const data: [string, Value][] = []
  let meta = ''
  let ops = ''
  for (let i = 0; i < fields.length; i += 2) {
    const name = fields[i]!
    const value = fields[i + 1]!
    if (name === 'm') meta = value
    else if (name === 'o') ops = value
    else data.push([name.slice(1), decode(value)])
  }
  // As the script writes them.
  const [version, , , expires, created, rotated, hash = '', epoch = '', maxAge, , previous, until, authAt] =
    meta.split(' ')
  return {
    id,
    hash,
    previous: previous ? { hash: previous, until: Number(until) } : null,
    data: Object.fromEntries(data),
    version: Number(version),
    created: Number(created),
    expires: Number(expires),
    maxAge: maxAge ? Number(maxAge) : null,
    authAt: authAt ? Number(authAt) : null,
    rotated: Number(rotated),
    epoch,
    ops: ops.split(' '),
  }
}

function proofOf({ proof, maxLifetime }: Access): Parameter[] {
  return [
    'hash' in proof && proof.hash,
    'created' in proof && proof.created,
    maxLifetime !== Number.POSITIVE_INFINITY && maxLifetime,
  ]
}

/** The idle time that a session will have, as far as the caller knows. */
function idleOf({ slide }: Change, session: { maxAge: number | null } | undefined): number {
  return Math.max(slide.idle, slide.maxAge ?? 0, session?.maxAge ?? 0)
}
