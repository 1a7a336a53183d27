import { createHash } from 'node:crypto'
import { StoreError } from '../../errors/index.ts'
import { adviceFor } from './advice.ts'
import { gather } from './gather.ts'
import { type IoRedisClient, isNodeRedis, type NodeRedisClient, type RedisClient } from './kind.ts'

/** Runs a script on one key. Its text is sent only to a server that does not know it. Fails with a {@link StoreError}. */
export type RunScript = (key: string, values: string[]) => Promise<unknown>

/** Runs a script by a client of either kind. Throws a `SessionUsageError` for anything that is no client. */
export function scriptRunner(client: RedisClient, script: string): RunScript {
  const sha = createHash('sha1').update(script).digest('hex')
  const send = isNodeRedis(client) ? nodeRedis(client) : ioRedis(client)
  return async (key, values) => {
    try {
      return await send.sha(sha, key, values)
    } catch (error) {
      if (/^READONLY/.test((error as Error).message)) leave(client)
      // Nothing has run. After a restart or a failover the server has forgotten its scripts.
      if (!/^NOSCRIPT/.test((error as Error).message)) return failed(error)
      return send.text(script, key, values).catch(failed)
    }
  }
}

/** The clients that are leaving a connection. */
const leaving = new WeakSet<object>()

/**
 * Makes a client leave a connection to a server that has become a replica. That connection stays open, so without this the
 * client would stay there forever, whatever the name leads to that it was given. It connects again as after any loss. The
 * clients of clusters and Sentinels look for the primary themselves.
 */
function leave(client: object): void {
  const { sendCommand, disconnect, status } = client as {
    sendCommand?: (words: string[]) => Promise<unknown>
    disconnect?: (reconnect: boolean) => void
    status?: string
  }
  if ('nodes' in client || 'masters' in client || 'getSentinelNode' in client) return
  if ('evalSha' in client) {
    // Its own quit() would close it for good. The server closes the connection, so the client takes it for lost.
    if (!sendCommand || leaving.has(client)) return
    leaving.add(client)
    const left = () => void leaving.delete(client)
    sendCommand.call(client, ['QUIT']).then(left, left)
  } else if (status === 'ready') disconnect?.call(client, true)
}

/** The application's own `typeMapping` turns replies into buffers, say. The store's calls take them as they come. */
export function withoutMapping<Client extends object>(client: Client): Client {
  const { withTypeMapping } = client as { withTypeMapping?: (mapping: object) => Client }
  return typeof withTypeMapping === 'function' ? withTypeMapping.call(client, {}) : client
}

/**
 * node-redis 6 makes an AbortSignal for each command, to take it back if it has not been sent in time. That takes 6 to 9 %
 * of the application's time, and its garbage more. With a connection a command leaves in the same turn, so only one that must wait for the
 * connection needs it. Clusters, pools and Sentinels don't tell whether there is one: they keep it.
 */
function withoutTimeout(client: NodeRedisClient): NodeRedisClient {
  const { isReady, withCommandOptions } = client
  if (typeof isReady !== 'boolean' || 'getSentinelNode' in client || !withCommandOptions) return client
  return withCommandOptions.call(client, { timeout: undefined }) as NodeRedisClient
}

type Send = (script: string, key: string, values: string[]) => Promise<unknown>

function nodeRedis(mapped: NodeRedisClient): { sha: Send; text: Send } {
  const client = withoutMapping(mapped)
  const untimed = withoutTimeout(client)
  return {
    sha: (sha, key, values) => (client.isReady ? untimed : client).evalSha(sha, { keys: [key], arguments: values }),
    text: (script, key, values) => client.eval(script, { keys: [key], arguments: values }),
  }
}

function ioRedis(client: IoRedisClient): { sha: Send; text: Send } {
  return {
    sha: (sha, key, values) => {
      gather(client)
      return client.evalsha(sha, 1, key, ...values)
    },
    text: (script, key, values) => client.eval(script, 1, key, ...values),
  }
}

/** The clients' messages when they have sent nothing. */
const NOT_SENT =
  /^(The client is (closed|offline)|Timeout waiting for a client|Stream isn't writeable and enableOfflineQueue|The command was aborted|All keys in the pipeline should)/

/** Throws a client's failure as the store's. */
export function failed(error: unknown): never {
  throw new StoreError('redis', 'failed', appliedAfter(error), error, { advice: adviceFor(error) })
}

/**
 * False when a call that failed has definitely changed nothing. That is so for the server's own error replies, because
 * the script makes every check before its first write, and for what was never sent. Otherwise it is unknown.
 */
export function appliedAfter(error: unknown): false | 'unknown' {
  const { message = '', code } = error as { message?: string; code?: string }
  // Every error reply of a server begins with a word in capitals. No client's own message does.
  if (/^[A-Z]{3,}(?: |$)/.test(message) || NOT_SENT.test(message) || code === 'ECONNREFUSED') return false
  return 'unknown'
}
