import { commands, type Data, EMPTY_CHAIN, extend } from '../algebra/index.ts'
import { type Absent, type Access, type Change, LOG_OUT_GRACE } from '../contract/store.ts'
import { hashOf, newId, newOperation } from '../cookie/credential.ts'
import type { Asking, ReliableStore } from '../delivery/reliable.ts'

/** The hash of no text: no cookie can hold the secret that it belongs to. */
export const NOBODYS: string = hashOf('')

const NOTHING: Data = Object.freeze({})

/**
 * Ends a session that `regenerate()` replaces. For as long as a request may be on its way it stays, empty, and nobody
 * opens it. So a request that comes too late for it is told so (409). Of a session that is gone it could not tell whether
 * there ever was one: it would begin one of its own, and put its cookie over that of the new session.
 *
 * `data`: what is known of it. Answers when it was created; undefined if it was not there for this request, or lives on
 * under a secret that this request never had.
 */
export async function retire(
  reliable: ReliableStore,
  own: Access,
  data: Data,
  maxBytes: number,
  asking: Asking,
): Promise<number | undefined> {
  let access = own
  let updated = await reliable.update(access, retiring(data, maxBytes), asking)
  if ('ago' in updated && mayEnd(updated)) {
    access = { ...own, proof: { created: updated.created } }
    updated = await reliable.update(access, retiring(NOTHING, maxBytes), asking)
  }
  if (updated.outcome !== 'changed') return undefined
  const { record } = updated
  if (Object.keys(record.data).length > 0) {
    // What was not known before. Nobody else can change it any more.
    const nobody = { ...own, proof: { hash: NOBODYS, created: record.created } }
    await reliable.update(nobody, { ...retiring(record.data, maxBytes), rotation: undefined }, asking)
  }
  return record.created
}

function retiring(data: Data, maxBytes: number): Change {
  const removals = Object.keys(data).map((name) => commands.unset(name))
  return {
    op: newOperation(),
    chain: extend(EMPTY_CHAIN, removals),
    held: undefined,
    answer: true,
    slide: { idle: LOG_OUT_GRACE, maxAge: LOG_OUT_GRACE, atLeast: 0 },
    maxBytes,
    rotation: { to: NOBODYS, grace: 0, epoch: newId() },
  }
}

/** As with a log-out, a request that was on its way when another one rotated may still end the session. */
function mayEnd(answer: Absent): answer is Extract<Absent, { ago: number }> {
  return (answer.outcome === 'rotated' || answer.outcome === 'reused') && answer.ago < LOG_OUT_GRACE
}
