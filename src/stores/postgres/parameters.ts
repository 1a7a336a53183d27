import { canGrow, takes } from '../../algebra/index.ts'
import type { StoredSession } from '../../contract/record.ts'
import type { Access, Change, NewSession } from '../../contract/store.ts'
import { isTouch } from '../../contract/transition.ts'
import { encode, tag } from '../shared/json.ts'
import { resultOf } from '../shared/oracle.ts'
import { compile } from './compile.ts'

/** The values of parameters by their names. A statement takes those that it has. */
export type Parameters = Readonly<Record<string, unknown>>

/** PostgreSQL's largest integer, in bytes more than a row can hold. */
const LARGEST_INTEGER = 2 ** 31 - 1

export function createParameters(session: NewSession): Parameters {
  const { id, hash, data, dates, created = null, maxAge, idle, authenticated, authAt = null } = session
  const encoded = { data: encode(data), dates: dates ? compile(dates) : null }
  return { id, hash, ...encoded, created, maxAge, idle, authenticated, authAt }
}

/** Which session, and by what right. */
export function accessParameters({ id, proof, maxLifetime, bound = false }: Access): Parameters {
  return {
    id,
    hash: proof.hash ?? null,
    created: proof.created ?? null,
    bound,
    ...lifetimeParameters(maxLifetime),
  }
}

export function lifetimeParameters(maxLifetime: number): Parameters {
  return { maxLifetime: maxLifetime === Number.POSITIVE_INFINITY ? null : maxLifetime }
}

/**
 * The parameters of every update by the live secret. `wanted`: somebody waits for the data, or for something taken from them.
 */
export function updateParameters(access: Access, change: Change, wanted: boolean): Parameters {
  const { op, chain, held, slide, maxBytes, rotation, authenticated = false, repeatedSince = null } = change
  const changes = chain.commands.length > 0 ? 1 : 0
  return {
    ...accessParameters(access),
    op,
    chain: changes || chain.conditions.length > 0 ? compile(chain) : null,
    changes,
    maxBytes: canGrow(chain) ? Math.min(maxBytes, LARGEST_INTEGER) : null,
    wanted,
    // The statement sees the session after this update.
    held: held && !takes(chain) ? `${held.version + changes} ${held.last}` : null,
    remembers: isTouch(change) ? 0 : 1,
    idle: slide.idle,
    atLeast: slide.atLeast,
    touch: isTouch(change),
    maxAge: slide.maxAge === undefined ? null : (slide.maxAge ?? -1),
    to: rotation?.to ?? null,
    grace: rotation?.grace ?? null,
    epoch: rotation?.epoch ?? null,
    authenticated,
    repeatedSince,
  }
}

/** The parameters that write `next`, which the oracle has made of `found` by this change. */
export function writeParameters(found: StoredSession, next: StoredSession, change: Change): Parameters {
  const set: Record<string, unknown> = {}
  const unset: string[] = []
  for (const { kind, path } of resultOf(change, next.data).chain.commands) {
    if (kind === 'set') set[path[0]!] = tag(next.data[path[0]!]!)
    else unset.push(path[0]!)
  }
  const { id, version, expires, maxAge, authAt, hash, previous, rotated, epoch, ops, device } = next
  return {
    id,
    wasVersion: found.version,
    wasHash: found.hash,
    wasKind: found.previous?.kind ?? null,
    wasExpires: found.expires,
    wasMaxAge: found.maxAge,
    wasOps: joined(found.ops),
    set: JSON.stringify(set),
    unset,
    version,
    expires,
    maxAge,
    authAt,
    hash,
    previous: previous?.hash ?? null,
    until: previous?.until ?? null,
    kind: previous?.kind ?? null,
    rotated,
    epoch,
    ops: joined(ops),
    remembered: ops.length,
    device: device ? JSON.stringify(device) : null,
  }
}

/** Each ends with a space. */
function joined(ops: readonly string[]): string {
  return ops.map((op) => `${op} `).join('')
}
