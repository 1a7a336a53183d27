import { tracingChannel } from 'node:diagnostics_channel'
import type { Chain } from '../algebra/index.ts'

/**
 * One call to a store, retries included: published on the TracingChannel `koa-atomic-session:store` of
 * `node:diagnostics_channel`, with `start`, `asyncEnd` and `error`. Costs nothing while nobody listens. It holds no
 * secret, no session's id and none of its data.
 */
export interface StoreCall {
  /** The store's name: `redis`. */
  readonly store: string
  readonly operation: 'load' | 'create' | 'update' | 'destroy' | 'find' | 'destroyAll' | 'get' | 'prune' | 'setup'
  /** The same keyed hash of the session's id as in a `SessionEvent`; undefined if the call is about several sessions. */
  readonly session: string | undefined
  /** The names of the commands of an update, in order. */
  readonly commands: readonly string[]
  /** The store's answer, once it is there: `changed`, `live`, `expired`. Absent after an error. */
  outcome?: string
  /** How often the call was sent. */
  attempts: number
}

/** Who asks. */
export interface Caller {
  /** As traces may name it. */
  readonly alias: string | undefined
}

/** What a call is about. */
export interface About {
  readonly operation: StoreCall['operation']
  readonly caller?: Caller | undefined
  readonly chain?: Chain
}

const calls = tracingChannel<string, StoreCall>('koa-atomic-session:store')

/** Runs a call; where somebody listens, tells of it. The work is given the call to note its attempts on, if there is one. */
export function traced<T>(store: string, about: About, work: (call?: StoreCall) => Promise<T>): Promise<T> {
  return calls.hasSubscribers ? told(store, about, work) : work()
}

async function told<T>(store: string, about: About, work: (call: StoreCall) => Promise<T>): Promise<T> {
  const call: StoreCall = {
    store,
    operation: about.operation,
    session: about.caller?.alias,
    commands: about.chain?.commands.map(({ kind }) => kind) ?? [],
    attempts: 1,
  }
  let result: T | undefined
  // The channel keeps what its function resolves to where every listener sees it: a session's data must not be that.
  await calls.tracePromise(async () => {
    result = await work(call)
    call.outcome = outcomeOf(result)
  }, call)
  return result as T
}

function outcomeOf(result: unknown): string {
  if (typeof result === 'object' && result !== null && 'outcome' in result) return String(result.outcome)
  if (Array.isArray(result)) return `${result.length}`
  if (typeof result === 'number') return `${result}`
  return result === undefined || result === false ? 'nothing' : 'done'
}
