import type { NewSession } from '../contract/store.ts'
import { initial } from '../contract/transition.ts'
import type { SessionCredential } from '../cookie/credential.ts'
import { errorOf } from '../errors/index.ts'
import { type Earlier, NO_EARLIER } from './earlier.ts'
import { type New, withMaxAge } from './state.ts'
import type { Step } from './step.ts'

type First = Extract<ReturnType<typeof initial>, { ok: true }>

interface Begun {
  readonly state: New
  readonly result: First
  readonly earlier: Earlier
}

/** What the first step makes of a new session, and the state that it begins from. Throws what refuses the step. */
export function beginning(step: Step, before: New, earlier: Earlier): Begun {
  const result = initial(earlier.data, step.chain)
  if (!result.ok) throw errorOf(result.problem)
  const own = step.touch?.maxAge
  const maxAge = own === undefined ? (before.maxAge ?? earlier.maxAge ?? null) : own
  const state = withMaxAge({ ...before, created: before.created ?? earlier.created }, maxAge)
  // A form opened before log-in must be void after it, so what rotates does not go on with the visitor's id.
  return { state: step.rotate ? { ...state, id: undefined } : state, result, earlier }
}

/** The session to store, under the id of its credential. */
export function newSession(
  { rotate }: Step,
  { maxAge, created }: New,
  { data, dates }: First,
  { id, hash }: SessionCredential,
  idle: number,
  { authAt }: Earlier = NO_EARLIER,
): NewSession {
  const now = rotate?.authenticated === true
  return {
    id,
    hash,
    data,
    dates,
    idle,
    authenticated: now || authAt !== undefined,
    ...(!now && authAt !== undefined && { authAt }),
    maxAge,
    created,
  }
}
