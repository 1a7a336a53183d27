import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import { readFileSync } from 'node:fs'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { getRequestListener } from '@hono/node-server'
import express from 'express'
import fastify from 'fastify'
import { Hono } from 'hono'
import type { SessionEvent } from 'koa-atomic-session'
import { deviceBound } from 'koa-atomic-session/dbsc'
import { fetchSessions } from 'koa-atomic-session/fetch'
import { httpSessions } from 'koa-atomic-session/http'
import { memory } from 'koa-atomic-session/memory'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { KEY, Visitor } from '../visitor.ts'
import { TestDevice, TLS } from './device.ts'

const SHORT = '__Host-sid-bound'
const options = () => ({ store: memory({ now: () => Date.now() }), keys: [KEY], secure: true, proxy: true })

// biome-ignore lint/suspicious/noExplicitAny: the session of a request on any server
async function route(path: string, session: any): Promise<unknown> {
  if (path === '/login') await session.rotate({ authenticated: true }).set('user', 42)
  const { user, bound } = await session
  return { user, bound }
}

/** Applications as their documents write them, each by its own server's means. */
const SERVERS: Record<string, () => Promise<Server>> = {
  async 'node:http'() {
    const sessions = httpSessions(options())
    const binding = deviceBound(sessions)
    const handle = async (request: IncomingMessage, response: ServerResponse) => {
      try {
        if (await binding(request, response)) return
        const body = await route(request.url!, sessions.of(request, response))
        response.end(JSON.stringify(body))
      } catch (error) {
        response.statusCode = (error as { status?: number }).status ?? 500
        response.end()
      }
    }
    return createServer(sessions.listener(handle))
  },
  async Express() {
    const sessions = httpSessions(options())
    const app = express()
    app.set('trust proxy', true)
    app.use(sessions.express())
    app.use(deviceBound(sessions))
    app.get('/{*path}', async (request, response) => {
      response.json(await route(request.path, (request as unknown as { session(): unknown }).session()))
    })
    return createServer(app)
  },
  async Fastify() {
    const sessions = httpSessions(options())
    const binding = deviceBound(sessions)
    let server!: Server
    const app = fastify({
      trustProxy: true,
      serverFactory: (handler) => {
        server = createServer(handler)
        return server
      },
    })
    await app.register(sessions.fastify() as never)
    app.post('/session-binding', async (request, reply) => {
      // Begins here, because Fastify knows of its proxies.
      ;(request as unknown as { session(): unknown }).session()
      reply.hijack()
      await binding(request.raw, reply.raw)
    })
    app.get('/*', (request) => route(request.url, (request as unknown as { session(): unknown }).session()))
    await app.ready()
    return server
  },
  async fetch() {
    const sessions = fetchSessions(options())
    const binding = deviceBound(sessions)
    const answer = async (request: Request) =>
      (await binding(request)) ??
      sessions.fetch(request, async (session) => Response.json(await route(new URL(request.url).pathname, session)))
    return createServer(getRequestListener(answer, { overrideGlobalObjects: false }))
  },
  async Hono() {
    const sessions = fetchSessions(options())
    const binding = deviceBound(sessions)
    const app = new Hono()
    app.post('/session-binding', async ({ req }) => (await binding(req.raw))!)
    app.get('*', ({ req }) => sessions.fetch(req.raw, async (session) => Response.json(await route(req.path, session))))
    return createServer(getRequestListener(app.fetch, { overrideGlobalObjects: false }))
  },
}

/** What a browser has really sent. */
const recorded = JSON.parse(readFileSync(new URL('vectors.json', import.meta.url), 'utf8'))

describe.each(Object.entries(SERVERS))('a session that is bound to a device, on %s', (_, make) => {
  let server: Server
  let visitor: Visitor
  let device: TestDevice
  const events: SessionEvent[] = []
  const listen = (event: unknown) => events.push(event as SessionEvent)
  const get = (path: string) => visitor.fetch(path, { headers: TLS })
  beforeEach(async () => {
    vi.useFakeTimers({ toFake: ['Date'], now: 1_800_000_000_000 })
    events.length = 0
    subscribe('koa-atomic-session:event', listen)
    server = await make()
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    visitor = new Visitor(`http://127.0.0.1:${(server.address() as AddressInfo).port}`)
    device = new TestDevice(visitor)
  })
  afterEach(() => {
    unsubscribe('koa-atomic-session:event', listen)
    vi.useRealTimers()
    server.closeAllConnections()
    server.close()
  })

  it('registers, is refused to a copied cookie, signs again, and goes on', async () => {
    const login = await get('/login')
    expect((await device.register(login)).status).toBe(200)
    expect(await (await get('/me')).json()).toEqual({ user: 42, bound: true })
    vi.setSystemTime(Date.now() + 11 * 60_000)
    const refused = await get('/me')
    expect(refused.status).toBe(401)
    const refreshed = await device.refresh()
    expect(refreshed.status).toBe(200)
    expect(refreshed.headers.getSetCookie().join()).toContain(`${SHORT}=`)
    expect(await (await get('/me')).json()).toEqual({ user: 42, bound: true })
    expect((await device.sends('/session-binding?again', device.proof('c'), device.identifier)).status).toBe(403)
  })

  it('reads what Chromium has sent, and refuses it for its challenge alone, which it has not given', async () => {
    const { registration, refreshes } = recorded
    const login = await get('/login')
    expect((await device.sends('/session-binding', registration.proof)).status).toBe(403)
    expect((await device.register(login)).status).toBe(200)
    for (const { proof } of refreshes) {
      const response = await device.sends('/session-binding', proof, device.identifier)
      expect(response.status).toBe(403)
      expect(response.headers.get('secure-session-challenge')).toContain(`id="${device.identifier}"`)
    }
    const reasons = events.filter(({ type }) => type === 'unproven').map(({ reason }) => reason)
    expect(reasons).toEqual(['challenge', 'challenge', 'challenge'])
    expect((await device.refresh()).status).toBe(200)
  })

  it('is told 404 for a session that is over, and 403 without a proof', async () => {
    expect((await device.sends('/session-binding')).status).toBe(403)
    expect((await device.sends('/session-binding', undefined, 'nothing')).status).toBe(404)
  })
})
