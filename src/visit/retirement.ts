import { commands, type Data, EMPTY_CHAIN, extend } from '../algebra/index.ts'
import { type Absent, type Change, LOG_OUT_GRACE } from '../contract/store.ts'
import { hashOf, newId, newOperation } from '../cookie/credential.ts'

/** The hash of no text: no cookie can hold the secret that it belongs to. */
export const NOBODYS: string = hashOf('')

/**
 * What becomes of a session that `regenerate()` replaces: for as long as a request may be on its way it stays, empty, and
 * nobody opens it. So a request that comes too late for it is told so (409). Of a session that is gone it could not tell
 * whether there ever was one: it would begin one of its own, and put its cookie over that of the new session.
 */
export function retiring(data: Data, maxBytes: number): Change {
  return {
    op: newOperation(),
    chain: extend(
      EMPTY_CHAIN,
      Object.keys(data).map((name) => commands.unset(name)),
    ),
    held: undefined,
    answer: true,
    slide: { idle: LOG_OUT_GRACE, maxAge: LOG_OUT_GRACE, atLeast: 0 },
    maxBytes,
    rotation: { to: NOBODYS, grace: 0, epoch: newId() },
  }
}

/** The rest of its data, which was not known before. */
export function emptying(data: Data, maxBytes: number): Change {
  return { ...retiring(data, maxBytes), rotation: undefined }
}

/** A request that was on its way when another one rotated may still end the session, as with a log-out. */
export function mayEnd(answer: Absent): answer is Extract<Absent, { ago: number }> {
  return (answer.outcome === 'rotated' || answer.outcome === 'reused') && answer.ago < LOG_OUT_GRACE
}
