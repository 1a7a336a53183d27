import { tracingChannel } from 'node:diagnostics_channel'
import { memory } from 'koa-atomic-session/memory'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { commands } from '../../src/algebra/index.ts'
import type { Change } from '../../src/contract/store.ts'
import { Breaker } from '../../src/delivery/breaker.ts'
import { type Asking, type Hearing, ReliableStore } from '../../src/delivery/reliable.ts'
import { StoreError } from '../../src/errors/index.ts'
import { chainOf, changeOf, dataOf, hashOf, randomId, visitor } from '../../src/testing/harness.ts'

/** What may become of one try: it is done and answered, done and its reply is lost, lost on its way, or definitely not done. */
const TRIES = ['answered', 'reply lost', 'lost', 'not done'] as const
type Try = (typeof TRIES)[number]

/** Every row of one to three tries; after them the store answers. */
const ROWS: readonly (readonly Try[])[] = [1, 2, 3].flatMap((length) => rows(length))
function rows(length: number): Try[][] {
  return length === 0 ? [[]] : rows(length - 1).flatMap((row) => TRIES.map((one) => [...row, one]))
}

const OPERATIONS = ['load', 'create', 'update', 'destroy', 'find', 'destroyAll'] as const
type Operation = (typeof OPERATIONS)[number]

/** A store that does with one operation what a row says, try by try, and notes what reached it. */
function following(row: readonly Try[], operation: Operation) {
  const store = memory().indexed(['user'])
  const real = store[operation].bind(store) as (...values: unknown[]) => Promise<unknown>
  const sent: unknown[][] = []
  const arm = () => {
    Object.assign(store, {
      async [operation](...values: unknown[]) {
        const now = row[sent.push(values) - 1] ?? 'answered'
        if (now === 'lost') throw new StoreError('memory', 'lost the call', 'unknown')
        if (now === 'not done') throw new StoreError('memory', 'refused the call', false)
        const answer = await real(...values)
        if (now === 'reply lost') throw new StoreError('memory', 'lost the reply', 'unknown')
        return answer
      },
    })
  }
  return { store, sent, arm }
}

/** What the application must be told after this row, and how often the store must have been asked. */
function expected(row: readonly Try[]): { told: unknown; tries: number } {
  // Only what was definitely not done at the first try is known not to be done; it is not tried again.
  if (row[0] === 'not done') return { told: false, tries: 1 }
  const answered = row.indexOf('answered')
  return { told: 'an answer', tries: (answered < 0 ? row.length : answered) + 1 }
}

/** Whether any try up to the last one did something. */
const done = (row: readonly Try[], tries: number) =>
  [...row, 'answered'].slice(0, tries).some((one) => one === 'answered' || one === 'reply lost')

async function outcome(call: Promise<unknown>) {
  try {
    return { told: 'an answer' as unknown, answer: await call }
  } catch (error) {
    if (!(error instanceof StoreError)) throw error
    return { told: error.applied as unknown, answer: undefined }
  }
}

