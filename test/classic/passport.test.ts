import { bodyParser } from '@koa/bodyparser'
import flash from 'connect-flash'
import { atomicSession } from 'koa-atomic-session'
import { classic } from 'koa-atomic-session/classic'
import { atomicPassport } from 'koa-atomic-session/passport'
import betterFlash from 'koa-better-flash'
import { KoaPassport } from 'koa-passport'
import { Passport } from 'passport'
import { Strategy } from 'passport-local'
import { Passport as Passport06 } from 'passport06'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import type { Opened } from '../stores/clients.ts'
import { TestApp, type Visitor } from '../visitor.ts'
import { storesOf } from './kinds.ts'
import { ExpressApp, form, opened } from './servers.ts'

// biome-ignore lint/suspicious/noExplicitAny: Passport has no types here
type Anything = any

/** How many visitors the race is run with. */
const ROUNDS = 20

const SECRETS: Record<string, string> = { alice: 'a', bob: 'b' }

/** What every application with passport-local writes. */
function configured(passport: Anything): Anything {
  passport.serializeUser((user: Anything, done: Anything) => done(null, user.name))
  passport.deserializeUser((name: string, done: Anything) => done(null, name === 'gone' ? false : { name }))
  const strategy = new Strategy((name: string, password: string, done: Anything) =>
    SECRETS[name] === password ? done(null, { name }) : done(null, false, { message: `not ${name}` }),
  )
  passport.use(strategy)
  return passport
}

const BY_PASSPORT = { successRedirect: '/', failureRedirect: '/failed' }

/** One application, whatever serves it: what its pages tell of the session. */
interface Tried {
  visitor(): Visitor
  readonly errors: readonly unknown[]
  close(): unknown
}

async function onKoa(opened: Opened, native: boolean): Promise<Tried> {
  const app = new TestApp()
  const passport = configured(new KoaPassport())
  const sessions = atomicSession(app.koa, { store: opened.store, property: native ? 'session' : 'atomic' })
  if (native) atomicPassport(passport, (request) => sessions.of(request.ctx))
  else classic(app.koa, sessions)
  app.koa.use(bodyParser())
  if (!native) app.koa.use(betterFlash())
  app.koa.use(passport.initialize())
  app.koa.use(passport.session())
  app.koa.use(async (ctx: Anything, next: Anything) => {
    const keep = { keepSessionInfo: ctx.query.keep === 'true' }
    if (ctx.path === '/login') {
      return passport.authenticate('local', keep, async (_error: unknown, user: Anything, info: Anything) => {
        if (!user) {
          ctx.status = 401
          ctx.body = info?.message
          return
        }
        await ctx.login(user, keep)
        ctx.body = 'in'
      })(ctx, next)
    }
    if (ctx.path === '/login-by-passport') {
      return passport.authenticate('local', { ...BY_PASSPORT, failureFlash: !native })(ctx, next)
    }
    if (ctx.path === '/logout') {
      await ctx.logout(keep)
      ctx.body = 'out'
    } else if (ctx.path === '/logout-unawaited') {
      ctx.logout(keep)
      ctx.body = 'out'
    } else if (ctx.path === '/cart') {
      if (native) await ctx.session().set('cart', 'full')
      else ctx.session.cart = 'full'
      ctx.body = 'ok'
    } else {
      const session = native ? (await ctx.session()).data : ctx.session
      ctx.body = {
        user: ctx.state.user?.name,
        in: ctx.isAuthenticated(),
        cart: session.cart,
        flash: ctx.flash?.('error'),
      }
    }
  })
  await app.listen()
  return app
}

