import { equal, parsePath, type Value, valueAt } from '../../algebra/index.ts'
import type { IndexValue, SessionRecord } from '../../contract/store.ts'

/** Whether a session holds this value at an indexed field. */
export function holding(field: string, value: IndexValue): (session: Pick<SessionRecord, 'data'>) => boolean {
  const path = parsePath(field)
  return ({ data }) => equal(valueAt(data, path), value as Value)
}
