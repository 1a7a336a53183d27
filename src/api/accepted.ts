import type { IndexableStore, Store } from '../contract/store.ts'
import { SessionUsageError } from '../errors/index.ts'
import type { Settings } from '../settings/settings.ts'

/** The store as these settings need it; throws if it can't be that. */
export function acceptedOf(store: Store, { index, maxBytes }: Settings): Store {
  if (typeof store?.update !== 'function') {
    throw new SessionUsageError(
      "A store comes from a function of this package, such as sqlite('sessions.db') or mongodb(collection)",
    )
  }
  if (index.length > 0 && typeof (store as IndexableStore).indexed !== 'function') {
    throw new SessionUsageError(`The ${store.name} store keeps no index; leave out the option index`)
  }
  const { largest = Number.POSITIVE_INFINITY } = store
  if (maxBytes > largest) {
    throw new SessionUsageError(`The ${store.name} store can keep sessions of ${largest} bytes: lower maxBytes`)
  }
  return index.length > 0 ? (store as IndexableStore).indexed(index) : store
}
