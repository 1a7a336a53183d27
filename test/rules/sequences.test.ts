import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { type Any, type Browser, idOf, type Outcome, site } from './browser.ts'

/** What a request must know of its session, as the documents say it: a model that is much smaller than the code. */
interface Model {
  kind: 'new' | 'live' | 'gone'
  data: { n?: number; user?: number }
  /** Which session, or for a visitor without one which open form; undefined: no form. */
  id: string | undefined
  /** How often the session was rotated in this request. */
  epoch: number
  /** The visitor has logged in within this request. */
  proven: boolean
  /** The request came with a cookie. */
  readonly came: boolean
  /** What the response does with the cookie. */
  cookie: 'session' | 'form' | 'removed' | undefined
}

/** A form's token: the session or visitor, and the epoch, that it was made for. */
const FORM = 'the id that the request came with'
const NEW = 'a new id'

const GONE = 'ERR_SESSION_GONE'
const CSRF = 'ERR_SESSION_CSRF'

/** Each method: how it is called, and what comes of it by the model: `fine`, a value, or the code of an error. */
const METHODS: Record<string, { call: (session: Any, token: string) => unknown; means: (model: Model) => unknown }> = {
  update: {
    call: (session) => session.update(),
    means: ({ kind }) => (kind === 'gone' ? GONE : 'fine'),
  },
  inc: {
    call: (session) => session.inc('n'),
    means: (model) => command(model, { n: (model.data.n ?? 0) + 1 }),
  },
  take: {
    call: async (session) => (await session.take('n')) ?? 'nothing',
    means(model) {
      if (model.kind === 'gone') return GONE
      const { n = 'nothing', ...others } = model.data
      model.data = others
      return n
    },
  },
  'set if missing': {
    call: (session) => session.ifMissing('n').set('n', 5),
    means: (model) =>
      model.kind !== 'gone' && model.data.n !== undefined ? 'ERR_SESSION_CONDITION' : command(model, { n: 5 }),
  },
  touch: { call: (session) => session.touch(), means: () => 'fine' },
  rotate: {
    call: (session) => session.rotate(),
    means(model) {
      if (model.kind === 'live') rotate(model)
      // Nothing is stored, so there is nothing to rotate; but the form of before is void.
      if (model.kind === 'new') model.id = undefined
      return model.kind === 'gone' ? GONE : 'fine'
    },
  },
  'log in': {
    call: (session) => session.rotate({ authenticated: true }).set('user', 2),
    means(model) {
      if (model.kind === 'gone') return GONE
      if (model.kind === 'live') rotate(model)
      else model.id = undefined
      model.proven = true
      return command(model, { user: 2 })
    },
  },
  destroy: {
    call: (session) => session.destroy(),
    means: (model) => end(model, 'gone'),
  },
  regenerate: {
    call: (session) => session.regenerate(),
    means: (model) => end(model, 'new'),
  },
  createCSRF: {
    call: async (session) => (await session).createCSRF() && 'fine',
    means(model) {
      if (model.kind === 'gone') return GONE
      if (model.kind === 'new' && model.id === undefined) {
        model.id = NEW
        model.cookie = 'form'
      }
      return 'fine'
    },
  },
  assertCSRF: {
    call: async (session, token) => (await session).assertCSRF(token),
    means: ({ kind, id, epoch }) => (kind !== 'gone' && id === FORM && epoch === 0 ? 'fine' : CSRF),
  },
  requireFresh: {
    call: async (session) => (await session).requireFresh('1 minute'),
    means: ({ proven }) => (proven ? 'fine' : 'ERR_SESSION_AUTH'),
  },
}

function command(model: Model, change: Model['data']): string {
  if (model.kind === 'gone') return GONE
  if (model.kind === 'new') {
    Object.assign(model, { kind: 'live', id: model.id ?? NEW, cookie: 'session' })
  }
  model.data = { ...model.data, ...change }
  return 'fine'
}

function rotate(model: Model): void {
  model.epoch++
  model.cookie = 'session'
}

function end(model: Model, kind: 'gone' | 'new'): string {
  const cookie = model.came ? 'removed' : undefined
  Object.assign(model, { kind, data: {}, id: undefined, epoch: 0, proven: false, cookie })
  return 'fine'
}

const STARTS = ['nobody', 'a visitor with an open form', 'a visitor with a session'] as const
type Start = (typeof STARTS)[number]
const CALLS = Object.keys(METHODS)

