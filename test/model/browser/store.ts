import { AsyncLocalStorage } from 'node:async_hooks'
import type { Access, Change, Held, Loaded, NewSession, Outline, Store, Updated } from '../../../src/contract/store.ts'
import { NOBODYS } from '../../../src/visit/retirement.ts'
import type { Order } from './order.ts'

/** Who asks the store. */
export interface Asker {
  /** When the store did what this one asked last, unless it has done something else since. */
  asked: number | undefined
  /** When the store did what this one asked last. */
  knows: number
}

/** Whose calls these are. */
export const asking = new AsyncLocalStorage<Asker>()

/** One thing that the store did, with what it was asked. */
export interface Done {
  readonly at: number
  readonly call: 'create' | 'load' | 'update' | 'destroy'
  readonly id: string
  /** The secret by which it was asked. */
  readonly hash: string | undefined
  /** The secret that was made by it, for the one who asked. */
  readonly made: string | undefined
  readonly change: Change | undefined
  readonly outcome: string
  /** A log-in, `rotate()`, or the end of a session by `regenerate()`: it ends everything that is older. */
  readonly explicit: boolean
}

const ACCEPTED = new Set(['live', 'changed', 'held', 'done'])
export const accepted = ({ outcome }: Done): boolean => ACCEPTED.has(outcome)
/** A store whose every call waits for its turn to be sent, and its answer for another one to arrive. It notes them all. */
export function watched(store: Store, order: Order, log: Done[]): Store {
  const methods = {
    create: (session: NewSession) => store.create(session),
    load: async (access: Access, held?: Held) => large(await store.load(access, held)),
    update: async (access: Access, change: Change) => large(await store.update(access, change)),
    destroy: (access: Access) => store.destroy(access),
  }
  return new Proxy(store, {
    get(target, key) {
      const method = methods[key as keyof typeof methods] as ((...values: unknown[]) => Promise<unknown>) | undefined
      if (!method) return Reflect.get(target, key)
      return async (...values: unknown[]) => {
        const asker = asking.getStore()
        const answer = await order.turn(`${String(key)} is done`, async () => {
          const answer = await method(...values)
          if (asker) asker.asked = asker.knows = order.now
          log.push(noted(order.now, key as Done['call'], values as [NewSession | Access, Change?], answer))
          return answer
        })
        return order.turn(`${String(key)} is answered`, () => answer)
      }
    },
  })
}

/** The answer of a store that has large sessions, of which processes keep copies. */
function large<T extends Loaded | Updated>(answer: T): T {
  return answer.outcome === 'live' || answer.outcome === 'changed' ? { ...answer, bytes: 10_000 } : answer
}

function noted(at: number, call: Done['call'], [asked, change]: [NewSession | Access, Change?], answer: unknown): Done {
  const outcome = outcomeOf(answer)
  const hash = 'proof' in asked ? asked.proof.hash : asked.hash
  const applied = ACCEPTED.has(outcome)
  const to = call === 'create' ? hash : applied ? change?.rotation?.to : undefined
  const made = to === NOBODYS ? undefined : to
  return { at, call, id: asked.id, hash, made, change, outcome, explicit: applied && isExplicit(change, answer) }
}

/** The same log-in sent again keeps the epoch of the first one: it ends nothing. */
function isExplicit(change: Change | undefined, answer: unknown): boolean {
  const epoch = change?.rotation?.epoch
  return epoch !== undefined && (answer as { record?: Outline }).record?.epoch === epoch
}

function outcomeOf(answer: unknown): string {
  if (typeof answer === 'boolean') return answer ? 'destroyed' : 'nothing'
  return (answer as Loaded | Updated | undefined)?.outcome ?? 'created'
}
