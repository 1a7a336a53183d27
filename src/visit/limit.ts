import { type Data, parsePath, valueAt } from '../algebra/index.ts'
import { pages } from '../contract/pages.ts'
import { accessFromOutside } from '../contract/record.ts'
import { isIndexValue, type SessionRecord } from '../contract/store.ts'
import type { ReliableStore } from '../delivery/reliable.ts'
import type { Settings } from '../settings/settings.ts'
import { isLogIn, type Step } from './step.ts'

type LogIn = Pick<SessionRecord, 'id' | 'created' | 'authAt'>

/** After this step its user may have too many sessions. */
export function limits(step: Step, { limit }: Settings): boolean {
  return limit !== undefined && isLogIn(step)
}

/** What the step makes of the session is asked for, though the application may not wait for it. */
export function looksAt(step: Step, settings: Settings): boolean {
  return limits(step, settings) || (step.rotate !== undefined && settings.subject !== undefined)
}

/**
 * Removes the sessions of this one's user that are too many: all but the newest by the time of their log-in and their id.
 * It reads after the log-in is stored. So of log-ins that run at once the last one sees all of them, and each removes by
 * the same order: no lock is needed, and no more than `max` are left. Calls `removed` for each session that it has removed.
 */
export async function trim(
  reliable: ReliableStore,
  { limit, maxLifetime }: Settings,
  { data }: SessionRecord,
  removed: (id: string, data: Data) => void,
): Promise<void> {
  const value = limit && valueAt(data, parsePath(limit.field))
  if (!limit || !isIndexValue(value)) return
  let newest: LogIn[] = []
  for await (const records of pages((page) => reliable.find(limit.field, value, maxLifetime, page))) {
    const all = [...newest, ...records.map(({ id, created, authAt }) => ({ id, created, authAt }))].sort(byLogIn)
    newest = all.slice(0, limit.max)
    for (const one of all.slice(limit.max)) {
      // Whoever has logged in there again in the meantime is among the newest: their own log-in judges that.
      const now = await reliable.get(one.id)
      if (now?.authAt !== one.authAt) continue
      if (await reliable.destroy(accessFromOutside(one, maxLifetime))) removed(one.id, now.data)
    }
  }
}

/** The newest first. A session without a log-in counts from its beginning. */
function byLogIn(a: LogIn, b: LogIn): number {
  return (b.authAt ?? b.created) - (a.authAt ?? a.created) || (a.id < b.id ? 1 : -1)
}
