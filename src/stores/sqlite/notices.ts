import type { StoredSession } from '../../contract/record.ts'
import type { Notice, Notices } from '../../contract/store.ts'
import { type Shape, whatOf } from '../shared/notices.ts'
import type { SqliteDatabase, SqliteStatement } from './client.ts'

/** How often the file is asked whether another process has written, in milliseconds. */
const PAUSE = 250

/**
 * What becomes of the sessions that are followed. The store says what it does itself. For what other processes do, the
 * file's `data_version` is looked at four times a second, and the sessions only when it has changed.
 */
export class SqliteNotices implements Notices {
  readonly #hear: (notice: Notice) => void
  readonly #open: () => Promise<Looking>
  /** Undefined until it was seen. */
  readonly #followed = new Map<string, Shape | undefined>()
  #timer: NodeJS.Timeout | undefined
  #version: unknown
  #looking = false

  constructor(hear: (notice: Notice) => void, open: () => Promise<Looking>) {
    this.#hear = hear
    this.#open = open
  }

  async follow(id: string): Promise<void> {
    if (!this.#followed.has(id)) this.#followed.set(id, undefined)
    this.#timer ??= setInterval(() => this.#poll(), PAUSE).unref()
    const { seen } = await this.#open()
    for (const [found, state] of seen([id])) this.#followed.set(found, state)
  }

  unfollow(id: string): void {
    this.#followed.delete(id)
    if (this.#followed.size === 0) this.#rest()
  }

  close(): void {
    this.#followed.clear()
    this.#rest()
  }

  /** The store itself has made this of a session; undefined: removed it. */
  made(id: string, after: StoredSession | undefined): void {
    if (!this.#followed.has(id)) return
    this.#compared(
      id,
      this.#followed.get(id),
      after && { created: after.created, version: after.version, epoch: after.epoch },
    )
  }

  /** Compares what is stored of the sessions with what was seen of them. */
  compare({ seen }: Looking): void {
    const ids = [...this.#followed.keys()]
    for (let at = 0; at < ids.length; at += BATCH) {
      const batch = ids.slice(at, at + BATCH)
      const found = seen(batch)
      for (const id of batch) this.#compared(id, this.#followed.get(id), found.get(id))
    }
  }

  #compared(id: string, before: Shape | undefined, after: Shape | undefined): void {
    if (!before) {
      this.#followed.set(id, after)
      return
    }
    const what = whatOf(before, after)
    if (what === 'gone') this.#followed.delete(id)
    else this.#followed.set(id, after!)
    if (what !== undefined) this.#hear({ id, created: before.created, what })
  }

  /** A failure is one of the file: the calls of requests tell of it, and the next look tries again. */
  async #poll(): Promise<void> {
    if (this.#looking) return
    this.#looking = true
    try {
      const looking = await this.#open()
      const version = looking.version()
      if (version !== this.#version) this.compare(looking)
      this.#version = version
    } catch {
      this.#version = undefined
    } finally {
      this.#looking = false
    }
  }

  #rest(): void {
    clearInterval(this.#timer)
    this.#timer = undefined
  }
}

/** How many sessions one statement asks for. */
const BATCH = 500

/** How the file is looked at. */
export interface Looking {
  /** Another one when another process, or another handle, has written since. */
  version(): unknown
  /** The live ones of these sessions. */
  seen(ids: readonly string[]): Map<string, Shape>
}

export function looking(database: SqliteDatabase, table: string): Looking {
  const version = database.prepare('PRAGMA data_version')
  // One text a session, whatever shape the application's handle gives to rows.
  const seen: SqliteStatement = database.prepare(
    `SELECT json_object('id', id, 'created', created, 'version', version, 'epoch', epoch) FROM ${table} WHERE id IN (SELECT value FROM json_each(?)) AND expires > ?`,
  )
  return {
    version: () => JSON.stringify(version.get()),
    seen(ids) {
      const rows = seen.all(JSON.stringify(ids), Date.now())
      return new Map(
        rows.map((row) => {
          const { id, ...shape } = JSON.parse(Object.values(row as object)[0])
          return [id, shape as Shape]
        }),
      )
    },
  }
}
