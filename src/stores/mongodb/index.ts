/**
 * Sessions in a MongoDB collection, by a collection of the official driver 6 or 7.
 *
 * @module koa-atomic-session/mongodb
 */
import { type CommandName, parsePath, takes, type Value } from '../../algebra/index.ts'
import { pages } from '../../contract/pages.ts'
import { begin, liveRecord, recordOf, UNREAD } from '../../contract/record.ts'
import type {
  Access,
  Change,
  Held,
  IndexableStore,
  IndexedStore,
  IndexValue,
  InspectableStore,
  Loaded,
  NewSession,
  Page,
  SessionRecord,
  Updated,
} from '../../contract/store.ts'
import { FIRST_PAGE, LIST_BATCH } from '../../contract/store.ts'
import { loaded, transition } from '../../contract/transition.ts'
import { isSessionError, StoreError } from '../../errors/index.ts'
import { holding } from '../shared/holding.ts'
import { compareAndRemove, compareAndSet, outlineAfter, type Reading } from '../shared/oracle.ts'
import { pageOf, Readings } from '../shared/readings.ts'
import { compileChange, compileHeld, inTime, live, neverApplied } from './change.ts'
import { configured, type Document, type MongoCollection } from './client.ts'
import { ServerClock } from './clock.ts'
import { compile } from './compile.ts'
import { fromDocument, lookingFor, OUTLINE, outlineFrom, READ, RECORD, recordFrom, toDocument } from './document.ts'
import { accepted } from './driver.ts'
import { adviceFor, isConcern, isTaken, outcomeOf } from './outcome.ts'
import { prepare } from './setup.ts'

export type { MongoCollection } from './client.ts'

/**
 * A store in a collection of driver 6.20 or later. You choose the client, the database and the write concern. Reads go
 * to the primary, and each call specifies how BSON is read and written.
 *
 * A chain is one `updateOne` or `findOneAndUpdate` with MongoDB's own update operators. If those differ from the
 * command (`addToSet` of objects compares the order of their keys), the chain is one read and one update that applies
 * only to what was read. `setup()` creates the TTL index on `expires`, and one for each indexed field.
 *
 * @throws `SessionUsageError` for anything other than a collection of this driver, such as Mongoose's own.
 *
 * @example
 * ```ts
 * import { MongoClient } from 'mongodb'
 * import { mongodb } from 'koa-atomic-session/mongodb'
 *
 * const client = new MongoClient('mongodb://localhost:27017')
 * const store = mongodb(client.db().collection('sessions'))
 * ```
 */
export function mongodb(collection: MongoCollection): IndexableStore & InspectableStore {
  return new MongoStore(accepted(collection))
}

/** Over 300 lines, because a store is one object: each of its methods is a command or two and what its answers mean. */
class MongoStore implements IndexableStore, IndexedStore, InspectableStore {
  readonly name = 'mongodb'
  readonly bson = true
  /** A session may have this size and then grow by a chain as large; both together must fit into 16 MiB. */
  readonly largest = 8_000_000
  readonly #collection: MongoCollection
  readonly #clock: ServerClock
  readonly #readings = new Readings()
  #fields: readonly string[] = []

  constructor(collection: MongoCollection) {
    this.#collection = configured(collection)
    this.#clock = new ServerClock(this.#collection)
  }

