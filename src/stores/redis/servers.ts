import { LIST_BATCH } from '../../contract/store.ts'
import { failed, withoutMapping } from './client.ts'
import type { RedisClient } from './kind.ts'

/** Every server that holds keys of a store: what is asked of each of them and not of one key. */
export interface Servers {
  /**
   * The names of the store's keys, without the prefix, in batches; a name may come twice. SCAN goes in small steps, so
   * other calls need not wait. Every key is named that is there all the time.
   */
  keys(): AsyncIterable<string[]>
  /**
   * A word for the servers as they are: which, since their last start, and how many keys they have evicted. As long as it
   * stays the same, no key was lost to a restart, a failover or a lack of memory. Undefined if a server does not say.
   */
  state(): Promise<string | undefined>
  /** The `maxmemory-policy` of a server that evicts keys when its memory is full; undefined if none does. */
  evicting(): Promise<string | undefined>
}

/** One server. */
interface Server {
  scan(cursor: string, pattern: string): Promise<[cursor: string, keys: string[]]>
  info(): Promise<string>
}

// The parts of the clients that are used here. A cluster of node-redis has `masters`, and one of ioredis `nodes`.
interface NodeRedis {
  scan(cursor: string, options: { MATCH: string; COUNT: number }): Promise<{ cursor: string; keys: string[] }>
  info(): Promise<string>
}
interface NodeRedisCluster {
  readonly masters: readonly unknown[]
  nodeClient(node: unknown): Promise<NodeRedis>
}
interface IoRedis {
  readonly options?: { readonly keyPrefix?: string }
  scan(cursor: string, ...options: (string | number)[]): Promise<[string, string[]]>
  info(): Promise<string>
}
interface IoRedisCluster {
  readonly options?: { readonly redisOptions?: { readonly keyPrefix?: string }; readonly keyPrefix?: string }
  nodes(role: 'master'): IoRedis[]
}
type Any = RedisClient & Partial<NodeRedisCluster> & Partial<Pick<IoRedisCluster, 'nodes'>>

export function serversOf(client: RedisClient, prefix: string): Servers {
  const all = () => reach(client as Any).catch(failed)
  const infos = async () => Promise.all((await all()).map((server) => server.info())).catch(failed)
  return {
    async *keys() {
      // ioredis neither puts its own prefix before a pattern nor removes it from answers.
      const whole = wholePrefix(client, prefix)
      const pattern = `${whole.replace(/[*?[\]\\]/g, '\\$&')}*`
      for (const server of await all()) {
        let cursor = '0'
        do {
          const [next, keys] = await server.scan(cursor, pattern).catch(failed)
          yield keys.map((key) => key.slice(whole.length))
          cursor = next
        } while (cursor !== '0')
      }
    },
    async state() {
      const states = (await infos()).map((info) => {
        const [run, evicted] = [said(info, 'run_id'), said(info, 'evicted_keys')]
        return run && evicted && `${run}:${evicted}`
      })
      return states.every(Boolean) ? states.sort().join(' ') : undefined
    },
    async evicting() {
      const policies = (await infos()).map((info) => said(info, 'maxmemory') !== '0' && said(info, 'maxmemory_policy'))
      return policies.find((policy) => policy && policy !== 'noeviction') || undefined
    },
  }
}

/** What a server says of itself under a name. */
function said(info: string, name: string): string | undefined {
  return new RegExp(`^${name}:(\\S+)`, 'm').exec(info)?.[1]
}

/** What the names of the keys begin with on the server: ioredis can put a prefix of its own before every key. */
export function wholePrefix(client: RedisClient, prefix: string): string {
  const { options } = client as Partial<IoRedisCluster>
  return `${options?.keyPrefix ?? options?.redisOptions?.keyPrefix ?? ''}${prefix}`
}

async function reach(client: Any): Promise<Server[]> {
  if (client.masters) {
    const cluster = client as unknown as NodeRedisCluster
    return (await Promise.all(cluster.masters.map((node) => cluster.nodeClient(node)))).map(nodeRedis)
  }
  if (client.nodes) return client.nodes('master').map(ioRedis)
  return ['evalSha' in client ? nodeRedis(client as unknown as NodeRedis) : ioRedis(client as unknown as IoRedis)]
}

function nodeRedis(mapped: NodeRedis): Server {
  const client = withoutMapping(mapped)
  return {
    async scan(from, MATCH) {
      const { cursor, keys } = await client.scan(from, { MATCH, COUNT: LIST_BATCH })
      return [String(cursor), keys]
    },
    info: () => client.info(),
  }
}

function ioRedis(client: IoRedis): Server {
  return {
    scan: (cursor, pattern) => client.scan(cursor, 'MATCH', pattern, 'COUNT', LIST_BATCH),
    info: () => client.info(),
  }
}
