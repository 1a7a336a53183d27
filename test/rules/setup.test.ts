import { atomicSession } from 'koa-atomic-session'
import { httpSessions } from 'koa-atomic-session/http'
import { memory } from 'koa-atomic-session/memory'
import { describe, expect, it } from 'vitest'
import { keygripOf } from '../../src/cookie/keys.ts'
import type { StandardSchema } from '../../src/data/schema.ts'
import { SessionUsageError } from '../../src/errors/index.ts'
import { counting, KEY, TestApp } from '../visitor.ts'
import { type Any, site } from './browser.ts'

/** A text whose letters are large, small, or change. */
const CASES: Record<string, (text: string) => string> = {
  'as it is': (text) => text,
  large: (text) => text.toUpperCase(),
  small: (text) => text.toLowerCase(),
  changing: (text) => [...text].map((letter, i) => (i % 2 ? letter.toUpperCase() : letter.toLowerCase())).join(''),
}

describe('a key that can be guessed', () => {
  const EXAMPLES = [
    'im a newer secret',
    'some secret hurr',
    'i like turtle, i like turtle',
    'keyboard cat, keyboard cat',
    'complex_password_at_least_32_characters_long',
    'a secret with minimum length of 32 characters',
    'averylogphrasebiggerthanthirtytwochars',
    'process.env.session_key',
    'import.meta.env.session_key',
    'openssl rand -base64 32',
    'the output of: openssl rand -base64 32',
    '<your_session_key>',
    'qwertyuiopasdfghjklzxcvbnm',
    'abcdefghijklmnopqrstuvwxyz',
    'change this session secret',
    'replace-with-your-cookie-password',
    'undefinedundefined',
    '[object object][object object]',
  ]
  it.each(Object.entries(CASES))('is one whose letters are %s', (_, as) => {
    for (const example of EXAMPLES) {
      for (const list of [[as(example)], [KEY, as(example)]]) {
        expect(() => keygripOf(list), as(example)).toThrow('can be guessed')
      }
    }
  })

  it.each(Object.entries(CASES))('is none that is random, whose letters are %s', (_, as) => {
    for (const own of ['vk3qz8rmw1tjx6dp', 'k9 mv2 xq7 rt4 zb8 wd1', KEY])
      expect(() => keygripOf([as(own)])).not.toThrow()
  })

  it.each<[string, boolean]>([
    // What is left without an example is a key of its own, from sixteen characters and eight different ones.
    ['keyboard cat/vk3qz8rmw1tjx6d', true],
    ['keyboard cat/vk3qz8rmw1tjx6', false],
    ['keyboard cat/vk3qz8rvk3qz8r3', true],
    ['vk3qz8rvzq83kr8vq', false],
    ['vk3qz8rmw1tjx6d', false],
    // Three that follow each other are chance, four are a row.
    ['vk3qz8rmw1abc456', true],
    ['vk3qz8rmw1abcd45', false],
    ['vk3qz8rmw1dcba45', false],
    ['vk3qz8rmw1888845', false],
    ['vk3qz8rmw1888x45', true],
    ['888vk3qz8rmw1789', true],
    // A block that comes again, whole or cut off, is worth no more than the block.
    ['vk3qz8rmw1tjx6dvk3qz8rmw1tjx6d', false],
    ['vk3qz8rmw1tjx6dpvk3qz8rmw1tjx6dp', true],
    ['vk3qz8rmw1tjvk3qz8rmw1t', true],
  ])('%s: taken %s', (own, taken) => {
    if (taken) expect(() => keygripOf([own])).not.toThrow()
    else expect(() => keygripOf([own])).toThrow(SessionUsageError)
  })
})

