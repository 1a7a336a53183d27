import {
  bsonIn,
  type Chain,
  type Command,
  type Condition,
  EMPTY_CHAIN,
  extend,
  onlyIf,
  places,
  Refusal,
  weigh,
} from '../algebra/index.ts'
import type { Store } from '../contract/store.ts'
import { conform, type StandardSchema } from '../data/schema.ts'
import { isReserved } from '../data/types.ts'
import { errorOf, InvalidPathError, InvalidValueError } from '../errors/index.ts'
import { type Duration, milliseconds } from '../settings/duration.ts'
import { assertNames } from '../settings/names.ts'
import { ownMaxAge } from '../settings/settings.ts'

/**
 * What an application asks for in one atomic update: its commands, and whether to slide and to rotate. It knows neither
 * the session nor its secret. The visit makes a `Change` from it, which is what a store is told: the same wish for one
 * session, with an operation id, hashes, and times in milliseconds.
 */
export interface Step {
  readonly chain: Chain
  /** Slide the expiry, and where `maxAge` is given make it the session's own (null: the application's again). */
  readonly touch: { readonly maxAge: number | null | undefined } | undefined
  readonly rotate: { readonly grace: number; readonly authenticated: boolean } | undefined
}

/** How `rotate` renews the secret. */
export interface RotateOptions {
  /**
   * For how long requests already on their way may still use the old secret.
   * @default 0
   */
  readonly grace?: Duration
  /** Notes that the visitor has just proven who they are, for `requireFresh`. */
  readonly authenticated?: boolean
}

export const EMPTY_STEP: Step = Object.freeze({ chain: EMPTY_CHAIN, touch: undefined, rotate: undefined })

/** The step without what it changes: its conditions hold for what is added after it has begun, too. */
export function conditionsOf({ chain: { conditions } }: Step): Step {
  return conditions.length === 0 ? EMPTY_STEP : { ...EMPTY_STEP, chain: Object.freeze({ ...EMPTY_CHAIN, conditions }) }
}

export function withCommands(step: Step, commands: readonly Command[]): Step {
  for (const command of commands) {
    for (const place of places(command)) {
      const key = place[0]!
      if (isReserved(key)) throw new InvalidPathError(key, `the session itself has a '${key}'; choose another name`)
    }
  }
  return { chain: extend(step.chain, commands), touch: step.touch, rotate: step.rotate }
}

/** The step with what the schema makes of it; what `judged` has was judged before. */
export function conforming(step: Step, schema: StandardSchema | undefined, judged = EMPTY_STEP): Step {
  if (!schema) return step
  const commands = Object.freeze(conform(step.chain.commands, schema, judged.chain.commands))
  return { ...step, chain: Object.freeze({ ...step.chain, commands }) }
}

/**
 * The step after a change of it, as the schema makes it. Throws a session error for what this store can't take, or no
 * store should.
 */
export function extended(step: Step, change: (step: Step) => Step, { settings, store }: Extending): Step {
  try {
    const next = conforming(change(step), settings.schema, step)
    check(next, store, settings.maxBytes)
    return next
  } catch (error) {
    throw error instanceof Refusal ? errorOf(error.problem) : error
  }
}

interface Extending {
  readonly settings: { readonly schema: StandardSchema | undefined; readonly maxBytes: number }
  readonly store: Store
}

export function withCondition(step: Step, condition: Condition): Step {
  return { ...step, chain: onlyIf(step.chain, condition) }
}

export function touchOf(maxAge: Duration | null | undefined): Step['touch'] {
  return { maxAge: maxAge == null ? maxAge : ownMaxAge(maxAge) }
}

export function rotationOf(options: RotateOptions): Step['rotate'] {
  assertNames(options, ['grace', 'authenticated'], 'rotate()')
  const { grace = 0, authenticated = false } = options
  return { grace: milliseconds(grace, 'grace'), authenticated }
}

/** Throws for what this store can't take, or no store should. */
export function check({ chain }: Step, store: Store, maxBytes: number): void {
  const bytes = weigh(chain)
  if (bytes > maxBytes) throw new Refusal({ kind: 'size', bytes, limit: maxBytes })
  if (store.bson) return
  for (const command of chain.commands) assertPlain(command, store)
  for (const condition of chain.conditions) assertPlain(condition, store)
}

function assertPlain(part: Command | Condition, store: Store): void {
  const bson = bsonIn(part)
  if (bson) throw new InvalidValueError(part.path.join('.'), `the ${store.name} store keeps no ${bson}; pass its text`)
}

/** A log-in says who it is: one that sets nothing only confirms who is there. */
export function isLogIn({ rotate, chain }: Step): boolean {
  return rotate?.authenticated === true && chain.commands.length > 0
}
