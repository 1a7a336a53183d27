import { sqlite } from 'koa-atomic-session/sqlite'
import { describe, expect, it } from 'vitest'
import type { Held, Loaded, Store, Updated } from '../../src/contract/store.ts'
import { type Any, site } from './browser.ts'

const BLOB = 'x'.repeat(5000)
const AT = new Date(1_700_000_000_000)
const LARGE = { blob: BLOB, at: AT, list: [{ at: AT, n: 1 }], n: 0 }

/** A store, and what it answers in turn. */
function told(store: Store = sqlite(':memory:')) {
  const answers: string[] = []
  const tell = async <A extends Loaded | Updated>(call: string, answer: Promise<A>) => {
    answers.push(`${call} ${(await answer).outcome}`)
    return answer
  }
  const telling = new Proxy(store, {
    get(target, key) {
      if (key === 'load') return (...asked: Parameters<Store['load']>) => tell('load', store.load(...asked))
      if (key === 'update') return (...asked: Parameters<Store['update']>) => tell('update', store.update(...asked))
      const member = Reflect.get(target, key)
      return typeof member === 'function' ? member.bind(target) : member
    },
  })
  return { store: telling, answers }
}

/** A visitor of one process, whose large session it keeps, and another process on the same store. */
async function begun({ data = LARGE as object, ...options }: Any = {}) {
  const { store, answers } = told(options.store)
  const shop = site({ ...options, store })
  const elsewhere = site({ ...options, store })
  const browser = shop.browser()
  await browser.visit((session) => session.set(data))
  const read = async () => (await browser.visit(async (session: Any) => ({ ...(await session).data }))).value
  await read()
  answers.length = 0
  return { store, shop, elsewhere, browser, read, answers }
}

describe('a process that keeps copies of large sessions', () => {
  it('asks the store at each request, which sends the data once', async () => {
    const { read, answers } = await begun()
    for (let i = 0; i < 3; i++) expect(await read()).toEqual(LARGE)
    expect(answers).toEqual(['load held', 'load held', 'load held'])
  })

  it.each<[string, (session: Any) => unknown]>([
    ['awaited', (session) => session.inc('n')],
    ['not awaited', (session) => void session.inc('n')],
    ['awaited after a read', async (session) => (await session).inc('n')],
  ])('names its copy with a change too that is %s, and keeps what becomes of it', async (_, change) => {
    const { browser, read, answers } = await begun()
    await browser.visit(change)
    await browser.visit(change)
    expect(await read()).toEqual({ ...LARGE, n: 2 })
    expect(answers.every((answer) => answer.endsWith('held'))).toBe(true)
  })

  it('keeps what a change brings that is the first to see the session', async () => {
    const { elsewhere, browser, answers } = await begun()
    for (const n of [1, 2]) {
      const { value } = await elsewhere.send(browser.cookie, async (session: Any) => (await session.inc('n')).n)
      expect(value).toBe(n)
    }
    expect(answers).toEqual(['update changed', 'update held'])
  })

  it.each([
    ['is small', { data: { n: 0, text: 'x'.repeat(1000) } }],
    ['is large and the option cache 0', { cache: 0 }],
    ['is larger than half of the option cache', { cache: '8 KiB' }],
  ])('keeps none of a session that %s', async (_, options) => {
    const { browser, read, answers } = await begun(options)
    await read()
    await browser.visit((session: Any) => session.inc('n'))
    await read()
    expect(answers).toEqual(['load live', 'update changed', 'load live'])
  })

  it('forgets a session that has become small, once the store has sent it', async () => {
    const { elsewhere, browser, read, answers } = await begun()
    await elsewhere.send(browser.cookie, (session: Any) => session.unset('blob'))
    for (let i = 0; i < 3; i++) expect(await read()).toEqual({ ...LARGE, blob: undefined })
    expect(answers.slice(1)).toEqual(['load live', 'load live', 'load live'])
  })

  it('gives each request Dates of its own, and lets none change what the others see', async () => {
    const { browser, read, answers } = await begun()
    const spoil = async (session: Any) => {
      const loaded = await session
      for (const date of [loaded.at, loaded.data.at, loaded.list[0].at, loaded.data.list[0].at]) date.setTime(0)
      expect(() => {
        loaded.data.list[0].n = 2
      }).toThrow(TypeError)
      expect(() => loaded.list.push(1)).toThrow()
      return [loaded.at, loaded.data.list]
    }
    const [first, second] = [await browser.visit(spoil), await browser.visit(spoil)]
    expect(first.value[0]).not.toBe(second.value[0])
    expect(await read()).toEqual(LARGE)
    expect(answers.every((answer) => answer === 'load held')).toBe(true)
  })

  it('moves its copy when it rotates itself, by hand and by itself, and drops it when the session ends', async () => {
    const { browser, read, answers } = await begun()
    await browser.visit((session: Any) => session.rotate({ authenticated: true }).set('user', 1))
    expect(await read()).toEqual({ ...LARGE, user: 1 })
    expect(answers).toEqual(['update held', 'load held'])
    const { cookie } = browser
    await browser.visit((session: Any) => session.destroy())
    answers.length = 0
    expect((await site().send(cookie, async (session: Any) => (await session).isNew)).value).toBe(true)
    expect(await read()).toEqual({})
    expect(answers).toEqual([])
  })

  it('moves its copy when the secret renews by itself', async () => {
    const { browser, read, answers } = await begun({ rotateEvery: 1 })
    // A secret renews that is at least a millisecond old.
    const aged = async () => {
      for (const now = Date.now(); Date.now() < now + 2; ) await new Promise(setImmediate)
    }
    const before = browser.cookie
    await aged()
    expect(await read()).toEqual(LARGE)
    expect(browser.cookie).not.toBe(before)
    await aged()
    expect(await read()).toEqual(LARGE)
    expect(answers.filter((answer) => !answer.endsWith('held'))).toEqual([])
  })
})

