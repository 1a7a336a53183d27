import { setFlagsFromString } from 'node:v8'
import { memory } from 'koa-atomic-session/memory'
import { beforeAll, describe, expect, it } from 'vitest'
import { type Any, site } from './browser.ts'

// Promises' callbacks run between two events, and never within a function; but Bun and Deno have run them within calls that
// the native code of their servers makes (https://github.com/oven-sh/bun/pull/39826, https://github.com/denoland/deno/issues/11731).
// A schema that does this stands for them.
let checkpoint: () => void

beforeAll(() => {
  setFlagsFromString('--allow-natives-syntax')
  checkpoint = new Function('%PerformMicrotaskCheckpoint()') as () => void
})

/** Validates each value, and runs the callbacks that wait. */
const schema = {
  '~standard': {
    version: 1,
    vendor: 'checkpoint',
    validate(value: unknown) {
      checkpoint()
      return { value: value as object }
    },
  },
} as const

/** Calls the handler from an event, outside of all callbacks. */
async function visit(handler: (session: Any) => unknown) {
  const { send, browser, sessions } = site({ store: memory(), schema })
  const first = await browser().visit((session) => session.set({ n: 1, stock: 0 }))
  const cookie = first.cookies[0]!.split(';')[0]!
  const id = (await send(cookie, async (session) => (await session).id)).value
  await new Promise<void>((resolve) => setImmediate(() => send(cookie, handler).then(() => resolve())))
  return { ...(await sessions.at(id)).data } as Any
}

describe('a runtime that runs callbacks within a command', () => {
  it('does so in this test', async () => {
    let within = false
    await new Promise<void>((resolve) =>
      setImmediate(() => {
        Promise.resolve().then(() => {
          within = true
        })
        checkpoint()
        resolve()
      }),
    )
    expect(within).toBe(true)
  })

  it('loses no command', async () => {
    expect(await visit((session) => session.inc('n'))).toMatchObject({ n: 2 })
    expect(await visit((session) => session.inc('n').set('a', 1).set('b', 2))).toMatchObject({ n: 2, a: 1, b: 2 })
  })

  it('applies no command whose condition does not hold', async () => {
    const data = await visit((session) => session.if('stock', 1).set('a', 1).set('b', 2))
    expect(data).toEqual({ n: 1, stock: 0 })
  })
})

it('a chain that goes on after it has been awaited keeps its conditions', async () => {
  const { browser, sessions } = site()
  const { value, error } = await browser().visit(async (session) => {
    await session.set({ n: 1, stock: 1 })
    const chain = session.if('stock', 1)
    await chain.set('stock', 0)
    return chain.set('n', 2)
  })
  expect([value, error]).toEqual([undefined, 'ERR_SESSION_CONDITION'])
  const visitor = browser()
  const { value: id } = await visitor.visit(async (session) => (await session.set({ n: 1, stock: 1 })).id)
  const outside = sessions.at(id).if('stock', 1)
  await outside.set('stock', 0)
  await expect(outside.set('n', 2)).rejects.toMatchObject({ code: 'ERR_SESSION_CONDITION' })
  expect((await sessions.at(id)).data).toEqual({ n: 1, stock: 0 })
})
