import { LIST_BATCH } from '../../contract/store.ts'
import { failed, type RedisClient } from './client.ts'

/** The names of a store's keys, without the prefix, in batches; a name may come twice. */
export type ListKeys = () => AsyncIterable<string[]>

/** One server's SCAN: the next cursor and the keys. */
type Scan = (cursor: string, pattern: string) => Promise<[cursor: string, keys: string[]]>

// What the clients of both kinds have for this, and their clusters: the first one's `masters`, the other's `nodes`.
interface NodeRedis {
  scan(cursor: string, options: { MATCH: string; COUNT: number }): Promise<{ cursor: string; keys: string[] }>
}
interface NodeRedisCluster {
  readonly masters: readonly unknown[]
  nodeClient(node: unknown): Promise<NodeRedis>
}
interface IoRedis {
  readonly options?: { readonly keyPrefix?: string }
  scan(cursor: string, ...options: (string | number)[]): Promise<[string, string[]]>
}
interface IoRedisCluster {
  readonly options?: { readonly redisOptions?: { readonly keyPrefix?: string }; readonly keyPrefix?: string }
  nodes(role: 'master'): IoRedis[]
}
type Any = RedisClient & Partial<NodeRedisCluster> & Partial<Pick<IoRedisCluster, 'nodes'>>

/** Lists keys by SCAN, which blocks nobody, on every server that holds some. */
export function keyLister(client: RedisClient, prefix: string): ListKeys {
  return async function* () {
    // ioredis puts a prefix of its own before every key, but neither before a pattern nor takes it off an answer.
    const { options } = client as Partial<IoRedisCluster>
    const whole = `${options?.keyPrefix ?? options?.redisOptions?.keyPrefix ?? ''}${prefix}`
    const pattern = `${whole.replace(/[*?[\]\\]/g, '\\$&')}*`
    for (const scan of await scansOf(client as Any).catch(failed)) {
      let cursor = '0'
      do {
        const [next, keys] = await scan(cursor, pattern).catch(failed)
        yield keys.map((key) => key.slice(whole.length))
        cursor = next
      } while (cursor !== '0')
    }
  }
}

async function scansOf(client: Any): Promise<Scan[]> {
  if (client.masters) {
    const cluster = client as unknown as NodeRedisCluster
    return (await Promise.all(cluster.masters.map((node) => cluster.nodeClient(node)))).map(nodeRedis)
  }
  if (client.nodes) return client.nodes('master').map(ioRedis)
  return ['evalSha' in client ? nodeRedis(client as unknown as NodeRedis) : ioRedis(client as unknown as IoRedis)]
}

function nodeRedis(client: NodeRedis): Scan {
  return async (from, MATCH) => {
    const { cursor, keys } = await client.scan(from, { MATCH, COUNT: LIST_BATCH })
    return [String(cursor), keys]
  }
}

function ioRedis(client: IoRedis): Scan {
  return (cursor, pattern) => client.scan(cursor, 'MATCH', pattern, 'COUNT', LIST_BATCH)
}
