/**
 * Sessions that are bound to a device: a copied cookie opens nothing. Device Bound Session Credentials, as the draft of the
 * W3C has them and Chromium does them. Needs the package `jose`, which checks the devices' signatures.
 *
 * @module koa-atomic-session/dbsc
 */
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Sessions } from '../api/sessions.ts'
import { SessionUsageError } from '../errors/index.ts'
import type { FetchSessions, FetchUse } from '../fetch/index.ts'
import type { HttpSessions } from '../http/index.ts'
import type { KoaContext, KoaSessions } from '../koa/index.ts'
import { type BindingOptions, type BindingScope, bindingOf } from '../settings/binding.ts'
import { answer } from './endpoint.ts'

export type { BindingOptions, BindingScope }

/** What this needs of a Koa context, in addition to what a session needs. */
export interface BindingContext extends KoaContext {
  status: number
  body: unknown
  set(field: string, value: string): void
  append(field: string, value: string): void
}

/** Middleware for Koa. */
export type KoaBinding = (ctx: BindingContext, next: () => Promise<unknown>) => Promise<void>

/**
 * Middleware for Express, and a function for node:http and Fastify: it resolves to true if it has answered the request.
 * With `next` it calls that for every other request and for failures; without it failures reject.
 */
export type HttpBinding = (
  request: IncomingMessage,
  response: ServerResponse,
  next?: (error?: unknown) => void,
) => Promise<boolean>

/**
 * For servers that use `Request` and `Response`: answers the browser's own requests, and resolves to undefined for all
 * others.
 */
export type FetchBinding = (request: Request, use?: FetchUse) => Promise<Response | undefined>

/**
 * Binds sessions to the devices on which visitors log in. The response to `rotate({ authenticated: true })` asks the
 * browser for a key that stays on the device. This middleware answers the browser's registration, and each later proof
 * that it has the key. From then on a request of the session needs a cookie that lasts for `cookieAge` and that only
 * the device can renew. Any other request gets a `SessionUnboundError` (401) from every read and command, and no data.
 *
 * In a browser that can't do it, the session stays as it is, and `session.bound` is false. The next log-in ends the
 * binding and begins another, and so does a log-out. The check itself needs no middleware: every process that uses a
 * bound session requires the proof. If the store fails, a registration or a proof is answered with 503, and the browser
 * tries again.
 *
 * Call it once for each `sessions`, and install it before what answers `path`, and after what parses no body.
 *
 * @example
 * ```ts
 * import Koa from 'koa'
 * import { atomicSession } from 'koa-atomic-session'
 * import { deviceBound } from 'koa-atomic-session/dbsc'
 * import { sqlite } from 'koa-atomic-session/sqlite'
 *
 * const app = new Koa()
 * const sessions = atomicSession(app, { store: sqlite('sessions.db'), secure: true })
 * app.use(deviceBound(sessions, { cookieAge: '10 minutes' }))
 * ```
 * @throws `SessionUsageError` for an option that can't work, and when it is called twice.
 */
export function deviceBound<D>(sessions: KoaSessions<D>, options?: BindingOptions): KoaBinding
export function deviceBound<D>(sessions: HttpSessions<D>, options?: BindingOptions): HttpBinding
export function deviceBound<D>(sessions: FetchSessions<D>, options?: BindingOptions): FetchBinding
export function deviceBound<D>(
  sessions: KoaSessions<D> | HttpSessions<D> | FetchSessions<D>,
  options: BindingOptions = {},
): KoaBinding | HttpBinding | FetchBinding {
  if (!('csrf' in sessions || 'listener' in sessions || 'fetch' in sessions)) {
    throw new SessionUsageError('deviceBound() takes what atomicSession(), httpSessions() or fetchSessions() returns')
  }
  const all = sessions as unknown as Sessions<never>
  if (all.binding)
    throw new SessionUsageError('deviceBound() was called before for these sessions: use what it returned')
  const binding = bindingOf(options, all.settings)
  all.binding = binding
  const isOwn = (method: string | undefined, url = '') => method === 'POST' && url.split('?', 1)[0] === binding.path
  if ('fetch' in sessions) return forFetch(sessions, isOwn)
  return 'csrf' in sessions ? forKoa(sessions, all, isOwn) : forHttp(sessions, all, isOwn)
}

type IsOwn = (method: string | undefined, url: string | undefined) => boolean

function forKoa<D>(sessions: KoaSessions<D>, all: Sessions<never>, isOwn: IsOwn): KoaBinding {
  return async (ctx, next) => {
    if (!isOwn(ctx.req.method, ctx.originalUrl ?? ctx.req.url)) {
      await next()
      return
    }
    sessions.of(ctx)
    const { status, headers, body } = await answer(all, all.entryOf(ctx.req)!.visit, ctx.req.headers)
    for (const [name, value] of Object.entries(headers)) {
      if (name === 'Set-Cookie') ctx.append(name, value)
      else ctx.set(name, value)
    }
    ctx.status = status
    ctx.body = body
  }
}

function forHttp<D>(sessions: HttpSessions<D>, all: Sessions<never>, isOwn: IsOwn): HttpBinding {
  const own = async (request: IncomingMessage, response: ServerResponse): Promise<boolean> => {
    // Express and Fastify know of the proxies in front of them what node:http does not.
    const { property } = sessions.settings
    const opening = request as unknown as Record<string, () => unknown>
    if (typeof opening[property] === 'function') opening[property]()
    else if (!all.entryOf(request)) sessions.of(request, response)
    const { status, headers, body } = await answer(all, all.entryOf(request)!.visit, request.headers)
    for (const [name, value] of Object.entries(headers)) response.appendHeader(name, value)
    response.statusCode = status
    response.end(body)
    return true
  }
  return async (request, response, next) => {
    if (!isOwn(request.method, (request as { originalUrl?: string }).originalUrl ?? request.url)) {
      next?.()
      return false
    }
    if (!next) return own(request, response)
    return own(request, response).catch((error) => {
      next(error)
      return true
    })
  }
}

function forFetch<D>(sessions: FetchSessions<D>, isOwn: IsOwn): FetchBinding {
  const own = async (_: unknown, request: Request): Promise<Response> => {
    const { visit } = sessions.begun(request)
    const { status, headers, body } = await answer(
      sessions as unknown as Sessions<never>,
      visit,
      Object.fromEntries(request.headers),
    )
    return new Response(body, { status, headers })
  }
  return async (request, use) =>
    isOwn(request.method, new URL(request.url).pathname) ? sessions.fetch(request, own, use) : undefined
}
