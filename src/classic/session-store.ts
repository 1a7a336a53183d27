import { SessionUsageError } from '../errors/index.ts'
import type { HttpSessions } from '../http/index.ts'
import type { Callback, WorkingCopy } from './working-copy.ts'

/** What middlewares ask of `req.sessionStore`: of this request's session everything, of others only to log them out. */
export interface ClassicStore {
  get(id: string, callback: (error?: unknown, session?: object | null) => void): void
  set(id: string, session: object, callback?: Callback): void
  touch(id: string, session: object, callback?: Callback): void
  destroy(id: string, callback?: Callback): void
  generate(request: unknown): void
  regenerate(request: unknown, callback: Callback): void
  all(): never
}

// biome-ignore lint/suspicious/noExplicitAny: sessions of any data
export function sessionStoreOf(sessions: HttpSessions<any>, copy: WorkingCopy): ClassicStore {
  const foreign = (): SessionUsageError =>
    new SessionUsageError(
      "req.sessionStore reads and writes this request's own session only; use sessions.find() and sessions.revoke() for others",
    )
  return {
    get(id, callback) {
      if (id === copy.id) copy.reload((error) => (error ? callback(error) : callback(null, copy.object)))
      else process.nextTick(callback, foreign())
    },
    set(id, _session, callback) {
      if (id === copy.id) copy.save(callback)
      else if (callback) process.nextTick(callback, foreign())
      else throw foreign()
    },
    touch(_id, _session, callback) {
      copy.touch()
      if (callback) process.nextTick(callback)
    },
    destroy(id, callback) {
      if (id === copy.id) copy.destroy(callback)
      else {
        sessions.revoke(id).then(
          () => callback && process.nextTick(callback),
          (error) => (callback ? process.nextTick(callback, error) : sessions.background(error)),
        )
      }
    },
    generate() {
      copy.regenerate()
    },
    regenerate(_request, callback) {
      copy.regenerate(callback)
    },
    all() {
      throw new SessionUsageError('req.sessionStore.all() would read every session: use sessions.find(field, value)')
    },
  }
}
