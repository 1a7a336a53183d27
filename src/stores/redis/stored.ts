import type { Data } from '../../algebra/index.ts'
import type { Device } from '../../contract/device.ts'
import type { PreviousSecret, StoredSession } from '../../contract/record.ts'
import type { SessionRecord } from '../../contract/store.ts'
import { META } from './script.lua.ts'

/** The list that the script keeps of a session besides its data; its items are named in fields.lua. */
export type MetaList = readonly unknown[]

/** The items that TypeScript reads. */
interface Items {
  version: number
  expires: number
  created: number
  maxAge: number | null
  hash: string
  rotated: number
  epoch: string
  previous: string | null
  previousUntil: number | null
  previousKind: PreviousSecret['kind'] | null
  authAt: number | null
  horizon: number | null
}

/** Where each item stands. The compiler refuses a name above that the script does not declare. */
const PLACE = Object.fromEntries(META.map((name, i) => [name, i])) as Record<(typeof META)[number], number>

/** The same for Lua, which counts from 1. */
export const VERSION_AT = String(PLACE.version + 1)
export const CREATED_AT = String(PLACE.created + 1)
export const EPOCH_AT = String(PLACE.epoch + 1)

function item<Name extends keyof Items>(list: MetaList, name: Name): Items[Name] {
  return list[PLACE[name]] as Items[Name]
}

/** The hash of the session's secret. */
export function hashOf(list: MetaList): string {
  return item(list, 'hash')
}

/** Until when the index has the session's values, null where nothing limits it. */
export function horizonOf(list: MetaList): number | null {
  return item(list, 'horizon')
}

/** Whether it is such a list, and not what another program keeps under the same name. */
export function isMeta(list: unknown): list is MetaList {
  return Array.isArray(list) && list.length === META.length && typeof hashOf(list) === 'string'
}

/** The record of a session that the script has answered. */
export function recordFrom(id: string, list: MetaList, data: Data, device: Device | undefined): SessionRecord {
  const record = {
    id,
    data,
    version: item(list, 'version'),
    created: item(list, 'created'),
    expires: item(list, 'expires'),
    maxAge: item(list, 'maxAge'),
    authAt: item(list, 'authAt'),
    rotated: item(list, 'rotated'),
    epoch: item(list, 'epoch'),
  }
  return device ? { ...record, device } : record
}

/** Everything that is stored of a session, from what the script has answered. */
export function storedFrom(
  id: string,
  list: MetaList,
  data: Data,
  device: Device | undefined,
  ops: string,
): StoredSession {
  const previous = item(list, 'previous')
  return {
    ...recordFrom(id, list, data, device),
    hash: hashOf(list),
    previous:
      previous === null
        ? null
        : { hash: previous, until: item(list, 'previousUntil')!, kind: item(list, 'previousKind')! },
    ops: ops.split(' ').filter(Boolean),
  }
}
