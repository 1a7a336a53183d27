import type { Notice, Notices } from '../../contract/store.ts'
import { SessionUsageError } from '../../errors/index.ts'
import { heardBy } from '../shared/notices.ts'

/** The part of a second client of node-redis, or of a cluster's, that listens. */
export interface NodeRedisSubscriber {
  // biome-ignore lint/suspicious/noExplicitAny: its own types tell messages of texts from those of buffers
  subscribe(channel: string, listener: (message: any) => unknown): Promise<unknown>
  // biome-ignore lint/suspicious/noExplicitAny: as above
  unsubscribe(channel: string, listener: (message: any) => unknown): Promise<unknown>
  // biome-ignore lint/suspicious/noExplicitAny: as above
  sSubscribe(channel: string, listener: (message: any) => unknown): Promise<unknown>
  // biome-ignore lint/suspicious/noExplicitAny: as above
  sUnsubscribe(channel: string, listener: (message: any) => unknown): Promise<unknown>
}

/** The part of a second client of ioredis or iovalkey, or of a cluster's with `shardedSubscribers`, that listens. */
export interface IoRedisSubscriber {
  subscribe(channel: string): Promise<unknown>
  unsubscribe(channel: string): Promise<unknown>
  /** Of a cluster; ioredis 4 has none. */
  ssubscribe?(channel: string): Promise<unknown>
  sunsubscribe?(channel: string): Promise<unknown>
  on(event: 'message' | 'smessage', listener: (channel: string, message: string) => void): unknown
  off(event: 'message' | 'smessage', listener: (channel: string, message: string) => void): unknown
}

export type RedisSubscriber = NodeRedisSubscriber | IoRedisSubscriber

/** Listens to one channel for each session. */
export interface Subscriber {
  /** How the script publishes what it hears: a cluster has a channel on the servers that have the session, and nowhere else. */
  readonly publish: 'PUBLISH' | 'SPUBLISH'
  /** `channel`: the name of a session's key, as the server knows it. */
  notices(channel: (id: string) => string, hear: (notice: Notice) => void): Notices
}

export function subscriberOf(given: RedisSubscriber, client: unknown): Subscriber {
  if (given === client) refuse()
  const { sSubscribe, ssubscribe, subscribe, on } = (given ?? {}) as Partial<IoRedisSubscriber & NodeRedisSubscriber>
  if (typeof sSubscribe === 'function') return nodeRedis(given as NodeRedisSubscriber)
  if (typeof subscribe !== 'function' || typeof on !== 'function') refuse()
  // Like node-redis' `masters`, only a cluster has these.
  const sharded = 'nodes' in given
  if (sharded && typeof ssubscribe !== 'function') refuse()
  return ioRedis(given as IoRedisSubscriber, sharded)
}

function refuse(): never {
  throw new SessionUsageError(
    'The subscriber of the redis store must be a second client, because a listening client can do nothing else; for a cluster, of ioredis 5 or later: redis(client, { subscriber: await client.duplicate().connect() })',
  )
}

function nodeRedis(client: NodeRedisSubscriber): Subscriber {
  const sharded = 'masters' in client
  return {
    publish: sharded ? 'SPUBLISH' : 'PUBLISH',
    notices(channel, hear) {
      const heard = heardBy(hear)
      const listeners = new Map<string, (message: unknown) => void>()
      const stop = async (id: string) => {
        const listener = listeners.get(id)
        listeners.delete(id)
        if (listener) await client[sharded ? 'sUnsubscribe' : 'unsubscribe'](channel(id), listener)
      }
      const unfollow = (id: string) => void stop(id).catch(() => {})
      return {
        async follow(id) {
          const listener = (message: unknown) => heard(id, String(message))
          unfollow(id)
          listeners.set(id, listener)
          await client[sharded ? 'sSubscribe' : 'subscribe'](channel(id), listener)
        },
        unfollow,
        close: () => [...listeners.keys()].forEach(unfollow),
      }
    },
  }
}

function ioRedis(client: IoRedisSubscriber, sharded: boolean): Subscriber {
  const subscribe = (channel: string) => (sharded ? client.ssubscribe!(channel) : client.subscribe(channel))
  const unsubscribe = (channel: string) => (sharded ? client.sunsubscribe!(channel) : client.unsubscribe(channel))
  const event = sharded ? 'smessage' : 'message'
  return {
    publish: sharded ? 'SPUBLISH' : 'PUBLISH',
    notices(channel, hear) {
      const ids = new Map<string, string>()
      const heard = heardBy(hear)
      const listener = (from: string, message: string) => heard(ids.get(from), message)
      client.on(event, listener)
      const stop = (from: string) => {
        if (ids.delete(from) && counted(client, from, -1) === 0) {
          unsubscribe(from).catch(() => {})
        }
      }
      return {
        async follow(id) {
          if (!ids.has(channel(id))) counted(client, channel(id), 1)
          ids.set(channel(id), id)
          await subscribe(channel(id))
        },
        unfollow: (id) => stop(channel(id)),
        close() {
          client.off(event, listener)
          ;[...ids.keys()].forEach(stop)
        },
      }
    },
  }
}

const listening = new WeakMap<object, Map<string, number>>()

/** How many listen to a channel by this client, which ends a channel for all of them. */
function counted(client: object, channel: string, more: 1 | -1): number {
  const counts = listening.get(client) ?? new Map<string, number>()
  listening.set(client, counts)
  const count = (counts.get(channel) ?? 0) + more
  if (count > 0) counts.set(channel, count)
  else counts.delete(channel)
  return count
}
