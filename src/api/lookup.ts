import { copyValue, isBson, Refusal } from '../algebra/index.ts'
import { type IndexValue, isIndexValue, type Store } from '../contract/store.ts'
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
