import { randomUUID } from 'node:crypto'
import { join } from 'node:path'
import { afterEach, describe, expect, it } from 'vitest'
import { temporaryFolder, untilItWorks } from '../servers/child.ts'
import { STORES, serverOf } from '../stores/clients.ts'
import { Visitor } from '../visitor.ts'
import { Process } from './process.ts'

const HOUR = 3_600_000
const folder = temporaryFolder('process-faults')
const servers = STORES.map((name) => [name, serverOf(name)] as const)
const stores = [['sqlite', { url: join(folder, `${randomUUID()}.db`) }] as const, ...servers].map(([name, server]) => ({
  name,
  url: 'url' in server ? server.url : undefined,
}))

for (const { name, url } of stores) {
  describe.skipIf(url === undefined)(`${name}, by several processes`, () => {
    const running: Process[] = []
    const start = async (env?: Record<string, string>) => {
      const process = await new Process(url!, env).ready()
      running.push(process)
      return process
    }
    afterEach(async () => {
      await Promise.all(running.splice(0).map((process) => process.stop()))
    })
    const post = (base: string, path: string, cookie: string) =>
      fetch(base + path, { method: 'POST', headers: { cookie } })
    async function known(base: string): Promise<Visitor> {
      const visitor = new Visitor(base)
      await visitor.fetch('/login', { method: 'POST' })
      return visitor
    }

    it('ID-6: a secret that one process has ended opens nothing in another', async () => {
      const [one, other] = [await start(), await start()]
      const visitor = await known(one.base)
      const before = visitor.header
      await visitor.fetch('/regenerate', { method: 'POST' })
      const elsewhere = new Visitor(other.base)
      expect(await elsewhere.json('/', { headers: { cookie: before } })).toEqual({})
      expect(await elsewhere.json('/', { headers: { cookie: visitor.header } })).toEqual({ user: 2 })
    })

    it('kill -9 between two updates of one request: the first is there, the second is not', async () => {
      const [one, other] = [await start(), await start()]
      const visitor = await known(one.base)
      const request = post(one.base, '/steps', visitor.header).catch(() => 'broken')
      expect(await one.line()).toBe('between')
      await one.stop('SIGKILL')
      expect(await request).toBe('broken')
      const after = await new Visitor(other.base).json('/', { headers: { cookie: visitor.header } })
      expect(after).toEqual({ user: 1, role: 'admin', list: ['first'] })
    })

    it('SIGTERM with a request in flight: it is answered, its change is there, and the process ends by itself', async () => {
      const [one, other] = [await start(), await start()]
      const visitor = await known(one.base)
      const slow = post(one.base, '/slow', visitor.header)
      expect(await one.line()).toBe('slow')
      const second = post(one.base, '/steps', visitor.header)
      expect(await one.line()).toBe('between')
      const ended = one.stop('SIGTERM')
      expect(await one.line()).toBe('closing')
      await expect(fetch(one.base)).rejects.toThrow()
      one.signal('SIGUSR2')
      expect((await slow).status).toBe(200)
      expect((await second).status).toBe(200)
      expect(await ended).toBe(0)
      const after = await new Visitor(other.base).json('/', { headers: { cookie: visitor.header } })
      expect(after).toEqual({ user: 1, role: 'admin', last: 'slow', list: ['first', 'second'] })
    })

    it.skipIf(name === 'sqlite')('clocks an hour apart: no session ends early or lives on', async () => {
      const [right, ahead, behind] = [
        await start(),
        await start({ CLOCK_SKEW: String(HOUR) }),
        await start({ CLOCK_SKEW: String(-HOUR) }),
      ]
      for (const first of [right, ahead, behind]) {
        const visitor = await known(first.base)
        for (const { base } of [right, ahead, behind, right]) {
          const response = await post(base, '/inc?times=1', visitor.header)
          expect(response.status).toBe(200)
        }
        expect(await new Visitor(right.base).json('/', { headers: { cookie: visitor.header } })).toEqual({
          user: 1,
          role: 'admin',
          n: 4,
        })
      }
    })

    it.skipIf(name === 'sqlite')('clocks an hour apart: a session of one second is over for all of them', async () => {
      const processes = [
        await start(),
        await start({ CLOCK_SKEW: String(HOUR) }),
        await start({ CLOCK_SKEW: String(-HOUR) }),
      ]
      for (const first of processes) {
        const visitor = await known(first.base)
        expect((await post(first.base, '/touch?ms=1000', visitor.header)).status).toBe(200)
        for (const { base } of processes)
          await untilItWorks(async () =>
            expect(await new Visitor(base).json('/', { headers: { cookie: visitor.header } })).toEqual({}),
          )
      }
    })

    it('a client that hangs up: what it asked for is done once', async () => {
      const one = await start()
      const visitor = await known(one.base)
      const hangUp = new AbortController()
      const slow = fetch(`${one.base}/slow`, {
        method: 'POST',
        headers: { cookie: visitor.header },
        signal: hangUp.signal,
      })
      expect(await one.line()).toBe('slow')
      hangUp.abort()
      await expect(slow).rejects.toThrow()
      await post(one.base, '/go', visitor.header)
      for (;;) {
        const { last, ...rest } = await visitor.json('/')
        expect(rest).toEqual({ user: 1, role: 'admin' })
        if (last === 'slow') break
      }
    })
  })
}
