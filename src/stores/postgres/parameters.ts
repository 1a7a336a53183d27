import { canGrow, takes } from '../../algebra/index.ts'
import type { Access, Change, NewSession } from '../../contract/store.ts'
import { isTouch } from '../../contract/transition.ts'
import { encode } from '../shared/json.ts'
import { compile } from './compile.ts'

/** The values of parameters by their names. A statement takes those that it has. */
export type Parameters = Readonly<Record<string, unknown>>

/** PostgreSQL's largest integer, in bytes more than a row can hold. */
const LARGEST_INTEGER = 2 ** 31 - 1

export function createParameters(session: NewSession): Parameters {
  const { id, hash, data, dates, created = null, maxAge, idle, authenticated } = session
  return { id, hash, data: encode(data), created, maxAge, idle, authenticated, dates: dates ? compile(dates) : null }
}

/** Which session, and by what right. */
export function accessParameters({ id, proof, maxLifetime }: Access): Parameters {
  return {
    id,
    hash: 'hash' in proof ? proof.hash : null,
    created: 'created' in proof ? proof.created : null,
    maxLifetime: maxLifetime === Number.POSITIVE_INFINITY ? null : maxLifetime,
  }
}

/**
 * The parameters of every update. `wanted`: somebody waits for the data, or for something taken from them. `only`: the update
 * applies to this version or not at all.
 */
export function updateParameters(access: Access, change: Change, wanted: boolean, only?: number): Parameters {
  const { op, chain, held, slide, maxBytes, rotation, authenticated = false, repeatedSince = null } = change
  const changes = chain.commands.length > 0 ? 1 : 0
  return {
    ...accessParameters(access),
    op,
    chain: changes || chain.conditions.length > 0 ? compile(chain) : null,
    changes,
    maxBytes: canGrow(chain) ? Math.min(maxBytes, LARGEST_INTEGER) : null,
    wanted,
    heldVersion: held && !takes(chain) ? held.version + changes : null,
    idle: slide.idle,
    atLeast: slide.atLeast,
    touch: isTouch(change),
    maxAge: slide.maxAge === undefined ? null : (slide.maxAge ?? -1),
    from: rotation?.from ?? null,
    to: rotation?.to ?? null,
    grace: rotation?.grace ?? null,
    epoch: rotation?.epoch ?? null,
    authenticated,
    repeatedSince,
    only: only ?? null,
  }
}
