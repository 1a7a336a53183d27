import assert from 'node:assert/strict'
import { IncomingMessage, ServerResponse } from 'node:http'
import { Socket } from 'node:net'
import fc from 'fast-check'
import onHeaders from 'on-headers'
import { Sessions } from '../../src/api/sessions.ts'
import type { Session } from '../../src/api/types.ts'
import type { Store } from '../../src/contract/store.ts'
import { readCredential } from '../../src/cookie/credential.ts'
import { keygripOf } from '../../src/cookie/keys.ts'
import { isSessionError } from '../../src/errors/index.ts'
import { settingsOf } from '../../src/settings/settings.ts'
import { KEY } from '../visitor.ts'

/** What a request does, step by step. */
const step = fc.constantFrom(
  'load',
  'push',
  'push',
  'unawaited',
  'rotate',
  'login',
  'grace',
  'regenerate',
  'destroy',
  'expire',
  'touch',
)
const requests = fc.array(fc.array(step, { minLength: 1, maxLength: 4 }), { minLength: 2, maxLength: 3 })
const choices = fc.infiniteStream(fc.nat(1000))
type Step = typeof step extends fc.Arbitrary<infer T> ? T : never

/**
 * Decides which of several waiting things happens next, one at a time: so that every order of sending and answering
 * that requests can meet is one that a run can take, and a seed brings it back.
 */
class Order {
  readonly #choices: Iterator<number>
  readonly #waiting: (() => Promise<void>)[] = []

  constructor(choices: Iterator<number>) {
    this.#choices = choices
  }

  /** Waits for its turn, does the work, and lets nothing else happen meanwhile. */
  turn<T>(work: () => Promise<T>): Promise<T> {
    return new Promise((resolve, reject) => {
      this.#waiting.push(() => work().then(resolve, reject))
    })
  }

  async run(until: Promise<unknown>): Promise<void> {
    let over = false
    const end = () => {
      over = true
    }
    until.then(end, end)
    while (!over) {
      // Everything that follows from the last turn without a store has happened after this.
      await new Promise((resolve) => setImmediate(resolve))
      const next = this.#waiting.splice(this.#choices.next().value % Math.max(1, this.#waiting.length), 1)[0]
      await next?.()
    }
  }
}

/** The store, each of whose calls waits for a turn to be sent, and its answer for another one to arrive. */
function ordered(store: Store, order: Order): Store {
  return new Proxy(store, {
    get(target, key) {
      const member = Reflect.get(target, key)
      if (!['create', 'load', 'update', 'destroy'].includes(String(key))) return member
      return async (...values: unknown[]) => {
        const answer = await order.turn(() => member.apply(target, values))
        return order.turn(async () => answer)
      }
    },
  })
}

/** What one run has seen of the session that it began with. */
class Run {
  readonly acknowledged: number[] = []
  readonly refused: number[] = []
  readonly unknown: number[] = []
  ended = false
  #numbers = 0
  #rotated = false