/** Runs a request that makes these calls, and the next one, and compares both with the model. `read`: it reads first. */
async function compare(start: Start, calls: readonly string[], read: boolean): Promise<void> {
  const shop = site()
  const browser = shop.browser()
  const token = await begin(browser, start)
  const came = browser.cookie
  const model: Model = {
    kind: start === 'a visitor with a session' ? 'live' : 'new',
    data: start === 'a visitor with a session' ? { n: 1 } : {},
    id: start === 'nobody' ? undefined : FORM,
    epoch: 0,
    proven: false,
    came: start !== 'nobody',
    cookie: undefined,
  }
  const found: unknown[] = []
  const should: unknown[] = []
  const outcome = await browser.visit(async (handle) => {
    const session = read ? await handle : handle
    for (const name of calls) {
      const { call, means } = METHODS[name]!
      const does = await Promise.resolve()
        .then(() => call(session, token))
        .then(
          (value) => (typeof value === 'number' || typeof value === 'string' ? value : 'fine'),
          ({ code }) => code,
        )
      found.push({ name, does, ...(read && shown(session, idOf(came))) })
      should.push({ name, does: means(model), ...(read && showing(model)) })
    }
  })
  const next = await browser.visit(async (session) => ({ ...(await session).data }))
  // What was left behind is not there for whoever still has the old cookie.
  const left = model.kind !== 'live' || model.id !== FORM
  const before = left ? (await shop.send(came, async (session) => ({ ...(await session).data }))).value : {}
  found.push(outcome.error, cookieOf(outcome), next.value, next.cookies, before)
  should.push(undefined, model.cookie, model.data, [], {})
  expect(found, `${start}${read ? ', who reads first' : ''}: ${calls.join(', ')}`).toEqual(should)
}

/** What a session that was read shows. */
function shown(session: Any, came: string | undefined) {
  const { data, n, user, isNew, created, expires, authAt, id } = session
  const times = [created, expires, authAt].map((time) => time !== undefined)
  return { data: { ...data }, n, user, isNew, times, id: id === undefined ? undefined : id === came ? FORM : NEW }
}

function showing({ kind, data, proven, id }: Model): ReturnType<typeof shown> {
  const there = kind === 'live'
  return { data, n: data.n, user: data.user, isNew: kind === 'new', times: [there, there, proven], id }
}

async function begin(browser: Browser, start: Start): Promise<string> {
  if (start === 'nobody') return 'no token of ours'
  if (start === 'a visitor with a session') await browser.visit((session) => session.set('n', 1))
  return (await browser.visit(async (session) => (await session).createCSRF())).value
}

function cookieOf({ cookies: [line, ...others] }: Outcome): Model['cookie'] | '' {
  if (others.length > 0) throw new Error(`sets ${others.length} cookies more`)
  return line?.startsWith('sid=s.') ? 'session' : line?.startsWith('sid=n.') ? 'form' : line && 'removed'
}

describe('the calls of one request', () => {
  for (const start of STARTS) {
    it(`by ${start}: each pair does what the documents say of either`, async () => {
      const pairs = CALLS.flatMap((one) => CALLS.map((two) => [one, two]))
      for (const read of [true, false]) for (const pair of pairs) await compare(start, pair, read)
    })
  }

  it('in any order, as many as there are', async () => {
    const calls = fc.array(fc.constantFrom(...CALLS), { minLength: 3, maxLength: 7 })
    await fc.assert(fc.asyncProperty(fc.constantFrom(...STARTS), calls, fc.boolean(), compare), { numRuns: 200 })
  })
})

describe("an earlier session's data", () => {
  const adopting = (data: unknown) => {
    let asked = 0
    const shop = site({
      adopt: () => {
        asked++
        return data as Any
      },
    })
    return { shop, asked: () => asked }
  }
  const dataOf = async (browser: Browser) => (await browser.visit(async (session) => (await session).data)).value

  /** What a first request does, and what the next one finds; the earlier session is asked for once where it could matter. */
  it.each<[string, (session: Any) => unknown, unknown, number]>([
    ['reads', (session) => session, { n: 7 }, 1],
    ['counts', (session) => session.inc('n'), { n: 8 }, 1],
    ['counts twice at once', (session) => Promise.all([session.inc('n'), session.inc('n')]), { n: 9 }, 1],
    ['touches', (session) => session.touch(), { n: 7 }, 1],
    ['takes', (session) => session.take('n'), { n: 7 }, 1],
    ['logs in', (session) => session.rotate({ authenticated: true }).set('user', 1), { n: 7, user: 1 }, 1],
    ['reads and regenerates', async (session) => (await session).regenerate(), {}, 1],
    ['regenerates', (session) => session.regenerate(), {}, 1],
    ['regenerates and sets', async (session) => (await session.regenerate()).set('a', 1), { a: 1 }, 1],
    ['logs out', (session) => session.destroy(), {}, 1],
    ['logs out after it has read', async (session) => (await session).destroy(), {}, 1],
  ])('is there once for a visitor who %s', async (what, handler, then, times) => {
    const { shop, asked } = adopting({ n: 7 })
    const browser = shop.browser()
    expect((await browser.visit(handler)).error).toBeUndefined()
    expect(asked()).toBe(times)
    // Without a cookie of ours the next request would be given it anew, as the first one was.
    if (browser.cookie) expect(await dataOf(browser)).toEqual(what === 'takes' ? {} : then)
  })

  it('does not come with a cookie of ours, even one that opens nothing', async () => {
    const { shop, asked } = adopting({ n: 7 })
    await shop.send('sid=forged', (session) => session.inc('n'))
    expect(asked()).toBe(0)
  })

  it('begins a session that is read alone, and none where there is nothing', async () => {
    const full = adopting({ n: 7 })
    expect((await full.shop.browser().visit((session) => session)).cookies).toHaveLength(1)
    for (const data of [{}, undefined, null]) {
      const { shop } = adopting(data)
      expect((await shop.browser().visit((session) => session)).cookies).toEqual([])
      expect(shop.store.calls).toEqual([])
    }
  })
})

