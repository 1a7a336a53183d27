/**
 * A store by its URL, for tools, tests and applications that name it in a variable.
 *
 * @module koa-atomic-session/open
 */
import { existsSync } from 'node:fs'
import { SessionUsageError, StoreError } from '../errors.ts'
import type { IndexableStore, InspectableStore } from '../store.ts'

export interface OpenedStore {
  readonly store: IndexableStore & InspectableStore
  /** Closes the store and the connection below it. Idempotent. */
  close(): Promise<void>
}

export interface OpenOptions {
  /**
   * False refuses a SQLite file that is not there, instead of making it.
   * @default true
   */
  readonly create?: boolean
}

/** How long a server may take to answer before it counts as down. */
const PATIENCE = 3000

/**
 * Opens the store that a URL names: `redis://`, `rediss://`, `redis-cluster://`, `postgres://`, `mongodb://`,
 * `mongodb+srv://`, `memory:`, `sqlite:` and a file's name, or the file's name alone. The driver must be installed.
 *
 * @throws `SessionUsageError` for a URL of another kind, or when the driver is missing.
 * @throws `StoreError` when the server can't be reached or refuses, within three seconds.
 */
export async function openStore(url: string, { create = true }: OpenOptions = {}): Promise<OpenedStore> {
  const kind = /^([a-z][a-z0-9]+)(?:[+-][a-z]+)?:/.exec(url)?.[1] ?? 'sqlite'
  const open = KINDS[kind]
  if (!open || url === '') {
    throw new SessionUsageError(
      `No store is called '${kind}': use redis://…, postgres://…, mongodb://…, memory: or the name of a SQLite file`,
    )
  }
  try {
    return await open(url, create)
  } catch (error) {
    throw explained(kind, url, error)
  }
}

const KINDS: Readonly<Record<string, (url: string, create: boolean) => Promise<OpenedStore>>> = {
  async sqlite(url, create) {
    const { sqlite } = await import('./sqlite/index.ts')
    const file = url.replace(/^sqlite:(\/\/(?=\/))?/, '')
    if (!create && !existsSync(file)) throw new Error('there is no such file')
    const store = sqlite(file)
    return { store, close: () => store.close() }
  },

  async mongodb(url) {
    const { MongoClient } = await import('mongodb')
    const { mongodb } = await import('./mongodb/index.ts')
    const client = await MongoClient.connect(url, { serverSelectionTimeoutMS: PATIENCE })
    return { store: mongodb(client.db().collection('sessions')), close: () => client.close() }
  },

  async postgres(url) {
    const { Pool } = (await import('pg')).default
    const { postgres } = await import('./postgres/index.ts')
    const pool = new Pool({ connectionString: url, connectionTimeoutMillis: PATIENCE })
    // A connection that breaks while it rests would otherwise end the process.
    pool.on('error', () => {})
    try {
      await pool.query('SELECT 1')
    } catch (error) {
      await pool.end()
      throw error
    }
    let ending: Promise<void> | undefined
    return { store: postgres(pool), close: () => (ending ??= pool.end()) }
  },

  async redis(url) {
    const { createClient, createCluster } = await import('redis')
    const { redis } = await import('./redis/index.ts')
    const client = url.startsWith('redis-cluster:')
      ? createCluster({ rootNodes: [{ url: url.replace('redis-cluster:', 'redis:') }] })
      : createClient({ url, socket: { connectTimeout: PATIENCE } })
    let failure: unknown
    client.on('error', (error) => {
      failure = error
    })
    let waiting: NodeJS.Timeout | undefined
    // The client itself would try for ever: here somebody is waiting to hear that it can't.
    const late = new Promise<never>((_, reject) => {
      waiting = setTimeout(() => reject(failure ?? new Error('no answer')), PATIENCE)
    })
    try {
      await Promise.race([client.connect(), late])
    } catch (error) {
      client.destroy()
      throw error
    } finally {
      clearTimeout(waiting)
    }
    return { store: redis(client), close: async () => void (client.isOpen && client.destroy()) }
  },

  async memory() {
    const { memory } = await import('./memory/index.ts')
    return { store: memory(), close: async () => {} }
  },
}
Object.assign(KINDS, { postgresql: KINDS.postgres, rediss: KINDS.redis })

/** One sentence: what can't be reached and why. The URL's user and password are not repeated. */
function explained(kind: string, url: string, error: unknown): unknown {
  if (error instanceof SessionUsageError || error instanceof StoreError) return error
  const { code, message, errors } = error as { code?: string; message?: string; errors?: readonly Error[] }
  if (code === 'ERR_MODULE_NOT_FOUND') {
    const driver = /Cannot find package '([^']+)'/.exec(message ?? '')?.[1] ?? kind
    return new SessionUsageError(`${kind} needs its driver: npm install ${driver}`, { cause: error })
  }
  const reason = message || errors?.[0]?.message || code || 'no reason given'
  const host = /^[^:]+:\/\/(?:[^/?#]*@)?([^/?#]*)/.exec(url)?.[1] ?? url.replace(/^sqlite:/, '')
  return new StoreError(kind, `at ${host} can't be opened: ${reason}`, false, error)
}
