// Over 300 lines, because all that an application calls stands in one place, each with its contract and an example.
import { Copies } from '../cache/copies.ts'
import { type IndexValue, LIST_BATCH, type Store } from '../contract/store.ts'
import { isId } from '../cookie/credential.ts'
import type { Keys } from '../cookie/keys.ts'
import type { Fields } from '../data/types.ts'
import { ReliableStore } from '../delivery/reliable.ts'
import { traced } from '../diagnostics/tracing.ts'
import { InvalidValueError, isSessionError, SessionUsageError } from '../errors/index.ts'
import type { Binding } from '../settings/binding.ts'
import { assertNames } from '../settings/names.ts'
import type { Settings } from '../settings/settings.ts'
import { type MongoCollection, mongodb } from '../stores/mongodb/index.ts'
import type { Exchange, Host } from '../visit/exchange.ts'
import { trim } from '../visit/limit.ts'
import { Visit } from '../visit/visit.ts'
import { Watching } from '../watch/watching.ts'
import { acceptedOf } from './accepted.ts'
import { ChainForAll, type UpdateAllOptions, updateAll } from './all.ts'
import { SessionAt } from './at.ts'
import { askedOf, type FindOptions, FoundSessions } from './found.ts'
import { Handle, watcherOf } from './handle.ts'
import { lookedUp, reader } from './lookup.ts'
import { type Minted, type MintOptions, mint } from './mint.ts'
import { Pruning } from './pruning.ts'
import { Target } from './target.ts'
import { Telling } from './telling.ts'
import type { SessionHandle } from './types.ts'
import { viewOf } from './view.ts'

/**
 * What a request carries once it has used its session: its visit, and the handle that the application sees.
 *
 * @internal
 */
export interface Entry<D> {
  readonly visit: Visit
  readonly handle: SessionHandle<D>
}

type Carrier<D> = object & { [slot: symbol]: Entry<D> | undefined }

/** The sessions of one application: what `atomicSession()` returns. */
export class Sessions<D> {
  /** @internal */
  readonly settings: Settings
  #store: Store | undefined
  #host: Host<Visit> | undefined
  readonly #pruning: Pruning
  #watching: Watching | undefined
  /** Made when the first handle is watched: until then nothing is heard, and no timer runs. */
  readonly #watch = (): Watching => (this.#watching ??= new Watching(this.store, this.hostOf().reliable, this.settings))
  /** @internal Receives the failures that can no longer fail a request. */
  readonly background: Host['background']
  readonly #keys: () => Keys
  /** @internal How sessions are bound to devices: see `deviceBound()`. */
  binding: Binding | undefined
  readonly #telling: Telling
  /** Where a request keeps its entry. A WeakMap would do too, but costs the garbage collector a tenth of a request. */
  readonly #slot = Symbol('koa-atomic-session')

  constructor(settings: Settings, store: Store | undefined, background: Host['background'], keys: () => Keys) {
    this.settings = settings
    this.background = background
    this.#keys = keys
    this.#telling = new Telling(settings, keys)
    this.#pruning = new Pruning(settings.pruneEvery, () => this.prune().catch(background))
    if (store) this.store = store
  }

