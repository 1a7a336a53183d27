import { bsonIn, sizeOf } from '../algebra/index.ts'
import type { Bytes } from '../contract/bytes.ts'
import { isSame, withData } from '../contract/record.ts'
import type { Access, Change, Loaded, Outline, SessionRecord, Standing, Updated } from '../contract/store.ts'
import { afterHeld, sizeAfter } from '../contract/transition.ts'
import { Generations } from './generations.ts'

/** Data of fewer bytes are sent as quickly as they are named. */
const LEAST = 2048
/** What a copy takes besides its data, in bytes. */
const BESIDES = 512

/** A session as an answer of the store has shown it. */
export interface Copy {
  readonly record: SessionRecord
  readonly bytes: number
}

/** Answers with data of their own: no reader has to know what was held. */
export type Read = Exclude<Loaded, { outcome: 'held' }>
export type Applied = Exclude<Updated, { outcome: 'held' }>

/**
 * What this process keeps of large sessions, so the store need not send their data again. A copy is never believed: the
 * store is asked by every request as ever, whether the session is live and what its secret is worth, and is told which
 * data are here. Only where it answers, in this very request, that they are still these, are they used.
 *
 * A copy is found by the hash of the secret that the request has come with. So whoever can't show the secret of a session
 * gets no copy of it, and nothing in memory opens a session.
 */
export class Copies {
  readonly #kept: Generations<Copy>

  /** `limit`: of all of them together, in bytes; 0 keeps none. */
  constructor(limit: number) {
    this.#kept = new Generations(limit)
  }

  /** The copy of the session that is asked for. */
  of({ id, proof: { hash } }: Access): Copy | undefined {
    const copy = hash === undefined ? undefined : this.#kept.get(hash)
    return copy?.record.id === id ? copy : undefined
  }

  /** What a load has answered that has named this copy. Undefined where it must be asked again, without one. */
  read(access: Access, named: Copy | undefined, answer: Loaded): Read | undefined {
    if (answer.outcome === 'live') {
      this.#keep(access.proof.hash, answer.record, answer.secret, answer.bytes)
      return answer
    }
    if (answer.outcome !== 'held') {
      this.drop(access)
      return answer
    }
    if (!named || !isOf(named.record, answer.record)) {
      this.drop(access)
      return undefined
    }
    const { secret, now } = answer
    const record = withData(answer.record, named.record.data)
    // Replaced only after it has slid. Otherwise each read would make an object that lives until the next one, too long for
    // V8's young generation.
    if (record.expires !== named.record.expires) this.#keep(access.proof.hash, record, secret, named.bytes)
    return { outcome: 'live', record, secret, now }
  }

  /**
   * The change as it is sent: it names what is here. Whoever keeps a copy waits for the answer, though the application
   * does not: so the copy is of the new version, and if it was outdated, what is sent now is not sent to the next request.
   */
  naming(access: Access, change: Change): Change {
    const copy = this.of(access)
    return copy ? { ...change, held: change.held ?? copy.record, answer: true } : change
  }

  /** What an update has answered to a change as {@link naming} has made it. */
  applied(access: Access, change: Change, answer: Updated): Applied {
    if (!('record' in answer)) {
      if (answer.outcome !== 'refused') this.drop(access)
      return answer
    }
    const { hash } = access.proof
    const to = change.rotation?.to
    const before = hash === undefined ? undefined : this.#kept.get(hash)
    if (to !== undefined) this.drop(access)
    if (answer.outcome === 'done') return answer
    if (answer.outcome === 'changed') {
      this.#keep(to ?? hash, answer.record, answer.secret, answer.bytes)
      return answer
    }
    const { secret, now } = answer
    const { held } = change
    // The change is applied, but what is here was another session's.
    if (held?.id !== answer.record.id || held.created !== answer.record.created) {
      this.drop(access)
      return { ...answer, outcome: 'done' }
    }
    const record = afterHeld(held, change, answer)
    this.#keep(to ?? hash, record, secret, before && bytesAfter(before, held, change, record))
    return { outcome: 'changed', record, secret, now }
  }

  /** The session is over, as far as this request can tell. */
  drop({ proof: { hash } }: Access): void {
    if (hash !== undefined) this.#kept.delete(hash)
  }

  /** Under the live secret only: requests that come by an older one are few, and end soon. */
  #keep(hash: string | undefined, record: SessionRecord, secret: Standing, bytes: Bytes): void {
    if (hash === undefined || (secret !== 'current' && secret !== 'first')) return
    if (bytes === undefined || bytes < LEAST) this.#kept.delete(hash)
    else this.#kept.set(hash, { record, bytes }, bytes + BESIDES)
  }
}

/** Undefined where the change brings a BSON value, which can't be frozen: each request must have its own. */
function bytesAfter(before: Copy, held: SessionRecord, change: Change, { data }: SessionRecord): Bytes {
  if (change.chain.commands.some(bsonIn)) return undefined
  // Another request has brought another version meanwhile.
  return before.record.data === held.data ? sizeAfter(before, change) : sizeOf(data)
}

/** Whether the store has named just these data. It was asked to compare them; a store that errs must not show others. */
function isOf(copy: SessionRecord, told: Outline): boolean {
  return copy.id === told.id && isSame(copy, told)
}