  async step(kind: Step, session: Session<Record<string, never>>, id: string): Promise<void> {
    this.#rotated ||= ['rotate', 'login', 'grace'].includes(kind)
    // A request that goes on with another session, because this one was gone, proves nothing about this one.
    const mine = () => session.id === id
    switch (kind) {
      case 'push':
      case 'unawaited': {
        const n = ++this.#numbers
        const chain = session.push('list' as never, n as never)
        const noted = chain.then(
          () => void (mine() && this.acknowledged.push(n)),
          (error: unknown) => {
            if (!isSessionError(error)) throw error
            this[error.applied === false ? 'refused' : 'unknown'].push(n)
          },
        )
        if (kind === 'push') await noted
        return
      }
      case 'rotate':
        return void (await session.rotate())
      case 'login':
        return void (await session.rotate({ authenticated: true }).set('user' as never, 1 as never))
      case 'grace':
        return void (await session.rotate({ grace: 60_000 }))
      case 'regenerate':
      case 'destroy': {
        // Under a secret that this request never had the session lives on: a log-out is refused then, and who begins anew
        // goes on without it.
        const ends = mine() && !session.isNew && !(kind === 'regenerate' && this.#rotated)
        await session[kind]()
        // Others may have rotated it meanwhile.
        this.ended ||= ends && !(kind === 'regenerate' && this.#rotated)
        return
      }
      case 'expire':
        await session.touch(1)
        return
      case 'touch':
        return void (await session.touch())
    }
  }
}

/** Runs random requests over one session in random orders; throws with the seed where a promise does not hold. */
export async function interleave(store: Store, runs: number, seed: number): Promise<void> {
  await fc.assert(
    fc.asyncProperty(requests, choices, (each, order) => once(store, each, order[Symbol.iterator]())),
    { numRuns: runs, seed, endOnFailure: true },
  )
}

async function once(store: Store, each: Step[][], chosen: Iterator<number>): Promise<void> {
  const keygrip = keygripOf([KEY])
  const order = new Order(chosen)
  const settings = settingsOf({ timeout: 60_000 })
  const open = (through: Store) =>
    new Sessions<Record<string, never>>(
      settings,
      through,
      () => {},
      () => [KEY],
    )
  const hashes = new Set<string>()
  function request(sessions: Sessions<Record<string, never>>, cookie: string | undefined) {
    const response = new ServerResponse(new IncomingMessage(new Socket()))
    const { handle, visit } = sessions.handle({
      arrived: performance.now(),
      headers: { cookie },
      response,
      onHead: (write) => onHeaders(response, write),
      onClose: () => {},
      secure: false,
      client: undefined,
      url: undefined,
      context: {},
    })
    const end = async () => {
      const failure = await visit.settle().then(
        () => undefined,
        (error) => error,
      )
      if (failure && !isSessionError(failure)) throw failure
      response.writeHead(200)
      const set = [response.getHeader('set-cookie') ?? []].flat().map(String)[0]?.split(';')[0]
      const read = set && readCredential(set.slice(4), 'sid', keygrip)
      if (read && read.credential.kind === 'session') hashes.add(`${read.credential.id} ${read.credential.hash}`)
      return set
    }
    return { handle, end }
  }

  const first = request(open(store), undefined)
  const session = await first.handle.set('list' as never, [] as never)
  const id = session.id!
  const cookie = await first.end()
  const run = new Run()
  const sessions = open(ordered(store, order))
  const all = each.map(async (steps) => {
    const { handle, end } = request(sessions, cookie)
    try {
      const session = await handle
      for (const one of steps) await run.step(one, session, id)
    } catch (error) {
      if (!isSessionError(error)) throw error
    }
    await end()
  })
  const done = Promise.all(all)
  await order.run(done)
  await done

  // Which secrets open it now; the grace of one that was rotated away may last.
  const opening = []
  let list: number[] | undefined
  for (const entry of hashes) {
    const [of, hash] = entry.split(' ') as [string, string]
    if (of !== id) continue
    const loaded = await store.load({ id, proof: { hash }, maxLifetime: Number.POSITIVE_INFINITY })
    if (loaded.outcome !== 'live') continue
    if (loaded.secret === 'first' || loaded.secret === 'current') opening.push(hash)
    list = loaded.record.data.list as number[]
  }
  const story = JSON.stringify({ each, ...run, opening: opening.length, list })
  if (run.ended) assert.equal(list, undefined, `it came back: ${story}`)
  assert.ok(opening.length <= 1, `two secrets open it: ${story}`)
  if (!list) return
  assert.deepEqual(
    run.acknowledged.filter((n) => !list.includes(n)),
    [],
    `lost: ${story}`,
  )
  assert.deepEqual(
    run.refused.filter((n) => list.includes(n)),
    [],
    `phantom: ${story}`,
  )
  assert.equal(new Set(list).size, list.length, `twice: ${story}`)
}
