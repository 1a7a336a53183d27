import { memory } from 'koa-atomic-session/memory'
import { ObjectId } from 'mongodb'
import { describe, expect, it } from 'vitest'
import { commands, sizeOf, weigh } from '../../src/algebra/index.ts'
import { Copies } from '../../src/cache/copies.ts'
import type { SessionRecord, Standing, Updated } from '../../src/contract/store.ts'
import { chainOf, changeOf, hashOf, visitor } from '../../src/testing/harness.ts'

const BLOB = 'x'.repeat(5000)

describe('a copy of a large session', () => {
  const access = { id: 'id', proof: { hash: 'hash' }, maxLifetime: Number.POSITIVE_INFINITY }
  const loaded = async (copies: Copies, { secret = 'current' as Standing, bytes = 5000 } = {}) => {
    const { record } = await visitor(memory(), { blob: BLOB }, { id: 'id', hash: 'hash' })
    copies.read(access, undefined, { outcome: 'live', record, secret, now: 0, bytes })
    return record
  }
  /** What a store answers to a change that has named this copy. */
  const held = ({ data: _, ...outline }: SessionRecord) =>
    ({ outcome: 'held', record: { ...outline, version: outline.version + 1 }, secret: 'current', now: 0 }) as const

  it('is found by the secret and the id of its session, and by nothing else', async () => {
    const copies = new Copies(1e6)
    const record = await loaded(copies)
    expect(copies.of(access)?.record).toBe(record)
    expect(copies.of({ ...access, id: 'another' })).toBeUndefined()
    expect(copies.of({ ...access, proof: { hash: hashOf('another') } })).toBeUndefined()
    expect(copies.of({ ...access, proof: { created: record.created } })).toBeUndefined()
  })

  it('is found by the new secret alone once its own request has rotated', async () => {
    const copies = new Copies(1e6)
    const record = await loaded(copies)
    const rotation = { to: 'new', grace: 60_000, epoch: 'e' }
    const change = copies.naming(access, changeOf(chainOf(commands.inc('n')), { rotation, answer: false }))
    expect(change).toMatchObject({ held: record, answer: true })
    const answer = held(record)
    copies.applied(access, change, { ...answer, record: { ...answer.record, epoch: 'e' } })
    expect(copies.of(access)).toBeUndefined()
    expect(copies.of({ ...access, proof: { hash: 'new' } })?.record).toMatchObject({ version: 2, data: { n: 1 } })
  })

  it('is kept of no BSON value, because requests could change it for each other', async () => {
    const copies = new Copies(1e6)
    const record = await loaded(copies)
    const change = changeOf(chainOf(commands.set('owner', new ObjectId())), { held: record })
    expect(copies.applied(access, change, held(record))).toMatchObject({ outcome: 'changed', record: { version: 2 } })
    expect(copies.of(access)).toBeUndefined()
  })

  it.each<[Standing, boolean]>([
    ['current', true],
    ['first', true],
    ['superseded', false],
    ['grace', false],
    ['lost', false],
  ])('of a session that was opened by a secret which is %s is kept: %s', async (secret, kept) => {
    const copies = new Copies(1e6)
    await loaded(copies, { secret })
    expect(copies.of(access) !== undefined).toBe(kept)
  })

  it('is kept from 2 KiB on, up to half of what all may take', async () => {
    const keeps = async (bytes: number, limit: number) => {
      const copies = new Copies(limit)
      await loaded(copies, { bytes })
      return copies.of(access) !== undefined
    }
    expect(await Promise.all([keeps(2047, 1e6), keeps(2048, 1e6)])).toEqual([false, true])
    // With half a KiB for what it takes besides its data.
    expect(await Promise.all([keeps(5000, 2 * 5511), keeps(5000, 2 * 5512)])).toEqual([false, true])
  })

  it('takes as much as the store has said, and what changes have added since', async () => {
    const copies = new Copies(1e6)
    const record = await loaded(copies)
    const add = (held: SessionRecord) => changeOf(chainOf(commands.set('more', 'x'.repeat(1000))), { held })
    copies.applied(access, add(record), held(record))
    expect(copies.of(access)?.bytes).toBe(5000 + weigh(add(record).chain))
    // What a read has found right is the same data, of a session that may have slid.
    const known = copies.of(access)!
    const { data: _, ...outline } = known.record
    const read = copies.read(access, known, { outcome: 'held', record: outline, secret: 'current', now: 0 })
    const later = (read as { record: SessionRecord }).record
    copies.applied(access, add(later), held(later))
    expect(copies.of(access)?.bytes).toBe(known.bytes + weigh(add(later).chain))
    // Another request has brought another version meanwhile, so it is counted anew.
    copies.applied(access, add(record), held(record))
    expect(copies.of(access)?.bytes).toBe(sizeOf({ blob: BLOB, more: 'x'.repeat(1000) }))
  })

  it('stays where a change is refused, or answered without data: the next request asks whether it still counts', async () => {
    const copies = new Copies(1e6)
    const record = await loaded(copies)
    const change = changeOf(chainOf(commands.inc('n')), { answer: false })
    const problem = { kind: 'condition', path: 'n' } as const
    copies.applied(access, change, { outcome: 'refused', problem, now: 0 } as Updated)
    expect(copies.of(access)?.record).toBe(record)
    const done = { ...held(record), outcome: 'done' } as const
    expect(copies.applied(access, change, done)).toBe(done)
    expect(copies.of(access)?.record).toBe(record)
  })

  it('is not believed where the store names one, though the change has named none', async () => {
    const copies = new Copies(1e6)
    const record = await loaded(copies)
    expect(copies.applied(access, changeOf(chainOf([])), held(record))).toMatchObject({ outcome: 'done' })
    expect(copies.of(access)).toBeUndefined()
  })

  it('stays as it is where a read finds it right, and is made anew once the session has slid', async () => {
    const copies = new Copies(1e6)
    const { data: _, ...outline } = await loaded(copies)
    const copy = copies.of(access)!
    const told = (expires: number) => {
      copies.read(access, copies.of(access), {
        ...{ outcome: 'held', record: { ...outline, expires }, secret: 'current', now: 0 },
      })
      return copies.of(access)!
    }
    expect(told(outline.expires)).toBe(copy)
    expect(told(outline.expires + 1)).toEqual({ ...copy, record: { ...copy.record, expires: outline.expires + 1 } })
  })

  it('goes once the store says that the session is over', async () => {
    const copies = new Copies(1e6)
    await loaded(copies)
    copies.read(access, copies.of(access), { outcome: 'expired' })
    expect(copies.of(access)).toBeUndefined()
    await loaded(copies)
    copies.applied(access, changeOf(chainOf([])), { outcome: 'absent' })
    expect(copies.of(access)).toBeUndefined()
  })
})
