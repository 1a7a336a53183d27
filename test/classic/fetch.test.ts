import { isSessionError, StoreError } from 'koa-atomic-session'
import { type ClassicFetchSession, type ClassicOptions, classicFetch } from 'koa-atomic-session/classic'
import { type FetchSessions, fetchSessions } from 'koa-atomic-session/fetch'
import { memory } from 'koa-atomic-session/memory'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { Gate } from '../gate.ts'
import { listenFetch } from '../http/fetch-server.ts'
import type { Started } from '../http/serving.ts'
import { counting, KEY, Visitor } from '../visitor.ts'

describe('the session as an object on Request and Response', () => {
  let server: Started
  let store: ReturnType<typeof counting<ReturnType<typeof memory>>>
  let sessions: FetchSessions<object>
  let errors: unknown[]
  /** What it resolves to is answered as `{ value }`, unless it is a Response. */
  let handler: (session: ClassicFetchSession, request: Request) => unknown

  beforeEach(async () => {
    store = counting(memory())
    errors = []
    sessions = fetchSessions<object>({
      store,
      keys: [KEY],
      onError: (error) => errors.push(error),
    })
    const answer = classicFetch(sessions, { counters: ['views', 'cart.*'], lists: ['seen'] })
    server = await listenFetch((request) =>
      answer(request, async (session) => {
        const value = await handler(session, request)
        return value instanceof Response ? value : Response.json({ value: value ?? null })
      }),
    )
  })
  afterEach(() => server.close())

  const visitor = () => new Visitor(`http://127.0.0.1:${server.port}`)
  const twin = ({ cookies }: Visitor) => Object.assign(visitor(), { cookies: new Map(cookies) })
  const began = async (fields: object) => {
    const one = visitor()
    handler = (session) => void Object.assign(session, fields)
    await one.fetch('/')
    store.calls.length = 0
    return one
  }
  const stored = async (one: Visitor) => {
    handler = async (_, request) => (await sessions.of(request)).data
    return (await one.json('/')).value
  }
  const pathOf = (request: Request) => new URL(request.url).pathname
  /** A request that has read the session, then another that does its work, then the rest of the first. */
  const late = async (one: Visitor, write: typeof handler, meanwhile: typeof handler) => {
    const gate = new Gate()
    handler = async (session, request) => {
      if (pathOf(request) !== '/late') return meanwhile(session, request)
      await gate.pass()
      return write(session, request)
    }
    const waiting = twin(one).fetch('/late')
    await gate.reached
    await one.fetch('/')
    gate.open()
    return waiting
  }

  it('keeps what was assigned, for this visitor and no other, by two calls of the store', async () => {
    const [alice, bob] = [visitor(), visitor()]
    handler = (session) => {
      session.user = { name: 'alice' }
    }
    await alice.fetch('/')
    expect(store.calls.splice(0)).toEqual(['create'])
    handler = (session) => {
      session.views = (session.views ?? 0) + 1
      session.user.role = 'admin'
      return [Object.keys(session), session.isNew, typeof session.id]
    }
    expect((await alice.json('/')).value).toEqual([['user', 'views'], false, 'string'])
    expect(store.calls.splice(0)).toEqual(['load', 'update'])
    handler = (session) => [session, session.isNew]
    expect((await bob.json('/')).value).toEqual([{}, true])
    expect([bob.cookies.size, store.calls]).toEqual([0, []])
    expect(await stored(alice)).toEqual({ user: { name: 'alice', role: 'admin' }, views: 1 })
  })

  it('is the session of the commands, too', async () => {
    const alice = await began({ views: 1 })
    handler = async (session, request) => {
      session.views++
      await sessions.of(request).inc('views').set('new', 'code')
    }
    await alice.fetch('/')
    expect(await stored(alice)).toEqual({ views: 3, new: 'code' })
  })

  it('regenerates for a log-in: the same data under another secret, in one update', async () => {
    const alice = await began({ cart: { tea: 1 } })
    const before = alice.header
    handler = async (session) => {
      await session.regenerate()
      session.user = 'alice'
    }
    await alice.fetch('/')
    expect(store.calls).toEqual(['load', 'update'])
    expect(alice.header).not.toBe(before)
    expect(await stored(alice)).toEqual({ cart: { tea: 1 }, user: 'alice' })
    handler = (session) => session
    expect((await visitor().json('/', { headers: { cookie: before } })).value).toEqual({})
  })

  it('destroys for a log-out: the session, its fields and its cookie', async () => {
    const alice = await began({ user: { name: 'alice' }, views: 1, seen: [1], cart: { tea: 1 } })
    const stolen = twin(alice)
    handler = async (session) => {
      await session.regenerate()
      void session.destroy()
      return session
    }
    expect((await alice.json('/')).value).toEqual({})
    expect([alice.cookies.size, store.calls]).toEqual([0, ['load', 'destroy']])
    expect(await stored(stolen)).toEqual({})
  })

  it('begins another with what is assigned after a log-out', async () => {
    const alice = await began({ user: { name: 'alice' }, views: 1 })
    const stolen = twin(alice)
    handler = async (session) => {
      session.maxAge = 1000
      await session.destroy()
      session.flash = 'bye'
    }
    await alice.fetch('/')
    expect(await stored(alice)).toEqual({ flash: 'bye' })
    handler = (session) => session.maxAge
    expect((await alice.json('/')).value).toBeGreaterThan(1000)
    expect(await stored(stolen)).toEqual({})
  })

  it('undoes no log-out, and brings no dropped role back, in a request that comes late', async () => {
    const alice = await began({ user: { name: 'alice', role: 'admin' }, views: 1 })
    const stolen = twin(alice)
    const write: typeof handler = (session) => {
      session.views++
      session.user.name = 'late'
    }
    await late(alice, write, (session) => {
      delete session.user.role
    })
    expect(await stored(alice)).toEqual({ user: { name: 'late' }, views: 2 })
    expect((await late(alice, write, (session) => session.destroy())).status).toBe(200)
    expect(await stored(stolen)).toEqual({})
  })

  it('tells who awaits a save that the session has ended', async () => {
    const alice = await began({ views: 1 })
    const saves: typeof handler = async (session) => {
      session.views++
      await session.save()
    }
    expect((await late(alice, saves, (session) => session.destroy())).status).toBe(409)
  })

  it('never mixes two users', async () => {
    const alice = await began({ user: { id: 1, name: 'alice' } })
    const rename: typeof handler = (session) => {
      session.user.name = 'alice again'
    }
    await late(alice, rename, (session) => {
      session.user = { id: 2, name: 'bob' }
    })
    expect(await stored(alice)).toEqual({ user: { id: 2, name: 'bob' } })
  })

  it('keeps each field of 100 requests at once, counts exactly, and mixes no visitors', async () => {
    const [alice, bob] = [await began({ cart: { tea: 0 } }), await began({ views: 7 })]
    handler = (session, request) => {
      const i = pathOf(request).slice(1)
      session.views = (session.views ?? 0) + 1
      session.cart.tea++
      session[`field ${i}`] = Number(i)
      session.seen = [...(session.seen ?? []), Number(i)]
    }
    const all = Array.from({ length: 100 }, (_, i) => i)
    const statuses = await Promise.all(all.map(async (i) => (await alice.fetch(`/${i}`)).status))
    expect(new Set(statuses)).toEqual(new Set([200]))
    const { views, cart, seen, ...fields } = await stored(alice)
    expect([views, cart.tea, new Set(seen)]).toEqual([100, 100, new Set(all)])
    expect(fields).toEqual(Object.fromEntries(all.map((i) => [`field ${i}`, i])))
    expect(await stored(bob)).toEqual({ views: 7 })
  })

  it('is stored where the handler fails, and where it throws its answer', async () => {
    const alice = visitor()
    for (const [i, thrown] of [new Error('boom'), new Response('no', { status: 418 })].entries()) {
      handler = (session) => {
        session[`f${i}`] = i
        throw thrown
      }
      expect((await alice.fetch('/')).status).toBe([500, 418][i])
    }
    expect(await stored(alice)).toEqual({ f0: 0, f1: 1 })
    expect(errors).toEqual([new Error('boom')])
  })

  it('fails the request for what cannot be stored, and never hides an error of the handler', async () => {
    const alice = await began({ a: 1 })
    handler = (session) => {
      session.a = { text: '\0' }
    }
    expect((await alice.fetch('/')).status).toBe(400)
    handler = (session) => {
      Object.assign(session, { save: 1 })
      throw new Response('not stored')
    }
    expect((await alice.fetch('/')).status).toBe(400)
    handler = (session) => {
      session.a = { text: '\0' }
      throw new Error('boom')
    }
    errors.length = 0
    expect((await alice.fetch('/')).status).toBe(500)
    expect(errors.map((error) => (error as Error).message)).toEqual([expect.stringContaining('NUL'), 'boom'])
    expect(await stored(alice)).toEqual({ a: 1 })
  })

  it('is an error for who looks at it while the store is down, and for nobody else', async () => {
    const alice = await began({ a: 1 })
    store.load = () => Promise.reject(new StoreError('memory', 'is down', false))
    handler = () => 'no look'
    expect(await alice.json('/')).toEqual({ value: 'no look' })
    const looks: (typeof handler)[] = [
      (session) => session.a,
      (session) => Object.keys(session),
      (session) => 'a' in session,
      (session) => ({ ...session }),
      (session) => JSON.stringify(session),
      (session) => delete session.a,
      (session) => session.destroy(),
      (session) => {
        session.a = 2
      },
    ]
    for (const look of looks) {
      handler = look
      expect((await alice.fetch('/')).status).toBe(503)
    }
  })

  it('fails the request for a log-out that the store has not made, even if it is not awaited', async () => {
    const alice = await began({ a: 1 })
    store.destroy = () => Promise.reject(new StoreError('memory', 'is down', false))
    handler = (session) => void session.destroy()
    expect((await alice.fetch('/')).status).toBe(503)
    expect(await stored(alice)).toEqual({ a: 1 })
  })

  it('of a stream is stored by save()', async () => {
    const alice = await began({ a: 1 })
    handler = (session) => {
      session.before = true
      const body = new ReadableStream(
        {
          async pull(controller) {
            session.within = true
            await session.save()
            session.after = true
            controller.enqueue(new TextEncoder().encode('said'))
            controller.close()
          },
        },
        { highWaterMark: 0 },
      )
      return new Response(body)
    }
    expect(await alice.text('/')).toBe('said')
    expect(await stored(alice)).toEqual({ a: 1, before: true, within: true })
  })

  it('has an idle time of its own once it is given one', async () => {
    const alice = await began({ a: 1 })
    handler = (session) => {
      session.maxAge = 3_600_000
      return session.maxAge
    }
    const response = await alice.fetch('/')
    expect(response.headers.getSetCookie()[0]).toContain('Max-Age=3600;')
    handler = (session) => session.maxAge
    expect((await alice.json('/')).value).toBe(3_600_000)
  })

  it('is one object for all who answer the same request', async () => {
    const answer = classicFetch(sessions)
    const request = new Request('http://localhost/')
    const response = await answer(request, (outer) => {
      outer.a = 1
      return answer(request, (inner) => {
        inner.b = inner === outer
        return new Response()
      })
    })
    const cookie = response.headers.getSetCookie()[0]!.split(';')[0]!
    handler = (session) => session
    expect((await visitor().json('/', { headers: { cookie } })).value).toEqual({ a: 1, b: true })
    expect(store.calls).toEqual(['create', 'load'])
  })

  it.each<[string, () => unknown, string]>([
    ['no sessions', () => classicFetch({} as never), 'classicFetch(fetchSessions(…))'],
    ['an unknown option', () => classicFetch(sessions, { counter: ['a'] } as ClassicOptions), "no option 'counter'"],
    ['counters that are no list', () => classicFetch(sessions, { counters: 'a' as never }), 'a list of paths'],
  ])('%s is refused at set-up', (_, begin, words) => {
    try {
      begin()
      expect('it began').toBe('it was refused')
    } catch (error) {
      expect([isSessionError(error), (error as Error).message]).toEqual([true, expect.stringContaining(words)])
    }
  })
})
