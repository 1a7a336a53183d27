import { createHash } from 'node:crypto'
import type { Notice, Notices } from '../../contract/store.ts'
import { SessionUsageError } from '../../errors/index.ts'
import { heardBy } from '../shared/notices.ts'

/** The part of a connected Client of `pg` that listens. A Pool can't: it gives each query another connection. */
export interface PgListener {
  query(text: string): Promise<unknown>
  // biome-ignore lint/suspicious/noExplicitAny: its own types have an overload for each event
  on(event: 'notification', listener: (message: any) => void): unknown
  // biome-ignore lint/suspicious/noExplicitAny: as above
  off(event: 'notification', listener: (message: any) => void): unknown
}

/** The part of a `sql` of postgres.js or of a PGlite that listens. */
export interface ChannelListener {
  listen(channel: string, hear: (payload: string) => void): Promise<unknown>
}

export type PostgresListener = PgListener | ChannelListener

/** One channel for each table, because whoever sends a notice makes the server look at every listener. */
export function channelOf(schema: string, table: string): string {
  return `koa_atomic_session_${createHash('sha256').update(`${schema}.${table}`).digest('hex').slice(0, 24)}`
}

export function assertListener(listener: PostgresListener): void {
  const { listen, on, query, release, totalCount } = (listener ?? {}) as unknown as Record<string, unknown>
  const pg =
    typeof query === 'function' && typeof on === 'function' && totalCount === undefined && release === undefined
  if (typeof listen === 'function' || pg) return
  throw new SessionUsageError(
    'The listener of the postgres store is a connected Client of pg of its own (not a Pool), a sql of postgres.js, or a PGlite: postgres(pool, { listener })',
  )
}

/** Listens to what the statements tell: see `tellingOf` in statements.ts. Any role may listen, so ids come as hashes. */
export function noticesOf(listener: PostgresListener, channel: string, hear: (notice: Notice) => void): Notices {
  const ids = new Map<string, string>()
  const heardOf = heardBy(hear)
  const heard = (payload: string) => heardOf(ids.get(payload.slice(0, 44)), payload.slice(45))
  let listening: Promise<() => unknown> | undefined
  return {
    async follow(id) {
      ids.set(hashOf(id), id)
      listening ??= listen(listener, channel, heard).catch((error) => {
        listening = undefined
        throw error
      })
      await listening
    },
    unfollow: (id) => void ids.delete(hashOf(id)),
    close() {
      ids.clear()
      listening?.then((stop) => stop()).catch(() => {})
      listening = undefined
    },
  }
}

function hashOf(id: string): string {
  return createHash('sha256').update(id).digest('base64')
}

/** Resolves once the server tells, to what ends it. */
async function listen(listener: PostgresListener, channel: string, heard: (payload: string) => void) {
  if ('listen' in listener) {
    const stop = await listener.listen(channel, heard)
    return typeof stop === 'function' ? () => stop() : () => (stop as { unlisten(): Promise<unknown> }).unlisten()
  }
  const hear = (message: { channel: string; payload?: string }) => {
    if (message.channel === channel) heard(message.payload ?? '')
  }
  listener.on('notification', hear)
  const off = () => void listener.off('notification', hear)
  // Others may listen by the same client, so it goes on listening.
  await listener.query(`LISTEN "${channel}"`).catch((error) => {
    off()
    throw error
  })
  return off
}
