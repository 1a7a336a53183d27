import { type Chain, canGrow, EMPTY_CHAIN, type Path, takes } from '../../algebra/index.ts'
import type { Device } from '../../contract/device.ts'
import type { StoredSession } from '../../contract/record.ts'
import type { Access, Change, Held, NewSession, Rotation } from '../../contract/store.ts'
import { isPlain, resultOf } from '../shared/oracle.ts'
import { type FoundAnswer, parse, readingOf, type StateReading, type UpdateAnswer } from './answers.ts'
import { failed, type RunScript } from './client.ts'
import { compile } from './compile.ts'
import { write } from './layout.ts'
import { CREATE, DESTROY, LOAD, PROOF, UPDATE } from './script.lua.ts'
import { wordsOf } from './words.ts'

/** The actions of script.lua: each call is one round trip, and what goes in and comes out has names. */
export class Script {
  readonly #run: RunScript
  readonly #prefix: string

  constructor(run: RunScript, prefix: string) {
    this.#run = run
    this.#prefix = prefix
  }

  /** Inserts a session; undefined if its id is taken. `horizon`: until when the index has its values. */
  async create(session: NewSession, horizon: number | undefined): Promise<StoredSession | undefined> {
    const { id, hash, data, dates = EMPTY_CHAIN, created, maxAge, idle, authenticated, authAt } = session
    const { together, apart } = write(data)
    const words = wordsOf(CREATE, {
      secret: quoted(hash),
      began: created,
      ownIdle: maxAge,
      idle,
      loggedIn: authenticated ? (authAt ?? 'now') : undefined,
      noted: horizon ?? null,
      lines: together,
      count: apart.length,
    })
    const answer: FoundAnswer | null = await this.#call(id, compile(dates, ['create', ...words, ...apart]))
    return answer === null ? undefined : readingOf(id, answer).stored
  }

