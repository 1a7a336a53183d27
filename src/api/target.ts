import { type Chain, type Data, takes, type Value } from '../algebra/index.ts'
import type { Access, InspectableStore, SessionRecord } from '../contract/store.ts'
import { isId, newId, newOperation, newSecret } from '../cookie/credential.ts'
import { errorOf, isSessionError, SessionGoneError, SessionUsageError } from '../errors/index.ts'
import { outsideChange, takenOf } from '../visit/change.ts'
import type { Host } from '../visit/exchange.ts'
import { EMPTY_STEP, type Step } from '../visit/step.ts'

/** What came of a chain from outside. */
export interface Outcome {
  /** The session afterwards, if somebody waits for it. */
  readonly record?: SessionRecord | undefined
  readonly taken?: Value | undefined
  readonly removed: boolean
}

/** One session by its id, and the store that has it. Its calls run one after another. */
export class Target {
  readonly host: Pick<Host, 'settings' | 'store' | 'reliable'>
  readonly background: (error: unknown) => void
  readonly #id: string
  readonly #removed: (data: Data) => void
  /** Of the session that was first seen under this id. */
  #created: number | undefined
  #last: Promise<unknown> = Promise.resolve()

  constructor(id: string, host: Target['host'], background: Target['background'], removed: (data: Data) => void) {
    if (typeof (host.store as InspectableStore).get !== 'function') {
      throw new SessionUsageError(`The ${host.store.name} store can't look up an id`)
    }
    this.#id = id
    this.host = host
    this.background = background
    this.#removed = removed
  }

  inTurn<T>(work: () => Promise<T>): Promise<T> {
    const turn = this.#last.then(work)
    this.#last = turn.catch(() => {})
    return turn
  }

  async read(): Promise<SessionRecord> {
    const record = await this.#find()
    if (!record) throw new SessionGoneError()
    return record
  }

  async update(step: Step, wanted: boolean): Promise<Outcome> {
    const { host } = this
    this.#created ??= (await this.read()).created
    const change = outsideChange(step, host.settings, newOperation(), wanted || takes(step.chain))
    const updated = await host.reliable.update(this.#access(), change)
    if (updated.outcome === 'refused') throw errorOf(updated.problem)
    if (updated.outcome === 'changed') {
      return { record: updated.record, taken: takenOf(step, updated, host.store), removed: false }
    }
    if (updated.outcome === 'done') return { removed: false }
    throw new SessionGoneError()
  }

  async remove({ chain }: Step): Promise<Outcome> {
    const record = await this.#find()
    if (!record) return { removed: false }
    const conditional = chain.conditions.length > 0
    if (conditional && !(await this.#close(chain))) return { removed: false }
    try {
      const removed = await this.host.reliable.destroy(this.#access())
      if (removed) this.#removed(record.data)
      return { removed }
    } catch (error) {
      // Nobody can use it any more, though it may be there.
      if (conditional && isSessionError(error)) error.applied = 'unknown'
      throw error
    }
  }

  /**
   * Gives the session a new secret which nobody is told, if the conditions hold: one update. Every request of the visitor
   * is refused from then on, so what has been judged can't become another's before it is removed.
   */
  async #close(chain: Chain): Promise<boolean> {
    const { settings, reliable } = this.host
    const change = outsideChange({ ...EMPTY_STEP, chain }, settings, newOperation(), false)
    const rotation = { to: newSecret(this.#id).hash, grace: 0, epoch: newId() }
    const updated = await reliable.update(this.#access(), { ...change, rotation })
    if (updated.outcome === 'refused') throw errorOf(updated.problem)
    return updated.outcome === 'changed' || updated.outcome === 'done'
  }

  /** The session that this is about; not another one that has taken its id. */
  async #find(): Promise<SessionRecord | undefined> {
    const { reliable, settings } = this.host
    if (!isId(this.#id)) return undefined
    const record = await reliable.get(this.#id)
    this.#created ??= record?.created
    if (!record || record.created !== this.#created) return undefined
    if (settings.maxLifetime === Number.POSITIVE_INFINITY) return record
    // Only the store's own clock can tell whether the session is too old.
    const loaded = await reliable.load(this.#access())
    return loaded.outcome === 'live' ? loaded.record : undefined
  }

  #access(): Access {
    return { id: this.#id, proof: { created: this.#created }, maxLifetime: this.host.settings.maxLifetime }
  }
}
