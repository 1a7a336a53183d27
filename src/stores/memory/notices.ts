import type { StoredSession } from '../../contract/record.ts'
import type { Notice, Notices } from '../../contract/store.ts'
import { whatOf } from '../shared/notices.ts'

/** Tells everybody who hears of every session, in the moment of the change. */
export class Emitter {
  readonly #hearers = new Set<(notice: Notice) => void>()

  /** `after` is undefined where the session is gone. */
  tell(before: StoredSession, after: StoredSession | undefined): void {
    if (this.#hearers.size === 0) return
    const what = whatOf(before, after)
    if (what === undefined) return
    for (const hear of this.#hearers) hear({ id: before.id, created: before.created, what })
  }

  notices(hear: (notice: Notice) => void): Notices {
    this.#hearers.add(hear)
    return { follow: async () => {}, unfollow() {}, close: () => void this.#hearers.delete(hear) }
  }
}
