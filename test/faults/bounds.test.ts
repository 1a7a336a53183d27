import { join } from 'node:path'
import { memory } from 'koa-atomic-session/memory'
import { sqlite } from 'koa-atomic-session/sqlite'
import { afterEach, describe, expect, it, vi } from 'vitest'
import { commands } from '../../src/algebra/index.ts'
import type { Store } from '../../src/contract/store.ts'
import { atomicSession } from '../../src/index.ts'
import { chainOf, changeOf, MINUTE, visitor } from '../../src/testing/harness.ts'
import { temporaryFolder } from '../servers/child.ts'
import { TestApp } from '../visitor.ts'

describe('what is kept has a limit', () => {
  it('memory: beyond max the session goes that was changed longest ago', async () => {
    const store = memory({ max: 3 })
    const [first, second, third] = [await visitor(store), await visitor(store), await visitor(store)]
    await store.update(first.access, changeOf(chainOf(commands.inc('n'))))
    // Reading is no change.
    await store.load(second.access)
    const fourth = await visitor(store)
    const outcomes = await Promise.all(
      [first, second, third, fourth].map(async ({ access }) => (await store.load(access)).outcome),
    )
    expect(outcomes).toEqual(['live', 'absent', 'live', 'live'])
    for (let i = 0; i < 100; i++) await visitor(store)
    let kept = 0
    for await (const _ of store.list()) kept++
    expect(kept).toBe(3)
  })

  it('a request: the call after a thousand that wait says to await them, and those are applied', async () => {
    const app = new TestApp()
    atomicSession(app.koa, { store: memory() })
    app.koa.use(async (ctx) => {
      const session = ctx.session()
      if (ctx.path === '/loop') {
        const waiting = Array.from({ length: 1000 }, () => session.inc('n').then(() => {}))
        let message = ''
        try {
          await session.inc('n')
        } catch (error) {
          message = (error as Error).message
        }
        await Promise.all(waiting)
        ctx.body = message
      } else ctx.body = { ...(await session).data }
    })
    await app.listen()
    const visitor = app.visitor()
    expect(await visitor.text('/loop')).toBe(
      'One request has 1000 session commands waiting: await them, or write them as one chain',
    )
    expect(await visitor.json('/')).toEqual({ n: 1000 })
    await app.close()
  })
})

describe('a clock that steps back by an hour', () => {
  afterEach(() => void vi.useRealTimers())
  const folder = temporaryFolder('bounds')
  const stores: Record<string, () => Store> = { memory, sqlite: () => sqlite(join(folder, 'clock.db')) }
  for (const [name, open] of Object.entries(stores)) {
    it(`${name}: no session ends early, and each lives on for as long as the step`, async () => {
      vi.useFakeTimers({ toFake: ['Date'] })
      const began = Date.now()
      const store = open()
      const { access } = await visitor(store, { n: 0 }, { idle: MINUTE })
      const at = async (time: number) => {
        vi.setSystemTime(began + time)
        return (await store.load(access)).outcome
      }
      expect(await at(-60 * MINUTE)).toBe('live')
      // A change slides it by the clock as it is now, never to an earlier end.
      await store.update(access, changeOf(chainOf(commands.inc('n')), { slide: { idle: MINUTE, atLeast: 0 } }))
      expect(await at(MINUTE - 1)).toBe('live')
      expect(await at(MINUTE)).toBe('expired')
      await store.close()
    })
  }
})
