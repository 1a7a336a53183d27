import { atomicSession, isSessionError } from 'koa-atomic-session'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { REMEMBERED_OPS } from '../../src/contract/store.ts'
import { StoreError } from '../../src/errors/index.ts'
import type { Server } from '../servers/child.ts'
import { TcpProxy } from '../servers/proxy.ts'
import { KINDS, OPEN, type Opened, SERVERS, serverOf } from '../stores/clients.ts'
import { TestApp, type Visitor } from '../visitor.ts'
import { History } from './checkers.ts'

const TIMEOUT = 400
/** What the drivers wait for a server that is down, so that they notice it while a test lasts. */
const PATIENCE = 1000

for (const kind of KINDS) {
  const { variable, start } = SERVERS[kind]
  // A server of its own, which these tests stop and kill; one that somebody else runs is left alone.
  const left = process.env[variable] || 'missing' in serverOf(kind)
  describe.skipIf(left)(`${kind} is down`, () => {
    // Only a stand-in says that it is not the real thing.
    let server: Server & { real?: boolean }
    let proxy: TcpProxy
    let opened: Opened
    let app: TestApp
    let sessions: ReturnType<typeof atomicSession>
    beforeAll(async () => {
      const started = await start()
      if ('missing' in started) throw new Error(started.missing)
      server = started
      proxy = await TcpProxy.before(server.url)
      opened = await OPEN[kind](proxy.through(server.url), 'down', PATIENCE)
      app = new TestApp()
      sessions = serve(app, opened, TIMEOUT)
      await app.listen()
    })
    afterAll(async () => {
      await app?.close()
      await opened?.close()
      await proxy?.close()
      await server?.stop()
    })

    function serve({ koa }: TestApp, { store }: Opened, timeout: number) {
      koa.use(async (ctx, next) => {
        try {
          await next()
        } catch (error) {
          if (!isSessionError(error)) throw error
          ctx.status = error.status
          ctx.body = { applied: error.applied }
        }
      })
      const sessions = atomicSession(koa, { store, timeout })
      koa.use(async (ctx) => {
        if (ctx.path === '/read') ctx.body = { ...(await ctx.session()).data }
        else if (ctx.path === '/push') await ctx.session().inc('n').push('list', Number(ctx.query.i))
        ctx.body ??= {}
      })
      return sessions
    }
    const statusOf = async (visitor: Visitor, path: string) => (await visitor.fetch(path)).status
    async function known(): Promise<Visitor> {
      // The deadline is short, and the machine may be busy: who is not served begins anew.
      for (let tries = 0; tries < 20; tries++) {
        const visitor = app.visitor()
        if ((await statusOf(visitor, '/push?i=0')) === 200) return visitor
      }
      return expect.fail('no session could be made')
    }
    /** Waits until the store serves this session again, as drivers need time to connect anew; answers what it holds. */
    async function healed(visitor: Visitor): Promise<{ n: number; list: number[] }> {
      for (const end = performance.now() + 60_000; performance.now() < end; ) {
        const response = await visitor.fetch('/read')
        if (response.status === 200) return (await response.json()) as { n: number; list: number[] }
        await new Promise((resolve) => setTimeout(resolve, 20))
      }
      return expect.fail('it did not heal within a minute')
    }
    /** What must hold while a store is down, however it is: requests without a session work, others get 503, no cookie changes. */
    async function holds(visitor: Visitor): Promise<void> {
      let quickest = Number.POSITIVE_INFINITY
      // The machine may stall: one of three times it must be in time.
      for (let tries = 0; tries < 3 && quickest > TIMEOUT + 1000; tries++) {
        const began = performance.now()
        const responses = await Promise.all(
          ['/read', '/push?i=9000', '/none', '/read'].map((path) => visitor.fetch(path)),
        )
        expect(responses.map(({ status }) => status)).toEqual([503, 503, 200, 503])
        for (const response of responses) expect(response.headers.getSetCookie()).toEqual([])
        quickest = Math.min(quickest, performance.now() - began)
      }
      // Well above the deadline, and far below every driver's own.
      expect(quickest).toBeLessThan(TIMEOUT + 1000)
    }
    /** Pushes numbers to one session, each once, and notes what became of them. */
    function pusher(visitor: Visitor) {
      const history = new History()
      let next = 1
      const push = () => {
        const i = next++
        return history.note(i, async () => {
          const response = await visitor.fetch(`/push?i=${i}`)
          const { applied } = (await response.json()) as { applied: false | 'unknown' }
          if (response.status === 503) throw new StoreError(kind, 'failed', applied)
          expect(response.status).toBe(200)
        })
      }
      const several = (n: number) => Promise.all(Array.from({ length: n }, push))
      /** The deadline is short, and the machine may be busy: pushes until so many more are acknowledged. */
      async function acknowledged(n: number): Promise<void> {
        for (const goal = history.applied.length + n; history.applied.length < goal; ) await several(10)
      }
      return { history, several, acknowledged }
    }

    /**
     * Driver 7.9 watches a server without streaming `hello`, such as the stand-in, by a connection of its own, and waits
     * for ever when that one closes while it is asked. A mongod streams.
     */
    async function reconnect(): Promise<void> {
      if (server.real !== false) return
      await opened.close()
      opened = await OPEN[kind](proxy.through(server.url), 'down', PATIENCE)
      sessions.store = opened.store
    }

    it('frozen: requests that use a session fail in time, the others do not notice, and all heals', async () => {
      const visitor = await known()
      server.pause()
      await holds(visitor)
      server.resume()
      expect((await healed(visitor)).list[0]).toBe(0)
    })

    it('frozen: a request without a session is served while those with one wait', async () => {
      const patient = new TestApp()
      const unhurried = await OPEN[kind](proxy.through(server.url), 'down')
      serve(patient, unhurried, 120_000)
      await patient.listen()
      const visitor = patient.visitor()
      expect(await statusOf(visitor, '/push?i=0')).toBe(200)
      server.pause()
      let waiting = 20
      const statuses = Array.from({ length: waiting }, async () => {
        const status = await statusOf(visitor, '/push?i=1')
        waiting--
        return status
      })
      for (let i = 0; i < 50; i++) expect(await statusOf(visitor, '/none')).toBe(200)
      expect(waiting).toBe(20)
      server.resume()
      expect(new Set(await Promise.all(statuses))).toEqual(new Set([200]))
      expect(await visitor.json('/read')).toMatchObject({ n: 21 })
      await patient.close()
      await unhurried.close()
    })

    it('frozen under load: a thousand requests are shed, and nothing is counted twice', async () => {
      const visitor = await known()
      const { history, several, acknowledged } = pusher(visitor)
      await acknowledged(50)
      server.pause()
      await several(1000)
      server.resume()
      await healed(visitor)
      await acknowledged(50)
      const { n, list } = await healed(visitor)
      // The first one was pushed before the history began.
      history.check(list.slice(1), n - 1)
      expect(history.refused.length + history.unknown.length).toBeGreaterThanOrEqual(1000)
    })

    it('cut off: a connection that swallows everything is given up, and the next one works', async () => {
      const visitor = await known()
      proxy.request = () => 'vanish'
      await holds(visitor)
      proxy.request = () => 'pass'
      // As it comes, ioredis keeps such a connection until the system gives it up: it needs its option socketTimeout.
      if (kind === 'ioredis') proxy.cut()
      await healed(visitor)
    })

    it('every connection is broken: the next request works', async () => {
      const visitor = await known()
      proxy.cut()
      await reconnect()
      expect(await healed(visitor)).toEqual({ n: 1, list: [0] })
    })

    it('killed and started again: what was acknowledged is there, and nobody gets an empty session in its place', async () => {
      const visitor = await known()
      await server.kill()
      await holds(visitor)
      await server.restart()
      await reconnect()
      const data = await healed(visitor)
      // An in-memory stand-in for MongoDB forgets everything when it ends.
      if (server.real !== false) expect(data).toMatchObject({ list: expect.arrayContaining([0]) })
    })

    it('killed under load and started again: nothing acknowledged is lost, nothing is counted twice', async () => {
      if (server.real === false) return
      const visitor = await known()
      const { history, several, acknowledged } = pusher(visitor)
      await acknowledged(50)
      let over = false
      // Not more than a session remembers: ioredis sends again by itself what was in flight.
      const load = Array.from({ length: REMEMBERED_OPS - 4 }, async () => {
        while (!over) await several(1)
      })
      await acknowledged(50)
      // At that moment at least one is applied whose answer nobody gets.
      await new Promise<void>((resolve) => {
        proxy.reply = () => {
          resolve()
          return 'hold'
        }
      })
      await server.kill()
      proxy.cut()
      proxy.reply = () => 'pass'
      for (let i = 0; i < 10; i++) await several(4)
      await server.restart()
      await healed(visitor)
      await acknowledged(50)
      over = true
      await Promise.all(load)
      const { n, list } = await healed(visitor)
      history.check(list.slice(1), n - 1)
      // It was killed in the middle of something.
      expect(history.refused.length + history.unknown.length).toBeGreaterThanOrEqual(40)
    })
  })
}