describe('a call to the store, by what becomes of each of its tries', () => {
  it.each(['load', 'find'] as const)(
    '%s is asked again until it is answered, unless it was definitely refused',
    async (operation) => {
      await each(async (row) => {
        const { store, sent, arm } = following(row, operation)
        const { access, record } = await visitor(store, { user: 1 })
        arm()
        const reliable = new ReliableStore(store, 60_000)
        const page = { limit: 9, after: '' }
        const call =
          operation === 'load' ? reliable.load(access) : reliable.find('user', 1, Number.POSITIVE_INFINITY, page)
        const { told, answer } = await outcome(call)
        const { told: should, tries } = expected(row)
        const found = operation === 'load' ? (answer as { record?: unknown })?.record : (answer as unknown[])?.[0]
        return [
          [told, sent.length, found],
          [should, tries, should === false ? undefined : record],
        ]
      })
    },
  )

  it('an update is applied once, is sent again as the same one of that moment, and says what became of it', async () => {
    await each(async (row) => {
      const { store, sent, arm } = following(row, 'update')
      const { access } = await visitor(store, { n: 0 })
      arm()
      const reliable = new ReliableStore(store, 60_000)
      await reliable.load(access)
      const before = Date.now()
      const change = changeOf(chainOf(commands.inc('n')))
      const { told, answer } = await outcome(reliable.update(access, change))
      const { told: should, tries } = expected(row)
      const changes = sent.map(([, change]) => change as Change)
      const moments = new Set(changes.slice(1).map(({ repeatedSince }) => repeatedSince))
      const [moment = before] = moments
      return [
        [
          told,
          changes.length,
          (answer as { record?: { data: unknown } })?.record?.data,
          (await dataOf(store, access)).n,
          changes.every(({ op, chain }) => op === change.op && chain === change.chain),
          changes[0]?.repeatedSince,
          // By the store's clock and not after the moment at which it was sent first; a little before, as clocks are read.
          moments.size <= 1 && moment <= before + 1 && moment > before - 5000,
        ],
        [should, tries, should === false ? undefined : { n: 1 }, done(row, tries) ? 1 : 0, true, undefined, true],
      ]
    })
  })

  it('a session begins once, and who begins it gets it, though the answer came only after the id was taken', async () => {
    await each(async (row) => {
      const { store, sent, arm } = following(row, 'create')
      arm()
      const id = randomId()
      const hash = hashOf(id)
      const session = { id, hash, data: { a: 1 }, maxAge: null, idle: 60_000, authenticated: false }
      const { told, answer } = await outcome(new ReliableStore(store, 60_000).create(session))
      const { told: should, tries } = expected(row)
      const loaded = await store.load({ id, proof: { hash }, maxLifetime: Number.POSITIVE_INFINITY })
      return [
        [told, sent.length, (answer as { id?: string })?.id, loaded.outcome],
        [should, tries, should === false ? undefined : id, done(row, tries) ? 'live' : 'absent'],
      ]
    })
  })

  it.each(['destroy', 'destroyAll'] as const)(
    '%s removes, and answers what its last try removed',
    async (operation) => {
      await each(async (row) => {
        const { store, sent, arm } = following(row, operation)
        const { access } = await visitor(store, { user: 1 })
        arm()
        const reliable = new ReliableStore(store, 60_000)
        const call =
          operation === 'destroy' ? reliable.destroy(access) : reliable.destroyAll('user', 1, undefined, 9, {})
        const { told, answer } = await outcome(call)
        const { told: should, tries } = expected(row)
        const before = row.slice(0, tries - 1).includes('reply lost')
        const removed = operation === 'destroy' ? !before : before ? 0 : 1
        return [
          [told, sent.length, answer, (await store.load(access)).outcome],
          [should, tries, should === false ? undefined : removed, done(row, tries) ? 'absent' : 'live'],
        ]
      })
    },
  )

  /** Compares what is with what should be, for every row. */
  async function each(check: (row: readonly Try[]) => Promise<[unknown, unknown]>): Promise<void> {
    const results = await Promise.all(ROWS.map(async (row) => ({ row, pair: await check(row) })))
    const by = (i: 0 | 1) => Object.fromEntries(results.map(({ row, pair }) => [row.join(', '), pair[i]]))
    expect(by(0)).toEqual(by(1))
  }

  it('a session that begins at once is not looked for', async () => {
    const store = memory()
    store.load = () => Promise.reject(new TypeError('was asked'))
    const session = { id: randomId(), hash: 'h', data: {}, maxAge: null, idle: 60_000, authenticated: false }
    expect(await new ReliableStore(store, 60_000).create(session)).toMatchObject({ id: session.id })
  })

  it('an id that somebody else has is not given away, though it was asked for twice', async () => {
    const { store, arm } = following(['lost'], 'create')
    const { id } = await visitor(store, { mine: true })
    arm()
    const session = { id, hash: hashOf('other'), data: {}, maxAge: null, idle: 60_000, authenticated: false }
    expect(await new ReliableStore(store, 60_000).create(session)).toBeUndefined()
  })

  it('six tries are all, and the last word is that nobody knows', async () => {
    const row: Try[] = ['lost', 'not done', 'lost', 'not done', 'not done', 'not done', 'answered']
    const { store, sent, arm } = following(row, 'load')
    const { access } = await visitor(store)
    arm()
    await expect(new ReliableStore(store, 60_000).load(access)).rejects.toMatchObject({ applied: 'unknown' })
    expect(sent).toHaveLength(6)
  })

  it('what is no failure of the store, or is final, is not tried again', async () => {
    const final = new StoreError('memory', 'has lost it for good', 'unknown')
    final.final = true
    for (const failure of [new TypeError('a fault'), final]) {
      const store = memory()
      let calls = 0
      store.load = async () => {
        calls++
        throw failure
      }
      await expect(new ReliableStore(store, 60_000).load((await visitor(store)).access)).rejects.toBe(failure)
      expect(calls).toBe(1)
    }
  })

  it('a store that has forgotten what became of a change says so, and is not asked a third time', async () => {
    const store = memory()
    const { access } = await visitor(store)
    let calls = 0
    store.update = async () => {
      if (++calls === 1) throw new StoreError('memory', 'lost the reply', 'unknown')
      return { outcome: 'forgotten' }
    }
    const change = changeOf(chainOf(commands.inc('n')))
    await expect(new ReliableStore(store, 60_000).update(access, change)).rejects.toMatchObject({
      applied: 'unknown',
      message: expect.stringContaining('too many changes have followed'),
    })
    expect(calls).toBe(2)
  })
})