  create(session: NewSession): Promise<SessionRecord | undefined> {
    return this.#try(async () => {
      const stored = begin(session, await this.#clock.now())
      try {
        await this.#collection.insertOne(toDocument(stored))
        return recordOf(stored)
      } catch (error) {
        if (isTaken(error)) return undefined
        throw error
      }
    })
  }

  load(access: Access, held?: Held): Promise<Loaded> {
    return this.#try(async () => {
      const { stored, now } = await this.#seen(await this.#look(access.id, held))
      return loaded(stored, access, now, held)
    })
  }

  update(access: Access, change: Change): Promise<Updated> {
    return this.#try(async () => {
      const now = await this.#clock.now()
      // Whether it was applied before can only be told by who looks at what is remembered.
      if (change.repeatedSince !== undefined || change.device) return this.#compare(access, change)
      return (
        (await this.#held(access, change, now)) ??
        (await this.#native(access, change, now)) ??
        this.#compare(access, change)
      )
    })
  }

  destroy(access: Access): Promise<boolean> {
    return this.#try(async () => {
      const { hash } = access.proof
      const remove = async (filter: Document) => (await this.#collection.deleteOne(filter)).deletedCount === 1
      const filter = live(access, await this.#clock.now())
      if (await remove(hash === undefined ? filter : { ...filter, hash })) return true
      if (hash === undefined) return false
      const read = () => this.#read(access.id)
      return compareAndRemove(this.name, access, read, ({ id, hash }) => remove({ _id: id, hash }))
    })
  }

  indexed(fields: readonly string[]): IndexedStore {
    this.#fields = fields
    return this
  }

  find(key: string, value: IndexValue, maxLifetime: number, page = FIRST_PAGE): Promise<SessionRecord[]> {
    return this.#try(async () => {
      const { reading } = page
      const live = inTime(maxLifetime, await this.#clock.now())
      const read = async (filter: Document, limit: number) =>
        (await this.#collection.find({ ...filter, ...live }, { sort: { _id: 1 }, limit }).toArray()) as Document[]
      if (!this.#readings.begins(reading)) {
        const candidates = await this.#readings.candidates(reading, () => this.#idsOf(having(key, value)))
        const holds = holding(key, value)
        return pageOf(candidates, page, async (ids) => {
          return recordsIn(await read({ _id: { $in: ids } }, ids.length)).filter(holds)
        })
      }
      const records: SessionRecord[] = []
      for (let { after } = page; ; ) {
        const limit = page.limit - records.length
        const documents = await read({ ...having(key, value), _id: { $gt: after } }, limit)
        records.push(...recordsIn(documents))
        // What is no session was passed over, so others may come after it.
        if (documents.length < limit || records.length === page.limit) return records
        after = documents.at(-1)._id
      }
    })
  }

  destroyAll(key: string, value: IndexValue, except: string | undefined, limit: number = LIST_BATCH): Promise<number> {
    return this.#try(async () => {
      const filter = having(key, value)
      const others = { ...filter, ...(except !== undefined && { _id: { $ne: except } }) }
      for (let removed = 0; ; ) {
        const wanted = limit - removed
        const ids = await this.#idsOf(others, { limit: wanted })
        // By the filter too, because a session may have been given to somebody else in the meantime.
        if (ids.length > 0)
          removed += (await this.#collection.deleteMany({ ...filter, _id: { $in: ids } })).deletedCount
        if (ids.length < wanted || removed === limit) return removed
      }
    })
  }

  async *list(passOver?: () => void): AsyncIterable<SessionRecord> {
    const read = ({ after, limit }: Page) =>
      this.#try(async () => {
        const filter = { _id: { $gt: after }, expires: { $gt: new Date(await this.#clock.now()) } }
        const documents = await this.#collection.find(filter, { sort: { _id: 1 }, limit }).toArray()
        return documents.map((document) => ({ id: document._id as string, stored: fromDocument(document) }))
      })
    for await (const page of pages(read, { ...FIRST_PAGE, limit: LIST_BATCH })) {
      for (const { stored } of page) {
        if (stored) yield recordOf(stored)
        else passOver?.()
      }
    }
  }

  get(id: string): Promise<SessionRecord | undefined> {
    return this.#try(async () => {
      const { stored, now } = await this.#read(id)
      return liveRecord(stored, now)
    })
  }

  setup(): Promise<void> {
    return this.#try(() => prepare(this.#collection, this.#fields), 'could not be set up')
  }

  prune(): Promise<number> {
    return this.#try(async () => {
      const now = new Date(await this.#clock.now())
      return (await this.#collection.deleteMany({ expires: { $lte: now } })).deletedCount
    })
  }

  async close(): Promise<void> {}

  /** On the version that the caller holds: it knows the result, so none needs to be sent back. */
  async #held(access: Access, change: Change, now: number): Promise<Updated | undefined> {
    const { held, chain } = change
    // The server's clock, and what was taken from which of many, are known only from its answer.
    if (!held || takes(chain) || has(change, 'currentDate')) return undefined
    const native = compileHeld(access, change, held, now)
    if (!native || isEmpty(native.update)) return undefined
    const { matchedCount } = await this.#collection.updateOne(native.filter, native.update)
    if (matchedCount === 0) return undefined
    return {
      outcome: 'held',
      record: outlineAfter(held, change, native.expires ?? held.expires, now),
      secret: 'current',
      now,
    }
  }

  /** By MongoDB's own operators in one operation; undefined when that was not possible, and nothing was changed. */
  async #native(access: Access, change: Change, now: number): Promise<Updated | undefined> {
    const native = compileChange(access, change, now)
    if (!native || isEmpty(native.update)) return undefined
    const { filter, update } = native
    const taking = takes(change.chain)
    // What was taken is only in the document before, the server's time only in the one after.
    if (taking && has(change, 'currentDate')) return undefined
    const data = change.answer || taking
    const options = {
      returnDocument: taking ? 'before' : 'after',
      includeResultMetadata: false,
      ...(!taking && { projection: data ? RECORD : OUTLINE }),
    } as const
    const document = await this.#attempt(() => this.#collection.findOneAndUpdate(filter, update, options))
    if (!document) return undefined
    const expires = await this.#slideOwn(access, change, document, now)
    if (!data) return { outcome: 'done', record: { ...outlineFrom(document), expires }, secret: 'current', now }
    if (taking) return transition(fromDocument(document)!, access, change, now).answer
    const { record, bytes } = recordFrom(document)
    return { outcome: 'changed', record: { ...record, expires }, secret: 'current', now, bytes }
  }

  /**
   * A session with a longer idle time of its own slides by a second update, at most once every `atLeast`: only what the
   * first one answers tells by how much. Answers when it expires.
   */
  async #slideOwn(access: Access, { slide, held }: Change, document: Document, now: number): Promise<number> {
    const { maxAge, created, expires } = document
    const wanted = now + (maxAge ?? slide.idle)
    const known = slide.maxAge !== undefined || held !== undefined || maxAge === null
    if (known || wanted - expires.getTime() < slide.atLeast) return expires.getTime()
    const filter = { ...live({ ...access, proof: { created: created.getTime() } }, now), maxAge }
    // The change is applied; a slide that fails is made up for by the next request.
    await this.#collection.updateOne(filter, { $max: { expires: new Date(wanted) } }).catch(() => {})
    return wanted
  }

  /**
   * Reads, applies the oracle, and writes if nothing has changed since, else begins again: for everything that the
   * operators can't say, and to find out why they did not apply.
   */
  #compare(access: Access, change: Change): Promise<Updated> {
    return compareAndSet(
      this.name,
      access,
      change,
      () => this.#read(access.id),
      async (next, answer, found) => {
        const { _id, ...rest } = toDocument(next)
        const { version, hash, expires, previous, device } = toDocument(found)
        // All that the oracle has judged: the previous secret becomes used without another trace.
        const kind = { 'previous.kind': previous?.kind ?? null }
        const same = { _id, version, hash, expires, ...kind, ops: neverApplied(change) }
        const bound = { 'device.challenge': device?.challenge ?? null }
        const update = { $set: rest, ...(device && !rest.device && { $unset: { device: '' } }) }
        return (await this.#collection.updateOne({ ...same, ...bound }, update)).matchedCount === 1 ? answer : undefined
      },
    )
  }

  async #idsOf(filter: Document, options: Document = { sort: { _id: 1 } }): Promise<string[]> {
    const documents = await this.#collection.find(filter, { projection: { _id: 1 }, ...options }).toArray()
    return documents.map(({ _id }) => _id)
  }

  async #read(id: string): Promise<Reading> {
    return this.#seen(await this.#collection.findOne({ _id: id }))
  }

  async #seen(document: Document | null): Promise<Reading> {
    return { stored: fromDocument(document), now: await this.#clock.now() }
  }

  /** What a record tells of a session; without its data if they are those that are held. */
  async #look(id: string, held: Held | undefined): Promise<Document | null> {
    if (!held) return this.#collection.findOne({ _id: id }, { projection: READ })
    const [document] = await this.#collection.aggregate(lookingFor(id, held)).toArray()
    return document?.data === null ? { ...document, data: UNREAD } : (document ?? null)
  }

  /** An operator that the document's values don't allow fails as a whole; the oracle then says why. */
  async #attempt<T>(work: () => Promise<T>): Promise<T | undefined> {
    try {
      return await work()
    } catch (error) {
      if (outcomeOf(error) === 'refused') return undefined
      throw error
    }
  }

  /** Every failure becomes a `StoreError`; set-up sends nothing of any session, so there the whole sentence is told. */
  async #try<T>(work: () => Promise<T>, failed = 'failed'): Promise<T> {
    try {
      return await work()
    } catch (error) {
      if (isSessionError(error)) throw error
      const applied = outcomeOf(error) === 'unknown' ? 'unknown' : false
      const whole = failed !== 'failed'
      const failure = new StoreError(this.name, failed, applied, error, { advice: adviceFor(error), whole })
      // Sent again it would be found applied, and pass for durable.
      if (isConcern(error)) failure.final = true
      throw failure
    }
  }
}

/**
 * What finds the sessions that hold this value at an indexed field. A query's equality also looks into lists, so
 * no list may be on the way; and a document of somebody else has no hash.
 */
function having(key: string, value: IndexValue): Document {
  const { filter } = compile({ conditions: [{ path: parsePath(key), value: value as Value }], commands: [] })!
  return { ...filter, hash: { $type: 'string' } }
}

/** Without what is no session. */
function recordsIn(documents: readonly Document[]): SessionRecord[] {
  return documents.flatMap((document) => fromDocument(document) ?? []).map(recordOf)
}

/** Nothing to do, which the driver refuses: the oracle says what is to be answered. */
function isEmpty(update: Document): boolean {
  return Object.keys(update).length === 0
}

function has({ chain }: Change, kind: CommandName): boolean {
  return chain.commands.some((command) => command.kind === kind)
}
