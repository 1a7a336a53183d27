import { describe, expect, it } from 'vitest'
import { commands, condition } from '../../src/algebra/index.ts'
import { begin, isLive, liveRecord, outlineOf, recordOf, type StoredSession } from '../../src/contract/record.ts'
import { type Access, type Change, LOG_OUT_GRACE, type Proof, REMEMBERED_OPS } from '../../src/contract/store.ts'
import { afterHeld, initial, judge, loaded, mayDestroy, transition } from '../../src/contract/transition.ts'
import { chainOf, changeOf } from '../../src/testing/harness.ts'

const NOW = 1_800_000_000_000
const MINUTE = 60_000
const { inc, set, unset, take, currentDate } = commands

const stored = (more: Partial<StoredSession> = {}): StoredSession => ({
  ...begin({ id: 'id', hash: 'now', data: { n: 1 }, maxAge: null, idle: 10 * MINUTE, authenticated: false }, NOW),
  epoch: 'e2',
  ...more,
})
const access = (proof: Proof = { hash: 'now' }, maxLifetime = Number.POSITIVE_INFINITY): Access => ({
  id: 'id',
  proof,
  maxLifetime,
})
const at = NOW + 1000
const update = (found: StoredSession, change: Partial<Change>, by = access(), now = at) =>
  transition(found, by, changeOf(chainOf([]), change), now)

describe('whether a session is live', () => {
  it.each([
    [NOW + 1, undefined, true],
    [NOW, undefined, false],
    [NOW + 1, 100, true],
    [NOW + 1, 99, false],
  ])('expires at %i, lives for %s at most', (expires, maxLifetime, live) => {
    const session = stored({ expires, created: NOW - 99 })
    expect(isLive(session, NOW, maxLifetime)).toBe(live)
    expect(liveRecord(session, NOW, maxLifetime)).toEqual(live ? recordOf(session) : undefined)
    expect(loaded(session, access({ hash: 'now' }, maxLifetime ?? Number.POSITIVE_INFINITY), NOW).outcome).toBe(
      live ? 'live' : 'expired',
    )
  })

  it('shows nothing that proves access', () => {
    const session = stored({ previous: { hash: 'before', until: NOW, kind: 'used' }, ops: ['a@1'] })
    expect(JSON.stringify(recordOf(session))).not.toMatch(/now|before|a@1/)
    expect(liveRecord(undefined, NOW)).toBeUndefined()
  })
})