describe('a call whose time is over', () => {
  const asking = (): Asking => ({ alias: undefined, asked: performance.now(), givenUp: Number.NEGATIVE_INFINITY })

  /** A store whose `load` ends only when the test says so. */
  async function held() {
    const store = memory()
    const { access } = await visitor(store)
    const ends: ((error?: unknown) => void)[] = []
    const { load } = store
    store.load = (access) =>
      new Promise((resolve, reject) => {
        ends.push((error) => (error ? reject(error) : resolve(load.call(store, access))))
      })
    return { store, access, ends }
  }

  it('nobody knows of, and who has waited behind it is not sent', async () => {
    const { store, access, ends } = await held()
    const reliable = new ReliableStore(store, 20)
    const caller = asking()
    await expect(reliable.load(access, caller)).rejects.toMatchObject({ applied: 'unknown' })
    expect(caller.givenUp).toBeGreaterThan(caller.asked)
    await expect(reliable.load(access, caller)).rejects.toMatchObject({ applied: false })
    await expect(reliable.load(access, { ...caller, asked: caller.givenUp })).rejects.toMatchObject({ applied: false })
    expect(ends).toHaveLength(1)
    const later = reliable.load(access, { ...caller, asked: caller.givenUp + 0.1 })
    ends[1]?.()
    expect((await later).outcome).toBe('live')
  })

  it('is not sent again when it fails after all', async () => {
    const { store, access, ends } = await held()
    await expect(new ReliableStore(store, 20).load(access)).rejects.toMatchObject({ applied: 'unknown' })
    ends[0]?.(new StoreError('memory', 'closed the connection', 'unknown'))
    await new Promise((resolve) => setTimeout(resolve, 40))
    expect(ends).toHaveLength(1)
  })

  it('ends what is between two tries, too', async () => {
    const store = memory()
    const { access } = await visitor(store)
    let calls = 0
    store.load = async () => {
      calls++
      throw new StoreError('memory', 'closed the connection', 'unknown')
    }
    // Tries at 0, 0 and 25 ms; the next one would come at 125 ms.
    await expect(new ReliableStore(store, 60).load(access)).rejects.toThrow('within 60 ms')
    await new Promise((resolve) => setTimeout(resolve, 100))
    expect(calls).toBeLessThanOrEqual(3)
  })

  it('is counted once: each that ends, in time or late, leaves room for one other, and not for two', async () => {
    const { store, access, ends } = await held()
    const quick = new ReliableStore(memory(), 60_000)
    for (let i = 0; i <= 10_000; i++) await quick.load(access)
    const reliable = new ReliableStore(store, 20)
    const late = Array.from({ length: 5 }, () => reliable.load(access).catch(() => {}))
    await Promise.all(late)
    for (const end of ends) end()
    await new Promise((resolve) => setImmediate(resolve))
    const waiting = Array.from({ length: 10_000 }, () => reliable.load(access).catch((error) => error))
    await expect(reliable.load(access)).rejects.toMatchObject({
      applied: false,
      message: expect.stringContaining('takes no more'),
    })
    await Promise.all(waiting)
    expect(ends).toHaveLength(10_005)
  })

  it('does not hold the others up once the store answers: ten without an answer close it, one answer opens it', async () => {
    const { store, access, ends } = await held()
    const reliable: Pick<ReliableStore, 'load'> = new ReliableStore(store, 20)
    const hanging = (count: number) => Promise.allSettled(Array.from({ length: count }, () => reliable.load(access)))
    await hanging(9)
    // Nine are not enough; the tenth is sent, and the one after it tries whether the store is there again.
    await hanging(1)
    await hanging(1)
    expect(ends).toHaveLength(11)
    await expect(reliable.load(access)).rejects.toMatchObject({ applied: false })
    expect(ends).toHaveLength(11)
    ends[0]?.()
    // The answer is there one turn of the event loop later.
    await new Promise((resolve) => setImmediate(resolve))
    const next = reliable.load(access)
    ends.at(-1)?.()
    expect((await next).outcome).toBe('live')
    expect(ends).toHaveLength(12)
  })
})

