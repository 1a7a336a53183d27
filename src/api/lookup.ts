import { copyValue, equal, isBson, parsePath, Refusal, type Value, valueAt } from '../algebra/index.ts'
import { accessFromOutside } from '../contract/record.ts'
import { type IndexValue, isIndexValue, type Page, type SessionRecord, type Store } from '../contract/store.ts'
import type { ReliableStore } from '../delivery/reliable.ts'
import { errorOf, InvalidValueError, SessionUsageError } from '../errors/index.ts'
import type { Settings } from '../settings/settings.ts'

/** A value that can be looked up, with one verdict on every store: none would stand for every session without the field. */
export function lookedUp(field: string, value: unknown, { index }: Settings, store: Store): IndexValue {
  if (!index.includes(field)) {
    throw new SessionUsageError(`'${field}' is not indexed: pass index: ['${field}'] to atomicSession()`)
  }
  if (!isIndexValue(value) || (isBson(value) && !store.bson)) {
    throw new InvalidValueError(field, 'sessions are looked up by a text, a number or a boolean')
  }
  try {
    // What no session can keep is refused here as it is there, such as a text with a NUL character.
    return copyValue(value, field) as IndexValue
  } catch (error) {
    throw error instanceof Refusal ? errorOf(error.problem) : error
  }
}

/** Reads the sessions that hold a value: a page of them, or one that was found, if it still lives and holds it. */
export function reader(store: ReliableStore, field: string, value: IndexValue, maxLifetime: number) {
  const path = parsePath(field)
  return {
    read: (page: Page) => store.find(field, value, maxLifetime, page),
    load: async (found: Pick<SessionRecord, 'id' | 'created'>) => {
      const loaded = await store.load(accessFromOutside(found, maxLifetime))
      if (loaded.outcome !== 'live') return undefined
      return equal(valueAt(loaded.record.data, path), value as Value) ? loaded.record : undefined
    },
  }
}