describe('what a proof is worth', () => {
  const before = (kind: 'explicit' | 'unused' | 'used', until: number) =>
    stored({ previous: { hash: 'before', until, kind }, rotated: NOW })
  const created = NOW
  /** A session, the proof with which a request comes, and what it is told: a standing, or why it is not let in. */
  it.each<[string, StoredSession | undefined, Proof, string]>([
    ['nothing is there', undefined, { hash: 'now' }, 'absent'],
    ['the secret', stored(), { hash: 'now' }, 'current'],
    ['the secret, that of another session', stored(), { hash: 'now', created: created + 1 }, 'absent'],
    ['no secret, but the session itself', stored(), { created }, 'current'],
    ['no secret, another session', stored(), { created: created - 1 }, 'absent'],
    ['nothing', stored(), {}, 'stale'],
    ['a secret that was never one', stored(), { hash: 'x' }, 'stale'],
    ['one that was loaded before, its epoch over', stored(), { hash: 'x', created, epoch: 'e1' }, 'rotated'],
    ['one that was loaded before, in this epoch', stored(), { hash: 'x', created, epoch: 'e2' }, 'superseded'],
    ['a new one that nobody used', before('unused', at), { hash: 'now' }, 'first'],
    ['a new one that was used', before('used', at), { hash: 'now' }, 'current'],
    ['the one before an automatic rotation, in its grace', before('unused', at + 1), { hash: 'before' }, 'superseded'],
    ['and used', before('used', at + 1), { hash: 'before' }, 'superseded'],
    ['at the end of its grace', before('used', at), { hash: 'before' }, 'reused'],
    ['at the end of its grace, unused', before('unused', at), { hash: 'before' }, 'lost'],
    ['unused, and loaded before', before('unused', at), { hash: 'before', created, epoch: 'e2' }, 'lost'],
    ['used, and loaded before', before('used', at), { hash: 'before', created, epoch: 'e2' }, 'superseded'],
    ['the one before a log-in, in its grace', before('explicit', at + 1), { hash: 'before' }, 'grace'],
    ['at the end of that grace', before('explicit', at), { hash: 'before' }, 'rotated'],
    [
      'at the end of that grace, and loaded before',
      before('explicit', at),
      { hash: 'before', created, epoch: 'e1' },
      'rotated',
    ],
  ])('%s', (_, session, proof, says) => {
    const verdict = judge(session, access(proof), at)
    expect(verdict.live ? verdict.secret : verdict.answer.outcome).toBe(says)
    const answer = loaded(session, access(proof), at)
    expect(answer.outcome).toBe(verdict.live ? 'live' : says)
    expect(answer).toEqual(
      verdict.live ? { outcome: 'live', record: recordOf(session!), secret: says, now: at } : verdict.answer,
    )
    // The age in the answer: for the secret before the last, since its grace; for an older one, since the rotation.
    if (!verdict.live && 'ago' in verdict.answer) {
      const since = proof.hash === 'before' ? session!.previous!.until : session!.rotated
      expect(verdict.answer).toMatchObject({ ago: at - since, created })
    }
  })

  it.each<[string, StoredSession | undefined, Proof, number, boolean]>([
    ['nothing is there', undefined, { hash: 'now' }, at, false],
    ['the secret', stored(), { hash: 'now' }, at, true],
    ['just before the minute is over', before('explicit', NOW), { hash: 'before' }, NOW + LOG_OUT_GRACE - 1, true],
    ['when the minute is over', before('explicit', NOW), { hash: 'before' }, NOW + LOG_OUT_GRACE, false],
    ['reused, just before', before('used', NOW), { hash: 'before' }, NOW + LOG_OUT_GRACE - 1, true],
    ['reused, when it is over', before('used', NOW), { hash: 'before' }, NOW + LOG_OUT_GRACE, false],
    ['a secret that was never one', before('explicit', NOW), { hash: 'x' }, at, false],
  ])('to log out: %s', (_, session, proof, now, may) => {
    expect(mayDestroy(session, access(proof), now)).toBe(may)
  })
})

describe('the operations that a session remembers', () => {
  const full = (first: number) => Array.from({ length: REMEMBERED_OPS }, (_, i) => `op${i}@${first + i}`)
  const again = (repeatedSince: number, chain = chainOf(inc('n'))) => ({ op: 'lost', repeatedSince, chain })

  it('tell what was forgotten: whatever was sent after the oldest of them is remembered', () => {
    for (const [since, outcome] of [
      [NOW + 1, 'changed'],
      [NOW, 'forgotten'],
      [NOW - 1, 'forgotten'],
    ] as const) {
      expect(update(stored({ ops: full(NOW) }), again(since)).answer.outcome, `${since - NOW}`).toBe(outcome)
    }
    expect(update(stored({ ops: full(NOW).slice(1) }), again(0)).answer.outcome).toBe('changed')
    // To slide twice is to slide once.
    expect(update(stored({ ops: full(NOW) }), again(0, chainOf([]))).answer.outcome).toBe('changed')
    expect(update(stored({ ops: full(NOW) }), { ...again(0, chainOf([])), authenticated: true }).answer.outcome).toBe(
      'forgotten',
    )
  })

  it('are told apart by their whole name', () => {
    const session = stored({ ops: ['operation@1'] })
    expect(update(session, { op: 'operation', chain: chainOf(inc('n')) }).next).toBeUndefined()
    for (const op of ['oper', 'ation', 'operation@', 'operation1']) {
      expect(update(session, { op, chain: chainOf(inc('n')) }).next?.data).toEqual({ n: 2 })
    }
  })

  it('have times that never go back, though the clock does, so nothing is applied twice', () => {
    let session = stored()
    const sent: { op: string; since: number }[] = []
    // The clock steps back by an hour after the fifth.
    const clock = (i: number) => NOW + i * 1000 - (i < 5 ? 0 : 3_600_000)
    for (let i = 0; i < 3 * REMEMBERED_OPS; i++) {
      const now = clock(i)
      sent.push({ op: `op${i}`, since: now })
      session = update(session, { op: `op${i}`, chain: chainOf(inc('n')) }, access(), now).next!
      const times = session.ops.map((entry) => Number(entry.split('@')[1]))
      expect(times).toEqual([...times].sort((a, b) => a - b))
      expect(session.ops).toHaveLength(Math.min(i + 1, REMEMBERED_OPS))
      // Whatever is sent again now is known, or it is said that it is not.
      for (const { op, since } of sent) {
        const { next, answer } = update(session, { op, repeatedSince: since, chain: chainOf(inc('n')) }, access(), now)
        expect([next, ['changed', 'forgotten']]).toEqual([undefined, expect.arrayContaining([answer.outcome])])
      }
    }
    expect(session.data).toEqual({ n: 1 + 3 * REMEMBERED_OPS })
  })
})

