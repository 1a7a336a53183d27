import { canGrow } from '../../algebra/index.ts'
import type { Access, Change } from '../../contract/store.ts'
import { compile } from './compile.ts'

/** PostgreSQL's, which is more than a row can hold. */
const LARGEST_INTEGER = 2 ** 31 - 1

/** Those of which session, and by what right: every statement's first. */
export function proofOf({ id, proof, maxLifetime }: Access): unknown[] {
  return [
    id,
    'hash' in proof ? proof.hash : null,
    'created' in proof ? proof.created : null,
    maxLifetime === Number.POSITIVE_INFINITY ? null : maxLifetime,
  ]
}

/** The parameters that both updates have. */
export function valuesOf(access: Access, change: Change, takes: boolean, wanted: boolean): unknown[] {
  const { op, chain, held, slide, maxBytes } = change
  const changes = chain.commands.length > 0
  return [
    ...proofOf(access),
    op,
    changes || chain.conditions.length > 0 ? compile(chain) : null,
    slide.idle,
    slide.atLeast,
    canGrow(chain) ? Math.min(maxBytes, LARGEST_INTEGER) : null,
    wanted,
    held && !takes ? held.version + (changes ? 1 : 0) : null,
  ]
}

/** What the update has besides. */
export function moreOf({ slide, rotation, authenticated = false, repeatedSince }: Change, only?: number): unknown[] {
  return [
    slide.maxAge === undefined ? null : (slide.maxAge ?? -1),
    rotation?.from ?? null,
    rotation?.to ?? null,
    rotation?.grace ?? null,
    rotation?.epoch ?? null,
    authenticated,
    repeatedSince ?? null,
    only ?? null,
  ]
}
