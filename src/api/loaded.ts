import { inspect } from 'node:util'
import type { Data, Value } from '../algebra/index.ts'
import type { DestroyOptions } from '../cookie/site-data.ts'
import type { SessionView } from '../data/types.ts'
import type { Duration } from '../settings/duration.ts'
import type { Step } from '../visit/step.ts'
import type { Visit } from '../visit/visit.ts'
import { Call } from './call.ts'
import { Chain } from './chain.ts'
import { ADD, TAKE } from './chaining.ts'
import { Commands } from './commands.ts'
import { type Parts, partAt } from './part.ts'
import { type Pictures, picture } from './picture.ts'
import type { LoadedSession, Session, SessionChain } from './types.ts'

export const SHOW = Symbol('show')
export const DATA = Symbol('data')

/** See {@link LoadedSession}. */
export class Loaded<D> extends Commands<D, SessionChain<D>> implements LoadedSession<D> {
  readonly #visit: Visit
  #pictures: Pictures | undefined
  #parts: Parts | undefined

  constructor(visit: Visit) {
    super()
    this.#visit = visit
  }

  get id(): string | undefined {
    return this.#visit.id
  }

  get created(): Date | undefined {
    return date(this.#visit.record?.created)
  }

  get expires(): Date | undefined {
    return date(this.#visit.record?.expires)
  }

  get maxAge(): number {
    return this.#visit.maxAge
  }

  get authAt(): Date | undefined {
    return date(this.#visit.record?.authAt ?? undefined)
  }

  get isNew(): boolean {
    return this.#visit.isNew
  }

  get data(): SessionView<D> {
    this.#pictures ??= new WeakMap()
    return picture(this.#visit.data, this.#pictures) as SessionView<D>
  }

  /** For the properties. */
  [SHOW](value: Value, key: string): Value {
    if (typeof value !== 'object') return value
    this.#parts ??= new WeakMap()
    return partAt(value, key, this.#parts)
  }

  /** For the properties. */
  get [DATA](): Data {
    return this.#visit.data
  }

  toJSON(): SessionView<D> {
    return this.data
  }

  override [ADD](change: (step: Step) => Step): Chain<D> {
    return Chain.of<D>(this.#visit, change)
  }

  override [TAKE](change: (step: Step) => Step): Promise<unknown> {
    return Chain.take<D>(this.#visit, change)
  }

  update(fresh?: unknown): Call<Session<D>> {
    const begun = fresh === undefined ? this.#visit.reload() : Promise.resolve()
    return new Call(this.#visit, begun, () => this.#visit.current<Session<D>>())
  }

  destroy(options?: DestroyOptions): Call<void> {
    return new Call(this.#visit, this.#visit.destroy(options), () => {})
  }

  regenerate(): Call<Session<D>> {
    return new Call(this.#visit, this.#visit.regenerate(), () => this.#visit.current<Session<D>>())
  }

  createCSRF(): string {
    return this.#visit.createCSRF()
  }

  assertCSRF(token: unknown): void {
    this.#visit.assertCSRF(token)
  }

  requireFresh(within: Duration): void {
    this.#visit.requireFresh(within)
  }

  get bound(): boolean {
    return this.#visit.bound
  }

  requireBound(): void {
    this.#visit.requireBound()
  }

  [inspect.custom](): string {
    return `Session ${this.isNew ? '(new) ' : ''}${inspect(this.data)}`
  }
}

function date(time: number | undefined): Date | undefined {
  return time === undefined ? undefined : new Date(time)
}