describe('a store that hangs', () => {
  beforeEach(() => {
    vi.useFakeTimers({ toFake: ['performance'], now: 1000 })
  })
  afterEach(() => {
    vi.useRealTimers()
  })
  const refusal = { applied: false, message: expect.stringContaining('redis') }
  const hang = (breaker: Breaker, calls: number) => {
    for (let i = 0; i < calls; i++) {
      breaker.begin()
      breaker.giveUp()
    }
  }

  it('takes ten thousand calls at once, and one more for each that ends or is given up', () => {
    const breaker = new Breaker('redis')
    const full = () => expect(() => breaker.begin()).toThrow(expect.objectContaining(refusal))
    for (let i = 0; i < 10_000; i++) breaker.begin()
    full()
    breaker.end()
    breaker.begin()
    full()
    breaker.giveUp()
    breaker.begin()
    full()
  })

  it('is tried at longer and longer intervals after ten calls without an answer, until there is one', () => {
    const breaker = new Breaker('redis')
    const closed = () => expect(() => breaker.begin()).toThrow(expect.objectContaining(refusal))
    for (let round = 0; round < 2; round++) {
      hang(breaker, 9)
      hang(breaker, 1)
      for (const pause of [250, 500, 1000, 2000, 2000]) {
        hang(breaker, 1)
        closed()
        vi.advanceTimersByTime(pause - 1)
        closed()
        vi.advanceTimersByTime(1)
      }
      breaker.answered()
      // Nine are not ten: none of them waits.
      hang(breaker, 9)
      breaker.begin()
      breaker.end()
      breaker.answered()
    }
  })

  it('is not closed by calls that end in time, however many fail', () => {
    const breaker = new Breaker('redis')
    for (let i = 0; i < 20_000; i++) {
      breaker.begin()
      breaker.end()
    }
    hang(breaker, 10)
    breaker.begin()
    expect(() => breaker.begin()).toThrow(expect.objectContaining(refusal))
  })
})

