import { type Data, isBson, isDate, isList, isObject, sizeOf, type Value } from '../../algebra/index.ts'
import type { Bytes } from '../../contract/bytes.ts'
import { lastOf, type StoredSession } from '../../contract/record.ts'
import type { Held, Outline, SessionRecord } from '../../contract/store.ts'
import type { Document } from './client.ts'

/**
 * A session as MongoDB keeps it. `size` is an upper bound of the data's size, which the store keeps by adding. `last` repeats
 * the last of `ops`, because no filter finds that.
 */
export function toDocument(stored: StoredSession): Document {
  const { id, hash, previous, data, version, created, expires, maxAge, authAt, rotated, epoch, ops, device } = stored
  return {
    _id: id,
    hash,
    previous: previous && { ...previous, until: new Date(previous.until) },
    data,
    version,
    created: new Date(created),
    expires: new Date(expires),
    maxAge,
    authAt: authAt === null ? null : new Date(authAt),
    rotated: new Date(rotated),
    epoch,
    ops,
    last: lastOf(ops),
    size: sizeOf(data),
    ...(device && { device }),
  }
}

/** A read does not ask for the operations: a record tells only the last of them, which stands by itself. */
export const READ = { ops: 0 }

/** The session that a document holds; undefined for none, and for a document that somebody else has put there. */
export function fromDocument(document: Document | null): StoredSession | undefined {
  if (!isSession(document)) return undefined
  const { _id, hash, previous, version, created, expires, maxAge, authAt, rotated, epoch, device } = document
  return {
    ...dataFrom(document),
    id: _id,
    hash,
    previous: previous && { hash: previous.hash, until: previous.until.getTime(), kind: previous.kind },
    version,
    created: created.getTime(),
    expires: expires.getTime(),
    maxAge,
    authAt: authAt === null ? null : authAt.getTime(),
    rotated: rotated.getTime(),
    epoch,
    ops: document.ops ?? [document.last],
    ...(device && { device }),
  }
}

/** An update that has found its document by all that it was to be tells what a record has, and no more. */
export const RECORD = { ops: 0, hash: 0, previous: 0 }
/** Nor the data, which may be large, where nobody waits for them. */
export const OUTLINE = { ...RECORD, data: 0, size: 0 }

/** Finds a document, in which `data` is null if they are the ones that are held. `$$REMOVE` is not known everywhere. */
export function lookingFor(id: string, { version, last, created }: Held): Document[] {
  const marks = { version, last, created: new Date(created) }
  const same = Object.entries(marks).map(([name, value]) => ({ $eq: [`$${name}`, { $literal: value }] }))
  return [
    { $match: { _id: id } },
    { $addFields: { data: { $cond: [{ $and: same }, null, '$data'] } } },
    { $project: READ },
  ]
}

/** The record of a document that {@link OUTLINE} was asked of. */
export function outlineFrom(document: Document): Outline {
  const { _id, version, created, expires, maxAge, authAt, rotated, epoch, last = '', device } = document
  const times = {
    created: created.getTime(),
    expires: expires.getTime(),
    maxAge,
    authAt: authAt === null ? null : authAt.getTime(),
    rotated: rotated.getTime(),
  }
  return { id: _id, version, ...times, epoch, last, ...(device && { device }) }
}

/** The record of a document that {@link RECORD} was asked of, and how many bytes its data have. */
export function recordFrom(document: Document): { record: SessionRecord; bytes: Bytes } {
  const { data, bytes } = dataFrom(document)
  return { record: { ...outlineFrom(document), data }, bytes }
}

/** The size of data with BSON values is not told: no copy of them is kept. */
function dataFrom({ data, size }: Document): { data: Data; bytes: Bytes } {
  const seen = { bson: false }
  return { data: fromBson(data, seen) as Data, bytes: seen.bson ? undefined : size }
}

const KINDS: ReadonlySet<unknown> = new Set(['explicit', 'unused', 'used'])

/** Whether it has everything that {@link toDocument} writes. */
function isSession(document: Document | null): boolean {
  if (!document) return false
  const { _id, hash, previous, data, version, created, expires, maxAge, authAt, rotated, epoch, ops, last } = document
  return (
    [_id, hash, epoch].every((text) => typeof text === 'string') &&
    [created, expires, rotated].every(isDate) &&
    (authAt === null || isDate(authAt)) &&
    typeof version === 'number' &&
    (maxAge === null || typeof maxAge === 'number') &&
    (previous === null || (typeof previous?.hash === 'string' && isDate(previous.until) && KINDS.has(previous.kind))) &&
    isObject(data) &&
    (ops === undefined ? typeof last === 'string' : isList(ops))
  )
}

/** Products of doubles may be -0, which other stores don't have; everything else is as the driver gives it. */
function fromBson(value: Value, seen: { bson: boolean }): Value {
  if (typeof value === 'number') return value + 0
  if (typeof value !== 'object' || value === null || isDate(value)) return value
  if (isBson(value)) {
    seen.bson = true
    return value
  }
  const copy = value as { [key: string]: Value }
  for (const key of Object.keys(copy)) put(copy, key, fromBson(copy[key]!, seen))
  return value
}

function put(target: { [key: string]: Value }, key: string, value: Value): void {
  if (!Object.is(target[key], value)) target[key] = value
}
