import assert from 'node:assert/strict'
import { createHash, randomBytes } from 'node:crypto'
import { type Chain, type Command, type Condition, type Data, EMPTY_CHAIN, extend, onlyIf } from '../algebra/index.ts'
import type { Access, Change, NewSession, Proof, SessionRecord, Store, Updated } from '../contract/store.ts'

/** The two functions of a test runner that the suite needs; vitest, node:test, mocha and jest have them. */
export interface Runner {
  describe(name: string, body: () => void): void
  it(name: string, body: () => Promise<void>): void
}

/** Gives an empty store that shares nothing with any other; called once for each group of tests. */
export type MakeStore<S extends Store = Store> = () => Promise<S>

/** Makes a store with the first call and gives it with every later one: for a group of cases that can share it. */
export function sharing<T>(make: () => Promise<T>): () => Promise<T> {
  let made: Promise<T> | undefined
  return () => (made ??= make())
}

export const MINUTE = 60_000

export function randomId(): string {
  return randomBytes(16).toString('base64url')
}

export function hashOf(secret: string): string {
  return createHash('sha256').update(secret).digest('base64url')
}

/** A session of the suite: what a visitor's cookie would hold, and the ways to use it. */
export interface Visitor {
  readonly id: string
  readonly hash: string
  /** Access with the cookie's secret. */
  readonly access: Access
  /** Access of a request that has loaded the session as it was at its beginning. */
  readonly holder: Access
  readonly record: SessionRecord
}

export async function visitor(store: Store, data: Data = {}, session: Partial<NewSession> = {}): Promise<Visitor> {
  const id = session.id ?? randomId()
  const hash = session.hash ?? hashOf(id)
  const record = await store.create({
    id,
    hash,
    data,
    maxAge: null,
    idle: 10 * MINUTE,
    authenticated: false,
    ...session,
  })
  assert.ok(record, 'a free id can be created')
  const maxLifetime = Number.POSITIVE_INFINITY
  const access = { id, proof: { hash }, maxLifetime }
  return { id, hash, record, access, holder: { ...access, proof: holding(hash, record) } }
}

/** The proof of a request that has loaded this record with this secret. */
export function holding(hash: string, { created, epoch }: SessionRecord): Proof {
  return { hash, created, epoch }
}

export function chainOf(commands: Command | readonly Command[], ...conditions: Condition[]): Chain {
  const list = Array.isArray(commands) ? commands : [commands as Command]
  return conditions.reduce(onlyIf, extend(EMPTY_CHAIN, list))
}

/** A change with everything at rest but for what is given. */
export function changeOf(chain: Chain, more: Partial<Change> = {}): Change {
  return {
    op: randomId(),
    chain,
    held: undefined,
    answer: true,
    slide: { idle: 10 * MINUTE, atLeast: MINUTE },
    maxBytes: 65_536,
    ...more,
  }
}

/** The record of an update that must have been applied. */
export function changed(updated: Updated): SessionRecord {
  assert.equal(updated.outcome, 'changed', JSON.stringify(updated))
  return (updated as Updated & { outcome: 'changed' }).record
}

export async function dataOf(store: Store, access: Access): Promise<Data> {
  const loaded = await store.load(access)
  assert.equal(loaded.outcome, 'live')
  return (loaded as typeof loaded & { outcome: 'live' }).record.data
}

/** Asks until the answer is there: how the suite awaits the store's clock without knowing its speed. */
export async function eventually<T>(ask: () => Promise<T>, holds: (answer: T) => boolean): Promise<T> {
  for (const end = performance.now() + 10_000; ; ) {
    const answer = await ask()
    if (holds(answer)) return answer
    if (performance.now() > end) assert.fail(`still ${JSON.stringify(answer)} after ten seconds`)
    await new Promise((resolve) => setTimeout(resolve, 5))
  }
}