describe('a trace of a call', () => {
  it('says what was asked, by whom, how often, and what came of it', async () => {
    const seen: unknown[] = []
    const channel = tracingChannel<string, Record<string, unknown>>('koa-atomic-session:store')
    const listener = {
      asyncEnd: ({ store, operation, session, commands, outcome, attempts }: Record<string, unknown>) => {
        seen.push([store, operation, session, commands, outcome, attempts])
      },
    }
    channel.subscribe(listener as never)
    try {
      const store = memory()
      const indexed = store.indexed(['user'])
      const { access, id } = await visitor(store, { user: 1 })
      const { load } = indexed
      let lost = 2
      indexed.load = async (access) => {
        if (lost-- > 0) throw new StoreError('memory', 'lost the call', 'unknown')
        return load.call(indexed, access)
      }
      const reliable = new ReliableStore(indexed, 60_000)
      const asking: Asking = { alias: 'alias', asked: 1, givenUp: 0 }
      const session = { id: randomId(), hash: 'h', data: { user: 1 }, maxAge: null, idle: 60_000, authenticated: false }
      await reliable.load(access, asking)
      await reliable.create(session, asking)
      await reliable.update(access, changeOf(chainOf([commands.inc('n'), commands.unset('m')])), asking)
      await reliable.find('user', 1, Number.POSITIVE_INFINITY, { limit: 5, after: '' })
      await reliable.get(id)
      await reliable.get('none')
      await reliable.destroy(access, asking)
      await reliable.destroyAll('user', 1, undefined, 5, {})
    } finally {
      channel.unsubscribe(listener as never)
    }
    expect(seen).toEqual([
      ['memory', 'load', 'alias', [], 'live', 3],
      ['memory', 'create', 'alias', [], 'done', 1],
      ['memory', 'update', 'alias', ['inc', 'unset'], 'changed', 1],
      ['memory', 'find', undefined, [], '2', 1],
      ['memory', 'get', undefined, [], 'done', 1],
      ['memory', 'get', undefined, [], 'nothing', 1],
      ['memory', 'destroy', 'alias', [], 'done', 1],
      ['memory', 'destroyAll', undefined, [], '1', 1],
    ])
  })
})

describe('who listens to the answers', () => {
  it('hears each that changes or shows a session, before the caller has it, and no other', async () => {
    const heard: unknown[] = []
    const store = memory().indexed(['user'])
    const { access, id } = await visitor(store, { user: 1 })
    const { update } = store
    const asked: boolean[] = []
    store.update = (access, change) => {
      asked.push(change.answer)
      return update.call(store, access, change)
    }
    const reliable = new ReliableStore(store, 60_000)
    const asking: Asking = { alias: 'alias', asked: 1, givenUp: 0 }
    const quiet = () => changeOf(chainOf(commands.inc('n')), { answer: false })
    await reliable.update(access, quiet())
    const before = performance.now()
    const isSent = (sent: number) => sent >= before && sent <= performance.now()
    const hearing: Hearing = {
      began: (by) => heard.push(['began', by]),
      answered: (of, { outcome }, sent, by) => heard.push(['answered', of.id, outcome, isSent(sent), by]),
      removed: (of, sent) => heard.push(['removed', of.id, isSent(sent)]),
      removedAll: (field, value) => heard.push(['removedAll', field, value]),
    }
    reliable.hearing = hearing
    const done = (what: string) => heard.push(what)

    await reliable.load(access, asking).then(() => done('loaded'))
    await reliable.update(access, quiet(), asking)
    const session = { id: randomId(), hash: 'h', data: { user: 2 }, maxAge: null, idle: 60_000, authenticated: false }
    await reliable.create(session, asking).then(() => done('created'))
    await reliable.find('user', 1, Number.POSITIVE_INFINITY, { limit: 5, after: '' })
    await reliable.destroy(access).then(() => done('destroyed'))
    await reliable.destroy(access)
    await reliable.destroyAll('user', 1, undefined, 5, {})
    await reliable.destroyAll('user', 2, undefined, 5, {})
    expect(heard).toEqual([
      ['answered', id, 'live', true, asking],
      'loaded',
      ['answered', id, 'changed', true, asking],
      ['began', asking],
      'created',
      ['removed', id, true],
      'destroyed',
      ['removedAll', 'user', 2],
    ])
  })
})
