import type { Data } from '../algebra/index.ts'
import type { NewSession } from '../contract/store.ts'
import { initial } from '../contract/transition.ts'
import type { SessionCredential } from '../cookie/credential.ts'
import { errorOf } from '../errors/index.ts'
import { type New, withMaxAge } from './state.ts'
import type { Step } from './step.ts'

type First = Extract<ReturnType<typeof initial>, { ok: true }>

/** What the first step makes of a new session, and the state that it begins from. Throws what refuses the step. */
export function beginning(step: Step, before: New, adopted: Data): { readonly state: New; readonly result: First } {
  const result = initial(adopted, step.chain)
  if (!result.ok) throw errorOf(result.problem)
  const state = step.touch?.maxAge === undefined ? before : withMaxAge(before, step.touch.maxAge)
  // A form opened before log-in must be void after it, so what rotates does not go on with the visitor's id.
  return { state: step.rotate ? { ...state, id: undefined } : state, result }
}

/** The session to store, under the id of its credential. */
export function newSession(
  { rotate }: Step,
  { maxAge, created }: New,
  { data, dates }: First,
  { id, hash }: SessionCredential,
  idle: number,
): NewSession {
  return { id, hash, data, dates, idle, authenticated: rotate?.authenticated === true, maxAge, created }
}
