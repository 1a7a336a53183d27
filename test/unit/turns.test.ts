import { describe, expect, it } from 'vitest'
import type { Absent, SessionRecord, Standing } from '../../src/contract/store.ts'
import { newId, newSecret } from '../../src/cookie/credential.ts'
import { settingsOf } from '../../src/settings/settings.ts'
import { chainOf, changeOf } from '../../src/testing/harness.ts'
import {
  type Applied,
  type Live,
  type Unread,
  whenAbsent,
  whenApplied,
  whenBegun,
  whenLoaded,
  withoutTouch,
} from '../../src/visit/state.ts'

const NOW = 1_800_000_000_000
const HOUR = 3_600_000
const rules = settingsOf({ maxAge: '1 hour', touchAfter: '1 minute', rotateEvery: '1 day' })
const credential = newSecret(newId())
const unread: Unread = { kind: 'unread', credential }
const record: SessionRecord = {
  ...{ id: credential.id, data: { n: 1 }, version: 1, maxAge: null, authAt: null, last: 'o' },
  ...{ created: NOW - 1000, expires: NOW + HOUR, rotated: NOW - 1000, epoch: 'e1' },
}
const live = (more: Partial<Live> = {}): Live => ({
  ...{ kind: 'live', credential, secret: 'current', created: record.created, epoch: 'e1', maxAge: null, record },
  ...{ fresh: true, due: { touch: false, rotate: false, claim: false } },
  ...more,
})
const nothing = { touch: false, rotate: false, claim: false }

describe('the epoch that a request has proven', () => {
  const told = { ...record, epoch: 'e2' }
  const loaded = (state: Unread | Live, secret: Standing) =>
    whenLoaded(state, { outcome: 'live', record: told, secret, now: NOW }, rules, false).state.epoch
  const done = (state: Unread | Live, secret: Standing) => {
    const { data: _, ...outline } = told
    return whenApplied(
      state,
      changeOf(chainOf([])),
      { outcome: 'done', record: outline, secret, now: NOW },
      undefined,
      rules,
    ).state.epoch
  }

  it.each<[string, typeof loaded]>([
    ['read', loaded],
    ['changed without being read', done],
  ])("is the session's where it is %s, but for a secret in the grace of a log-in", (_, epochOf) => {
    for (const secret of ['first', 'current', 'superseded', 'lost'] as const) {
      expect(epochOf(unread, secret)).toBe('e2')
      expect(epochOf(live(), secret)).toBe('e2')
    }
    // It has proven what it was let in with before, which is nothing for a request that comes.
    expect(epochOf(unread, 'grace')).toBeUndefined()
    expect(epochOf(live(), 'grace')).toBe('e1')
  })
})

describe('a change that the store has answered without data', () => {
  const { data: _, ...outline } = { ...record, version: 2, rotated: NOW - 10 * 86_400_000 }
  const rotation = { to: 'next', grace: 0 }
  const done = (state: Unread | Live, secret: Standing = 'current', change = {}) =>
    whenApplied(
      state,
      changeOf(chainOf([]), change),
      { outcome: 'done', record: outline, secret, now: NOW },
      undefined,
      rules,
    ).state

  it('leaves the data that were read, which are not shown any more', () => {
    expect(done(live())).toMatchObject({ record: { ...outline, data: { n: 1 } }, fresh: false })
    expect(done(live({ record: undefined, fresh: false }))).toMatchObject({ record: undefined, fresh: false })
    expect(done(unread)).toMatchObject({ record: undefined, fresh: false, created: record.created, maxAge: null })
  })

  it('leaves the secret to be renewed where that was due, unless it has renewed it', () => {
    const due = live({ due: { ...nothing, rotate: true } })
    expect(done(due).due).toEqual({ ...nothing, rotate: true })
    expect(done(due, 'current', { rotation }).due).toEqual(nothing)
    expect(done(due, 'superseded').due).toEqual(nothing)
    expect(done(live()).due).toEqual(nothing)
    expect(done(unread).due).toEqual(nothing)
    // Whose successor was lost on its way.
    for (const state of [unread, live()]) expect(done(state, 'lost').due).toEqual({ ...nothing, rotate: true })
  })
})