const onExpress =
  (Made: Anything) =>
  async (opened: Opened, native: boolean): Promise<Tried> => {
    const app = new ExpressApp(opened.store)
    const passport = configured(new Made())
    if (native) atomicPassport(passport, (request) => request.atomic())
    const { express } = app
    express.use(flash())
    express.use(passport.initialize())
    express.use(passport.session())
    express.post('/login', (req: Anything, res, next) => {
      const keep = { keepSessionInfo: req.query.keep === 'true' }
      passport.authenticate('local', keep, (error: unknown, user: Anything, info: Anything) => {
        if (!user) return error ? next(error) : res.status(401).send(info?.message)
        req.login(user, keep, (error: unknown) => (error ? next(error) : res.send('in')))
      })(req, res, next)
    })
    express.post('/login-by-passport', passport.authenticate('local', { ...BY_PASSPORT, failureFlash: true }))
    express.use('/logout', (req: Anything, res, next) => {
      req.logout({ keepSessionInfo: req.query.keep === 'true' }, (error: unknown) =>
        error ? next(error) : res.send('out'),
      )
    })
    express.use('/logout-unawaited', (req: Anything, res) => {
      req.logout(() => {})
      res.send('out')
    })
    express.use('/cart', (req: Anything, res) => {
      req.session.cart = 'full'
      res.send('ok')
    })
    express.use((req: Anything, res) => {
      res.json({ user: req.user?.name, in: req.isAuthenticated(), cart: req.session.cart, flash: req.flash('error') })
    })
    await app.listen()
    return app
  }

const SERVERS = [
  ['koa-passport 6', onKoa],
  ['passport 0.7 on Express 5', onExpress(Passport)],
  ['passport 0.6 on Express 5', onExpress(Passport06)],
] as const

