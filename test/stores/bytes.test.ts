import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest'
import { commands } from '../../src/algebra/index.ts'
import { chainOf, changeOf, type Visitor, visitor } from '../../src/testing/harness.ts'
import { TcpProxy } from '../servers/proxy.ts'
import { OPEN, type Opened } from './clients.ts'

const LIMITS = { mongodb: 1150, postgres: 700, redis: 700 } as const
const page = Object.fromEntries(Array.from({ length: 64 }, (_, i) => [`field${i}`, 'x'.repeat(240)]))

for (const name of ['mongodb', 'postgres', 'redis'] as const) {
  const server = inject(name)
  describe.skipIf('missing' in server)(`${name}: a command on a session of 16 KiB`, () => {
    const limit = LIMITS[name]
    let proxy: TcpProxy
    let opened: Opened
    let owner: Visitor
    beforeAll(async () => {
      const { url } = server as { url: string }
      proxy = await TcpProxy.before(url)
      opened = await OPEN[name](proxy.through(url), 'bytes')
      owner = await visitor(opened.store, { ...page, views: 0 })
      // A statement, a script, the server's clock: what is sent once a connection.
      await run({ answer: false })
      await run({ held: await held() })
    })
    afterAll(async () => {
      await opened.close()
      await proxy.close()
    })

    const inc = chainOf(commands.inc('views'))
    const run = (more: Partial<Parameters<typeof changeOf>[1]>) =>
      opened.store.update(owner.access, changeOf(inc, more))
    /** What the work moves: the least of three times, because a driver's own questions to the server move bytes too. */
    async function moved(work: () => Promise<unknown>): Promise<number> {
      let least = Number.POSITIVE_INFINITY
      for (let tries = 0; tries < 3; tries++) {
        proxy.reset()
        await work()
        least = Math.min(least, proxy.bytes)
      }
      return least
    }
    async function held() {
      const loaded = await opened.store.load(owner.access)
      if (loaded.outcome !== 'live') throw new Error(loaded.outcome)
      return loaded.record
    }

    it(`moves at most ${limit} bytes where the caller holds the session`, async () => {
      let record = await held()
      const bytes = await moved(async () => {
        const answer = await run({ held: record })
        expect(answer.outcome).toBe('held')
        if (answer.outcome === 'held') record = { ...answer.record, data: record.data }
      })
      expect(bytes).toBeLessThanOrEqual(limit)
    })

    it(`moves at most ${limit} bytes where nobody waits, loaded or not`, async () => {
      const unread = await moved(async () => expect((await run({ answer: false })).outcome).toBe('done'))
      expect(unread).toBeLessThanOrEqual(limit)
      const record = await held()
      const loaded = await moved(async () =>
        expect(['done', 'held']).toContain((await run({ held: record, answer: false })).outcome),
      )
      expect(loaded).toBeLessThanOrEqual(limit)
    })

    it('moves at most 300 bytes more for a reader with a copy, and for a change by one, than with a small session', async () => {
      const small = await visitor(opened.store, { views: 0 })
      const read = async () => expect((await opened.store.load(small.access)).outcome).toBe('live')
      const count = async () => expect((await opened.store.update(small.access, changeOf(inc))).outcome).toBe('changed')
      // Each remembers its last operations.
      for (let i = 0; i < 16; i++) await Promise.all([count(), run({ answer: false })])
      const [least, leastOfChange] = [await moved(read), await moved(count)]
      let record = await held()
      await opened.store.load(owner.access, record)
      const again = async () => expect((await opened.store.load(owner.access, record)).outcome).toBe('held')
      expect(await moved(again)).toBeLessThanOrEqual(least + 300)
      const change = async () => {
        const answer = await run({ held: record })
        expect(answer.outcome).toBe('held')
        if (answer.outcome === 'held') record = { ...answer.record, data: record.data }
      }
      expect(await moved(change)).toBeLessThanOrEqual(leastOfChange + 300)
    })

    it('sends the whole session only to who has not read it', async () => {
      proxy.reset()
      expect((await run({})).outcome).toBe('changed')
      expect(proxy.bytes).toBeGreaterThan(16_384)
    })
  })
}