describe('the cookie after a change', () => {
  const applied = (more: Partial<SessionRecord>, slide: object, defers?: boolean) => {
    const change = changeOf(chainOf([]), { slide: { idle: HOUR, atLeast: Number.MAX_SAFE_INTEGER, ...slide } })
    const answer: Applied = { outcome: 'changed', record: { ...record, ...more }, secret: 'current', now: NOW }
    const { cookie, state } = whenApplied(unread, change, answer, undefined, rules, defers)
    return [cookie, state.due.touch]
  }

  it('slides where the store has slid, or will at the end of the request, and not before that is due', () => {
    expect(applied({}, { atLeast: 0 })).toEqual(['slide', false])
    expect(applied({}, {})).toEqual(['renew', false])
    expect(applied({ expires: NOW + HOUR - 60_000 }, {})).toEqual(['renew', false])
    expect(applied({ expires: NOW + HOUR - 60_000 }, {}, true)).toEqual(['slide', true])
    expect(applied({ expires: NOW + HOUR - 59_999 }, {}, true)).toEqual(['renew', false])
  })

  it('is written in any case where an idle time of its own was given or taken away', () => {
    expect(applied({}, { atLeast: 0, maxAge: null })).toEqual(['keep', false])
    expect(applied({ maxAge: 2 * HOUR, expires: NOW + 2 * HOUR }, { maxAge: 2 * HOUR })).toEqual(['keep', false])
  })
})

describe('a session that is not there for a request', () => {
  const absent = (state: Unread | Live, answer: object) => whenAbsent(state, answer as Absent)
  const late = { kind: 'late', unbound: false, credential }
  const created = NOW - 5000

  it('is told to a request that comes by what it may still end', () => {
    expect(absent(unread, { outcome: 'unbound' })).toEqual({
      state: { ...late, unbound: true, created: undefined, epoch: undefined },
      cookie: 'nothing',
      event: 'unbound',
    })
    // Its secret was the one before, so it is known which session it was.
    for (const outcome of ['rotated', 'reused'])
      expect(absent(unread, { outcome, ago: 59_999, created }).state).toEqual({ ...late, created, epoch: undefined })
    expect(absent(unread, { outcome: 'stale', ago: 0, created }).state).toEqual({
      ...late,
      created: undefined,
      epoch: undefined,
    })
    expect(absent(unread, { outcome: 'rotated', ago: 60_000, created }).state.kind).toBe('new')
  })

  it('is told to one that has seen it by what it has seen', () => {
    const seen = { created: record.created, epoch: 'e1' }
    expect(absent(live(), { outcome: 'unbound' })).toEqual({
      state: { ...late, unbound: true, ...seen },
      cookie: 'drop',
      event: 'unbound',
    })
    for (const outcome of ['rotated', 'stale'])
      expect(absent(live(), { outcome, ago: 1e9, created }).state).toEqual({ ...late, ...seen })
    for (const outcome of ['absent', 'expired', 'reused']) {
      expect(absent(live(), { outcome, ago: 0, created })).toEqual({
        // It was not this request that has ended it, so a log-in of this request may begin another one.
        state: { kind: 'gone', own: false },
        cookie: 'drop',
        event: 'gone',
      })
    }
  })
})

describe('what is due at the end of a request', () => {
  it('is nothing for a session that has just begun', () => {
    expect(whenBegun(record, credential)).toEqual({
      state: live({ record, due: nothing }),
      cookie: 'keep',
      event: 'created',
    })
  })

  it('is all but the sliding for a request that does not keep its session alive', () => {
    for (const [rotate, claim] of [
      [true, false],
      [false, true],
    ] as const) {
      const state = live({ due: { touch: true, rotate, claim } })
      expect(withoutTouch(state)).toEqual({ ...state, due: { touch: false, rotate, claim } })
    }
  })
})