  /**
   * What is stored under an id, for the oracle to judge: with the remembered operations and the state. Or without the data,
   * if they are those that are held.
   */
  async load(id: string, what?: 'judged' | Held): Promise<StateReading> {
    const wanted = typeof what === 'object' ? nameOf(what) : what === 'judged'
    return readingOf(id, await this.#call(id, ['load', ...wordsOf(LOAD, { wanted })]))
  }

  /** The same without the data, but with the values at these places. */
  async values(id: string, places: readonly Path[]): Promise<StateReading> {
    const conditions = places.map((path) => ({ path, value: undefined }))
    const words = ['load', ...wordsOf(LOAD, { wanted: true })]
    return readingOf(id, await this.#call(id, compile({ conditions, commands: [] }, words)))
  }

  /**
   * Applies a change for the live secret. `horizon`: until when the index has the values that the change sets. `judged`: the
   * oracle has judged the change for one state of the session, and all of its values are noted.
   */
  update(access: Access, change: Change, horizon?: number, judged?: Judged): Promise<UpdateAnswer> {
    const { op, chain, slide, maxBytes } = change
    const taking = takes(chain)
    const words = wordsOf(UPDATE, {
      op: quoted(op),
      idle: slide.idle,
      atLeast: slide.atLeast,
      maxBytes: canGrow(chain) ? maxBytes : undefined,
      held: change.held && !taking && nameOf(change.held),
      answer: change.answer || taking,
      rare: rareOf(change, horizon, judged),
    })
    return this.#call(access.id, compile(chain, ['update', ...proofOf(access), ...words]))
  }

  /** Writes what the oracle has made of a session, if it is still in the state in which it was read. */
  write(access: Access, change: Change, next: StoredSession, found: StateReading, horizon: number | undefined) {
    const { hash } = found.stored!
    const { previous, epoch, rotated } = next
    const explicit = previous?.kind === 'explicit'
    const rotation: Rotation | undefined =
      next.hash === hash ? undefined : { to: next.hash, grace: previous!.until - rotated, ...(explicit && { epoch }) }
    const judged: Judged = {
      state: found.state!,
      at: found.now,
      used: previous?.kind === 'used',
      replaced: previous?.hash,
      // A step that was done before is remembered too.
      ...((change.device || next.device !== found.stored!.device) && { device: textOf(next.device) }),
    }
    const live: Access = { ...access, proof: { hash }, bound: true }
    return this.update(live, { ...resultOf(change, next.data), rotation }, horizon, judged)
  }

  /**
   * Notes until when the index has the values of a session, and changes nothing else of it. False if the session is no
   * longer in the state in which it was read.
   */
  async limit(op: string, found: StateReading, horizon: number): Promise<boolean> {
    const { id, hash, previous } = found.stored!
    const judged: Judged = { state: found.state!, at: found.now, used: previous?.kind === 'used', replaced: undefined }
    const change: Change = {
      op,
      chain: EMPTY_CHAIN,
      held: undefined,
      answer: false,
      slide: { idle: 0, atLeast: Number.MAX_SAFE_INTEGER },
      maxBytes: 0,
    }
    const access: Access = { id, proof: { hash }, maxLifetime: Number.POSITIVE_INFINITY, bound: true }
    const answer = await this.update(access, change, horizon, judged)
    return !('outcome' in answer && answer.outcome === 'other')
  }

  /**
   * Removes a session, if these conditions hold, for the live secret or without one. Undefined for another secret, or if the
   * session is in another state.
   */
  async destroy(access: Access, conditions: Chain = EMPTY_CHAIN, state?: string): Promise<boolean | undefined> {
    const { hash, created } = access.proof
    const words = wordsOf(DESTROY, { began: hash === undefined && created, state })
    const answer = await this.#call(access.id, compile(conditions, ['destroy', ...proofOf(access), ...words]))
    return answer === 'other' ? undefined : answer
  }

  /** Removes whatever session these conditions hold for, without its data and without a secret. */
  destroyIf(id: string, conditions: Chain): Promise<boolean> {
    const proof = wordsOf(PROOF, { secret: undefined, maxLifetime: undefined, bound: undefined })
    const words = wordsOf(DESTROY, { began: 'any', state: undefined })
    return this.#call(id, compile(conditions, ['destroy', ...proof, ...words]))
  }

  // biome-ignore lint/suspicious/noExplicitAny: what JSON.parse gives
  async #call(id: string, words: string[]): Promise<any> {
    const reply = await this.#run(this.#prefix + id, words)
    try {
      return parse(reply as string | string[])
    } catch (error) {
      return failed(error)
    }
  }
}

/** A hash or an operation as META has it: of letters, digits, `_` and `-`. */
function quoted(text: string): string {
  return `"${text}"`
}

/** What names a session's data, as it stands in META. */
function nameOf({ version, last, created }: Held): string {
  return `${version},${quoted(last)},${created}`
}

function proofOf({ proof, maxLifetime, bound }: Access): string[] {
  return wordsOf(PROOF, {
    secret: proof.hash && quoted(proof.hash),
    maxLifetime: maxLifetime !== Number.POSITIVE_INFINITY && maxLifetime,
    bound,
  })
}

/** For what the oracle has judged a change, and what it says of the secret before. */
interface Judged {
  readonly state: string
  /** The time by which it has judged. */
  readonly at: number
  /** The live secret has been used. */
  readonly used: boolean
  /** The secret that a rotation replaces. */
  readonly replaced: string | undefined
  /** The device from now on, as it is stored; `''` for none. Absent where it stays as it is. */
  readonly device?: string
}

function textOf(device: Device | undefined): string {
  return device ? JSON.stringify(device) : ''
}

/** What few changes have, by name; undefined for the others. */
function rareOf(change: Change, horizon: number | undefined, judged: Judged | undefined): string | undefined {
  if (isPlain(change) && horizon === undefined && !judged) return undefined
  const { slide, rotation, authenticated, repeatedSince } = change
  return JSON.stringify({
    maxAge: slide.maxAge === undefined ? undefined : String(slide.maxAge),
    ...rotation,
    authenticated: authenticated || undefined,
    horizon,
    ...judged,
    repeatedSince,
  })
}
