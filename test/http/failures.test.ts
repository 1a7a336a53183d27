import { StoreError } from 'koa-atomic-session'
import { memory } from 'koa-atomic-session/memory'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { Visitor } from '../visitor.ts'
import { type Handler, KINDS, type Serving, serve } from './servers.ts'

const TIMEOUT = 300
const never = () => new Promise<never>(() => {})
const down = async () => {
  throw new StoreError('memory', 'is down', false)
}

describe.each(KINDS)('a store that fails, on %s,', (kind) => {
  let app: Serving
  let store: ReturnType<typeof memory>
  let visitor: Visitor
  let handler: Handler
  const unhandled: unknown[] = []
  const keep = (error: unknown) => unhandled.push(error)

  beforeEach(async () => {
    store = memory()
    app = await serve(kind, (call) => handler(call), { store, timeout: TIMEOUT, touchAfter: 0 })
    visitor = app.visitor()
    handler = async ({ session }) => void (await session().set('user', 1))
    await visitor.fetch('/')
    unhandled.length = 0
    process.on('unhandledRejection', keep)
  })
  afterEach(async () => {
    process.off('unhandledRejection', keep)
    await app.close()
  })

  const methods = {
    'a log-out': 'destroy',
    'a regeneration': 'regenerate',
    'another look': 'update',
  } as const
  for (const [what, method] of Object.entries(methods)) {
    for (const loaded of [false, true]) {
      it(`fails the request for ${what} that is not awaited, ${loaded ? 'of a session that was read' : 'unread'}`, async () => {
        handler = async (call) => {
          const session = loaded ? await call.session() : call.session()
          store.destroy = down
          store.load = down
          store.update = down
          session[method]()
        }
        expect((await visitor.fetch('/')).status).toBe(503)
        // Node.js tells of them when the turn of the event loop in which they came is over.
        await new Promise((resolve) => setImmediate(resolve))
        expect(unhandled).toEqual([])
      })
    }
  }

  it('leaves the failure of what somebody awaits to them', async () => {
    store.destroy = down
    handler = async ({ session }) => {
      await session()
        .destroy()
        .catch(() => {})
      await expect(session().destroy()).rejects.toThrow('is down')
      await session()
        .destroy()
        .finally(() => {})
        .catch(() => {})
    }
    expect((await visitor.fetch('/')).status).toBe(200)
  })

  it('is waited for once a request, however many commands are waiting', async () => {
    const tried: number[] = []
    store.update = (_, { chain }) => {
      tried.push(chain.commands.length)
      return never()
    }
    let failures: PromiseSettledResult<unknown>[] = []
    handler = async ({ session }) => {
      const handle = session()
      failures = await Promise.allSettled(Array.from({ length: 20 }, (_, i) => handle.inc('n').inc(`m${i}`)))
      throw (failures[0] as PromiseRejectedResult).reason
    }
    expect((await visitor.fetch('/')).status).toBe(503)
    expect(tried).toHaveLength(1)
    const outcomes = failures.map((failure) => (failure as PromiseRejectedResult).reason.applied)
    expect(outcomes).toEqual(['unknown', ...Array(19).fill(false)])
  })

  it('is asked again by a command that comes after the failure', async () => {
    const update = store.update
    store.update = never
    handler = async ({ session }) => {
      await session()
        .inc('n')
        .catch(() => {})
      store.update = update
      return (await session().inc('n')).n
    }
    expect(await visitor.json('/')).toEqual({ value: 1 })
  })
})
