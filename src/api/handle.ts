import { inspect } from 'node:util'
import type { DestroyOptions } from '../cookie/site-data.ts'
import { SessionUsageError } from '../errors/index.ts'
import type { Step } from '../visit/step.ts'
import type { Visit } from '../visit/visit.ts'
import type { Watcher } from '../watch/watcher.ts'
import type { Watching } from '../watch/watching.ts'
import { Awaitable, SESSION } from './awaitable.ts'
import { Call } from './call.ts'
import { Chain } from './chain.ts'
import { ADD, TAKE } from './chaining.ts'
import type { Session, SessionHandle } from './types.ts'

/** What `sessions.watch()` asks a handle for. A symbol, because it stands beside what applications call. */
const WATCHER = Symbol('watcher')

/** See {@link SessionHandle}. */
export class Handle<D> extends Awaitable<D> implements SessionHandle<D> {
  readonly #visit: Visit
  readonly #watching: () => Watching

  constructor(visit: Visit, watching: () => Watching) {
    super()
    this.#visit = visit
    this.#watching = watching
  }

  get ended(): AbortSignal {
    return this[WATCHER]().signal
  }

  [WATCHER](): Watcher {
    return this.#watching().of(this.#visit)
  }

  override [ADD](change: (step: Step) => Step): Chain<D> {
    return Chain.of<D>(this.#visit, change)
  }

  override [TAKE](change: (step: Step) => Step): Promise<unknown> {
    return Chain.take<D>(this.#visit, change)
  }

  /** Asks at once, because the read must keep its place among the commands. Not async: that costs each read two turns. */
  override [SESSION](): Promise<Session<D>> {
    try {
      return Promise.resolve(this.#visit.current<Session<D>>())
    } catch (error) {
      return Promise.reject(error)
    }
  }

  update(): Call<Session<D>> {
    return new Call(this.#visit, this.#visit.reload(), () => this.#visit.current<Session<D>>())
  }

  destroy(options?: DestroyOptions): Call<void> {
    return new Call(this.#visit, this.#visit.destroy(options), () => {})
  }

  regenerate(): Call<Session<D>> {
    return new Call(this.#visit, this.#visit.regenerate(), () => this.#visit.current<Session<D>>())
  }

  [inspect.custom](): string {
    return 'SessionHandle {}'
  }
}

/** Who watches for this handle; throws for anything else. */
export function watcherOf(handle: object): Watcher {
  const of = (handle as { [WATCHER]?: () => Watcher } | undefined)?.[WATCHER]
  if (typeof of === 'function') return of.call(handle)
  throw new SessionUsageError(
    'watch() takes a handle that has not been awaited: sessions.watch(ctx.session()), sessions.watch(sessions.upgrade(request))',
  )
}
