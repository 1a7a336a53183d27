import connectFlash from 'connect-flash'
import { csrfSync } from 'csrf-sync'
import express from 'express'
import grant from 'grant'
import { atomicSession, SessionUsageError } from 'koa-atomic-session'
import { httpSessions } from 'koa-atomic-session/http'
import { memory } from 'koa-atomic-session/memory'
import betterFlash from 'koa-better-flash'
import CSRF from 'koa-csrf'
import koaFlash from 'koa-flash'
import { KoaPassport } from 'koa-passport'
import Koa2 from 'koa2'
import lusca from 'lusca'
import { Passport } from 'passport'
import { Passport as Passport06 } from 'passport06'
import { afterEach, expect, it } from 'vitest'
import { serve } from '../classic/servers.ts'
import { KEY, TestApp, Visitor } from '../visitor.ts'

// biome-ignore lint/suspicious/noExplicitAny: middlewares without types, which are written for a session object
type Anything = any

const closing: { close(): unknown }[] = []
afterEach(async () => {
  for (const each of closing.splice(0)) await each.close()
})

const GRANT = {
  defaults: { origin: 'http://localhost', transport: 'session', state: true },
  mine: { authorize_url: 'http://localhost/authorize', oauth: 2, key: 'k', secret: 's' },
}
const logIn = (passport: Anything) => {
  passport.serializeUser((user: Anything, done: Anything) => done(null, user.name))
  return passport
}

const KOA: [string, (koa: Anything) => void][] = [
  ['koa-csrf', (koa) => koa.use(new CSRF())],
  ['grant 5', (koa) => koa.use((grant as Anything).koa()(GRANT))],
  ['koa-flash', (koa) => koa.use(koaFlash())],
  ['koa-better-flash', (koa) => koa.use(betterFlash()).use((ctx: Anything) => ctx.flash('info', 'for one only'))],
  [
    'koa-passport 6',
    (koa) => {
      const passport = logIn(new KoaPassport())
      koa.use(passport.initialize()).use((ctx: Anything) => ctx.login({ name: 'alice' }))
    },
  ],
]

/** A middleware that goes on after a call. */
const called = (call: (req: Anything) => unknown) => (req: Anything, _: unknown, next: () => void) => {
  call(req)
  next()
}

const EXPRESS: [string, (app: Anything) => void][] = [
  ['grant 5', (app) => app.use((grant as Anything).express()(GRANT))],
  [
    'connect-flash',
    (app) =>
      app.use(
        connectFlash(),
        called((req) => req.flash('info', 'for one only')),
      ),
  ],
  ['csrf-sync', (app) => app.use(called((req) => csrfSync().generateToken(req)))],
  ['lusca', (app) => app.use(lusca.csrf())],
  ...[Passport, Passport06].map((Made: Anything, i): [string, (app: Anything) => void] => [
    `passport 0.${7 - i}`,
    (app) => {
      const passport = logIn(new Made())
      app.use(passport.initialize(), (req: Anything, _: Anything, next: Anything) => req.login({ name: 'alice' }, next))
    },
  ]),
]

/** Those that look for themselves say what they miss in words of their own. */
const OWN_WORDS: Record<string, string> = {
  'koa-better-flash': 'ctx.flash() requires sessions',
  'koa-passport 6': 'req.session.regenerate is not a function',
}

/** What two visitors meet: a failure that says what to write, and no more of it than that. */
async function refused(name: string, errors: Error[], base: string): Promise<void> {
  for (const visitor of [new Visitor(base), new Visitor(base)]) {
    expect((await visitor.fetch('/connect/mine')).status).toBe(500)
    expect(visitor.cookies.size).toBe(0)
  }
  expect(errors).toHaveLength(2)
  for (const error of errors) {
    if (!(name in OWN_WORDS)) expect(error).toBeInstanceOf(SessionUsageError)
    expect(error.message).toContain(OWN_WORDS[name] ?? 'koa-atomic-session/classic')
  }
}

it.each(KOA)('%s, which writes on a session object, fails for every visitor on Koa', async (name, install) => {
  // Koa 2 still takes generators, which koa-flash is.
  const app = new TestApp(Koa2 as never)
  closing.push(app)
  atomicSession(app.koa, { store: memory() })
  install(app.koa)
  await app.listen()
  await refused(name, app.errors, app.base)
})

it.each(EXPRESS)('%s, which writes on a session object, fails for every visitor on Express', async (name, install) => {
  const app = express()
  const errors: Error[] = []
  app.use(httpSessions({ store: memory(), keys: [KEY] }).express())
  install(app)
  app.use((error: Anything, _request: Anything, response: Anything, _next: Anything) => {
    errors.push(error)
    response.status(500).end()
  })
  const served = await serve(app)
  closing.push(served)
  await refused(name, errors, served.base)
})
