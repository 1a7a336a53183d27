import { readFileSync } from 'node:fs'
import { IncomingMessage, ServerResponse } from 'node:http'
import { Socket } from 'node:net'
import fc from 'fast-check'
import onHeaders from 'on-headers'
import { describe, expect, it } from 'vitest'
import { EMPTY_CHAIN } from '../../src/algebra/index.ts'
import type { Absent, Change, SessionRecord, Standing } from '../../src/contract/store.ts'
import {
  newId,
  newSecret,
  readCredential,
  type SessionCredential,
  writeCredential,
} from '../../src/cookie/credential.ts'
import { CookieJar } from '../../src/cookie/jar.ts'
import { keygripOf } from '../../src/cookie/keys.ts'
import { settingsOf } from '../../src/settings/settings.ts'
import {
  type Applied,
  asOnArrival,
  cookieAge,
  initialState,
  isCurrent,
  type State,
  type Turn,
  whenAbsent,
  whenApplied,
  whenBegun,
  whenDestroyed,
  whenFormOpened,
  whenLoaded,
  whenRegenerated,
  withMaxAge,
  withoutDue,
} from '../../src/visit/state.ts'

/** Fewer where they run for each rule that was broken. */
const RUNS = process.env.MUTATE_TESTS ? 500 : 5000
const KEYS = ['the key that signs, sixteen or more', 'the key before, sixteen or more']
const SETTINGS = [{}, { maxAge: '1 hour', rotateEvery: '10 minutes' }].map((options) => settingsOf(options))
const NOW = 1_800_000_000_000

/** What may happen to a request, with everything that the store may answer, also what no store of ours would. */
const standing = fc.constantFrom<Standing>('first', 'current', 'superseded', 'lost', 'grace')
const record = fc.record({
  version: fc.nat(9),
  created: fc.constantFrom(NOW - 5000, NOW - 7_200_000),
  expires: fc.constantFrom(NOW + 500, NOW + 3_500_000, NOW + 3_600_000, NOW + 14 * 86_400_000),
  maxAge: fc.constantFrom(null, 3_600_000),
  rotated: fc.constantFrom(NOW - 1000, NOW - 3_600_000),
  epoch: fc.constantFrom('', 'later'),
})
const happening = fc.oneof(
  fc.record({ kind: fc.constant('loaded'), record, secret: standing, quiet: fc.boolean() }),
  fc.record({
    kind: fc.constant('applied'),
    outcome: fc.constantFrom('changed', 'done'),
    record,
    secret: standing,
    rotates: fc.boolean(),
    maxAge: fc.constantFrom(undefined, null, 3_600_000),
  }),
  fc.record({
    kind: fc.constant('absent'),
    outcome: fc.constantFrom('absent', 'expired', 'unbound', 'stale', 'rotated', 'reused'),
    ago: fc.constantFrom(-1000, 0, 59_999, 60_000, 1e9),
    age: fc.constantFrom(0, 59_999, 60_000),
  }),
  fc.record({ kind: fc.constant('begun'), record, maxAge: fc.constantFrom(undefined, null, 3_600_000) }),
  fc.record({ kind: fc.constantFrom('form', 'regenerated', 'maintained') }),
  fc.record({ kind: fc.constant('destroyed'), removed: fc.boolean() }),
)
type Happening = typeof happening extends fc.Arbitrary<infer T> ? T : never

/** A row of the table in the docstring of state.ts: what may follow from what. */
interface Row {
  readonly from: readonly string[]
  readonly what: string
  readonly to: string
  readonly cookie: readonly string[]
  readonly event: readonly string[]
}

const words = (cell: string) => cell.match(/\w+/g) ?? []
const table: Row[] = readFileSync(new URL('../../src/visit/state.ts', import.meta.url), 'utf8')
  .split('\n')
  .filter((line) => line.startsWith(' * | `'))
  .map((line) => line.split('|').map((cell) => cell.trim()))
  .map(([, from, what, to, cookie, event]) => ({
    from: words(from!),
    what: what!,
    to: words(to!)[0]!,
    cookie: words(cookie!).filter((word) => word !== 'or'),
    event: words(event!).filter((word) => word !== 'or'),
  }))

/** One request, driven through the functions of state.ts as a visit does it; each turn is checked. */
class Walk {
  state: State
  readonly seen = new Set<Row>()
  readonly #response = new ServerResponse(new IncomingMessage(new Socket()))
  readonly #jar: CookieJar
  readonly #own = new Set<string>()
  readonly #rules: (typeof SETTINGS)[number]
  /** What this request's secret was worth when the store answered last. */
  #worth: Standing | undefined

