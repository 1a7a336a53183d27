import {
  atomicSession,
  CommandTypeError,
  ConditionFailedError,
  InvalidPathError,
  InvalidValueError,
  isSessionError,
  PathConflictError,
  SessionUsageError,
  StoreError,
} from 'koa-atomic-session'
import { memory } from 'koa-atomic-session/memory'
import { afterEach, describe, expect, it } from 'vitest'
import { milliseconds } from '../../src/settings/duration.ts'
import { TestApp } from '../visitor.ts'

const EVIL = '\x1b]0;owned\x07\x1b[2K\r\n2025-01-01 INFO all is well\x9b1A\u202e\u2028'
// biome-ignore lint/suspicious/noControlCharactersInRegex: these are what must not be there
const CONTROL = /[\x00-\x1f\x7f-\x9f\u202e\u2028]/

describe('no message has a control character of a path, a key, an option or a driver', () => {
  it.each([
    new InvalidPathError(EVIL, `because of ${EVIL}`),
    new InvalidValueError(EVIL, EVIL),
    new PathConflictError(EVIL, EVIL),
    new CommandTypeError(EVIL, 'inc', 'string'),
    new ConditionFailedError(EVIL),
    new SessionUsageError(EVIL),
    new StoreError(EVIL, EVIL, false, new TypeError(EVIL)),
  ])('$name', (error) => {
    for (let one: unknown = error; one instanceof Error; one = one.cause) {
      expect(one.message).not.toMatch(CONTROL)
      expect(one.message).toContain('\\u001b]0;owned\\u0007')
      expect(one.stack!.split('\n')[0]).toContain('owned')
    }
    expect(isSessionError(error)).toBe(true)
    if ('path' in error) expect(error.path).toBe(EVIL)
  })

  it('a duration', () => {
    expect(() => milliseconds(EVIL, 'maxAge')).toThrow('\\u001b]0;owned')
  })
})

describe('what a log gets of a visitor', () => {
  let app: TestApp
  afterEach(() => app.close())

  it('has one line for the message, without escape sequences', async () => {
    app = new TestApp()
    const sessions = atomicSession(app.koa, { store: memory() })
    app.koa.use(async (ctx) => {
      await sessions.of(ctx).set(`cart.${ctx.query.product}`, 1)
    })
    await app.listen()
    const response = await app.visitor().fetch(`/?product=${encodeURIComponent(`$${EVIL}`)}`)
    expect(response.status).toBe(400)
    const { stack } = app.errors[0]!
    expect(stack).toContain('InvalidPathError')
    expect(stack!.replace(/\n {4}at .*/g, '')).not.toMatch(CONTROL)
  })
})
