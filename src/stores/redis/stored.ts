import type { Data } from '../../algebra/index.ts'
import type { Device } from '../../contract/device.ts'
import type { PreviousSecret, StoredSession } from '../../contract/record.ts'
import { META } from './script.lua.ts'

/** The list that the script keeps of a session besides its data; its items are named in fields.lua. */
export type MetaList = readonly unknown[]

/** The items that TypeScript reads. */
interface Items {
  version: number
  size: number
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

/** What the script has answered of a session. */
export interface Told {
  readonly meta: MetaList
  readonly data: Data
  readonly device?: Device
  readonly ops?: string
}

/** The session that the script has answered, with those of its operations that came along. */
export function storedFrom(id: string, { meta, data, device, ops = '' }: Told): StoredSession {
  const previous = item(meta, 'previous')
  const stored = {
    id,
    hash: hashOf(meta),
    previous:
      previous === null
        ? null
        : { hash: previous, until: item(meta, 'previousUntil')!, kind: item(meta, 'previousKind')! },
    data,
    version: item(meta, 'version'),
    created: item(meta, 'created'),
    expires: item(meta, 'expires'),
    maxAge: item(meta, 'maxAge'),
    authAt: item(meta, 'authAt'),
    rotated: item(meta, 'rotated'),
    epoch: item(meta, 'epoch'),
    ops: ops.split(' ').filter(Boolean),
    bytes: item(meta, 'size'),
  }
  return device ? { ...stored, device } : stored
}