describe.each(storesOf('classic_passport').map((kind) => [kind.name, kind] as const))('on %s', (_, kind) => {
  let open: Opened
  let app: Tried
  beforeAll(async () => {
    open = await kind.open()
    await open.store.setup()
  })
  afterAll(() => open.close())
  afterEach(async () => {
    expect(app.errors).toEqual([])
    await app.close()
  })

  describe.each(SERVERS)('%s over classic', (name, start) => {
    const koa = name.startsWith('koa')

    it('logs in the one and not the other, with a new secret', async () => {
      app = await start(open, false)
      const [alice, bob] = [app.visitor(), app.visitor()]
      await alice.fetch('/cart')
      await bob.fetch('/cart')
      const before = alice.header
      expect(await alice.text('/login', form({ username: 'alice', password: 'a' }))).toBe('in')
      expect(alice.header).not.toBe(before)
      // As koa-session keeps the data at regenerate(), and express-session does not.
      expect(await alice.json('/')).toMatchObject({ user: 'alice', in: true, ...(koa && { cart: 'full' }) })
      expect((await alice.json('/')).cart).toBe(koa ? 'full' : undefined)
      expect(await bob.json('/')).toMatchObject({ in: false, cart: 'full' })
      const thief = app.visitor()
      thief.cookies.set('sid', before.slice('sid='.length))
      expect(await thief.json('/')).toMatchObject({ in: false })
    })

    it('keeps what was there before with keepSessionInfo', async () => {
      app = await start(open, false)
      const [alice, bob] = [app.visitor(), app.visitor()]
      await alice.fetch('/cart')
      expect(await alice.text('/login?keep=true', form({ username: 'alice', password: 'a' }))).toBe('in')
      expect(await alice.json('/')).toMatchObject({ user: 'alice', cart: 'full' })
      expect(await alice.text('/logout?keep=true')).toBe('out')
      expect(await alice.json('/')).toMatchObject({ in: false, cart: 'full' })
      expect((await bob.json('/')).cart).toBe(undefined)
    })

    it.each(['/logout', '/logout-unawaited'])('logs out by %s the one and not the other', async (path) => {
      app = await start(open, false)
      const [alice, bob] = [app.visitor(), app.visitor()]
      for (const [who, name] of [
        [alice, 'alice'],
        [bob, 'bob'],
      ] as const) {
        await who.text('/login', form({ username: name, password: SECRETS[name]! }))
      }
      const stolen = app.visitor()
      stolen.cookies.set('sid', alice.cookies.get('sid')!)
      expect(await alice.text(path)).toBe('out')
      expect(await alice.json('/')).toMatchObject({ in: false })
      expect(await stolen.json('/')).toMatchObject({ in: false })
      expect(await bob.json('/')).toMatchObject({ user: 'bob', in: true })
    })

    it('refuses a wrong password, and tells only who has entered it', async () => {
      app = await start(open, false)
      const [alice, bob] = [app.visitor(), app.visitor()]
      expect((await alice.fetch('/login', form({ username: 'alice', password: 'x' }))).status).toBe(401)
      const failed = await alice.fetch('/login-by-passport', form({ username: 'alice', password: 'x' }))
      expect(failed.headers.get('location')).toBe('/failed')
      expect((await bob.json('/')).flash).toEqual([])
      expect((await alice.json('/')).flash).toEqual(['not alice'])
      expect((await alice.json('/')).flash).toEqual([])
      const passed = await alice.fetch('/login-by-passport', form({ username: 'alice', password: 'a' }))
      expect(passed.headers.get('location')).toBe('/')
      expect(await alice.json('/')).toMatchObject({ user: 'alice' })
      expect(await bob.json('/')).toMatchObject({ in: false })
    })
  })

  describe.each(SERVERS)('%s on commands', (_, start) => {
    it('logs in the one and not the other, with a new secret, and nothing of the one for the next', async () => {
      app = await start(open, true)
      const [alice, bob] = [app.visitor(), app.visitor()]
      await alice.fetch('/cart')
      const before = alice.header
      expect(await alice.text('/login', form({ username: 'alice', password: 'a' }))).toBe('in')
      expect(alice.header).not.toBe(before)
      expect(await alice.json('/')).toMatchObject({ user: 'alice', in: true, cart: 'full' })
      expect(await bob.json('/')).toMatchObject({ in: false })
      await bob.text('/login', form({ username: 'bob', password: 'b' }))
      expect(await alice.text('/login', form({ username: 'bob', password: 'b' }))).toBe('in')
      expect((await alice.json('/')).cart).toBe(undefined)
      expect(await bob.json('/')).toMatchObject({ user: 'bob', in: true })
    })

    it.each(['/logout', '/logout-unawaited'])('logs out by %s the one and not the other', async (path) => {
      app = await start(open, true)
      const [alice, bob] = [app.visitor(), app.visitor()]
      await alice.text('/login', form({ username: 'alice', password: 'a' }))
      await bob.text('/login', form({ username: 'bob', password: 'b' }))
      const stolen = app.visitor()
      stolen.cookies.set('sid', alice.cookies.get('sid')!)
      expect(await alice.text(path)).toBe('out')
      for (const who of [alice, stolen]) expect(await who.json('/')).toMatchObject({ in: false })
      expect(await bob.json('/')).toMatchObject({ user: 'bob', in: true })
    })
  })

  it(`a log-out is not undone by a request that began before it, of ${ROUNDS}`, async () => {
    app = await start()
    const bob = app.visitor()
    await bob.text('/login', form({ username: 'bob', password: 'b' }))
    let undone = 0
    for (let i = 0; i < ROUNDS; i++) {
      const alice = app.visitor()
      await alice.text('/login', form({ username: 'alice', password: 'a' }))
      const late = app.visitor()
      late.cookies.set('sid', alice.cookies.get('sid')!)
      ;[gate, began] = [opened(), opened()]
      const answer = late.text('/late')
      await began.promise
      expect(await alice.text('/logout')).toBe('out')
      gate.open()
      expect(await answer).toBe('late')
      for (const who of [alice, late]) if ((await who.json('/')).in) undone++
    }
    expect(undone).toBe(0)
    expect(await bob.json('/')).toEqual({ in: true })
  })
  let [gate, began] = [opened(), opened()]
  async function start(): Promise<Tried> {
    const app = new ExpressApp(open.store)
    const passport = configured(new Passport())
    const { express } = app
    express.use(passport.initialize(), passport.session())
    express.post('/login', passport.authenticate('local'), (_, res) => res.send('in'))
    express.use('/logout', (req: Anything, res) => req.logout(() => res.send('out')))
    express.use('/late', async (req: Anything, res) => {
      req.session.seen = true
      began.open()
      await gate.promise
      res.send('late')
    })
    express.use((req: Anything, res) => void res.json({ in: req.isAuthenticated() }))
    await app.listen()
    return app
  }
})
