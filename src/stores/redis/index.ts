/**
 * Sessions in Redis or Valkey, by a client of node-redis, ioredis or iovalkey.
 *
 * @module koa-atomic-session/redis
 */
import { randomUUID } from 'node:crypto'
import { EMPTY_CHAIN } from '../../algebra/index.ts'
import { liveRecord, recordOf } from '../../contract/record.ts'
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
  Page,
  SessionRecord,
  TellingStore,
  Updated,
} from '../../contract/store.ts'
import { loaded } from '../../contract/transition.ts'
import { assertNames } from '../../settings/names.ts'
import { compareAndRemove, compareAndSet, expiring, knows } from '../shared/oracle.ts'
import { isClamped, type StateReading, updatedOf } from './answers.ts'
import { scriptRunner } from './client.ts'
import { INDEXING_LUA } from './indexing.lua.ts'
import { Index } from './indexing.ts'
import type { RedisClient } from './kind.ts'
import { Lookups } from './lookups.ts'
import { REGISTER_LUA } from './register.lua.ts'
import { Register } from './register.ts'
import { SCRIPT_LUA } from './script.lua.ts'
import { Script } from './script.ts'
import { type Servers, serversOf, wholePrefix } from './servers.ts'
import { type RedisSubscriber, subscriberOf } from './subscriber.ts'
import { ID, Sweep } from './sweep.ts'
import { TELLING_LUA } from './telling.lua.ts'

export type { IoRedisClient, NodeRedisClient, RedisClient } from './kind.ts'
export type { IoRedisSubscriber, NodeRedisSubscriber, RedisSubscriber } from './subscriber.ts'

/** Options of the Redis store. */
export interface RedisOptions {
  /**
   * The beginning of this store's keys.
   * @default 'session:'
   */
  readonly prefix?: string
  /**
   * A second, connected client, which listens for the ends and changes of watched sessions, so `ended` and
   * `sessions.watch()` learn at once what other processes do. Every process needs one, even if it watches nothing,
   * because the script publishes only with a subscriber. For a cluster it is a cluster client, of Redis 7 or later;
   * with ioredis it has the option `shardedSubscribers`. It stays yours, too.
   * @default none: nothing is published
   */
  readonly subscriber?: RedisSubscriber
}

/**
 * A store in Redis or Valkey 6.2 or later, also in a cluster. It takes a client, pool, cluster or Sentinel of
 * node-redis 4, 5 or 6, or a client or cluster of ioredis 4, 5 or 6 or of iovalkey. The client stays yours: the store
 * does not close it.
 *
 * A session is one key, and each change is one run of a Lua script. The key expires with the session, by Redis' own
 * clock. Redis answers before its replicas have the change. So an acknowledged change, even a log-out, can be lost when
 * a replica takes over.
 *
 * Throws a `SessionUsageError` at once for anything other than a client, such as `legacy()`, a pipeline or a mock. Each
 * call fails with a `StoreError` while Redis cannot be reached.
 *
 * @example
 * ```js
 * import { redis } from 'koa-atomic-session/redis'
 * import { createClient } from 'redis'
 *
 * const store = redis(await createClient({ url: 'redis://localhost' }).connect(), { prefix: 'shop:' })
 * ```
 */
export function redis(client: RedisClient, options: RedisOptions = {}): IndexableStore & InspectableStore {
  assertNames(options, ['prefix', 'subscriber'], 'The redis store')
  const { prefix = 'session:' } = options
  const subscriber = options.subscriber && subscriberOf(options.subscriber, client)
  const script = subscriber ? TELLING_LUA({ SCRIPT: SCRIPT_LUA, PUBLISH: subscriber.publish }) : SCRIPT_LUA
  const run = scriptRunner(client, script)
  const runIndexing = scriptRunner(client, INDEXING_LUA)
  const runRegister = scriptRunner(client, REGISTER_LUA)
  return new RedisStore({
    script: new Script(run, prefix),
    servers: serversOf(client, prefix),
    notices: (hear) => subscriber?.notices((id) => wholePrefix(client, prefix) + id, hear),
    indexOf: (fields) => new Index(fields, prefix, runIndexing),
    registerOf: (fields) => new Register(fields, prefix, runRegister),
  })
}

/** What the store works with. */
interface Parts {
  readonly script: Script
  readonly servers: Servers
  readonly notices: TellingStore['notices']
  readonly indexOf: (fields: readonly string[]) => Index
  readonly registerOf: (fields: readonly string[]) => Register
}

class RedisStore implements IndexableStore, IndexedStore, InspectableStore, TellingStore {
  readonly name = 'redis'
  readonly #parts: Parts
  readonly #script: Script
  readonly #servers: Servers
  #register: Register
  #index: Index | undefined
  #sweep: Sweep | undefined
  #lookups: Lookups | undefined

  constructor(parts: Parts) {
    this.#parts = parts
    this.#script = parts.script
    this.#servers = parts.servers
    this.#register = parts.registerOf([])
  }

  async create(session: NewSession): Promise<SessionRecord | undefined> {
    const { id, data, maxAge, idle } = session
    await this.#register.write()
    const horizon = await this.#index?.note(id, this.#index.heldBy(data), 2 * (maxAge ?? idle))
    const stored = await this.#script.create(session, horizon)
    return stored && recordOf(stored)
  }

  async load(access: Access, held?: Held): Promise<Loaded> {
    const { stored, now } = await this.#script.load(access.id, held)
    return loaded(stored, access, now, held)
  }

