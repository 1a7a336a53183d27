import { inspect } from 'node:util'
import type { SessionHandle } from '../api/types.ts'
import { SessionUsageError } from '../errors/index.ts'
import { isResponse } from '../fetch/exchange.ts'
import type { FetchSessions, FetchUse } from '../fetch/index.ts'
import { counterHints } from './hints.ts'
import { type ClassicOptions, checked } from './options.ts'
import { WorkingCopy } from './working-copy.ts'

/** The session where a request is a `Request`: its data are plain properties that can be changed at will. */
export interface ClassicFetchSession {
  // biome-ignore lint/suspicious/noExplicitAny: the application's fields
  [field: string]: any
  /** The session's public name; undefined while nothing is stored. */
  readonly id: string | undefined
  /** There was no session when the request began. */
  readonly isNew: boolean
  /** Its idle time in milliseconds; assigning gives this session its own. */
  maxAge: number | null
  /** Stores what was changed, now instead of when the handler has answered. */
  save(): Promise<void>
  /** A new secret for the same data, with the next save: for log-in. */
  regenerate(): Promise<void>
  /** Removes the session and all its fields: for log-out. What is assigned afterwards begins another one. */
  destroy(): Promise<void>
}

/** Answers a request with what the handler answers, when what the handler changed is stored. */
export type ClassicFetch = (
  request: Request,
  handler: (session: ClassicFetchSession, request: Request) => Response | Promise<Response>,
  use?: FetchUse,
) => Promise<Response>

/** A class, so its methods are on the prototype and not enumerable. */
class FetchSession {
  readonly #copy: WorkingCopy

  constructor(copy: WorkingCopy) {
    this.#copy = copy
  }

  get id(): string | undefined {
    return this.#copy.id
  }

  get isNew(): boolean {
    return this.#copy.isNew
  }

  get maxAge(): number | null {
    return this.#copy.maxAge
  }

  set maxAge(maxAge: number | null) {
    this.#copy.touch(maxAge)
  }

  save(): Promise<void> {
    return this.#copy.save()
  }

  regenerate(): Promise<void> {
    return this.#copy.rotate()
  }

  destroy(): Promise<void> {
    for (const name of Object.keys(this)) delete (this as Record<string, unknown>)[name]
    return this.#copy.empty()
  }

  [inspect.custom](): object {
    return { ...this }
  }
}

const FORM = {
  make: (copy: WorkingCopy) => new FetchSession(copy),
  ignores: () => false,
  members: new Set(Object.getOwnPropertyNames(FetchSession.prototype)),
}

/**
 * Gives the handlers of `fetchSessions` the session as a plain object, over atomic commands: what a request changed
 * becomes one chain. `sessions.of(request)` and the object are the same session.
 *
 * The session is read before the handler, where the visitor has a cookie. What was changed is stored when the handler has
 * answered, also where it has failed; a body that is streamed afterwards needs `save()`. A session that was destroyed or
 * has expired meanwhile stays so: the changes of a plain request are dropped, an awaited `save()` rejects with 409. Where
 * the store is down, looking at the session throws. Within it, a second call for the same request has the same object.
 *
 * @example
 * ```js
 * const sessions = fetchSessions({ store: sqlite('sessions.db'), keys: [process.env.SESSION_KEY] })
 * const answer = classicFetch(sessions, { counters: ['views'] })
 * const server = {
 *   fetch: (request) =>
 *     answer(request, (session) => {
 *       session.views = (session.views ?? 0) + 1
 *       return new Response(`seen ${session.views} times`)
 *     }),
 * }
 * ```
 * @throws `SessionUsageError` for an option that can't work.
 */
export function classicFetch(
  // biome-ignore lint/suspicious/noExplicitAny: sessions of any data
  sessions: FetchSessions<any>,
  options: ClassicOptions = {},
): ClassicFetch {
  if (typeof sessions?.fetch !== 'function') {
    throw new SessionUsageError('classicFetch takes the sessions: classicFetch(fetchSessions(…))')
  }
  const names = checked(options)
  const hints = counterHints('session')
  const shown = new WeakMap<Request, ClassicFetchSession>()
  return (request, handler, use) => {
    const outer = shown.get(request)
    if (outer) return Promise.resolve(handler(outer, request))
    const answered = async (handle: SessionHandle<unknown>): Promise<Response> => {
      const copy = new WorkingCopy(() => handle, FORM, names, hints)
      await copy.load()
      const session = objectOf(copy)
      shown.set(request, session)
      let response: Response
      try {
        response = await handler(session, request)
      } catch (error) {
        if (!isResponse(error)) {
          await copy.commitFailed((failure) => sessions.background(failure))
          throw error
        }
        response = error
      }
      await copy.commit()
      return response
    }
    return sessions.fetch(request, answered, use)
  }
}

/** Where the store is down, looking at the session is an error, and not looking is none. */
function objectOf(copy: WorkingCopy): ClassicFetchSession {
  try {
    return copy.object as ClassicFetchSession
  } catch (error) {
    const fail = () => {
      throw error
    }
    const traps = ['get', 'set', 'has', 'ownKeys', 'deleteProperty', 'defineProperty', 'getOwnPropertyDescriptor']
    return new Proxy({}, Object.fromEntries(traps.map((trap) => [trap, fail]))) as ClassicFetchSession
  }
}
