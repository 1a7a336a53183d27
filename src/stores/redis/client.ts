import { StoreError } from '../../errors/index.ts'

/** The part of a node-redis client, pool or cluster (5 or 6) that the store uses. */
export interface NodeRedisClient {
  evalSha(sha: string, options: { keys: string[]; arguments: string[] }): Promise<unknown>
  eval(script: string, options: { keys: string[]; arguments: string[] }): Promise<unknown>
}

/** The part of an ioredis client or cluster (5 or 6), or of iovalkey, that the store uses. */
export interface IoRedisClient {
  evalsha(sha: string, keys: number, ...values: string[]): Promise<unknown>
  eval(script: string, keys: number, ...values: string[]): Promise<unknown>
}

export type RedisClient = NodeRedisClient | IoRedisClient

/** Runs a script on one key; the server is sent its text only where it does not know it. Fails with a {@link StoreError}. */
export type RunScript = (key: string, values: string[]) => Promise<unknown>

/** What both kinds of client can do, told apart by their methods; undefined for anything else. */
export function scriptRunner(client: RedisClient, script: string, sha: string): RunScript | undefined {
  const send =
    typeof (client as NodeRedisClient)?.evalSha === 'function'
      ? nodeRedis(client as NodeRedisClient)
      : typeof (client as IoRedisClient)?.evalsha === 'function'
        ? ioRedis(client as IoRedisClient)
        : undefined
  return (
    send &&
    (async (key, values) => {
      try {
        return await send.sha(sha, key, values)
      } catch (error) {
        // Nothing has run. After a restart or a failover the server has forgotten its scripts.
        if (!/^NOSCRIPT/.test((error as Error).message)) return failed(error)
        return send.text(script, key, values).catch(failed)
      }
    })
  )
}

type Send = (script: string, key: string, values: string[]) => Promise<unknown>

function nodeRedis(client: NodeRedisClient): { sha: Send; text: Send } {
  return {
    sha: (sha, key, values) => client.evalSha(sha, { keys: [key], arguments: values }),
    text: (script, key, values) => client.eval(script, { keys: [key], arguments: values }),
  }
}

function ioRedis(client: IoRedisClient): { sha: Send; text: Send } {
  return {
    sha: (sha, key, values) => client.evalsha(sha, 1, key, ...values),
    text: (script, key, values) => client.eval(script, 1, key, ...values),
  }
}

/** What the clients say when they have sent nothing. */
const NOT_SENT =
  /^(The client is (closed|offline)|Timeout waiting for a client|Stream isn't writeable and enableOfflineQueue|The command was aborted)/

/** Throws what a client's failure is to the store's caller. */
export function failed(error: unknown): never {
  throw new StoreError('redis', 'failed', appliedAfter(error), error)
}

/**
 * False when a call that failed has surely changed nothing: the server's own error replies, because the script makes
 * every check before its first write, and what was never sent. Anything else leaves it unknown.
 */
export function appliedAfter(error: unknown): false | 'unknown' {
  const { message = '', code } = error as { message?: string; code?: string }
  // Every error reply of a server begins with a word in capitals, no client's own message does.
  if (/^[A-Z]{3,}(?: |$)/.test(message) || NOT_SENT.test(message) || code === 'ECONNREFUSED') return false
  return 'unknown'
}
