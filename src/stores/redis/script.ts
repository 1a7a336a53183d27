import { type Chain, canGrow, EMPTY_CHAIN, takes } from '../../algebra/index.ts'
import type { StoredSession } from '../../contract/record.ts'
import type { Access, Change, NewSession } from '../../contract/store.ts'
import { isPlain, type Reading } from '../shared/oracle.ts'
import { type FoundAnswer, parse, readingOf, type UpdateAnswer } from './answers.ts'
import { failed, type RunScript } from './client.ts'
import { compile } from './compile.ts'
import { write } from './layout.ts'
import { CREATE, LOAD, PROOF, UPDATE } from './script.lua.ts'
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
    const { id, hash, data, dates = EMPTY_CHAIN, created, maxAge, idle, authenticated } = session
    const { together, apart } = write(data)
    const words = wordsOf(CREATE, {
      secret: hash,
      began: created,
      ownIdle: maxAge,
      idle,
      authenticated,
      noted: horizon ?? null,
      lines: together,
      count: apart.length,
    })
    const answer: FoundAnswer | null = await this.#call(id, compile(dates, ['create', ...words, ...apart]))
    return answer === null ? undefined : readingOf(id, answer).stored
  }

  /** What is stored under an id, with the remembered operations only if they are asked for. */
  async load(id: string, operations = false): Promise<Reading> {
    return readingOf(id, await this.#call(id, ['load', ...wordsOf(LOAD, { operations })]))
  }

  /**
   * Applies a change. `horizon`: until when the index has the values that the change sets. `only`: the change holds for
   * this version of the session, and all of its values are noted.
   */
  update(access: Access, change: Change, horizon?: number, only?: StoredSession): Promise<UpdateAnswer> {
    const { op, chain, held, slide, maxBytes } = change
    const taking = takes(chain)
    const words = wordsOf(UPDATE, {
      op,
      idle: slide.idle,
      atLeast: slide.atLeast,
      maxBytes: canGrow(chain) ? maxBytes : undefined,
      held: taking ? undefined : held?.version,
      answer: change.answer || taking,
      rare: rareOf(change, horizon, only),
    })
    return this.#call(access.id, compile(chain, ['update', ...proofOf(access), ...words]))
  }

  /** Removes a session, if these conditions hold. */
  destroy(access: Access, conditions: Chain = EMPTY_CHAIN): Promise<boolean> {
    return this.#call(access.id, compile(conditions, ['destroy', ...proofOf(access)]))
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

function proofOf({ proof, maxLifetime }: Access): string[] {
  return wordsOf(PROOF, {
    byHash: 'hash' in proof && proof.hash,
    byCreated: 'created' in proof && proof.created,
    maxLifetime: maxLifetime !== Number.POSITIVE_INFINITY && maxLifetime,
  })
}

/** What few changes have, by name; undefined for the others. */
function rareOf(change: Change, horizon: number | undefined, only: StoredSession | undefined): string | undefined {
  if (isPlain(change) && horizon === undefined && !only) return undefined
  const { slide, rotation, authenticated, repeatedSince } = change
  return JSON.stringify({
    maxAge: slide.maxAge === undefined ? undefined : String(slide.maxAge),
    ...rotation,
    authenticated: authenticated || undefined,
    horizon,
    only: only && String(only.version),
    repeatedSince,
  })
}
