import { execFileSync } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { createClient } from 'redis'
import { bring, found, type Need, whyNot } from './bring.ts'
import {
  freePort,
  handedIn,
  type Missing,
  type Server,
  start,
  temporaryFolder,
  untilItWorks,
  versionOf,
} from './child.ts'
import { keep } from './kept.ts'
import { npmPackage } from './npm.ts'

const SERVER: Need = {
  programs: ['redis-server', 'valkey-server'],
  debian: ['redis-server'],
  npm: { when: 'last', bring: built },
}
const CLI: Need = { programs: ['redis-cli', 'valkey-cli'], debian: ['redis-tools'] }

export const redisNeeds = (): Need[] => (process.env.REDIS_URL ? [] : [SERVER])
export const redisClusterNeeds = (): Need[] => [SERVER, CLI]

/**
 * Looks for a server in this order: `REDIS_URL`, and redis-server or valkey-server on the PATH. `asShipped` leaves its
 * durability as it is by default, for the benchmark.
 */
export async function startRedis({ asShipped = false } = {}): Promise<Server | Missing> {
  const url = process.env.REDIS_URL
  if (url) return handedIn(url, 'Redis from REDIS_URL')
  return redisServer([], { asShipped })
}

/**
 * A Redis of a test's own, which loses nothing when it is killed (unless `asShipped`). `args` are options of
 * redis-server.
 *
 * @example
 * const replica = await redisServer(['--replicaof', '127.0.0.1', port])
 * if ('missing' in replica) return
 */
export async function redisServer(args: readonly string[] = [], { asShipped = false } = {}): Promise<Server | Missing> {
  const durable = asShipped ? [] : ['--save', '', '--appendonly', 'yes', '--appendfsync', 'always']
  return node((folder) => ['--dir', folder, ...durable, ...args])
}

/**
 * A Sentinel of a test's own, which watches the Redis at this URL under this name, and knows its replicas. Its URL is
 * the Sentinel's.
 */
export async function redisSentinel(
  master: string,
  { name = 'tests', quorum = 1, downAfter = 500 } = {},
): Promise<Server | Missing> {
  const { hostname, port } = new URL(master)
  return node(
    (folder) => {
      const lines = [
        `sentinel monitor ${name} ${hostname} ${port} ${quorum}`,
        `sentinel down-after-milliseconds ${name} ${downAfter}`,
        `sentinel failover-timeout ${name} ${10 * downAfter}`,
        `dir ${folder}`,
      ]
      const file = join(folder, 'sentinel.conf')
      writeFileSync(file, `${lines.join('\n')}\n`)
      return [file, '--sentinel']
    },
    knows(master, name),
  )
}

/** A cluster of nodes, each a server of its own, with so many replicas of each; its URL names the first. */
export async function startRedisCluster({ masters = 3, replicas = 0 } = {}): Promise<Server | Missing> {
  await bring([SERVER, CLI])
  const cli = found(CLI)
  if (!cli) return { missing: `no redis-cli (${whyNot(CLI)}): install redis-tools` }
  const nodes: Server[] = []
  for (let i = 0; i < masters * (1 + replicas); i++) {
    // Its nodes talk to each other on a second port, by default 10,000 above, where there may be none.
    const clustered = ['--cluster-enabled', 'yes', '--cluster-port', String(await freePort())]
    const server = await redisServer(clustered)
    if ('missing' in server) return server
    nodes.push(server)
  }
  const addresses = nodes.map(({ url }) => url.replace('redis://', ''))
  execFileSync(cli, ['--cluster', 'create', ...addresses, '--cluster-replicas', String(replicas), '--cluster-yes'])
  // Every node must know the whole cluster before the first command.
  for (const address of addresses) {
    const [host, port] = address.split(':') as [string, string]
    await untilItWorks(async () => {
      const told = ['info', 'nodes'].map((what) =>
        execFileSync(cli, ['-h', host, '-p', port, 'cluster', what], { encoding: 'utf8' }),
      )
      const formed = told[0]!.includes('cluster_state:ok') && told[1]!.match(/\bmaster\b/g)?.length === masters
      if (!formed) throw new Error(`The cluster does not form:\n${told.join('\n')}`)
    })
  }
  const all = (work: (node: Server) => Promise<void>) => async () => void (await Promise.all(nodes.map(work)))
  return {
    url: nodes[0]!.url,
    what: `cluster of ${nodes.length} nodes, ${nodes[0]!.what}`,
    pause: () => nodes.forEach((node) => void node.pause()),
    resume: () => nodes.forEach((node) => void node.resume()),
    kill: all((node) => node.kill()),
    restart: all((node) => node.restart()),
    stop: all((node) => node.stop()),
  }
}

/** Resolves when a Sentinel has heard of every replica that the master has. */
function knows(master: string, name: string) {
  return async (sentinel: string) => {
    const [leader, watcher] = [createClient({ url: master }), createClient({ url: sentinel })]
    for (const client of [leader, watcher]) client.on('error', () => {})
    try {
      await Promise.all([leader.connect(), watcher.connect()])
      const [, replicas] = /connected_slaves:(\d+)/.exec(await leader.info('replication'))!
      const seen = (await watcher.sendCommand(['SENTINEL', 'REPLICAS', name])) as unknown[]
      if (seen.length < Number(replicas)) throw new Error(`The Sentinel knows ${seen.length} of ${replicas} replicas`)
    } finally {
      leader.destroy()
      watcher.destroy()
    }
  }
}

async function node(
  options: (folder: string) => readonly string[],
  ready?: (url: string) => Promise<unknown>,
): Promise<Server | Missing> {
  await bring([SERVER])
  const command = found(SERVER)
  if (!command)
    return { missing: `no Redis (${whyNot(SERVER)}): install redis-server or valkey-server, or set REDIS_URL` }
  const port = await freePort()
  const folder = temporaryFolder('redis')
  const [first, ...rest] = options(folder)
  // A configuration file comes before the options.
  const [file, args] = first?.startsWith('--') ? [[], [first, ...rest]] : [[first!], rest]
  return start({
    url: `redis://127.0.0.1:${port}`,
    what: `Redis ${versionOf(command, /\d+\.\d+\.\d+/)}`,
    port,
    folder,
    command,
    arguments: [...file, '--port', String(port), '--bind', '127.0.0.1', ...args],
    ...(ready && { ready: () => ready(`redis://127.0.0.1:${port}`) }),
  })
}

/** Where there is no Debian: the package redis-memory-server downloads Redis and builds it. */
async function built(): Promise<string> {
  const folder = await npmPackage('redis-memory-server', '0.17.1')
  const { RedisBinary } = await import(pathToFileURL(join(folder, 'lib', 'util', 'RedisBinary.js')).href)
  keep('redis-server', await (RedisBinary.default ?? RedisBinary).getPath())
  return "Redis' download site, built by npm's redis-memory-server@0.17.1"
}
