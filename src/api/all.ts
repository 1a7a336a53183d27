import { onlyIf, parsePath, type Value } from '../algebra/index.ts'
import { pages } from '../contract/pages.ts'
import { accessFromOutside } from '../contract/record.ts'
import type { IndexValue, SessionRecord } from '../contract/store.ts'
import { newOperation } from '../cookie/credential.ts'
import { errorOf, isSessionError, SessionUsageError } from '../errors/index.ts'
import { outsideChange } from '../visit/change.ts'
import type { Host } from '../visit/exchange.ts'
import { EMPTY_STEP, extended, type Step } from '../visit/step.ts'
import { ADD, TAKE } from './chaining.ts'
import { Commands } from './commands.ts'

type Serving = Pick<Host, 'settings' | 'store' | 'reliable'>

/** Options of `updateAll`. */
export interface UpdateAllOptions {
  /** Called after each page with the number of sessions that were changed so far, and the number that were read. */
  readonly progress?: (changed: number, found: number) => void
}

/** How many sessions are changed at a time: as many as a pool of connections has by default, with some to spare. */
const AT_ONCE = 8

/** The commands that `updateAll` gives to each session, while its callback runs. */
export class ChainForAll<D> extends Commands<D, ChainForAll<D>> {
  readonly #host: Serving
  #step = EMPTY_STEP
  #complete = false

  /** @internal */
  constructor(host: Serving) {
    super()
    this.#host = host
  }

  /** @internal */
  override [ADD](change: (step: Step) => Step): this {
    if (this.#complete) throw new SessionUsageError('The callback of updateAll() has ended: write its commands in it')
    this.#step = extended(this.#step, change, this.#host)
    if (this.#step.rotate) {
      throw new SessionUsageError("rotate() needs the visitor's own request; to end sessions, write destroyAll()")
    }
    return this
  }

  /** @internal */
  override [TAKE](): never {
    throw new SessionUsageError('take() gives a value to one session: in updateAll() write unset()')
  }

  /** @internal What the callback has asked for; throws for nothing, before any I/O. */
  static of<D>(host: Serving, change: (chain: ChainForAll<D>) => unknown): Step {
    const chain = new ChainForAll<D>(host)
    const result = change(chain)
    chain.#complete = true
    if (result !== chain && typeof (result as PromiseLike<unknown> | undefined)?.then === 'function') {
      // It is not awaited here, and it may fail.
      Promise.resolve(result).catch(() => {})
      throw new SessionUsageError('The callback of updateAll() must not wait for anything: fetch what it needs before')
    }
    if (chain.#step.chain.commands.length === 0 && !chain.#step.touch) {
      throw new SessionUsageError("The callback of updateAll() adds no command: write (s) => s.set('plan', 'pro')")
    }
    return chain.#step
  }
}

/**
 * Gives a step to each session that holds a value, a page after another in the order of their ids, so none comes twice. Each
 * gets it only while it holds the value, because the visitor may log in as somebody else meanwhile.
 */
export async function updateAll(
  { settings, reliable }: Serving,
  field: string,
  value: IndexValue,
  step: Step,
  { progress }: UpdateAllOptions,
): Promise<number> {
  const { maxLifetime } = settings
  const chain = onlyIf(step.chain, { path: parsePath(field), value: value as Value })
  let changed = 0
  const give = async ({ id, created }: SessionRecord) => {
    const change = outsideChange({ ...step, chain }, settings, newOperation(), false)
    const updated = await reliable.update(accessFromOutside({ id, created }, maxLifetime), change)
    if (updated.outcome === 'changed' || updated.outcome === 'done') changed++
    // One whose conditions do not hold is none of those that are meant.
    else if (updated.outcome === 'refused' && updated.problem.kind !== 'condition') throw errorOf(updated.problem)
  }
  try {
    let found = 0
    for await (const records of pages((page) => reliable.find(field, value, maxLifetime, page))) {
      found += records.length
      await each(records, give)
      progress?.(changed, found)
    }
    return changed
  } catch (error) {
    // Some of them have been changed.
    if (changed > 0 && isSessionError(error)) error.applied = 'unknown'
    throw error
  }
}

/** Runs the work for all of them, a few at a time. After a failure nothing new begins, and what has begun ends first. */
async function each<T>(all: readonly T[], work: (one: T) => Promise<void>): Promise<void> {
  const left = all.values()
  const failures: unknown[] = []
  const go = async () => {
    for (const one of left) {
      await work(one).catch((error) => failures.push(error))
      if (failures.length > 0) return
    }
  }
  await Promise.all(Array.from({ length: AT_ONCE }, go))
  if (failures.length > 0) throw failures[0]
}
