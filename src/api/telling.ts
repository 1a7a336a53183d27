import { type Data, printPath, type Value } from '../algebra/index.ts'
import type { IndexValue } from '../contract/store.ts'
import { aliasOf } from '../cookie/credential.ts'
import type { Keys } from '../cookie/keys.ts'
import { publish, type SessionEvent } from '../diagnostics/events.ts'
import { nameOf, subjectIn, subjectOf } from '../diagnostics/subject.ts'
import type { Settings } from '../settings/settings.ts'

/** Events of sessions to which something is done from outside of their requests. */
export class Telling {
  readonly #settings: Settings
  readonly #keys: () => Keys

  constructor(settings: Settings, keys: () => Keys) {
    this.#settings = settings
    this.#keys = keys
  }

  /** Tells of `destroyAll`, which reads no data: the value by which they were found may name whose they were. */
  all(field: string, value: IndexValue, count: number): void {
    const { subject: path } = this.#settings
    const named = path && printPath(path) === field ? nameOf(value as Value) : undefined
    this.#tell('destroyed', () => ({ session: undefined, count, ...subjectIn(named) }))
  }

  /** Tells what has happened to one session, whose data are known. */
  of(type: SessionEvent['type'], id: string, data: Data, reason?: string): void {
    this.#tell(type, () => ({
      session: aliasOf(id, this.#keys()),
      ...subjectIn(subjectOf(data, this.#settings.subject)),
      ...(reason !== undefined && { reason }),
    }))
  }

  #tell(type: SessionEvent['type'], about: () => Omit<SessionEvent, 'type' | 'client' | 'cookie'>): void {
    publish(() => ({ type, client: undefined, cookie: this.#settings.cookie.name, ...about() }))
  }
}
