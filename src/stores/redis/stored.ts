import type { Data } from '../../algebra/index.ts'
import type { StoredSession } from '../../contract/record.ts'
import type { SessionRecord } from '../../contract/store.ts'
import { META } from './script.lua.ts'

/** The list that the script keeps of a session besides its data; its items are named in fields.lua. */
export type MetaList = readonly unknown[]

/** The items that are read here. */
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
  authAt: number | null
}
type Name = (typeof META)[number]
type Meta = { readonly [name in Name]: name extends keyof Items ? Items[name] : unknown }

function metaOf(list: MetaList): Meta {
  const meta: Partial<Record<Name, unknown>> = {}
  for (let i = 0; i < META.length; i++) meta[META[i]!] = list[i]
  return meta as Meta
}

/** The record of a session that the script has answered, and the hash of its secret. */
export function recordFrom(id: string, list: MetaList, data: Data): { record: SessionRecord; hash: string } {
  const meta = metaOf(list)
  return { record: record(id, meta, data), hash: meta.hash }
}

/** Everything that is stored of a session, from what the script has answered. */
export function storedFrom(id: string, list: MetaList, data: Data, ops: string): StoredSession {
  const meta = metaOf(list)
  const { hash, previous, previousUntil } = meta
  return {
    ...record(id, meta, data),
    hash,
    previous: previous === null ? null : { hash: previous, until: previousUntil! },
    ops: ops.trim().split(' '),
  }
}

function record(id: string, meta: Meta, data: Data): SessionRecord {
  const { version, created, expires, maxAge, authAt, rotated, epoch } = meta
  return { id, data, version, created, expires, maxAge, authAt, rotated, epoch }
}
