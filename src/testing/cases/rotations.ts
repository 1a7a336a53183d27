import assert from 'node:assert/strict'
import fc from 'fast-check'
import { commands } from '../../algebra/index.ts'
import type { DeviceStep } from '../../contract/device.ts'
import { begin, recordOf, type StoredSession } from '../../contract/record.ts'
import type { Access, Change, Proof, Store } from '../../contract/store.ts'
import { afterHeld, judge, mayDestroy, transition } from '../../contract/transition.ts'
import { chainOf, changeOf, hashOf, type MakeStore, MINUTE, type Runner, randomId, visitor } from '../harness.ts'
import { bind, prove } from './devices.ts'

/** Few secrets and few values, so requests meet. Graces are over at once or never end within the test. */
const step = fc.record({
  /** Which of the secrets that were ever set the request holds, counted from the last. */
  secret: fc.nat(3),
  /** The request has loaded the session with this many rotations fewer. */
  loaded: fc.option(fc.nat(2)),
  action: fc.constantFrom('load', 'change', 'touch', 'explicit', 'automatic', 'log in', 'bind', 'prove', 'destroy'),
  /** The request has shown that it comes from the device, and for a proof: it names the challenge before. */
  bound: fc.boolean(),
  former: fc.boolean(),
  grace: fc.constantFrom(0, MINUTE),
  user: fc.nat(1),
  answer: fc.boolean(),
  held: fc.boolean(),
})
type Step = typeof step extends fc.Arbitrary<infer T> ? T : never

/** Random sequences of requests that hold any of a session's secrets: the store answers as `transition` does. */
export function rotations({ describe, it }: Runner, make: MakeStore, runs = 200): void {
  describe('rotations', () => {
    it(`answers as transition() does to ${runs} random sequences of old and new secrets`, async () => {
      const store = await make()
      const sequence = fc.array(step, { minLength: 2, maxLength: 10 })
      await fc.assert(
        fc.asyncProperty(sequence, (steps) => compare(store, steps)),
        { numRuns: runs, endOnFailure: false },
      )
    })
  })
}

interface Model {
  stored: StoredSession | undefined
  /** The latest time of the store's clock that it has told. Its clock may be before or behind this process's. */
  now: number
  /** What a request with each secret may have seen. */
  readonly seen: { readonly hash: string; readonly epoch: string }[]
}

async function compare(store: Store, steps: readonly Step[]): Promise<void> {
  const { id, hash, record } = await visitor(store, { user: 0 })
  const session = { id, hash, data: record.data, maxAge: null, idle: 10 * MINUTE, authenticated: false }
  const model: Model = {
    stored: { ...begin(session, record.created), expires: record.expires },
    now: record.created,
    seen: [{ hash, epoch: '' }],
  }
  for (const step of steps) await take(store, model, { id, created: record.created }, step)
}

async function take(
  store: Store,
  model: Model,
  { id, created }: { id: string; created: number },
  step: Step,
): Promise<void> {
  const { seen, stored, now } = model
  const held = seen[Math.max(0, seen.length - 1 - step.secret)]!
  const saw = step.loaded === null ? undefined : seen[Math.max(0, seen.indexOf(held) - step.loaded)]
  const proof: Proof = { hash: held.hash, ...(saw && { created, epoch: saw.epoch }) }
  const access: Access = { id, proof, maxLifetime: Number.POSITIVE_INFINITY, bound: step.bound }
  if (step.action === 'destroy') {
    const may = mayDestroy(stored, access, now)
    assert.equal(await store.destroy(access), may)
    if (may) model.stored = undefined
    return
  }
  if (step.action === 'load') {
    const verdict = judge(stored, access, now)
    const copy = step.held && stored ? recordOf(stored) : undefined
    const loaded = await store.load(access, copy)
    if (!verdict.live || !('record' in loaded)) {
      assert.equal(loaded.outcome, verdict.live ? 'live' : verdict.answer.outcome)
      return
    }
    assert.equal(loaded.secret, verdict.secret)
    const { data, version, epoch, device } = verdict.stored
    const record = loaded.outcome === 'held' ? { ...loaded.record, data: copy!.data } : loaded.record
    assert.deepEqual(record.device, device)
    assert.deepEqual({ data: record.data, version: record.version, epoch: record.epoch }, { data, version, epoch })
    return
  }
  const change = changeFor(step, stored)
  const answer = await store.update(access, change)
  // By the store's own clock, so times can be compared.
  if ('now' in answer) model.now = answer.now
  const expected = transition(stored, access, change, model.now)
  model.stored = expected.next ?? stored
  if (!('secret' in expected.answer) || !('secret' in answer)) {
    assert.equal(answer.outcome, expected.answer.outcome)
    return
  }
  assert.equal(answer.secret, expected.answer.secret)
  const after = model.stored!
  const got = answer.outcome === 'held' ? afterHeld(change.held!, change, answer) : answer.record
  // A store may slide earlier than it must.
  const { data, ...rest } = { ...recordOf(after), expires: got.expires }
  assert.deepEqual(got, answer.outcome === 'done' ? rest : { ...rest, data })
  if (change.rotation) seen.push({ hash: change.rotation.to, epoch: after.epoch })
}

function changeFor({ action, grace, user, answer, held, former }: Step, stored: StoredSession | undefined): Change {
  const chain =
    action === 'log in'
      ? chainOf(commands.set('user', user))
      : action === 'change'
        ? chainOf(commands.inc('user'))
        : chainOf([])
  const to = hashOf(randomId())
  const rotation =
    action === 'automatic'
      ? { to, grace }
      : action === 'explicit' || action === 'log in'
        ? { to, grace, epoch: randomId() }
        : undefined
  return changeOf(chain, {
    answer,
    rotation,
    authenticated: action === 'log in',
    device: deviceStep(action, former, grace, stored),
    held: held && stored ? recordOf(stored) : undefined,
    slide: { idle: 10 * MINUTE, atLeast: action === 'touch' ? 0 : MINUTE },
  })
}

function deviceStep(
  action: Step['action'],
  former: boolean,
  grace: number,
  stored: StoredSession | undefined,
): DeviceStep | undefined {
  if (action === 'bind') return bind({ grace, ...(!former && { epoch: stored?.epoch ?? '' }) })
  if (action !== 'prove') return undefined
  const { challenge = '', previous } = stored?.device ?? {}
  return { ...prove((former ? previous?.challenge : challenge) ?? '', randomId()), grace }
}
