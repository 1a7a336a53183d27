import { randomBytes } from 'node:crypto'
import type { TestProject } from 'vitest/node'
import type { Missing, Server } from './child.ts'
import { dropDatabases, startMongo } from './mongodb.ts'
import { startPostgres } from './postgres.ts'
import { startRedis, startRedisCluster } from './redis.ts'

/** What a test file is told of a server: where it is, or why there is none. */
export type Provided = { readonly url: string; readonly what: string; readonly real: boolean } | Missing

declare module 'vitest' {
  export interface ProvidedContext {
    mongodb: Provided
    postgres: Provided
    redis: Provided
    redisCluster: Provided
    /** Tells this run from others on the same server. */
    run: string
  }
}

const STARTS = {
  mongodb: startMongo,
  postgres: startPostgres,
  redis: startRedis,
  redisCluster: startRedisCluster,
} as const

/** Starts one server of each kind for the whole run and says in its first lines which they are. */
export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  const wanted = process.env.STORES?.split(',')
  const servers: Server[] = []
  const run = randomBytes(4).toString('hex')
  project.provide('run', run)
  await Promise.all(
    Object.entries(STARTS).map(async ([name, startServer]) => {
      const left = wanted && !wanted.includes(name)
      const server: (Server & { real?: boolean }) | Missing = left
        ? { missing: 'not among STORES' }
        : await startServer()
      if ('missing' in server) {
        // On a laptop the suite goes on without it; where no store may be missing, it must not look like success.
        if (process.env.CI && !left) throw new Error(`The tests need every database: ${server.missing}`)
        console.error(`\n*** ${name.toUpperCase()} TESTS ARE SKIPPED *** ${server.missing}\n`)
        project.provide(name as keyof typeof STARTS, server)
        return
      }
      servers.push(server)
      console.log(`${name}: ${server.what}`)
      project.provide(name as keyof typeof STARTS, { url: server.url, what: server.what, real: server.real ?? true })
    }),
  )
  return async () => {
    await Promise.all(servers.map((server) => server.stop()))
    if (process.env.MONGODB_URL && !(wanted && !wanted.includes('mongodb')))
      await dropDatabases(process.env.MONGODB_URL, run)
  }
}
