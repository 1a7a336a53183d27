import { randomUUID } from 'node:crypto'
import type { Value } from '../../algebra/index.ts'
import { isLive } from '../../contract/record.ts'
import type { Index } from './indexing.ts'
import type { Register } from './register.ts'
import type { Script } from './script.ts'
import type { Servers } from './servers.ts'

/** The id of a session. The keys of an index have the same prefix, and look different. */
export const ID = /^[A-Za-z0-9_-]{22}$/

/**
 * Which sessions may hold a value: by the index, or by a look at every session where the index may lack one. It may lack
 * one as long as it was not made for sessions that are older than it; after another process has written sessions without
 * noting them; and after a server has evicted keys, was restarted or taken over. A look at every session also makes
 * the index complete, as far as it can be.
 */
export class Sweep {
  readonly #index: Index
  readonly #register: Register
  readonly #script: Script
  readonly #servers: Servers
  #running: Promise<unknown> = Promise.resolve()
  /** What the next look is to find, while one is running: the ids by the keys of the values. */
  #next: { readonly wanted: Map<string, Set<string>>; readonly done: Promise<void> } | undefined

  constructor(index: Index, register: Register, script: Script, servers: Servers) {
    this.#index = index
    this.#register = register
    this.#script = script
    this.#servers = servers
  }

  /** The ids of all sessions that hold a value, and maybe of others. Fails rather than to miss one. */
  async candidates(field: string, value: Value): Promise<string[]> {
    const ids = await this.#index.members(field, value)
    // Asked after the members were read: whatever is lost from now on was among them.
    if (await this.#isComplete([field])) return ids
    const found = new Set(ids)
    await this.#look(this.#index.keyOf(field, value), found)
    return [...found]
  }

  /** Makes the index complete, if it is not. */
  async complete(): Promise<void> {
    if (!(await this.#isComplete([...this.#index.fields.keys()]))) await this.#look()
  }

  async #isComplete(fields: readonly string[]): Promise<boolean> {
    const since = await Promise.all(fields.map((field) => this.#register.stateOf(field)))
    if (since.some((state) => state === undefined)) return false
    const state = await this.#servers.state()
    return since.every((one) => one === state)
  }

  /**
   * Looks at every session that is there from now on. Whoever asks while a look is running waits for the next one, with
   * all others who do: so there are at most two, however many ask.
   */
  #look(key?: string, found?: Set<string>): Promise<void> {
    if (!this.#next) {
      const wanted = new Map<string, Set<string>>()
      const done = this.#running
        .catch(() => {})
        .then(() => {
          this.#next = undefined
          const run = this.#run(wanted)
          this.#running = run
          return run
        })
      this.#next = { wanted, done }
    }
    const { wanted, done } = this.#next
    if (key === undefined || !found) return done
    const shared = wanted.get(key) ?? found
    wanted.set(key, shared)
    return done.then(() => {
      for (const id of shared) found.add(id)
    })
  }

  async #run(wanted: ReadonlyMap<string, Set<string>>): Promise<void> {
    const started = await this.#register.time()
    const before = await this.#servers.state()
    for await (const names of this.#servers.keys()) {
      await Promise.all(names.filter((name) => ID.test(name)).map((id) => this.#note(id, wanted)))
    }
    const after = await this.#servers.state()
    if (before !== undefined && before === after) await this.#register.complete(started, before)
  }

  /** Notes a session as it is now, and sees to it that it does not outlive its entries. */
  async #note(id: string, wanted: ReadonlyMap<string, Set<string>>): Promise<void> {
    // Each try meets another change of this session.
    for (;;) {
      const found = await this.#script.values(id, [...this.#index.fields.values()])
      const { stored, now, horizon, values } = found
      if (!stored || !isLive(stored, now)) return
      const held = this.#index.held(values)
      for (const { field, value } of held) wanted.get(this.#index.keyOf(field, value))?.add(id)
      const until = await this.#index.note(id, held, 2 * (stored.expires - now))
      if (until === undefined || (horizon !== null && horizon <= until)) return
      if (await this.#script.limit(randomUUID(), found, until)) return
    }
  }
}
