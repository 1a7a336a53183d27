import { inspect } from 'node:util'
import type Koa from 'koa'
import { SessionUsageError } from '../errors/index.ts'
import type { KoaContext, KoaSessions } from '../koa/index.ts'
import { keepOwn } from '../koa/own.ts'
import { counterHints } from './hints.ts'
import { hold } from './hold.ts'
import { type ClassicOptions, checked } from './options.ts'
import { type Callback, WorkingCopy } from './working-copy.ts'

/** The session as koa-session shows it: its data is plain properties that you can change freely. */
export interface ClassicSession {
  // biome-ignore lint/suspicious/noExplicitAny: the application's fields
  [field: string]: any
  /** There was no session when the request began. */
  readonly isNew: boolean
  /** The number of its fields. */
  readonly length: number
  /** Whether it has any fields. */
  readonly populated: boolean
  /** Its idle time in milliseconds; assigning gives this session its own. */
  maxAge: number
  /** The session's public id; undefined while nothing is stored. */
  readonly externalKey: string | undefined
  /** Stores the changes now, instead of at the end of the request. */
  save(callback?: (error?: unknown) => void): Promise<void>
  /** A new secret for the same data, with the next save: for log-in. */
  regenerate(callback?: (error?: unknown) => void): Promise<void>
  /** As `save`. */
  commit(): Promise<void>
  /** As `save`. */
  manuallyCommit(): Promise<void>
  toJSON(): Record<string, unknown>
}

/** A class, so its methods are on the prototype and not enumerable, as koa-session's. */
class KoaSession {
  readonly #copy: WorkingCopy

  constructor(copy: WorkingCopy) {
    this.#copy = copy
  }

  get isNew(): boolean {
    return this.#copy.isNew
  }

  get length(): number {
    return this.#copy.namesOf(this).length
  }

  get populated(): boolean {
    return this.length > 0
  }

  get maxAge(): number | null {
    return this.#copy.maxAge
  }

  set maxAge(maxAge: unknown) {
    this.#copy.touch(maxAge === 'session' ? null : (maxAge as number))
  }

  get externalKey(): string | undefined {
    return this.#copy.id
  }

  save(callback?: Callback): Promise<void> {
    return this.#copy.save(callback)
  }

  regenerate(callback?: Callback): Promise<void> {
    return this.#copy.rotate(callback)
  }

  commit(options?: unknown, callback?: Callback): Promise<void> {
    return this.#copy.save(typeof options === 'function' ? (options as Callback) : callback)
  }

  manuallyCommit(): Promise<void> {
    return this.#copy.save()
  }

  toJSON(): Record<string, unknown> {
    const fields = this as unknown as Record<string, unknown>
    const shown = this.#copy.namesOf(this).map((name) => [name, fields[name]] as const)
    return Object.fromEntries(shown.filter(([, value]) => typeof value !== 'function'))
  }

  [inspect.custom](): Record<string, unknown> {
    return this.toJSON()
  }
}

const FORM = {
  make: (copy: WorkingCopy) => new KoaSession(copy),
  // koa-session keeps no field that begins with an underscore.
  ignores: (name: string) => name[0] === '_',
  members: new Set(Object.getOwnPropertyNames(KoaSession.prototype)),
}

const COPY = Symbol('koa-atomic-session.classic')
const HELD = Symbol('koa-atomic-session.held')
type Context = KoaContext & { [COPY]?: WorkingCopy; [HELD]?: { release(): void } }