describe('what another process does', () => {
  it('is seen at once, whatever copy there is', async () => {
    const { elsewhere, browser, read, answers } = await begun()
    await elsewhere.send(browser.cookie, (session: Any) => session.set('n', 7))
    expect(await read()).toEqual({ ...LARGE, n: 7 })
    await elsewhere.send(browser.cookie, (session: Any) => session.touch('1 hour'))
    const { value } = await browser.visit(async (session: Any) => [(await session).maxAge, (await session).n])
    expect(value).toEqual([3_600_000, 7])
    expect(answers.slice(-1)).toEqual(['load held'])
    await elsewhere.send(browser.cookie, (session: Any) => session.destroy())
    expect((await browser.visit(async (session: Any) => (await session).isNew)).value).toBe(true)
  })

  it.each([[0], [5000]])('ends a secret for a process with a copy too, grace %i', async (grace) => {
    const { elsewhere, browser, shop, answers } = await begun()
    const old = browser.cookie
    const rotated = await elsewhere.send(old, (session: Any) => session.rotate({ grace }).inc('n'))
    const late = await shop.send(old, async (session: Any) => (await session).n)
    expect(late.value).toBe(grace ? 1 : undefined)
    browser.keep(rotated)
    expect((await browser.visit(async (session: Any) => (await session).n)).value).toBe(1)
    expect(answers.slice(-1)).toEqual(['load live'])
  })

  it('loses none of 200 changes that come through two processes with copies', async () => {
    const { elsewhere, browser, shop, read, answers } = await begun()
    const changes = (process: typeof shop) =>
      Array.from({ length: 100 }, () => process.send(browser.cookie, (session: Any) => session.inc('n')))
    await Promise.all([...changes(shop), ...changes(elsewhere)])
    expect(await read()).toEqual({ ...LARGE, n: 200 })
    expect(answers).toContain('update held')
  })

  it('has limits of its own: each process judges by its own', async () => {
    const { store, shop, browser } = await begun()
    await shop.send(browser.cookie, (session: Any) => session)
    const small = site({ store, maxBytes: 3000 })
    const short = site({ store, maxLifetime: 1 })
    for (let i = 0; i < 2; i++) {
      const push = (session: Any) => session.push('list', 1)
      expect((await small.send(browser.cookie, push)).error).toBe('ERR_SESSION_TOO_LARGE')
      expect((await small.send(browser.cookie, async (session: Any) => push(await session))).error).toBe(
        'ERR_SESSION_TOO_LARGE',
      )
      expect((await short.send(browser.cookie, async (session: Any) => (await session).isNew)).value).toBe(true)
    }
    expect((await shop.send(browser.cookie, (session: Any) => session.push('list', 1))).error).toBeUndefined()
  })
})

describe('a store', () => {
  it('may send the data all the same', async () => {
    const store = sqlite(':memory:')
    const deaf = new Proxy(store, {
      get(target, key) {
        if (key === 'load') return (access: Any) => store.load(access)
        if (key === 'update') return (access: Any, change: Any) => store.update(access, { ...change, held: undefined })
        const member = Reflect.get(target, key)
        return typeof member === 'function' ? member.bind(target) : member
      },
    })
    const { browser, read, answers } = await begun({ store: deaf })
    await browser.visit((session: Any) => session.inc('n'))
    expect(await read()).toEqual({ ...LARGE, n: 1 })
    expect(answers).toEqual(['update changed', 'load live'])
  })

  it.each<[string, (copy: Any) => object]>([
    ['version', (copy) => ({ version: copy.version + 1 })],
    ['operation', () => ({ last: 'another' })],
    ['beginning', (copy) => ({ created: copy.created - 1 })],
    ['id', () => ({ id: 'another' })],
  ])('that takes a copy for data of another %s is asked again, without it', async (_, other) => {
    const store = sqlite(':memory:')
    const load = store.load.bind(store)
    store.load = async (access: Any, held?: Held) => {
      const answer = await load(access, held)
      return answer.outcome === 'held' ? { ...answer, record: { ...answer.record, ...other(answer.record) } } : answer
    }
    const { read, answers } = await begun({ store })
    expect(await read()).toEqual(LARGE)
    expect(answers).toEqual(['load held', 'load live'])
  })

  it.each<[string, string, (copy: Any) => object]>([
    ['which began at another time', 'absent', (copy) => ({ created: copy.created - 1 })],
    ['of another id', 'live', () => ({ id: 'another' })],
  ])('that takes a copy for that of a session %s shows what it has', async (_, then, other) => {
    const store = sqlite(':memory:')
    const update = store.update.bind(store)
    store.update = async (access, change) => {
      const answer = await update(access, change)
      if (answer.outcome !== 'held') return answer
      return { ...answer, record: { ...answer.record, ...other(answer.record) } }
    }
    const { browser, answers } = await begun({ store })
    // The request goes on with what the store has said, and reads what it may show.
    await browser.visit((session: Any) => session.inc('n'))
    expect(answers).toEqual(['update held', `load ${then}`])
  })
})
