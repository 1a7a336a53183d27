import { SessionUsageError } from '../../errors/index.ts'

/** The part of a node-redis client, pool, cluster or Sentinel (4, 5 or 6) that the store uses. */
export interface NodeRedisClient {
  /** The store never calls it. `legacy()` and `multi()`, whose answers are no promises of replies, lack it. */
  connect(): Promise<unknown>
  evalSha(sha: string, options: { keys: string[]; arguments: string[] }): Promise<unknown>
  eval(script: string, options: { keys: string[]; arguments: string[] }): Promise<unknown>
  /** Whether it has a connection. Only a client of one server tells. */
  readonly isReady?: boolean
  // biome-ignore lint/suspicious/noExplicitAny: each kind of client takes options of its own
  withCommandOptions?(options: any): unknown
}

/** The part of an ioredis client or cluster (4, 5 or 6), or of iovalkey, that the store uses. */
export interface IoRedisClient {
  /** The state of its connection, which ioredis-mock and clients of HTTP lack. */
  readonly status: string
  connect(): Promise<unknown>
  evalsha(sha: string, keys: number, ...values: string[]): Promise<unknown>
  eval(script: string, keys: number, ...values: string[]): Promise<unknown>
}

export type RedisClient = NodeRedisClient | IoRedisClient

/** What a client may be able to do, as far as it tells what it is. */
type Abilities = Readonly<Partial<Record<'evalSha' | 'evalsha' | 'sendCommand' | 'connect', unknown>>>

/**
 * Whether this is a client of node-redis; otherwise it is one of ioredis or iovalkey. Throws a `SessionUsageError` for
 * anything else, because what only looks like a client fails later, and in worse ways: one that wants callbacks never
 * answers, and one that runs scripts by itself is not atomic.
 *
 * It goes by what a client can do and not by its class, so a client that something else has wrapped is taken as well.
 */
export function isNodeRedis(client: RedisClient): client is NodeRedisClient {
  const { evalSha, evalsha, sendCommand, connect } = (client ?? {}) as Abilities
  const can = (ability: unknown) => typeof ability === 'function'
  if (can(evalSha)) {
    // Only the legacy mode of node-redis 4 has both.
    if (can(evalsha)) refuse('without `legacyMode`, which answers to callbacks')
    // Neither what wants callbacks nor what collects commands has a connection of its own.
    if (!can(connect)) refuse('itself, not its legacy() or multi()')
    return true
  }
  if (!can(evalsha)) refuse('of node-redis, ioredis or iovalkey: redis(await createClient().connect())')
  if (!can(connect) && can(sendCommand)) refuse('itself, not its pipeline() or multi()')
  if (!can(connect)) refuse('that keeps a connection, not one of HTTP: of node-redis, ioredis or iovalkey')
  if (typeof (client as IoRedisClient).status !== 'string')
    refuse('of a real Redis. For tests without one use memory()')
  return false
}

function refuse(one: string): never {
  throw new SessionUsageError(`The redis store takes a client ${one}`)
}