/** What a session that nobody had before makes of the data of an earlier one. */
describe("an earlier session's keys", () => {
  const handedOver = async (data: object) => {
    const shop = site({ adopt: () => data as Any })
    const { value, error } = await shop.browser().visit(async (session) => ({ ...(await session).data }))
    return { data: value, error, calls: shop.store.calls }
  }
  const bare = Object.assign(Object.create(null), { 'a.b': 1 })
  const day = new Date(0)

  it.each<[string, object, object]>([
    ['at the top', { 'a.b': 1, id: 2 }, { 'a%2Eb': 1, '%69d': 2 }],
    [
      'of an object, where the names of a session are its own',
      { x: { 'a.b': null, id: 2 } },
      { x: { 'a%2Eb': null, id: 2 } },
    ],
    ['of objects in lists', { list: ['a.b', { 'a.b': [{ $c: 1 }] }] }, { list: ['a.b', { 'a%2Eb': [{ '%24c': 1 }] }] }],
    ['of an object without a prototype', { x: bare }, { x: { 'a%2Eb': 1 } }],
    ['beside a date', { x: { 'a.b': day } }, { x: { 'a%2Eb': day } }],
    ['of one object in two places', { x: bare, y: [bare] }, { x: { 'a%2Eb': 1 }, y: [{ 'a%2Eb': 1 }] }],
  ])('%s are escaped', async (_, data, kept) => {
    expect(await handedOver(data)).toEqual({ data: kept, error: undefined, calls: ['create'] })
  })

  class Cart {
    'a.b' = 1
  }
  const endless: Any = { n: 1 }
  endless.within = { list: [endless] }
  const ring: Any[] = [1]
  ring.push(ring)
  it.each<[string, object]>([
    ['an instance of a class', { x: new Cart() }],
    ['a getter', { x: Object.defineProperty({}, 'y', { get: () => 1, enumerable: true }) }],
    ['a getter beside a value', { x: Object.defineProperty({ z: 1 }, 'y', { get: () => 1, enumerable: true }) }],
    ['a hole at the beginning of a list', { x: Object.assign(new Array(2), { 1: 1 }) }],
    ['a hole at the end of a list', { x: Object.assign(new Array(2), { 0: 1 }) }],
    ['an object without an end', { x: endless }],
    ['a list without an end', { x: ring }],
    ['no value', { x: () => 1 }],
  ])('are not made of %s, which is refused as set() refuses it', async (_, data) => {
    expect(await handedOver(data)).toEqual({ data: undefined, error: 'ERR_SESSION_VALUE', calls: [] })
  })
})

describe('a visitor with an open form', () => {
  const opened = async () => {
    const shop = site()
    const browser = shop.browser()
    const token = (await browser.visit(async (session) => (await session).createCSRF())).value as string
    return { shop, browser, token, id: idOf(browser.cookie)! }
  }

  it('begins the session under the id of the form, by two first commands at once', async () => {
    const { shop, browser, token, id } = await opened()
    const sent = await browser.visit(async (session) => {
      const [, loaded] = await Promise.all([session.inc('n'), session.inc('n')])
      return [loaded.id, loaded.n, loaded.assertCSRF(token)]
    })
    expect(sent.value).toEqual([id, 2, undefined])
    expect(sent.cookies).toHaveLength(1)
    expect(shop.store.calls.filter((call) => call === 'create')).toHaveLength(1)
    expect(idOf(browser.cookie)).toBe(id)
  })

  it('has two sessions where two requests begin at once, and each goes on with its own cookie', async () => {
    const { shop, browser, id } = await opened()
    const { cookie } = browser
    const both = await Promise.all([1, 2].map((n) => shop.send(cookie, (session) => session.set('n', n))))
    const ids = both.map(({ cookies }) => idOf(cookies[0]))
    expect(ids).toContain(id)
    expect(new Set(ids).size).toBe(2)
    for (const [i, one] of both.entries()) {
      const next = shop.browser()
      next.keep(one)
      expect((await next.visit(async (session) => (await session).data)).value).toEqual({ n: i + 1 })
    }
  })

  it('is let in by the form until the log-in, and not after it', async () => {
    const { browser, token } = await opened()
    const check = async (session: Any) => (await session).assertCSRF(token)
    expect((await browser.visit(check)).error).toBeUndefined()
    await browser.visit((session) => session.rotate({ authenticated: true }).set('user', 1))
    expect((await browser.visit(check)).error).toBe('ERR_SESSION_CSRF')
  })

  it('keeps the one form through several pages', async () => {
    const { browser, token, id } = await opened()
    const again = await browser.visit(async (session) => (await session).createCSRF())
    expect(again.cookies).toEqual([])
    expect(again.value).not.toBe(token)
    expect(idOf(browser.cookie)).toBe(id)
  })
})
