import { atomicSession } from 'koa-atomic-session'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { Missing, Server } from '../servers/child.ts'
import { startMongo } from '../servers/mongodb.ts'
import { startPostgres } from '../servers/postgres.ts'
import { TcpProxy } from '../servers/proxy.ts'
import { startRedis } from '../servers/redis.ts'
import { type Kind, OPEN, type Opened } from '../stores/clients.ts'
import { TestApp, type Visitor } from '../visitor.ts'
import { History } from './checkers.ts'

const TIMEOUT = 400
const START: Record<Kind, () => Promise<(Server & { real?: boolean }) | Missing>> = {
  mongodb: startMongo,
  postgres: startPostgres,
  redis: startRedis,
  ioredis: startRedis,
}
const HANDED_IN = { mongodb: 'MONGODB_URL', postgres: 'DATABASE_URL', redis: 'REDIS_URL', ioredis: 'REDIS_URL' }
const wanted = process.env.STORES?.split(',')

for (const kind of ['mongodb', 'postgres', 'redis', 'ioredis'] as const) {
  // A server of its own, which these tests stop and kill; one that somebody else runs is left alone.
  const left = process.env[HANDED_IN[kind]] || (wanted && !wanted.includes(kind.replace('io', '')))
  describe.skipIf(left)(`${kind} is down`, () => {
    // Only a stand-in says that it is not the real thing.
    let server: Server & { real?: boolean }
    let proxy: TcpProxy
    let opened: Opened
    let app: TestApp
    let sessions: ReturnType<typeof atomicSession>
    beforeAll(async () => {
      const started = await START[kind]()
      if ('missing' in started) throw new Error(started.missing)
      server = started
      proxy = await TcpProxy.before(server.url)
      opened = await OPEN[kind](proxy.through(server.url), 'down')
      app = new TestApp()
      sessions = atomicSession(app.koa, { store: opened.store, timeout: TIMEOUT })
      app.koa.use(async (ctx) => {
        if (ctx.path === '/read') ctx.body = { ...(await ctx.session()).data }
        else if (ctx.path === '/push') await ctx.session().inc('n').push('list', Number(ctx.query.i))
        ctx.body ??= {}
      })
      await app.listen()
    })
    afterAll(async () => {
      await app?.close()
      await opened?.close()
      await proxy?.close()
      await server?.stop()
    })

    const statusOf = async (visitor: Visitor, path: string) => (await visitor.fetch(path)).status
    async function known(): Promise<Visitor> {
      // The deadline is short, and the machine may be busy: who is not served begins anew.
      for (let tries = 0; tries < 20; tries++) {
        const visitor = app.visitor()
        if ((await statusOf(visitor, '/push?i=0')) === 200) return visitor
      }
      return expect.fail('no session could be made')
    }
    /** Waits until the store serves this session again: the time that drivers need to connect anew. */
    async function healed(visitor: Visitor): Promise<void> {
      for (const end = performance.now() + 15_000; (await statusOf(visitor, '/read')) !== 200; ) {
        if (performance.now() > end) expect.fail('it did not heal within 15 seconds')
        await new Promise((resolve) => setTimeout(resolve, 20))
      }
    }
    /** What must hold while a store is down, however it is: requests without a session work, others get 503, no cookie changes. */
    async function holds(visitor: Visitor): Promise<void> {
      const began = performance.now()
      const responses = await Promise.all(
        ['/read', '/push?i=9000', '/none', '/read'].map((path) => visitor.fetch(path)),
      )
      expect(responses.map(({ status }) => status)).toEqual([503, 503, 200, 503])
      for (const response of responses) expect(response.headers.getSetCookie()).toEqual([])
      // Well above the deadline, and far below every driver's own.
      expect(performance.now() - began).toBeLessThan(TIMEOUT + 1000)
    }

    /**
     * Driver 7.9 watches a server without streaming `hello`, such as the stand-in, by a connection of its own, and waits
     * for ever when that one closes while it is asked. A mongod streams.
     */
    async function reconnect(): Promise<void> {
      if (server.real !== false) return
      await opened.close()
      opened = await OPEN[kind](proxy.through(server.url), 'down')
      sessions.store = opened.store
    }

    it('frozen: requests that use a session fail in time, the others do not notice, and all heals', async () => {
      const visitor = await known()
      server.pause()
      await holds(visitor)
      server.resume()
      await healed(visitor)
      expect((await visitor.json('/read')).list[0]).toBe(0)
    })

    it('frozen under load: a thousand requests are shed, and nothing is counted twice', async () => {
      const visitor = await known()
      const history = new History()
      const push = (i: number) =>
        history.note(i, async () => {
          const { status } = await visitor.fetch(`/push?i=${i}`)
          const error = app.errors.findLast(({ code }) => code === 'ERR_SESSION_STORE')
          if (status === 503) throw Object.assign(error ?? new Error('503'), { applied: 'unknown' })
          expect(status).toBe(200)
        })
      await Promise.all(Array.from({ length: 50 }, (_, i) => push(i + 1)))
      server.pause()
      await Promise.all(Array.from({ length: 1000 }, (_, i) => push(i + 100)))
      server.resume()
      await healed(visitor)
      await Promise.all(Array.from({ length: 50 }, (_, i) => push(i + 2000)))
      const { n, list } = await visitor.json('/read')
      // The first one was pushed before the history began.
      history.check(list.slice(1), n - 1)
      expect(history.applied.length).toBeGreaterThan(50)
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
      await healed(visitor)
      expect(await visitor.json('/read')).toEqual({ n: 1, list: [0] })
    })

    it('killed and started again: what was acknowledged is there, and nobody gets an empty session in its place', async () => {
      const visitor = await known()
      await server.kill()
      await holds(visitor)
      await server.restart()
      await reconnect()
      await healed(visitor)
      // An in-memory stand-in for MongoDB forgets everything when it ends.
      if (server.real !== false)
        expect(await visitor.json('/read')).toMatchObject({ list: expect.arrayContaining([0]) })
    })
  })
}
