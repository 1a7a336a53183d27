import type { Data } from '../../algebra/index.ts'
import type { Device } from '../../contract/device.ts'
import type { PreviousSecret, StoredSession } from '../../contract/record.ts'
import { remember } from '../../contract/transition.ts'
import { FIXED, META } from './script.lua.ts'

/** The lists that the script keeps of a session besides its data; their items are named in record.lua. */
export type MetaList = readonly unknown[]
export type FixedList = readonly unknown[]

/** The items that TypeScript reads. */
interface Items {
  version: number
  created: number
  size: number
  expires: number
  maxAge: number | null
  horizon: number | null
  last: string
  lastAt: number
  hash: string
  previousKind: PreviousSecret['kind'] | null
  fixed: FixedList
}
interface FixedItems {
  authAt: number | null
  rotated: number
  epoch: string
  previous: string | 0
  previousUntil: number
  device: Device | 0
}

/** Where each item stands. The compiler refuses a name above that the script does not declare. */
const PLACE = placesOf(META)
const FIXED_PLACE = placesOf(FIXED)

function placesOf<Name extends string>(names: readonly Name[]): Record<Name, number> {
  return Object.fromEntries(names.map((name, i) => [name, i])) as Record<Name, number>
}

/** The same for Lua, which counts from 1. */
export const VERSION_AT = String(PLACE.version + 1)
export const CREATED_AT = String(PLACE.created + 1)
export const FIXED_AT = String(PLACE.fixed + 1)
export const EPOCH_AT = String(FIXED_PLACE.epoch + 1)

function item<Name extends keyof Items>(list: MetaList, name: Name): Items[Name] {
  return list[PLACE[name]] as Items[Name]
}

/** An item of what most changes leave as it is. */
export function fixedItem<Name extends keyof FixedItems>(list: FixedList, name: Name): FixedItems[Name] {
  return list[FIXED_PLACE[name]] as FixedItems[Name]
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
  return Array.isArray(list) && list.length === META.length && Array.isArray(item(list, 'fixed'))
}

/** What the script has answered of a session. */
export interface Told {
  readonly meta: MetaList
  readonly data: Data
  /** The operations before the last, each as its id and then its time. Absent where nobody has asked for them. */
  readonly ops?: readonly (string | number)[] | undefined
}

/** The session that the script has answered, with those of its operations that came along. */
export function storedFrom(id: string, { meta, data, ops = [] }: Told): StoredSession {
  const fixed = item(meta, 'fixed')
  const previous = fixedItem(fixed, 'previous')
  const device = fixedItem(fixed, 'device')
  const last = item(meta, 'last')
  const stored = {
    id,
    hash: hashOf(meta),
    previous:
      previous === 0
        ? null
        : { hash: previous, until: fixedItem(fixed, 'previousUntil'), kind: item(meta, 'previousKind')! },
    data,
    version: item(meta, 'version'),
    created: item(meta, 'created'),
    expires: item(meta, 'expires'),
    maxAge: item(meta, 'maxAge'),
    authAt: fixedItem(fixed, 'authAt'),
    rotated: fixedItem(fixed, 'rotated'),
    epoch: fixedItem(fixed, 'epoch'),
    ops: last === '' ? [] : [...rememberedIn(ops), remember(last, item(meta, 'lastAt'))],
    bytes: item(meta, 'size'),
  }
  return device ? { ...stored, device } : stored
}

function rememberedIn(list: readonly (string | number)[]): string[] {
  const ops: string[] = []
  for (let i = 0; i < list.length; i += 2) ops.push(remember(list[i] as string, list[i + 1] as number))
  return ops
}
