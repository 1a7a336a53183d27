import express, { type Request, type Response } from 'express'
import express4 from 'express4'
import { isSessionError } from 'koa-atomic-session'
import { memory } from 'koa-atomic-session/memory'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { counting } from '../visitor.ts'
import { ExpressApp } from './servers.ts'

// biome-ignore lint/suspicious/noExplicitAny: each test writes the handler that it needs
type Req = Request & { session: any; sessionID: any; sessionStore: any; atomic: any }

describe.each([
  ['Express 5', express],
  ['Express 4', express4],
])('req.session as an object on %s', (_, make) => {
  let app: ExpressApp
  let store: ReturnType<typeof counting<ReturnType<typeof memory>>>
  let handler: (req: Req, res: Response) => unknown
  /** Calls with a callback, as a promise. */
  const called = (call: (done: (error?: unknown) => void) => void) =>
    new Promise<void>((resolve, reject) => call((error) => (error ? reject(error) : resolve())))

  beforeEach(async () => {
    store = counting(memory())
    app = new ExpressApp(store, { counters: ['views'] }, make)
    const answer = async (req: Req, res: Response) => {
      const value = await handler(req, res)
      if (!res.writableEnded && value !== res) res.json({ value: value ?? null })
    }
    // Express 4 does not look at what a handler returns.
    app.express.use((req, res, next) => void answer(req as Req, res).catch(next))
    await app.listen()
  })
  afterEach(() => app.close())

  const stored = async (visitor: ReturnType<ExpressApp['visitor']>) => {
    handler = async (req) => (await req.atomic()).data
    return (await visitor.json('/')).value
  }

  it('keeps what was assigned, for this visitor and no other, by two calls of the store', async () => {
    const [alice, bob] = [app.visitor(), app.visitor()]
    handler = (req) => {
      req.session.user = 'alice'
    }
    await alice.fetch('/')
    expect(store.calls.splice(0)).toEqual(['create'])
    handler = (req) => {
      req.session.views = (req.session.views ?? 0) + 1
      return [req.session.user ?? null, Object.keys(req.session), req.sessionID === req.session.id]
    }
    expect((await alice.json('/')).value).toEqual(['alice', ['cookie', 'user', 'views'], true])
    expect(store.calls.splice(0)).toEqual(['load', 'update'])
    handler = (req) => req.session.user
    expect((await bob.json('/')).value).toBe(null)
    expect(bob.cookies.size).toBe(0)
    expect(await stored(alice)).toEqual({ user: 'alice', views: 1 })
  })

  it('is stored when an answer has arrived, however the answer is sent', async () => {
    const alice = app.visitor()
    const sends: ((req: Req, res: Response) => unknown)[] = [
      (_, res) => res.send('x'),
      (_, res) => res.redirect('/'),
      (_, res) => res.writeHead(200, { 'content-type': 'text/plain' }).end('x'),
      (req, res) => {
        res.write('one ')
        // Between what is sent and its end.
        req.session.later = true
        res.write('two ')
        return res.end('three')
      },
      (_, res) => {
        res.flushHeaders()
        res.end('x')
        return res
      },
    ]
    for (const [i, send] of sends.entries()) {
      handler = (req, res) => {
        req.session[`f${i}`] = i
        return send(req, res) ?? res
      }
      const text = await alice.text('/')
      if (i === 3) expect(text).toBe('one two three')
    }
    expect(await stored(alice)).toEqual({ f0: 0, f1: 1, f2: 2, f3: 3, f4: 4, later: true })
    expect(app.errors).toEqual([])
  })

  it('regenerates: another session, without data, under another id', async () => {
    const alice = app.visitor()
    handler = (req) => {
      req.session.cart = 1
    }
    await alice.fetch('/')
    const before = alice.header
    handler = async (req) => {
      const { session, sessionID } = req
      await called((done) => session.regenerate(done))
      expect(req.session).not.toBe(session)
      expect({ ...req.session, cookie: undefined }).toEqual({ cookie: undefined })
      req.session.user = 'alice'
      await called((done) => req.session.save(done))
      expect(req.sessionID).not.toBe(sessionID)
    }
    await alice.fetch('/')
    expect(alice.header).not.toBe(before)
    expect(await stored(alice)).toEqual({ user: 'alice' })
    expect(app.errors).toEqual([])
  })

  it('destroys, and reloads', async () => {
    const alice = app.visitor()
    handler = (req) => {
      req.session.user = { name: 'alice' }
    }
    await alice.fetch('/')
    handler = async (req) => {
      req.session.user.name = 'changed and not saved'
      await req.atomic().set('other', 1)
      await called((done) => req.session.reload(done))
      return req.session
    }
    expect((await alice.json('/')).value).toMatchObject({ user: { name: 'alice' }, other: 1 })
    handler = async (req) => {
      await called((done) => req.session.destroy(done))
      return req.session === undefined
    }
    expect((await alice.json('/')).value).toBe(true)
    expect(alice.cookies.size).toBe(0)
    handler = (req) => {
      req.session.user = 'again'
    }
    await alice.fetch('/')
    handler = (req) => {
      req.session = null
    }
    await alice.fetch('/')
    expect(alice.cookies.size).toBe(0)
    expect(app.errors).toEqual([])
  })

  it('gives a session an idle time of its own by its cookie', async () => {
    const alice = app.visitor()
    handler = (req) => {
      req.session.user = 'alice'
      req.session.cookie.maxAge = 60_000
    }
    expect((await alice.fetch('/')).headers.getSetCookie()[0]).toContain('Max-Age=60')
    handler = (req) => {
      req.session.cookie.expires = new Date(Date.now() + 3_600_000)
      return req.session.cookie.originalMaxAge > 3_500_000
    }
    expect((await alice.json('/')).value).toBe(true)
    handler = (req) => JSON.stringify(req.session.cookie)
    expect(JSON.parse((await alice.json('/')).value)).toMatchObject({ path: '/', httpOnly: true, sameSite: 'lax' })
    handler = (req) => {
      req.session.cookie.expires = false
      req.session.touch()
    }
    await alice.fetch('/')
    handler = (req) => req.session.cookie.maxAge
    expect((await alice.json('/')).value).toBe(14 * 24 * 3600 * 1000)
  })

  it('waits for what a callback has begun', async () => {
    const alice = app.visitor()
    handler = (req, res) => {
      req.session.a = 1
      req.session.save(() => {
        req.session.b = 2
        req.session.regenerate(() => {
          req.session.c = 3
        })
      })
      return res.send('early')
    }
    expect(await alice.text('/')).toBe('early')
    expect(await stored(alice)).toEqual({ c: 3 })
  })

  const cycle: Record<string, unknown> = {}
  cycle.b = { cycle }
  it.each([
    ['a cycle', { cycle }, 'cycle.b.cycle', 400],
    ['a BigInt', { in: [1n] }, 'in.0', 400],
    ['a NUL character', { in: { 'a.b': 'x\0' } }, 'in.a.b', 400],
    ['a lone surrogate', { in: '\ud800' }, 'in', 400],
    ['100 KiB', { in: 'x'.repeat(102_400) }, undefined, 413],
    ['a method of the session', { sessionStore: 1, save: 1 }, 'save', 400],
  ])('refuses %s with a typed error, and keeps the session as it was', async (_, fields, path, status) => {
    const alice = app.visitor()
    handler = (req) => {
      req.session.before = 1
    }
    await alice.fetch('/')
    handler = async (req) => {
      const { save } = req.session
      Object.assign(req.session, { good: 1 }, fields)
      const error = await called((done) => save.call(req.session, done)).catch((error: unknown) => error)
      expect(isSessionError(error)).toBe(true)
      expect(error).toMatchObject(path === undefined ? { status } : { status, path })
    }
    const response = await alice.fetch('/')
    expect([response.status, response.headers.getSetCookie()]).toEqual([status, []])
    expect(await stored(alice)).toEqual({ before: 1 })
  })

  it('answers with an error when it could not be stored, and nothing of the page', async () => {
    const alice = app.visitor()
    handler = (req, res) => {
      req.session.bad = 'x\0'
      return res.send('page')
    }
    const response = await alice.fetch('/')
    expect(response.status).toBe(400)
    expect(await response.text()).toBe('Bad Request')
    expect(app.errors.map(({ code }) => code)).toEqual(['ERR_SESSION_VALUE'])
  })

  it('has a store that serves this session, and logs others out', async () => {
    const [alice, bob] = [app.visitor(), app.visitor()]
    let id = ''
    handler = async (req) => {
      req.session.user = 'bob'
      await called((done) => req.session.save(done))
      id = req.sessionID
    }
    await bob.fetch('/')
    handler = async (req) => {
      req.session.user = 'alice'
      await called((done) => req.session.save(done))
      const own = await new Promise((resolve) =>
        req.sessionStore.get(req.sessionID, (_: unknown, found: unknown) => resolve(found)),
      )
      expect(own).toMatchObject({ user: 'alice' })
      await expect(called((done) => req.sessionStore.get(id, done))).rejects.toThrow('own session only')
      await called((done) => req.sessionStore.destroy(id, done))
      expect(() => req.sessionStore.all()).toThrow('sessions.find')
    }
    expect((await alice.fetch('/')).status).toBe(200)
    expect(await stored(bob)).toEqual({})
    expect(await stored(alice)).toEqual({ user: 'alice' })
  })
})
