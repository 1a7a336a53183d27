import express from 'express'
import express4 from 'express4'
import { StoreError } from 'koa-atomic-session'
import { httpSessions } from 'koa-atomic-session/http'
import { memory } from 'koa-atomic-session/memory'
import { describe, expect, it } from 'vitest'
import { serve } from '../classic/servers.ts'
import { KEY, Visitor } from '../visitor.ts'

// biome-ignore lint/suspicious/noExplicitAny: requests that carry a session
type Loose = any

describe.each([
  ['Express 5', express],
  ['Express 4', express4],
])('a failure of a chain that was not awaited, on %s', (_, make) => {
  const start = async () => {
    const store = memory()
    const { update } = store
    let down = false
    store.update = (...args) =>
      down ? Promise.reject(new StoreError('memory', 'is down', false)) : update.apply(store, args)
    const told: unknown[] = []
    const sessions = httpSessions<object>({ store, keys: [KEY], onError: (error) => told.push(error) })
    const app = make()
    app.use(sessions.express())
    const routes = make.Router()
    routes.get('/begin', (req: Loose, res, next) => {
      req
        .session()
        .set('a', 1)
        .then(() => res.end(), next)
    })
    routes.get('/send', (req: Loose, res) => {
      req.session().inc('n')
      res.set('X-Ours', 'yes').status(201).json({ fine: 'and a text that is longer than the error page' })
    })
    routes.get('/stream', (req: Loose, res) => {
      req.session().inc('n')
      res.write('begun')
      res.end()
    })
    app.use('/routes', routes)
    app.use((error: Loose, _req: Loose, res: Loose, _next: Loose) => {
      res.status(error.status).send(`our page: ${error.code}`)
    })
    const served = await serve(app)
    const visitor = new Visitor(served.base)
    await visitor.fetch('/routes/begin')
    down = true
    return { ...served, visitor, told }
  }

  it("is answered by the application's own error middleware, with nothing of the answer that was ready", async () => {
    const { visitor, told, close } = await start()
    const response = await visitor.fetch('/routes/send')
    expect([response.status, await response.text()]).toEqual([503, 'our page: ERR_SESSION_STORE'])
    expect(response.headers.get('x-ours')).toBe(null)
    expect(response.headers.get('content-type')).toContain('text/html')
    expect(told).toEqual([])
    close()
  })

  it('breaks off what has begun to leave, and tells onError', async () => {
    const { visitor, told, close } = await start()
    await expect(visitor.text('/routes/stream')).rejects.toThrow()
    expect(told).toMatchObject([{ code: 'ERR_SESSION_STORE' }])
    close()
  })
})
