import { pages } from '../contract/pages.ts'
import { FIRST_PAGE, type Page, type SessionRecord } from '../contract/store.ts'
import { isId } from '../cookie/credential.ts'
import type { SessionView } from '../data/types.ts'
import { InvalidValueError, SessionUsageError } from '../errors/index.ts'
import { assertNames } from '../settings/names.ts'
import type { ClientDescription } from '../settings/options.ts'
import { clientIn, ownData } from '../visit/client.ts'
import { picture } from './picture.ts'

/** A session that `find` returns. */
export interface FoundSession<D> {
  readonly id: string
  readonly data: SessionView<D>
  readonly created: Date
  readonly expires: Date
  readonly authAt: Date | undefined
  /** When it was last used, accurate to `touchAfter`: the time when its expiry last slid. */
  readonly seen: Date
  /** What the option `client` returned when the session began, or at its last log-in. */
  readonly client: ClientDescription | undefined
}

/** Which part of the result you want. */
export interface FindOptions {
  /**
   * The maximum number of sessions, from 1 to 1000.
   * @default 100
   */
  readonly limit?: number | undefined
  /**
   * `'seen'`: the most recently used come first. For this, every session with the value is read, a page at a time, and
   * only `limit` of them are kept in memory. With `for await` the order is fixed at the first reading: only the order
   * is kept, and the sessions are loaded again, a few at a time.
   * @default 'id'
   */
  readonly order?: 'id' | 'seen'
  /** Continues after this session, the last one of the previous page. In the order of ids, its id is enough. */
  readonly after?: string | Pick<FoundSession<unknown>, 'id' | 'seen'> | undefined
}

/** What `find` is asked for, after checking. */
interface Asked extends Pick<Page, 'limit' | 'after'> {
  /** In the order of use: after this session. */
  readonly seen: Seen | undefined
  readonly order: 'id' | 'seen'
}

/** Where a session stands in the order of use. */
type Seen = Pick<FoundSession<unknown>, 'id' | 'seen'>

/** The same, and when it began: with its id that names it. */
type Place = Seen & Pick<SessionRecord, 'created'>

/** How many sessions are loaded at a time: as many as a pool of connections has by default, with some to spare. */
const AT_ONCE = 8

/** A page that may be asked for. Larger ones would be many megabytes, for nobody who reads them. */
const MAX_LIMIT = 1000

/** What `find` is asked for. Throws before any I/O. */
export function askedOf(options: FindOptions): Asked {
  assertNames(options, ['limit', 'after', 'order'], 'find()')
  const { limit = FIRST_PAGE.limit, after, order = 'id' } = options
  if (order !== 'id' && order !== 'seen') throw new SessionUsageError("The order of find() must be 'id' or 'seen'")
  if (!Number.isInteger(limit) || limit < 1 || limit > MAX_LIMIT) {
    throw new SessionUsageError(
      `The limit of find() must be a whole number from 1 to ${MAX_LIMIT}: use 'for await' to go through all sessions`,
    )
  }
  // It may come from a query, where it can be a list or an object.
  const id = typeof after === 'object' ? after?.id : after
  if (after !== undefined && !isId(id)) {
    throw new InvalidValueError('after', 'find() continues after the id of a session')
  }
  if (after === undefined || order === 'id') return { limit, order, after: id ?? FIRST_PAGE.after, seen: undefined }
  const at = typeof after === 'object' && after.seen instanceof Date ? after.seen.getTime() : Number.NaN
  if (Number.isNaN(at)) throw new InvalidValueError('after', "in the order 'seen', find() continues after { id, seen }")
  return { limit, order, after: FIRST_PAGE.after, seen: { id: id!, seen: new Date(at) } }
}

function placeOf({ id, created, expires, maxAge }: SessionRecord, idle: number): Place {
  return { id, created, seen: new Date(Math.max(created, expires - (maxAge ?? idle))) }
}

/** A record as it is shown. `idle` is the application's idle time. */
export function foundOf<D>(record: SessionRecord, idle: number): FoundSession<D> {
  const { id, data, created, expires, authAt } = record
  return {
    id,
    data: picture(ownData(data)) as SessionView<D>,
    created: new Date(created),
    expires: new Date(expires),
    authAt: authAt === null ? undefined : new Date(authAt),
    seen: placeOf(record, idle).seen,
    client: clientIn(data),
  }
}

/** Those that were used last come first; of two at one time the one with the smaller id. */
function bySeen(a: Seen, b: Seen): number {
  return +b.seen - +a.seen || (a.id < b.id ? -1 : 1)
}

/**
 * What `find` returns. Awaited, it is one page; `for await` goes through all sessions, a page at a time. Nothing is
 * read before that.
 */
export class FoundSessions<D> implements Promise<FoundSession<D>[]>, AsyncIterable<FoundSession<D>> {
  readonly [Symbol.toStringTag] = 'Promise'
  readonly #ask: () => Question
  #first: Promise<FoundSession<D>[]> | undefined

  /**
   * What is wrong with the question fails whoever waits for the answer.
   *
   * @internal
   */
  constructor(ask: () => Question) {
    this.#ask = ask
  }

  then<A = FoundSession<D>[], B = never>(
    onfulfilled?: ((found: FoundSession<D>[]) => A | PromiseLike<A>) | null,
    onrejected?: ((reason: unknown) => B | PromiseLike<B>) | null,
  ): Promise<A | B> {
    this.#first ??= this.#once()
    return this.#first.then(onfulfilled, onrejected)
  }

  catch<B = never>(onrejected?: ((reason: unknown) => B | PromiseLike<B>) | null): Promise<FoundSession<D>[] | B> {
    return this.then(null, onrejected)
  }

  finally(onfinally?: (() => void) | null): Promise<FoundSession<D>[]> {
    return this.then().finally(onfinally)
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<FoundSession<D>, void> {
    const { asked, read, load, idle } = this.#ask()
    const { limit, after, order, seen } = asked
    if (order === 'id') {
      for await (const records of pages(read, { limit, after })) yield* records.map((one) => foundOf<D>(one, idle))
      return
    }
    // Of all of them only the order is kept: their data may be large. So nobody is read more than twice.
    const places: Place[] = []
    for await (const records of pages(read)) {
      places.push(...records.map((one) => placeOf(one, idle)).filter((one) => !seen || bySeen(seen, one) < 0))
    }
    places.sort(bySeen)
    for (let at = 0; at < places.length; at += AT_ONCE) {
      const records = await Promise.all(places.slice(at, at + AT_ONCE).map(load))
      yield* records.flatMap((one) => (one ? foundOf<D>(one, idle) : []))
    }
  }

  async #once(): Promise<FoundSession<D>[]> {
    const { asked, read, idle } = this.#ask()
    const { limit, after, order, seen } = asked
    if (order === 'id') return (await read({ limit, after })).map((one) => foundOf<D>(one, idle))
    let first: FoundSession<D>[] = []
    for await (const records of pages(read)) {
      const next = records.map((one) => foundOf<D>(one, idle)).filter((one) => !seen || bySeen(seen, one) < 0)
      first = [...first, ...next].sort(bySeen).slice(0, limit)
    }
    return first
  }
}

interface Question {
  readonly asked: Asked
  readonly read: (page: Page) => Promise<SessionRecord[]>
  /** One of those that were found, if it still lives and holds the value. */
  readonly load: (found: Place) => Promise<SessionRecord | undefined>
  /** The application's idle time. */
  readonly idle: number
}