describe('missing or empty keys', () => {
  const KEYS: Record<string, unknown> = {
    undefined: undefined,
    null: null,
    'no list': [],
    'a text': KEY,
    'an object': {},
  }

  it.each(Object.entries(KEYS))('%s: are noticed when sessions are made, where they are given then', (_, keys) => {
    expect(() => httpSessions({ store: memory(), keys: keys as Any })).toThrow(SessionUsageError)
    expect(() => site({ keys: keys as Any })).toThrow(SessionUsageError)
  })

  it.each(Object.entries(KEYS))(
    '%s: are noticed on Koa by the first request, before any store call',
    async (_, keys) => {
      const app = new TestApp()
      const store = counting(memory())
      atomicSession(app.koa, { store })
      // Koa itself has none of its own here.
      app.koa.keys = keys as Any
      const uses: ((session: Any) => unknown)[] = [
        (session) => session,
        (session) => session.inc('n'),
        (session) => session.destroy(),
        (session) => session.regenerate(),
        async (session) => (await session).createCSRF(),
      ]
      app.koa.use(async (ctx) => {
        await uses[Number(ctx.query.use)]!(ctx.session())
        ctx.status = 200
      })
      await app.listen()
      const forged = `sid=s.${'a'.repeat(22)}.${'b'.repeat(43)}.${'c'.repeat(43)}`
      for (const [cookie, should] of [
        // Who has no cookie, and gets none, needs no key.
        ['', [200, 500, 200, 200, 500]],
        [forged, [500, 500, 500, 500, 500]],
      ] as const) {
        const answers = await Promise.all(uses.map((_, i) => fetch(`${app.base}/?use=${i}`, { headers: { cookie } })))
        expect(answers.map(({ status }) => status)).toEqual(should)
        expect(answers.flatMap(({ headers }) => headers.getSetCookie())).toEqual([])
      }
      await app.close()
      expect(store.calls).toEqual([])
      expect(new Set(app.errors.map(({ code }) => code))).toEqual(new Set(['ERR_SESSION_USAGE']))
    },
  )
})

describe('a schema', () => {
  const answering = (answer: () => unknown): StandardSchema =>
    ({ '~standard': { version: 1, vendor: 'test', validate: answer } }) as never

  it.each<[string, () => unknown]>([
    ['resolves', async () => ({ value: {} })],
    ['rejects', async () => Promise.reject(new Error('the table is locked'))],
    ['is never settled', () => new Promise(() => {})],
    ['is no promise of ours', () => ({ then: (_: unknown, fails: (error: Error) => void) => fails(new Error('no')) })],
  ])('whose promise %s is refused before any store call, and its failure ends no process', async (_, answer) => {
    const unhandled: unknown[] = []
    const listen = (reason: unknown) => unhandled.push(reason)
    process.on('unhandledRejection', listen)
    try {
      const shop = site({ schema: answering(answer) })
      for (const step of [
        (session: Any) => session.set('a', 1),
        (session: Any) => session.push('l', 1),
        (session: Any) => session.inc('n'),
        (session: Any) => session.rename('a', 'b'),
      ]) {
        const { error, cookies } = await shop.browser().visit(step)
        expect([error, cookies]).toEqual(['ERR_SESSION_USAGE', []])
      }
      expect(shop.store.calls).toEqual([])
      // Node.js tells of them after a turn of the event loop.
      await new Promise((resolve) => setTimeout(resolve, 0))
      expect(unhandled).toEqual([])
    } finally {
      process.off('unhandledRejection', listen)
    }
  })

  it('that throws fails the request with its own error, before any store call', async () => {
    const failure = new Error('a fault of the schema')
    const shop = site({
      schema: answering(() => {
        throw failure
      }),
    })
    expect((await shop.browser().visit((session) => session.set('a', 1))).error).toBe(failure)
    expect(shop.store.calls).toEqual([])
  })
})

describe('options that can not work together, or not at all', () => {
  it.each<[string, Any]>([
    ['a store without commands', { store: { name: 'x' } }],
    [
      'an index that the store does not keep',
      { index: ['a'], store: { ...memory(), update() {}, indexed: undefined } },
    ],
    ['more bytes than the store keeps', { maxBytes: 101, store: Object.assign(memory(), { largest: 100 }) }],
  ])('%s: refused when sessions are made', (_, options) => {
    expect(() => httpSessions({ keys: [KEY], ...options })).toThrow(SessionUsageError)
  })

  it('just as many bytes as the store keeps are taken', () => {
    const store = Object.assign(memory(), { largest: 100 })
    expect(() => httpSessions({ keys: [KEY], maxBytes: 100, store })).not.toThrow()
  })
})