describe('what an update leaves and answers', () => {
  it('is nothing new where it was not applied', () => {
    const session = stored({ data: { text: 'x' } })
    for (const change of [
      { chain: chainOf(inc('text')) },
      { chain: chainOf(set('a', 1), condition('text', 'y')) },
      { chain: chainOf(set('a', 1)), maxBytes: 1 },
      { chain: chainOf([]), slide: { idle: 10 * MINUTE, atLeast: MINUTE } },
    ]) {
      expect(update(session, change).next).toBeUndefined()
    }
    expect(update(session, { chain: chainOf(set('a', 1)) }, access({ hash: 'x' })).next).toBeUndefined()
    expect(transition(undefined, access(), changeOf(chainOf(set('a', 1))), at)).toEqual({
      next: undefined,
      answer: { outcome: 'absent' },
    })
  })

  it('slides when that is due to the millisecond, or where an idle time is given', () => {
    const slid = (slide: Change['slide']) => update(stored(), { chain: chainOf([]), slide }).next
    expect(slid({ idle: 10 * MINUTE, atLeast: 1001 })).toBeUndefined()
    expect(slid({ idle: 10 * MINUTE, atLeast: 1000 })?.expires).toBe(at + 10 * MINUTE)
    expect(slid({ idle: 10 * MINUTE, maxAge: 5, atLeast: 1e9 })).toMatchObject({ expires: at + 5, maxAge: 5 })
    expect(slid({ idle: 10 * MINUTE, maxAge: null, atLeast: 1e9 })).toMatchObject({ expires: at + 10 * MINUTE })
    const own = stored({ maxAge: 2 * MINUTE, expires: NOW + 2 * MINUTE })
    expect(update(own, { slide: { idle: 10 * MINUTE, atLeast: 0 } }).next?.expires).toBe(at + 2 * MINUTE)
    expect(update(own, { slide: { idle: 7, maxAge: null, atLeast: 0 } }).next?.expires).toBe(at + 7)
  })

  it('counts a version for commands and for nothing else, and remembers all but a touch', () => {
    const of = (change: Partial<Change>) =>
      update(stored(), { slide: { idle: 1, atLeast: 0 }, op: 'o', ...change }).next
    const rotation = { to: 'next', grace: 5, epoch: 'e3' }
    expect(of({ slide: { idle: 20 * MINUTE, atLeast: 0 } })).toMatchObject({ version: 1, ops: [] })
    expect(of({ chain: chainOf(unset('none')) })).toMatchObject({ version: 2, ops: [`o@${at}`] })
    expect(of({ rotation })).toMatchObject({ version: 1, ops: [`o@${at}`], authAt: null })
    expect(of({ authenticated: true })).toMatchObject({ version: 1, ops: [`o@${at}`], authAt: at })
  })

  it('notes that a new secret has arrived, with whatever comes first', () => {
    const first = stored({ previous: { hash: 'before', until: at + 5, kind: 'unused' } })
    const far = { idle: 10 * MINUTE, atLeast: Number.MAX_SAFE_INTEGER }
    const { next, answer } = update(first, { slide: far })
    expect(next).toEqual({ ...first, previous: { ...first.previous, kind: 'used' } })
    expect(answer).toMatchObject({ outcome: 'changed', secret: 'current' })
    expect(update(stored(), { slide: far }).next).toBeUndefined()
  })

  it.each<[string, Proof, Partial<StoredSession>, string | undefined, unknown]>([
    [
      'automatically',
      { hash: 'now' },
      {},
      undefined,
      { hash: 'next', previous: { hash: 'now', until: at + 5, kind: 'unused' } },
    ],
    [
      'explicitly',
      { hash: 'now' },
      {},
      'e3',
      { hash: 'next', previous: { hash: 'now', until: at + 5, kind: 'explicit' } },
    ],
    [
      'where the new secret was lost',
      { hash: 'before' },
      { previous: { hash: 'before', until: NOW, kind: 'unused' } },
      undefined,
      { hash: 'next', previous: { hash: 'before', until: at + 5, kind: 'unused' } },
    ],
    [
      'automatically, second',
      { hash: 'before' },
      { previous: { hash: 'before', until: at + 1, kind: 'used' } },
      undefined,
      'outrun',
    ],
    [
      'automatically, in a grace',
      { hash: 'before' },
      { previous: { hash: 'before', until: at + 1, kind: 'explicit' } },
      undefined,
      'outrun',
    ],
    [
      'explicitly, in a grace',
      { hash: 'before' },
      { previous: { hash: 'before', until: at + 1, kind: 'explicit' } },
      'e3',
      'rotated',
    ],
    [
      'explicitly, after an automatic one',
      { hash: 'before' },
      { previous: { hash: 'before', until: at + 1, kind: 'used' } },
      'e3',
      { hash: 'next' },
    ],
  ])('rotates %s', (_, proof, more, epoch, should) => {
    const rotation = { to: 'next', grace: 5, ...(epoch !== undefined && { epoch }) }
    const { next, answer } = update(stored(more), { chain: chainOf(inc('n')), rotation }, access(proof))
    if (typeof should === 'string') {
      expect([next, answer.outcome]).toEqual([undefined, should])
      if (should === 'rotated') expect(answer).toMatchObject({ ago: -1, created: NOW })
    } else {
      expect(next).toMatchObject({ ...(should as object), rotated: at, epoch: epoch ?? 'e2', data: { n: 2 } })
      expect(answer).toMatchObject({ outcome: 'changed', secret: 'current' })
    }
  })

  it('is told to who holds the version and its operation without data, and else with them', () => {
    const session = stored()
    const record = recordOf(session)
    const change = { chain: chainOf(inc('n')), op: 'o' }
    const { answer, next } = update(session, { ...change, held: record })
    expect(answer).toEqual({ outcome: 'held', record: outlineOf(next!), secret: 'current', now: at })
    expect(outlineOf(next!)).toMatchObject({ version: 2, last: 'o' })
    for (const held of [undefined, { ...record, version: 0 }, { ...record, last: 'another' }]) {
      expect(update(session, { ...change, held }).answer.outcome).toBe('changed')
    }
    expect(update(session, { chain: chainOf(take('n')), held: record }).answer).toMatchObject({ taken: 1 })
  })
})

