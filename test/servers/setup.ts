import { randomBytes } from 'node:crypto'
import type { TestProject } from 'vitest/node'
import { bring, type Need } from './bring.ts'
import { browserNeeds, findBrowser } from './browser.ts'
import { handedIn, type Missing, type Server, versionOf } from './child.ts'
import { devicesNeeds, findDevices } from './devices.ts'
import { mariadbNeeds, startMariadb } from './mariadb.ts'
import { dropDatabases, mongoNeeds, startMongo } from './mongodb.ts'
import { PGBOUNCER } from './pgbouncer.ts'
import { postgresNeeds, startPostgres } from './postgres.ts'
import { redisClusterNeeds, redisNeeds, startRedis, startRedisCluster } from './redis.ts'

/** What a test file is told of a server: where it is, or why there is none. */
export type Provided = { readonly url: string; readonly what: string; readonly real: boolean } | Missing

export const NOT_ASKED = 'not among STORES'

declare module 'vitest' {
  export interface ProvidedContext {
    mongodb: Provided
    postgres: Provided
    redis: Provided
    redisCluster: Provided
    mariadb: Provided
    /** `url` is the path of its program. */
    chromium: Provided
    /** The same of one that binds sessions to its keys. */
    devices: Provided
    /** Tells this run from others on the same server. */
    run: string
  }
}

interface Kind {
  readonly needs: () => Need[] | Promise<Need[]>
  readonly start: () => Promise<(Server & { real?: boolean }) | Missing>
}

const KINDS = {
  mongodb: { needs: mongoNeeds, start: startMongo },
  postgres: { needs: () => [...postgresNeeds(), PGBOUNCER], start: startPostgres },
  redis: { needs: redisNeeds, start: startRedis },
  redisCluster: { needs: redisClusterNeeds, start: startRedisCluster },
  mariadb: { needs: mariadbNeeds, start: startMariadb },
  chromium: { needs: browserNeeds, start: browser },
  devices: { needs: devicesNeeds, start: findDevices },
} as const satisfies Record<string, Kind>

const BROWSERS: ReadonlySet<string> = new Set(['chromium', 'devices'])

/**
 * Brings what is missing, starts one server of each kind for the whole run, and says in its first lines which they
 * are. With STORES, only these, and a browser that is there.
 */
export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  const wanted = process.env.STORES?.split(',')
  const left = (name: string) => wanted !== undefined && !wanted.includes(name)
  const kinds = Object.entries<Kind>(KINDS)
  const needs = kinds.filter(([name]) => !left(name)).map(([, kind]) => kind.needs())
  await bring((await Promise.all(needs)).flat())
  const servers: Server[] = []
  const run = randomBytes(4).toString('hex')
  project.provide('run', run)
  await Promise.all(
    kinds.map(async ([name, kind]) => {
      const server = left(name) && !BROWSERS.has(name) ? { missing: NOT_ASKED } : await kind.start()
      if ('missing' in server) {
        // Elsewhere the suite goes on without it; where no store may be missing, it must not look like success.
        if (process.env.CI && !left(name) && !(name === 'devices' && process.platform !== 'linux'))
          throw new Error(`The tests need every server: ${server.missing}`)
        project.provide(name as keyof typeof KINDS, server)
        return
      }
      servers.push(server)
      console.log(`${name}: ${server.what}`)
      project.provide(name as keyof typeof KINDS, { url: server.url, what: server.what, real: server.real ?? true })
    }),
  )
  // What could not be brought now is not tried again by each test.
  process.env.SERVERS = 'installed'
  return async () => {
    await Promise.all(servers.map((server) => server.stop()))
    if (process.env.MONGODB_URL && !(wanted && !wanted.includes('mongodb')))
      await dropDatabases(process.env.MONGODB_URL, run)
  }
}

async function browser(): Promise<Server | Missing> {
  const path = findBrowser()
  return typeof path === 'string' ? handedIn(path, `Chromium ${versionOf(path, /\d[\d.]+/)}`) : path
}