  constructor(came: 'session' | 'visitor' | 'nothing', old: boolean, rules: (typeof SETTINGS)[number]) {
    this.#rules = rules
    const keygrip = keygripOf(old ? [KEYS[1]!] : KEYS)
    const credential = came === 'session' ? newSecret(newId()) : { kind: 'visitor' as const, id: newId() }
    const cookie = came === 'nothing' ? undefined : `sid=${writeCredential(credential, 'sid', keygrip)}`
    const onHead = (write: () => void) => onHeaders(this.#response, write)
    const exchange = {
      headers: { cookie },
      response: this.#response,
      onHead,
      secure: false,
      url: undefined,
      context: {},
    }
    this.#jar = new CookieJar(exchange, rules.cookie, () => KEYS)
    this.state = initialState(this.#jar.credential)
  }

  happens(happening: Happening): void {
    const { state } = this
    switch (happening.kind) {
      case 'loaded': {
        if (state.kind !== 'unread' && state.kind !== 'live') return
        const { secret, quiet } = happening as Extract<Happening, { quiet: boolean }>
        const answer = { outcome: 'live', record: this.#record(happening), secret, now: NOW } as const
        const what = isCurrent(secret) ? 'loaded, the secret is live' : 'loaded, the secret is older'
        return void this.#turn(what, whenLoaded(state, answer, this.#rules, quiet), secret)
      }
      case 'applied': {
        if (state.kind !== 'unread' && state.kind !== 'live' && state.kind !== 'late') return
        const asked = happening as Extract<Happening, { rotates: boolean }>
        // A request that is late does nothing but log in, and that sets a new secret.
        const rotates = asked.rotates || state.kind === 'late'
        return void this.#apply(state, asked.outcome, asked, asked.secret, rotates, asked.maxAge)
      }
      case 'maintained': {
        if (state.kind !== 'live') return
        const rotates = state.due.rotate
        if (rotates) expect(state.secret, 'an automatic rotation').toMatch(/^(first|current|lost)$/)
        this.state = withoutDue(state)
        if (state.record)
          this.#apply(
            withoutDue(state),
            'changed',
            { record: state.record },
            rotates ? 'current' : state.secret,
            rotates,
            undefined,
          )
        return
      }
      case 'absent': {
        if (state.kind !== 'unread' && state.kind !== 'live' && state.kind !== 'late') return
        const { outcome, ago, age } = happening as Extract<Happening, { ago: number }>
        const answer = { outcome, ago, created: NOW } as Absent
        const underway = age >= ago
        const bare = outcome === 'absent' || outcome === 'expired' || outcome === 'unbound'
        const within = ago < 60_000 || underway ? 'within the last minute' : 'before'
        const unbound = outcome === 'unbound' && outcome
        const what = unbound || (bare ? 'absent or expired' : `stale, rotated or reused ${within}`)
        const replaced = outcome === 'rotated' || outcome === 'stale' || (outcome === 'reused' && underway)
        const ofLive = replaced ? 'stale or rotated' : 'absent, expired or reused'
        // The store's clock has gone on by the time that an answer which has no `ago` is read.
        return void this.#turn(
          state.kind === 'live' ? unbound || ofLive : what,
          whenAbsent(state, asOnArrival(bare ? { outcome } : answer, age)),
          undefined,
        )
      }
      case 'begun': {
        if (state.kind === 'unread' || state.kind === 'live') return
        const { maxAge } = happening as Extract<Happening, { maxAge: number | null | undefined }>
        const before = state.kind === 'new' ? state : initialState(undefined)
        if (before.kind !== 'new') throw new TypeError('a request without a cookie begins as new')
        const id = (maxAge === undefined ? before : withMaxAge(before, maxAge)).id ?? newId()
        const credential = this.#secret(id)
        return void this.#turn('begun', whenBegun({ ...this.#record(happening), id }, credential), 'current')
      }
      case 'form':
        if (state.kind === 'new') this.#turn('a form is opened', whenFormOpened(state, state.id ?? newId()), undefined)
        return
      case 'destroyed':
        return void this.#turn('destroyed', whenDestroyed((happening as { removed: boolean }).removed), undefined)
      case 'regenerated':
        this.#turn('destroyed', whenDestroyed(true), undefined)
        return void this.#turn('regenerated', whenRegenerated(undefined), undefined)
    }
  }

  #apply(
    state: Exclude<State, { kind: 'new' | 'gone' }>,
    outcome: string,
    told: object,
    secret: Standing,
    rotates: boolean,
    maxAge: number | null | undefined,
  ): void {
    const held = state.kind === 'live' && state.fresh ? state.record : undefined
    const credential = rotates ? this.#secret(state.credential.id) : undefined
    const rotation = credential && { to: credential.hash, grace: 0, epoch: 'new' }
    const slide = { idle: this.#rules.idle, maxAge, atLeast: 0 }
    const change: Change = { op: 'op', chain: EMPTY_CHAIN, held, answer: true, slide, maxBytes: 1e6, rotation }
    const record = this.#record(told)
    const answer = { outcome, record, secret, now: NOW } as Applied
    const worth = isCurrent(secret) ? 'applied, the secret is live' : 'applied, the secret is older'
    const turn = whenApplied(state, change, answer, credential, this.#rules)
    this.#turn(credential ? 'applied, with a new secret' : worth, turn, secret)
  }

  #record(told: object): SessionRecord {
    return {
      id: 'id',
      data: {},
      authAt: null,
      ...(told as { record: Omit<SessionRecord, 'id' | 'data' | 'authAt'> }).record,
    }
  }

  #secret(id: string): SessionCredential {
    const credential = newSecret(id)
    this.#own.add(credential.secret)
    return credential
  }