describe('a log-in that is sent twice', () => {
  const rotation = { to: 'again', grace: 0, epoch: 'e3' }
  const login = { chain: chainOf(set('user', 7)), rotation, authenticated: true, slide: { idle: MINUTE, atLeast: 0 } }
  const after = (until: number) =>
    stored({ data: { user: 7 }, previous: { hash: 'before', until, kind: 'explicit' }, epoch: 'e2' })
  const late = access({ hash: 'before' })
  const says = (change: Partial<Change>, session = after(NOW), now = at) => update(session, change, late, now)

  it('is a log-in like any other where the secret is the live one', () => {
    const { next } = update(after(NOW), login)
    expect(next).toMatchObject({ epoch: 'e3', previous: { hash: 'now', until: at, kind: 'explicit' } })
  })

  it('is let in, and rotates once more as by itself', () => {
    const { next, answer } = says(login)
    expect(answer).toMatchObject({ outcome: 'changed', secret: 'current' })
    expect(next).toMatchObject({
      hash: 'again',
      epoch: 'e2',
      previous: { hash: 'now', until: at + 30_000, kind: 'unused' },
      data: { user: 7 },
      authAt: at,
    })
    expect(says(login, after(at + 1)).answer.outcome).toBe('changed')
    const held = says({ ...login, held: recordOf(after(NOW)) })
    expect(held.answer).toMatchObject({ outcome: 'held', record: { epoch: 'e2', rotated: at, authAt: at } })
  })

  it.each<[string, Partial<Change>, StoredSession?, number?]>([
    ['says that it is somebody else', { chain: chainOf(set('user', 8)) }],
    ['says nothing of who it is', { chain: chainOf([]) }],
    ['does more than that', { chain: chainOf([set('user', 7), inc('n', 0)]) }],
    ['does more than that, though it changes nothing', { chain: chainOf([set('user', 7), unset('none')]) }],
    ['asks for something', { chain: chainOf(set('user', 7), condition('user', 7)) }],
    ['is no log-in', { authenticated: false }],
    ['rotates by itself only', { rotation: { to: 'again', grace: 0 } }],
    ['does not rotate', { rotation: undefined }],
    ['comes after a minute', {}, after(NOW), NOW + LOG_OUT_GRACE],
    [
      'comes after an automatic rotation',
      {},
      { ...after(NOW), previous: { hash: 'before', until: NOW, kind: 'used' } },
    ],
  ])('is refused if it %s', (_, more, session = after(NOW), now = at) => {
    const { next, answer } = says({ ...login, ...more }, session, now)
    expect(next).toBeUndefined()
    expect(answer.outcome).toMatch(/^(rotated|reused)$/)
  })
})