  async update(access: Access, change: Change): Promise<Updated> {
    const leased = this.#register.write()
    if (leased) await leased
    if (change.device || this.#index?.reaches(change.chain) || !knows(change.chain))
      return this.#compute(access, change)
    const answer = await this.#script.update(access, change)
    const updated = updatedOf(answer, access, change)
    if (!updated) return this.#compute(access, change)
    if (!isClamped(answer)) return updated
    // The change is applied. If the slide fails, the next request slides again.
    const slid = await this.#renew(access, change).catch(() => undefined)
    return slid?.outcome === 'changed' ? expiring(updated, slid.record.expires) : updated
  }

  async destroy(access: Access): Promise<boolean> {
    const index = this.#index
    const held = index && (await this.#lookups!.heldBy(access.id))
    const entries = (held && (await index.former(access.id, held))) ?? []
    const removed = (await this.#script.destroy(access)) ?? (await this.#destroyBySecret(access))
    if (removed) await index?.forget(access.id, entries)
    return removed
  }

  indexed(fields: readonly string[]): IndexedStore {
    const { indexOf, registerOf } = this.#parts
    this.#index = indexOf(fields)
    this.#register = registerOf(fields)
    this.#sweep = new Sweep(this.#index, this.#register, this.#script, this.#servers)
    this.#lookups = new Lookups(this.#index, this.#sweep, this.#script)
    return this
  }

  find(field: string, value: IndexValue, maxLifetime: number, page?: Page): Promise<SessionRecord[]> {
    return this.#lookups!.find(field, value, maxLifetime, page)
  }

  destroyAll(
    field: string,
    value: IndexValue,
    except: string | undefined,
    limit?: number,
    reading?: object,
  ): Promise<number> {
    return this.#lookups!.destroyAll(field, value, except, limit, reading)
  }

  async *list(passOver?: () => void): AsyncIterable<SessionRecord> {
    // SCAN may give a key more than once if the server's table grows or shrinks meanwhile.
    const seen = new Set<string>()
    for await (const names of this.#servers.keys()) {
      const ids = names.filter((id) => ID.test(id) && !seen.has(id))
      for (const id of ids) seen.add(id)
      for (const { stored, now, foreign } of await Promise.all(ids.map((id) => this.#script.load(id)))) {
        if (foreign) passOver?.()
        const record = liveRecord(stored, now)
        if (record) yield record
      }
    }
  }

  async get(id: string): Promise<SessionRecord | undefined> {
    const { stored, now } = await this.#script.load(id)
    return liveRecord(stored, now)
  }

  /**
   * Makes the index complete, if there is one. Without one Redis needs no preparation, and this checks that it answers, for
   * many keys at once too. Warns where Redis evicts keys when its memory is full.
   */
  async setup(): Promise<void> {
    await this.#register.write()
    // Some clients of a cluster ask one node for the keys of several.
    await Promise.all(Array.from({ length: 16 }, (_, key) => this.#script.load(`${key}`)))
    await this.#sweep?.complete()
    // Whoever may not ask for it can do without the warning.
    const policy = await this.#servers.evicting().catch(() => undefined)
    if (policy) {
      process.emitWarning(
        `Redis evicts keys when its memory is full (maxmemory-policy ${policy}): that logs visitors out, and makes find() and destroyAll() scan every session. Set maxmemory-policy to noeviction`,
        { code: 'KOA_ATOMIC_SESSION_EVICTION' },
      )
    }
  }

  notices(hear: (notice: Notice) => void): Notices | undefined {
    return this.#parts.notices(hear)
  }

  /** Redis removes what has expired by itself. */
  async prune(): Promise<number> {
    return 0
  }

  async close(): Promise<void> {}

  /**
   * Applies a change that the script leaves to the oracle: its secret is not the live one, its indexed values depend on the
   * data, or it has a command which the script does not know. Reads the session, asks the oracle for the result, and writes
   * it for the state that was read.
   */
  #compute(access: Access, change: Change): Promise<Updated> {
    let found: StateReading
    const read = async () => (found = await this.#script.load(access.id, 'judged'))
    return compareAndSet(this.name, access, change, read, async (next, answer, before) => {
      const index = this.#index
      const horizon = await index?.note(access.id, index.heldBy(next.data), 2 * idleOf(change, before))
      const former = (await index?.former(access.id, index.heldBy(before.data), next.data)) ?? []
      const applied = updatedOf(await this.#script.write(access, change, next, found, horizon), access, change)
      if (applied?.outcome === 'done') await index?.forget(access.id, former)
      return applied?.outcome === 'done' ? expiring(answer, applied.record.expires) : applied
    })
  }

  /** Removes a session for another secret than the live one, if it may still do that. */
  #destroyBySecret(access: Access): Promise<boolean> {
    let found: StateReading
    const read = async () => (found = await this.#script.load(access.id, 'judged'))
    return compareAndRemove(this.name, access, read, async ({ hash }) => {
      return (await this.#script.destroy({ ...access, proof: { hash } }, EMPTY_CHAIN, found.state)) === true
    })
  }

  /** Notes the values of a session again that wants to live longer than its entries in the index, and slides it all the way. */
  #renew(access: Access, change: Change): Promise<Updated> {
    const slide: Change = {
      op: randomUUID(),
      chain: EMPTY_CHAIN,
      held: undefined,
      answer: false,
      slide: { idle: change.slide.idle, atLeast: 0 },
      maxBytes: change.maxBytes,
    }
    return this.#compute({ ...access, proof: { hash: change.rotation?.to ?? access.proof.hash } }, slide)
  }
}

/** The idle time that a session will have, as far as the caller knows. */
function idleOf({ slide }: Change, session: { maxAge: number | null } | undefined): number {
  return Math.max(slide.idle, slide.maxAge ?? 0, session?.maxAge ?? 0)
}
