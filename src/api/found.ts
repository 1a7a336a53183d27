import { FIRST_PAGE, type Page, type SessionRecord } from '../contract/store.ts'
import { isId } from '../cookie/credential.ts'
import type { SessionView } from '../data/types.ts'
import { InvalidValueError, SessionUsageError } from '../errors/index.ts'
import { assertNames } from '../settings/names.ts'
import { picture } from './picture.ts'

/** A session as `find` shows it. */
export interface FoundSession<D> {
  readonly id: string
  readonly data: SessionView<D>
  readonly created: Date
  readonly expires: Date
  readonly authAt: Date | undefined
}

/** Which part of what is found is wanted. */
export interface FindOptions {
  /**
   * How many sessions at most, from 1 to 1000.
   * @default 100
   */
  readonly limit?: number | undefined
  /** Goes on after this one: the id of the last session of the page before. */
  readonly after?: string | undefined
}

/** A page that may be asked for. Larger ones would be many megabytes, for nobody who reads them. */
const MAX_LIMIT = 1000

/** What `find` is asked for. Throws before any I/O. */
export function pageOf(options: FindOptions): Page {
  assertNames(options, ['limit', 'after'], 'find()')
  const { limit = FIRST_PAGE.limit, after } = options
  if (!Number.isInteger(limit) || limit < 1 || limit > MAX_LIMIT) {
    throw new SessionUsageError(
      `The limit of find() is a whole number from 1 to ${MAX_LIMIT}: use 'for await' to go through all sessions`,
    )
  }
  // It may come from a query, where it can be a list or an object.
  if (after !== undefined && !isId(after)) {
    throw new InvalidValueError('after', 'find() goes on after the id of a session')
  }
  return { limit, after: after ?? FIRST_PAGE.after }
}

export function foundOf<D>({ id, data, created, expires, authAt }: SessionRecord): FoundSession<D> {
  return {
    id,
    data: picture(data) as SessionView<D>,
    created: new Date(created),
    expires: new Date(expires),
    authAt: authAt === null ? undefined : new Date(authAt),
  }
}

/**
 * What `find` returns: awaited it is one page, and `for await` goes through all of them, a page at a time. Nothing is read
 * before one of the two.
 */
export class FoundSessions<D> implements Promise<FoundSession<D>[]>, AsyncIterable<FoundSession<D>> {
  readonly [Symbol.toStringTag] = 'Promise'
  readonly #ask: () => { page: Page; read: (page: Page) => Promise<SessionRecord[]> }
  #first: Promise<FoundSession<D>[]> | undefined

  /**
   * What is wrong with the question fails whoever waits for the answer.
   *
   * @internal
   */
  constructor(ask: () => { page: Page; read: (page: Page) => Promise<SessionRecord[]> }) {
    this.#ask = ask
  }

  then<A = FoundSession<D>[], B = never>(
    onfulfilled?: ((found: FoundSession<D>[]) => A | PromiseLike<A>) | null,
    onrejected?: ((reason: unknown) => B | PromiseLike<B>) | null,
  ): Promise<A | B> {
    this.#first ??= this.#one()
    return this.#first.then(onfulfilled, onrejected)
  }

  catch<B = never>(onrejected?: ((reason: unknown) => B | PromiseLike<B>) | null): Promise<FoundSession<D>[] | B> {
    return this.then(null, onrejected)
  }

  finally(onfinally?: (() => void) | null): Promise<FoundSession<D>[]> {
    return this.then().finally(onfinally)
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<FoundSession<D>, void> {
    const { page, read } = this.#ask()
    for (let { after } = page; ; ) {
      const records = await read({ ...page, after })
      yield* records.map(foundOf<D>)
      if (records.length < page.limit) return
      after = records.at(-1)!.id
    }
  }

  async #one(): Promise<FoundSession<D>[]> {
    const { page, read } = this.#ask()
    return (await read(page)).map(foundOf<D>)
  }
}