describe('what a caller makes of an answer that has no data', () => {
  it('its own, with the chain; all else as the store says', () => {
    const held = recordOf(stored())
    const record = { ...outlineOf(stored()), version: 5, expires: 6, maxAge: 7, authAt: 8, rotated: 9, epoch: 'e9' }
    const answer = { outcome: 'held', record, secret: 'grace', now: at } as const
    expect(afterHeld(held, changeOf(chainOf(inc('n'))), answer)).toEqual({ ...record, data: { n: 2 } })
    expect(() => afterHeld(held, changeOf(chainOf(inc('n.x'))), answer)).toThrow(TypeError)
  })
})

describe('how a session begins', () => {
  it("has its own times, and the store's where its data ask for them", () => {
    const chain = chainOf([set('a', 1), currentDate('at')])
    const first = initial({}, chain)
    expect(first.ok && first.dates?.commands).toEqual([chain.commands[1]])
    expect(initial({}, chainOf(set('a', 1)))).not.toHaveProperty('dates')
    if (!first.ok) return
    const base = { id: 'id', hash: 'h', data: first.data, dates: first.dates!, maxAge: null, idle: 5 }
    expect(begin({ ...base, authenticated: false }, NOW)).toEqual({
      ...{ id: 'id', hash: 'h', data: { a: 1, at: new Date(NOW) }, version: 1, maxAge: null, authAt: null },
      ...{ previous: null, created: NOW, expires: NOW + 5, rotated: NOW, epoch: '', ops: [] },
    })
    const other = begin({ ...base, maxAge: 7, created: 1, authenticated: true }, NOW)
    expect(other).toMatchObject({ created: 1, expires: NOW + 7, maxAge: 7, authAt: NOW, rotated: NOW })
  })
})
