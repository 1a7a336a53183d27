import { SessionUsageError } from '../errors/index.ts'
import { fail } from '../settings/names.ts'

/**
 * The store that the old library had. Its methods may take a callback, as express-session's do, or return a promise. Without
 * `destroy` the old rows stay until they expire.
 */
export interface OldStore {
  // biome-ignore lint/suspicious/noExplicitAny: each store types its own sessions and callbacks
  get(id: string, ...more: any[]): unknown
  // biome-ignore lint/suspicious/noExplicitAny: as above
  destroy?(id: string, ...more: any[]): unknown
}

/** Checks a store when the application starts. */
export function assertStore(store: unknown, of: string): asserts store is OldStore {
  const { get, destroy } = (store ?? {}) as Partial<OldStore>
  if (typeof get !== 'function') fail(`${of}: store is the old library's store, with get(id)`)
  if (destroy !== undefined && typeof destroy !== 'function') fail(`${of}: destroy of the store must be a function`)
}

/** The result of a method that calls back or returns a promise. */
export function asked(call: (done: (error?: unknown, value?: unknown) => void) => unknown): Promise<unknown> {
  return new Promise((resolve, reject) => {
    const result = call((error, value) => (error ? reject(error) : resolve(value)))
    if (typeof (result as PromiseLike<unknown>)?.then === 'function') (result as Promise<unknown>).then(resolve, reject)
  })
}

/** An old row as an object; undefined if there is none. */
export function rowOf(row: unknown, of: string): Record<string, unknown> | undefined {
  if (row === undefined || row === null || row === false) return undefined
  if (typeof row === 'object' && !Array.isArray(row)) return row as Record<string, unknown>
  throw new SessionUsageError(`${of}: get() of the old store gives the session as an object, and not a ${typeof row}`)
}