/**
 * Gives a Koa application `ctx.session` as koa-session does, a plain object, over atomic commands: what a request
 * changed becomes one chain. Install it in place of koa-session, after `atomicSession(app, { property: 'atomic' })`;
 * both see the same session.
 *
 * If the visitor has a cookie, the session is read before the next middleware. Changes are stored when the next
 * middleware has ended, even if it has failed. If the session was destroyed or has expired meanwhile, the changes of a
 * plain request are dropped, and an awaited `save()` rejects with 409. If the store is down, using `ctx.session`
 * throws.
 *
 * @example
 * ```js
 * const sessions = atomicSession(app, { store: sqlite('sessions.db'), property: 'atomic' })
 * classic(app, sessions, { counters: ['views'] })
 * app.use((ctx) => {
 *   ctx.session.views = (ctx.session.views ?? 0) + 1
 *   ctx.body = `seen ${ctx.session.views} times`
 * })
 * ```
 * @throws `SessionUsageError` for an option that can't work, and where `ctx.session` belongs to another middleware.
 */
export function classic(
  // biome-ignore lint/suspicious/noExplicitAny: applications of any state and context
  app: Koa<any, any>,
  // biome-ignore lint/suspicious/noExplicitAny: sessions of any data
  sessions: KoaSessions<any>,
  options: ClassicOptions = {},
): void {
  if (typeof app?.use !== 'function' || typeof sessions?.of !== 'function') {
    throw new SessionUsageError('classic takes the application and its sessions: classic(app, atomicSession(app, …))')
  }
  const { property } = sessions.settings
  if (property === 'session') {
    throw new SessionUsageError(
      "ctx.session can't be both: pass { property: 'atomic' } to atomicSession(), and classic() gives ctx.session",
    )
  }
  const names = checked(options)
  const hints = counterHints('ctx.session')
  if ('session' in app.context)
    throw new SessionUsageError('ctx.session belongs to another middleware already: remove it')
  const shown: PropertyDescriptor & ThisType<Context> = {
    configurable: true,
    get(this: Context): object | null {
      const copy = copyOf(this)
      const first = !copy.looked
      const object = copy.object ?? null
      if (first) watch(this, copy)
      return object
    },
    set(this: Context, value: unknown) {
      if (typeof value !== 'object') throw new SessionUsageError('ctx.session can only be set to an object, or to null')
      const copy = copyOf(this)
      const first = !copy.looked
      if (value === null) copy.remove()
      else copy.replace(value)
      if (first) watch(this, copy)
    },
  }
  Object.defineProperty(app.context, 'session', shown)
  keepOwn(app, 'session', 'Another middleware has taken ctx.session since classic() was called: remove it')
  app.use(async (ctx: Context, next: () => Promise<unknown>) => {
    if (!ctx[COPY] && (ctx as unknown as Koa.Context).app !== app) {
      // Mounted, this application's middleware runs on the context of another.
      if ('session' in ctx) {
        throw new SessionUsageError('ctx.session belongs to the application that this one is mounted in: remove one')
      }
      Object.defineProperty(ctx, 'session', shown)
    }
    const copy = new WorkingCopy(() => sessions.of(ctx), FORM, names, hints)
    ctx[COPY] = copy
    await copy.load()
    try {
      await next()
    } catch (error) {
      await copy
        .commitFailed((failure) => {
          ;(ctx as unknown as Koa.Context).app.emit('error', failure, ctx as unknown as Koa.Context)
        })
        .finally(() => ctx[HELD]?.release())
      throw error
    }
    try {
      await copy.commit()
    } catch (error) {
      ctx[HELD]?.release()
      throw error
    }
    // Koa answers now; who answers by themselves may still change something.
    if ((ctx as unknown as Koa.Context).respond !== false) ctx[HELD]?.release()
  })
}

/** Whoever writes to the response directly must not be faster than the store. */
function watch(ctx: Context, copy: WorkingCopy): void {
  ctx[HELD] = hold(
    ctx.res,
    () => copy.commit(),
    (error) => (ctx as unknown as Koa.Context).onerror(error as Error),
  )
}

function copyOf(ctx: Context): WorkingCopy {
  const copy = ctx[COPY]
  if (copy) return copy
  throw new SessionUsageError('ctx.session has not been read yet: install classic() before middleware that uses it')
}
