import { apply, canGrow, sizeOf, weigh } from '../../algebra/index.ts'
import { type Access, type Change, REMEMBERED_OPS, type SessionRecord } from '../../contract/store.ts'
import { isTouch, remember } from '../../contract/transition.ts'
import type { Document } from './client.ts'
import { compile, compileKnown } from './compile.ts'

/** A whole change as one update, to documents that the filter finds; `expires` is the expiry that it sets. */
export interface NativeChange {
  readonly filter: Document
  readonly update: Record<string, Document>
  readonly expires: number | undefined
}

/**
 * Compiles a change; undefined where MongoDB's operators can't say what its chain means. It applies only for the live
 * secret that has been used before, which is nearly every request's.
 */
export function compileChange(access: Access, change: Change, now: number): NativeChange | undefined {
  const native = access.proof.hash === undefined ? undefined : compile(change.chain)
  if (!native) return undefined
  const limit = canGrow(change.chain) && { size: { $lte: change.maxBytes } }
  return assemble(access, change, now, { ...limit, ...native.filter }, native.update)
}

/**
 * Compiles a change of the version that the caller holds: its data are known, and with them the result. Undefined
 * where the oracle refuses the change, which may be otherwise for a later version.
 */
export function compileHeld(
  access: Access,
  change: Change,
  held: SessionRecord,
  now: number,
): NativeChange | undefined {
  if (access.proof.hash === undefined) return undefined
  const result = apply(held.data, change.chain, now)
  if (!result.ok || (canGrow(change.chain) && sizeOf(held.data) > change.maxBytes)) return undefined
  // A touch is no operation: whether another request has moved the expiry is asked by itself.
  const at = { expires: { $gt: new Date(now), $eq: new Date(held.expires) } }
  return assemble(
    access,
    change,
    now,
    { version: held.version, last: held.last, ...at },
    compileKnown(change.chain, held.data, result.data),
  )
}

function assemble(
  access: Access,
  change: Change,
  now: number,
  conditions: Document,
  operators: Record<string, Document>,
): NativeChange {
  const { hash } = access.proof
  const slid = slide(change, now)
  const filter = {
    ...live(access, now),
    hash,
    // Its first use has to be noted, which the oracle does.
    'previous.kind': { $ne: 'unused' },
    ...(!access.bound && { device: null }),
    ...slid.filter,
    ...(isTouch(change) ? {} : { ops: neverApplied(change) }),
    ...conditions,
  }
  return { filter, update: merge(operators, slid.update, bookkeeping(change, hash!, now)), expires: slid.expires }
}

/** What finds a session that is live by this access, but for its hash. */
export function live({ id, proof, maxLifetime }: Access, now: number): Document {
  const times = inTime(maxLifetime, now)
  // A secret belongs to one session, so only who has none must say which of several with this id it is.
  const born = proof.created !== undefined &&
    proof.hash === undefined && { created: { ...times.created, $eq: new Date(proof.created) } }
  return { _id: id, ...times, ...born }
}

/** What holds of sessions that are neither expired nor too old. */
export function inTime(maxLifetime: number, now: number): { expires: Document; created?: Document } {
  const isLimited = maxLifetime !== Number.POSITIVE_INFINITY
  return {
    expires: { $gt: new Date(now) },
    ...(isLimited && { created: { $gt: new Date(now - maxLifetime) } }),
  }
}

/** What must hold of the remembered operations. */
export function neverApplied({ op }: Change): Document {
  return { $not: new RegExp(`^${op}@`) }
}

/**
 * How the expiry moves. MongoDB's update operators know no arithmetic on dates, so the update must know the
 * session's own idle time. It applies only to the one that the caller knows (that of the record it holds); who holds
 * none moves it by the application's, which is right for a session without one of its own, and too little, never too
 * much, for one with a longer one: that slides afterwards.
 */
function slide(
  change: Change,
  now: number,
): { filter: Document; update: Record<string, Document>; expires: number | undefined } {
  const { slide, held } = change
  if (slide.maxAge !== undefined) {
    const expires = now + (slide.maxAge ?? slide.idle)
    return { expires, filter: {}, update: { $set: { maxAge: slide.maxAge, expires: new Date(expires) } } }
  }
  const maxAge = held?.maxAge ?? null
  const expires = now + (maxAge ?? slide.idle)
  if (held && expires - held.expires < slide.atLeast) return { expires: undefined, filter: { maxAge }, update: {} }
  const update = { $max: { expires: new Date(expires) } }
  // A touch that is not due must not write, so of many at once one does.
  if (isTouch(change)) {
    const due = { $gt: new Date(now), $lte: new Date(expires - slide.atLeast) }
    return { expires, filter: { maxAge, expires: due }, update }
  }
  return { expires, filter: { maxAge: held ? maxAge : { $not: { $lt: slide.idle } } }, update }
}

function bookkeeping(change: Change, hash: string, now: number): Record<string, Document> {
  const { chain, rotation, authenticated, op } = change
  if (isTouch(change)) return {}
  return {
    // A log-in may be another device's.
    ...(authenticated && { $unset: { device: '' } }),
    $push: { ops: { $each: [remember(op, now)], $slice: -REMEMBERED_OPS } },
    $inc: { ...(chain.commands.length > 0 && { version: 1 }), ...(canGrow(chain) && { size: weigh(chain) }) },
    $set: {
      last: op,
      ...(authenticated && { authAt: new Date(now) }),
      ...(rotation && {
        hash: rotation.to,
        previous: {
          hash,
          until: new Date(now + rotation.grace),
          kind: rotation.epoch === undefined ? 'unused' : 'explicit',
        },
        rotated: new Date(now),
        ...(rotation.epoch !== undefined && { epoch: rotation.epoch }),
      }),
    },
  }
}

/** One update document of several, without operators that say nothing. */
function merge(...parts: Record<string, Document>[]): Record<string, Document> {
  const merged: Record<string, Document> = {}
  for (const part of parts) {
    for (const [operator, fields] of Object.entries(part)) {
      if (Object.keys(fields).length > 0) merged[operator] = { ...merged[operator], ...fields }
    }
  }
  return merged
}
