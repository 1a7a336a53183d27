/**
 * What every store of this package must do, as tests for your own stores.
 *
 * @module koa-atomic-session/testing
 */
import type { IndexedStore } from '../contract/store.ts'
import { alike } from './cases/alike.ts'
import { atomicity } from './cases/atomicity.ts'
import { type Beside, beside } from './cases/beside.ts'
import { examples } from './cases/commands.ts'
import { copies } from './cases/copies.ts'
import { devices } from './cases/devices.ts'
import { expiry } from './cases/expiry.ts'
import { INDEXED_FIELDS, index } from './cases/index.ts'
import { inspection } from './cases/inspection.ts'
import { lifecycle } from './cases/lifecycle.ts'
import { limits } from './cases/limits.ts'
import { outside } from './cases/outside.ts'
import { rotations } from './cases/rotations.ts'
import { secret } from './cases/secret.ts'
import { type Telling, telling } from './cases/telling.ts'
import { users } from './cases/users.ts'
import { type DifferentialOptions, differential } from './differential.ts'
import type { MakeStore, Runner } from './harness.ts'

export { document } from './arbitraries.ts'
export type { Beside } from './cases/beside.ts'
export type { Telling } from './cases/telling.ts'
export { chain } from './chains.ts'
export type { DifferentialOptions } from './differential.ts'
export { EXAMPLES, type Example } from './examples.ts'
export type { MakeStore, Runner } from './harness.ts'
export { INDEXED_FIELDS }

/** Options of `conformance`. */
export interface ConformanceOptions extends DifferentialOptions {
  /** Returns a store that indexes {@link INDEXED_FIELDS}; absent for a store that has no index. */
  readonly makeIndexed?: MakeStore<IndexedStore>
  /**
   * Returns two stores with the same sessions, one of which indexes {@link INDEXED_FIELDS}; absent if that is
   * impossible.
   */
  readonly makeBeside?: () => Promise<Beside>
  /**
   * Returns two stores with the same sessions and {@link INDEXED_FIELDS}, one of which reports changes; absent for a
   * store that can't.
   */
  readonly makeTelling?: () => Promise<Telling>
}

/**
 * Declares the whole suite with the `describe` and `it` of your test runner. `make` returns an empty store at every
 * call; the suite does not close them.
 */
export function conformance(runner: Runner, make: MakeStore, options: ConformanceOptions = {}): void {
  lifecycle(runner, make)
  secret(runner, make)
  rotations(runner, make)
  outside(runner, make)
  devices(runner, make)
  expiry(runner, make)
  examples(runner, make)
  alike(runner, make)
  limits(runner, make)
  atomicity(runner, make)
  copies(runner, make)
  inspection(runner, make)
  if (options.makeIndexed) {
    index(runner, options.makeIndexed)
    users(runner, options.makeIndexed)
  }
  if (options.makeBeside) beside(runner, options.makeBeside)
  if (options.makeTelling) telling(runner, options.makeTelling)
  differential(runner, make, options)
}
