import { EMPTY_CHAIN, takes, type Value } from '../algebra/index.ts'
import { type Access, type Change, ROTATION_GRACE, type Store, type Updated } from '../contract/store.ts'
import type { SessionCredential } from '../cookie/credential.ts'
import { StoreError } from '../errors/index.ts'
import { NEVER } from './slide.ts'
import type { Late, Live, Unread } from './state.ts'
import { isLogIn, type Step } from './step.ts'

/** What a change needs besides the step and the state: the settings, and what only chance can give. */
export interface ChangeContext {
  readonly idle: number
  readonly touchAfter: number
  readonly maxBytes: number
  /** Unlike the id of any other change. */
  readonly op: string
  /** This request does not keep the session alive. */
  readonly quiet: boolean
}

/** Which session, and with what right. */
export function accessOf({ credential, created, epoch }: Proving, maxLifetime: number, bound: boolean): Access {
  const { id, hash } = credential
  return { id, proof: { hash, created, epoch }, maxLifetime, bound }
}

/** What a request has to show; nobody has seen the session yet where it is unread. */
interface Proving {
  readonly credential: SessionCredential
  readonly created?: number | undefined
  readonly epoch?: string | undefined
}

/** What a step that rotates makes again. */
export interface Renewal {
  readonly secret: SessionCredential
  readonly epoch: string
}

/** One step of the application, as the store is told. `answer`: somebody waits for the data. */
export function changeOf(
  step: Step,
  state: Unread | Live | Late,
  { idle, touchAfter, maxBytes, op, quiet }: ChangeContext,
  answer: boolean,
  renewal: Renewal | undefined,
): Change {
  const { chain, touch, rotate } = step
  // Whoever logs in begins with the application's idle time: "remember me" is each visitor's own choice.
  const afresh = isLogIn(step) ? null : undefined
  return {
    op,
    chain,
    held: state.kind === 'live' && state.fresh ? state.record : undefined,
    answer,
    slide: {
      idle,
      maxAge: touch?.maxAge === undefined ? afresh : touch.maxAge,
      atLeast: touch ? 0 : quiet ? NEVER : touchAfter,
    },
    maxBytes,
    rotation: renewal && { to: renewal.secret.hash, grace: rotate!.grace, epoch: renewal.epoch },
    authenticated: rotate?.authenticated,
  }
}

/**
 * One step of whoever is not the visitor, for a session of which nothing is held. Only a touch keeps the session alive.
 * `op` is unlike the id of any other change. `answer`: somebody waits for the data.
 */
export function outsideChange(
  { chain, touch }: Step,
  { idle, maxBytes }: Pick<ChangeContext, 'idle' | 'maxBytes'>,
  op: string,
  answer: boolean,
): Change {
  const slide = { idle, maxAge: touch?.maxAge, atLeast: touch ? 0 : NEVER }
  return { op, chain, held: undefined, answer, slide, maxBytes }
}

/** What is to be done at the end of a request, and whether that needs a new secret. */
export function maintenance(
  state: Live,
  { idle, touchAfter, maxBytes, op }: ChangeContext,
  secret: SessionCredential | undefined,
): Change {
  return {
    op,
    chain: EMPTY_CHAIN,
    held: state.fresh ? state.record : undefined,
    answer: state.fresh,
    slide: { idle, atLeast: state.due.touch ? touchAfter : NEVER },
    maxBytes,
    // No new epoch: forms that are open stay valid, and so do sockets.
    rotation: secret && { to: secret.hash, grace: ROTATION_GRACE },
  }
}

/** What the step's `take` removed. A store that answers a repeated operation can't tell any more. */
export function takenOf({ chain }: Step, updated: Updated, store: Store): Value | undefined {
  if (!takes(chain)) return undefined
  if ('taken' in updated) return updated.taken
  throw new StoreError(store.name, 'lost the answer to take(): the value may have been removed', 'unknown')
}
