// What the types of classic, passport and key() promise.
import express from 'express'
import Koa from 'koa'
import { atomicSession, key } from 'koa-atomic-session'
import {
  type ClassicExpressSession,
  type ClassicFetchSession,
  type ClassicOptions,
  type ClassicSession,
  classic,
  classicExpress,
  classicFetch,
} from 'koa-atomic-session/classic'
import { fetchSessions } from 'koa-atomic-session/fetch'
import { httpSessions } from 'koa-atomic-session/http'
import { memory } from 'koa-atomic-session/memory'
import { atomicPassport } from 'koa-atomic-session/passport'

interface Shop {
  user_id: number
  attempts: { [address: string]: number }
}

const app = new Koa()
const sessions = atomicSession<Shop>(app, { store: memory(), property: 'atomic' })
classic(app, sessions)
classic(app, sessions, { counters: ['views', 'cart.*'], lists: ['flash.*'] })
// @ts-expect-error: no such option
classic(app, sessions, { counter: ['views'] })
// @ts-expect-error: a list
const options: ClassicOptions = { counters: 'views' }
void options

const http = httpSessions<Shop>({ store: memory(), keys: [], property: 'atomic' })
express().use(http.express(), classicExpress(http, { counters: ['views'] }))
// @ts-expect-error: Koa's sessions are installed by classic()
classicExpress(sessions)

declare const session: ClassicSession
session.user = { name: 'anything' }
session.maxAge = 1000
session.save().then(() => session.regenerate((error) => void error))
// @ts-expect-error: told, not set
session.isNew = true

declare const other: ClassicExpressSession
other.user = 1
other.cookie.maxAge = null
other.save((error) => void error).touch()
// @ts-expect-error: it calls back, because the session is another one then
other.regenerate()

const onFetch = fetchSessions<Shop>({ store: memory(), keys: [] })
const answer = classicFetch(onFetch, { lists: ['seen'] })
answer(new Request('http://localhost'), (session) => Response.json(session), { client: '192.0.2.1' })
// @ts-expect-error: an answer is a Response
answer(new Request('http://localhost'), (session) => Object.keys(session))
// @ts-expect-error: sessions of another server
classicFetch(http)

declare const third: ClassicFetchSession
third.user = { name: 'anything' }
third.maxAge = null
third.destroy().then(() => third.regenerate())
// @ts-expect-error: told, not set
third.id = 'x'

declare const passport: { use(): void; serializeUser(): void; deserializeUser(): void }
atomicPassport(passport, (request) => sessions.of(request.ctx))
// @ts-expect-error: whose session?
atomicPassport(passport)

declare const email: string
sessions.of({} as Koa.Context).inc(`attempts.${key(email)}`)
// @ts-expect-error: a text
key(1)