  /** Does with the cookie what the turn says, and checks what must hold after every turn. */
  #turn(what: string, turn: Turn, worth: Standing | undefined): void {
    const from = this.state.kind
    const { state, cookie, event } = turn
    this.state = state
    this.#worth = worth
    const row = table.find((row) => row.from.includes(from) && row.what === what && row.to === state.kind)
    const story = `${from} | ${what} | ${state.kind} | ${cookie} | ${event ?? ''}`
    if (!row) throw new Error(`the table has no row for: ${story}`)
    expect(row.cookie, story).toContain(cookie)
    if (event !== undefined) expect(row.event, story).toContain(event)
    else expect(row.event.length === 0 || row.event.includes('nothing'), story).toBe(true)
    this.seen.add(row)

    if (cookie === 'keep' || cookie === 'slide' || cookie === 'renew') {
      if (state.kind === 'live') {
        expect(
          isCurrent(worth!) || this.#own.has(state.credential.secret),
          `a cookie from a dead secret: ${story}`,
        ).toBe(true)
        this.#jar[cookie](state.credential, cookieAge(state, this.#rules))
      } else if (state.kind === 'new') {
        expect(state.id, story).toBeDefined()
        this.#jar[cookie]({ kind: 'visitor', id: state.id! }, undefined)
      } else throw new Error(`a cookie of a session that is over: ${story}`)
    } else if (cookie === 'nothing') this.#jar.leave()
    else this.#jar[cookie]()
    if (state.kind === 'gone' || state.kind === 'late' || state.kind === 'new') {
      expect('record' in state || 'due' in state, `shows what has ended: ${story}`).toBe(false)
    }
    if (state.kind === 'live' && !isCurrent(state.secret)) {
      expect(state.due.rotate, `rotates for a secret that is neither live nor lost: ${story}`).toBe(
        state.secret === 'lost',
      )
      expect(state.due.claim, `notes the use of a secret that is not live: ${story}`).toBe(false)
    }
  }

  /** What the browser gets at the end follows from the last answer. */
  ends(): void {
    this.#response.writeHead(200)
    const lines = [this.#response.getHeader('set-cookie') ?? []].flat().map(String)
    expect(lines.length).toBeLessThanOrEqual(1)
    const value = /^sid=([^;]+)/.exec(lines[0] ?? '')?.[1]
    if (value === undefined) return
    const credential = readCredential(value, 'sid', keygripOf(KEYS))!.credential
    if (credential.kind === 'visitor') {
      expect(this.state, 'a form of a visitor without a session').toMatchObject({ kind: 'new', id: credential.id })
      return
    }
    expect(this.state.kind, 'a session cookie').toBe('live')
    if (this.#own.has(credential.secret)) return
    expect(isCurrent(this.#worth!), `writes a secret that was ${this.#worth} at last`).toBe(true)
  }
}

describe('a secret that was replaced while the request was here', () => {
  it('is late, and no sign of a theft; one that was replaced before stays what it is', () => {
    const reused = { outcome: 'reused', ago: 1000, created: NOW } as const
    expect(asOnArrival(reused, 1000)).toEqual({ outcome: 'rotated', ago: 0, created: NOW })
    expect(asOnArrival({ ...reused, outcome: 'stale' }, 2000)).toEqual({ outcome: 'stale', ago: 0, created: NOW })
    expect(asOnArrival(reused, 999)).toBe(reused)
    const absent = { outcome: 'absent' } as const
    expect(asOnArrival(absent, 999)).toBe(absent)
  })
})

describe(`what a request knows of its session, in ${RUNS} sequences of events`, () => {
  it('turns as the table says, writes only a cookie that is live or its own, and keeps nothing of what has ended', () => {
    const seen = new Set<Row>()
    const came = fc.constantFrom(
      'session' as const,
      'session' as const,
      'session' as const,
      'visitor' as const,
      'nothing' as const,
    )
    const sequence = fc.array(happening, { minLength: 1, maxLength: 8 })
    fc.assert(
      fc.property(came, fc.boolean(), fc.constantFrom(...SETTINGS), sequence, (came, old, rules, happenings) => {
        const walk = new Walk(came, old, rules)
        for (const one of happenings) walk.happens(one)
        walk.ends()
        for (const row of walk.seen) seen.add(row)
      }),
      { numRuns: RUNS },
    )
    expect(table.filter((row) => !seen.has(row)).map(({ from, what, to }) => `${from} | ${what} | ${to}`)).toEqual([])
  })
})