  /** Where sessions are kept; may be set at any time before the first request that uses a session. */
  get store(): Store {
    if (this.#store) return this.#store
    throw new SessionUsageError(
      "No store is set: pass { store: sqlite('sessions.db') } to atomicSession(), or set sessions.collection = db.collection('sessions') before a request uses a session",
    )
  }

  set store(store: Store) {
    this.#store = acceptedOf(store, this.settings)
    this.#host = undefined
    this.#watching?.close()
    this.#watching = undefined
    this.#pruning.begin()
  }

  /** A collection of the MongoDB driver, 6 or 7. This is short for `store = mongodb(collection)`. */
  set collection(collection: MongoCollection) {
    this.store = mongodb(collection)
  }

  /** @internal What this request carries, if it has used its session. */
  entryOf(request: object): Entry<D> | undefined {
    return (request as Carrier<D>)[this.#slot]
  }

  /** @internal Begins this request's dealings with its session, which it carries from now on. */
  begin(request: object, exchange: Exchange): Entry<D> {
    const entry = this.handle(exchange)
    ;(request as Carrier<D>)[this.#slot] = entry
    return entry
  }

  /** @internal One request's visit, and its handle. */
  handle(exchange: Exchange): Entry<D> {
    const visit = new Visit(this.hostOf(), exchange)
    return { visit, handle: new Handle<D>(visit, this.#watch) }
  }

  /**
   * Prepares the store: tables, functions, the index on `expires`. You can repeat it, and several processes may call it
   * at once.
   *
   * @example
   * ```ts
   * await sessions.ensureIndex()
   * ```
   */
  async ensureIndex(): Promise<void> {
    await traced(this.store.name, { operation: 'setup' }, () => this.store.setup())
  }

  /**
   * The live sessions whose data has this value at a field in the option `index`: a visitor's list of devices, in the
   * order of their ids, or with `order: 'seen'` the most recently used first. Awaited, it resolves to the first 100, or
   * as many as `limit` says; `after` requests the next page. With `for await` it goes through all of them, with one
   * page in memory at a time. A session that begins or is used meanwhile may be missing.
   *
   * @example
   * ```ts
   * await session.set('user_id', 42)
   * const [device] = await sessions.find('user_id', 42)
   * device?.id // session.id
   * await sessions.find('user_id', 42, { limit: 10, after: device?.id }) // []
   * for await (const { id } of sessions.find('user_id', 42)) await sessions.revoke(id)
   * ```
   * @throws `SessionUsageError` for a field that is not in `index`, and for a limit that is not from 1 to 1000.
   * @throws `InvalidValueError` for a value that no session can hold, and for an `after` that is no id.
   */
  find(field: string, value: IndexValue, options: FindOptions = {}): FoundSessions<D> {
    return new FoundSessions(() => {
      const wanted = lookedUp(field, value, this.settings, this.store)
      const { reliable } = this.hostOf()
      const { maxLifetime, idle } = this.settings
      return { asked: askedOf(options), idle, ...reader(reliable, field, wanted, maxLifetime) }
    })
  }

  /**
   * Removes those sessions ('log out everywhere'), except the one with the id `except`. Resolves to the number of
   * removed sessions. It goes in pages and loads no data. If the store fails meanwhile, some of them may be removed:
   * the error says `'unknown'`, and you can repeat the call.
   *
   * @example
   * ```ts
   * await session.set('user_id', 42)
   * await sessions.destroyAll('user_id', 42, { except: session.id }) // 0
   * await sessions.destroyAll('user_id', 42) // 1
   * ```
   */
  async destroyAll(
    field: string,
    value: IndexValue,
    { except }: { except?: string | undefined } = {},
  ): Promise<number> {
    const wanted = lookedUp(field, value, this.settings, this.store)
    const { reliable } = this.hostOf()
    const reading = {}
    let count = 0
    try {
      for (let removed = LIST_BATCH; removed === LIST_BATCH; count += removed) {
        removed = await reliable.destroyAll(field, wanted, except, LIST_BATCH, reading)
      }
    } catch (error) {
      if (count > 0 && isSessionError(error)) error.applied = 'unknown'
      throw error
    } finally {
      if (count > 0) this.#telling.all(field, wanted, count)
    }
    return count
  }

  /**
   * Removes the session with this id, whoever has its cookie. Resolves to whether there was one. If a visitor names the
   * id, first check that it is among the sessions that `find` returns for them.
   *
   * @example
   * ```ts
   * await session.set('user_id', 42)
   * const { id = '' } = session
   * await sessions.revoke(id) // true
   * ```
   */
  async revoke(id: string): Promise<boolean> {
    // What comes from a body may be an object, which a database could take for a query.
    return isId(id) && this.at(id).destroy()
  }

  /**
   * The session with this id, from outside its requests. It takes the commands of a session, and `destroy()`. It needs
   * no cookie, so first check that the caller may do this. The visitor's next command sees the change.
   *
   * If the session is gone, it rejects with a `SessionGoneError`. Anything other than a text is refused as an id.
   *
   * @example
   * ```ts
   * await session.set({ user_id: 42, role: 'admin' })
   * await sessions.at(session.id).unset('role').push('notices', 'You are no administrator any more.')
   * session.if('role', 'admin').inc('deleted') // ConditionFailedError
   * ```
   * @throws `InvalidValueError` for an id that is not a text.
   */
  at(id: string | undefined): SessionAt<D> {
    if (typeof id !== 'string') throw new InvalidValueError('id', 'the id of a session must be a text')
    const target = new Target(id, this.hostOf(), this.background, (data) => this.#telling.of('destroyed', id, data))
    return new SessionAt<D>(target)
  }

  /**
   * Applies commands to each session whose data has this value at a field in the option `index`. Resolves to the number
   * of changed sessions. It reaches every session that had the value when the call began and still has it when its turn
   * comes, each exactly once. Sessions that end meanwhile are skipped, and so are those for which a condition of the
   * chain does not hold. The sessions are loaded a page at a time, and only `touch()` keeps them alive.
   *
   * It is atomic for each session, not for all of them. If it fails, some may be changed: the error says `'unknown'`.
   *
   * @example
   * ```ts
   * await session.set('user_id', 42)
   * await sessions.updateAll('user_id', 42, (s) => s.set('plan', 'pro')) // 1
   * ```
   * @throws `SessionUsageError` for a field that is not in `index`, and a callback that adds nothing.
   * @throws `CommandTypeError` when a command meets a value on which it has no meaning.
   */
  async updateAll(
    field: string,
    value: IndexValue,
    change: (chain: ChainForAll<D>) => unknown,
    options: UpdateAllOptions = {},
  ): Promise<number> {
    assertNames(options, ['progress'], 'updateAll()')
    const wanted = lookedUp(field, value, this.settings, this.store)
    const host = this.hostOf()
    return updateAll(host, field, wanted, ChainForAll.of(host, change), options)
  }

  /**
   * Makes a session without a request, for an application's own tests and scripts: stored as a visitor's first chain
   * stores it, with what `set(data)` takes. `cookie` is what a client sends in its Cookie header, and anyone who has it
   * has the session. With `authAt` the visitor has logged in, so the option `limit` counts it as a log-in.
   *
   * @example
   * ```ts
   * const { cookie, id } = await sessions.mint({ user_id: 42 }, { authAt: new Date() })
   * const { data } = await sessions.at(id)
   * data // { user_id: 42 }
   * cookie.startsWith('sid=s.') // true
   * ```
   * @throws `SessionUsageError` for no data, an `authAt` that is no date, and where `app.keys` are missing.
   * @throws `InvalidPathError` and `InvalidValueError` for what no session can hold.
   */
  async mint(data: Partial<Fields<D>>, options: MintOptions = {}): Promise<Minted> {
    const host = this.hostOf()
    const { cookie, id, record, login } = await mint(host, data, options)
    this.#telling.of('created', id, record.data)
    if (login && this.settings.limit) {
      await trim(host.reliable, this.settings, record, (one, held) =>
        this.#telling.of('destroyed', one, held, 'limit'),
      ).catch(this.background)
    }
    return { cookie, id }
  }

  /**
   * The versions of a session, for pages that show it as it changes: the newest known version, and then newer ones, as
   * soon as this process learns of them and at the latest within `recheck`. A slow reader gets only the newest version,
   * so nothing piles up. It ends when the session ends (then `ended` has fired) and when the socket or the response
   * closes.
   *
   * @example
   * ```ts
   * await ctx.session().set('user_id', 42)
   * for await (const version of sessions.watch(ctx.session())) {
   *   version // 1
   *   break
   * }
   * ```
   * @throws `SessionUsageError` for anything but a handle, as `ctx.session()` and `sessions.upgrade()` give it.
   */
  watch(handle: SessionHandle<D>): AsyncIterableIterator<number> {
    return watcherOf(handle).versions()
  }

  /**
   * Stops watching a handle. You need it only for WebSockets on Bun and Deno, because this library can't see when they
   * close. On Node.js it happens when the socket or the response closes.
   *
   * @example
   * ```ts
   * const { ended } = ctx.session()
   * sessions.unwatch(ctx.session())
   * await ctx.session().destroy()
   * ended.aborted // false
   * ```
   */
  unwatch(handle: SessionHandle<D>): void {
    this.#watching?.release(watcherOf(handle))
  }

  /**
   * Removes expired sessions, if the database does not do that itself. Resolves to the number that it removed.
   *
   * @example
   * ```ts
   * await sessions.prune() // 0
   * ```
   */
  async prune(): Promise<number> {
    return traced(this.store.name, { operation: 'prune' }, () => this.store.prune())
  }

  /**
   * Stops the timers and releases what the store has opened itself. Your connections stay open.
   *
   * @example
   * ```ts
   * await sessions.close()
   * ```
   */
  async close(): Promise<void> {
    this.#pruning.end()
    this.#watching?.close()
    await this.#store?.close()
  }

  /** @internal What a visit needs of this instance. */
  hostOf(): Host<Visit> {
    this.#host ??= {
      settings: this.settings,
      store: this.store,
      reliable: new ReliableStore(this.store, this.settings.timeout),
      copies: new Copies(this.settings.cache),
      keys: this.#keys,
      binding: () => this.binding,
      background: this.background,
      view: viewOf,
    }
    return this.#host
  }
}
