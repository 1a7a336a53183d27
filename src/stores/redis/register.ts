import type { RunScript } from './client.ts'
import { COMPLETE, STATE, WRITE } from './register.lua.ts'
import { wordsOf } from './words.ts'

/**
 * Whether the index of a field has every session that holds a value there.
 *
 * A process may run beside others that have no index, or one of other fields: before a release that adds `index`, and
 * while it is rolled out. What these write is not noted. So **every** process says in the register which fields it notes
 * before it writes a session, and that it may do so for the next minute: it takes a lease. A lease without a field ends
 * the completeness of that field's index. And an index becomes complete only if there was no such lease from before the
 * first session was looked at.
 *
 * The register is one key, so its answer is atomic. Whoever loses it has no complete index.
 */
export class Register {
  readonly #key: string
  readonly #fields: string
  readonly #run: RunScript
  /** Until when this process may write, and when it asks for more, by its own clock. */
  #until = Number.NEGATIVE_INFINITY
  #renewal = Number.NEGATIVE_INFINITY
  #renewing: Promise<void> | undefined

  constructor(fields: readonly string[], prefix: string, run: RunScript) {
    this.#key = `${prefix}index`
    this.#fields = JSON.stringify([...fields].sort())
    this.#run = run
  }

  /** Resolves when this process may write sessions; undefined if it may now, which is nearly always so. */
  write(): Promise<void> | undefined {
    const now = performance.now()
    if (now >= this.#until) return this.#renew()
    // In good time, so writing goes on while the server of this one key is away for a moment.
    if (now >= this.#renewal) this.#renew().catch(() => {})
    return undefined
  }

  /** The time by the server's clock. */
  async time(): Promise<number> {
    return Number(await this.#run(this.#key, ['time']))
  }

  /** Says that the index of all of this process's fields is complete. See the script for when it is not. */
  async complete(started: number, state: string): Promise<boolean> {
    const words = wordsOf(COMPLETE, { fields: this.#fields, started, state })
    return Number(await this.#run(this.#key, ['complete', ...words])) === 1
  }

  /** The state of the servers in which the index of a field became complete; undefined if it is not complete. */
  async stateOf(field: string): Promise<string | undefined> {
    return ((await this.#run(this.#key, ['state', ...wordsOf(STATE, { field })])) as string) || undefined
  }

  #renew(): Promise<void> {
    this.#renewing ??= this.#lease().finally(() => (this.#renewing = undefined))
    return this.#renewing
  }

  async #lease(): Promise<void> {
    const asked = performance.now()
    await this.#run(this.#key, ['write', ...wordsOf(WRITE, { fields: this.#fields, duration: LEASE })])
    this.#until = asked + LEASE - ON_ITS_WAY
    this.#renewal = asked + LEASE / 4
  }
}

/** For how long a process may write, in milliseconds. */
const LEASE = 90_000
/** The last part of a lease, which is left to writes that are on their way. */
const ON_ITS_WAY = 30_000
