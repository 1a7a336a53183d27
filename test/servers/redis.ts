import { execFileSync } from 'node:child_process'
import {
  freePort,
  handedIn,
  type Missing,
  program,
  type Server,
  start,
  temporaryFolder,
  untilItWorks,
  versionOf,
} from './child.ts'

/**
 * Looks for a server in this order: `REDIS_URL`, and redis-server or valkey-server on the PATH. `asShipped` leaves its
 * durability as it is by default, for the benchmark.
 */
export async function startRedis({ asShipped = false } = {}): Promise<Server | Missing> {
  const url = process.env.REDIS_URL
  if (url) return handedIn(url, 'Redis from REDIS_URL')
  const server = program('redis-server') ?? program('valkey-server')
  if (!server) return { missing: 'no Redis: install redis-server or valkey-server, or set REDIS_URL' }
  return startNode(server, { asShipped })
}

/** A cluster of three nodes, each a server of its own; its URL names the first. */
export async function startRedisCluster(): Promise<Server | Missing> {
  const server = program('redis-server') ?? program('valkey-server')
  const cli = program('redis-cli') ?? program('valkey-cli')
  if (!server || !cli) return { missing: 'no Redis: install redis-server and redis-cli (redis-tools)' }
  const nodes = await Promise.all([1, 2, 3].map(() => startNode(server, { cluster: true })))
  const addresses = nodes.map(({ url }) => url.replace('redis://', ''))
  execFileSync(cli, ['--cluster', 'create', ...addresses, '--cluster-replicas', '0', '--cluster-yes'])
  // Every node must know the whole cluster before the first command.
  for (const address of addresses) {
    const [host, port] = address.split(':') as [string, string]
    await untilItWorks(async () => {
      const info = execFileSync(cli, ['-h', host, '-p', port, 'cluster', 'info'], { encoding: 'utf8' })
      if (!info.includes('cluster_state:ok')) throw new Error(`The cluster does not form:\n${info}`)
    })
  }
  const all = (work: (node: Server) => Promise<void>) => async () => void (await Promise.all(nodes.map(work)))
  return {
    url: nodes[0]!.url,
    what: `cluster of three nodes, ${nodes[0]!.what}`,
    pause: () => nodes.forEach((node) => void node.pause()),
    resume: () => nodes.forEach((node) => void node.resume()),
    kill: all((node) => node.kill()),
    restart: all((node) => node.restart()),
    stop: all((node) => node.stop()),
  }
}

async function startNode(server: string, { cluster = false, asShipped = false }): Promise<Server> {
  const port = await freePort()
  const folder = temporaryFolder('redis')
  // A cluster's nodes talk to each other on a second port, by default 10,000 above, where there may be none.
  const clustered = cluster ? ['--cluster-enabled', 'yes', '--cluster-port', String(await freePort())] : []
  // Every write is in the file before it is acknowledged, so that a killed server loses nothing.
  const durable = asShipped ? [] : ['--save', '', '--appendonly', 'yes', '--appendfsync', 'always']
  return start({
    url: `redis://127.0.0.1:${port}`,
    what: `Redis ${versionOf(server, /\d+\.\d+\.\d+/)}`,
    port,
    folder,
    command: server,
    arguments: ['--port', String(port), '--bind', '127.0.0.1', '--dir', folder, ...durable, ...clustered],
  })
}
