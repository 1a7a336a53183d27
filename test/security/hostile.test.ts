import { randomBytes } from 'node:crypto'
import { IncomingMessage, ServerResponse } from 'node:http'
import { Socket } from 'node:net'
import fc from 'fast-check'
import { memory } from 'koa-atomic-session/memory'
import { sqlite } from 'koa-atomic-session/sqlite'
import { document } from 'koa-atomic-session/testing'
import onHeaders from 'on-headers'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { commands, type Data, Refusal } from '../../src/algebra/index.ts'
import { Sessions } from '../../src/api/sessions.ts'
import type { Store } from '../../src/contract/store.ts'
import { newId, newSecret, writeCredential } from '../../src/cookie/credential.ts'
import { keygripOf } from '../../src/cookie/keys.ts'
import { createToken } from '../../src/csrf/token.ts'
import { CsrfError, isSessionError } from '../../src/errors/index.ts'
import { settingsOf } from '../../src/settings/settings.ts'
import { chainOf, changed, changeOf, visitor } from '../../src/testing/harness.ts'
import { OPEN, type Opened, STORES, serverOf } from '../stores/clients.ts'
import { counting, KEY } from '../visitor.ts'
import { kinds } from './stores.ts'

const keygrip = keygripOf([KEY])

/** A request with this Cookie header, as the core sees one, without a network in between. */
function requestWith(sessions: Sessions<Record<string, never>>, cookie: string) {
  const response = new ServerResponse(new IncomingMessage(new Socket()))
  const headers = { cookie }
  const onHead = (write: () => void) => onHeaders(response, write)
  const rest = {
    arrived: performance.now(),
    onClose: () => {},
    secure: false,
    client: undefined,
    url: undefined,
    context: {},
  }
  return sessions.handle({ headers, response, onHead, ...rest }).handle
}

describe('hostile cookies and tokens', () => {
  const store = counting(memory())
  const sessions = new Sessions<Record<string, never>>(
    settingsOf({}),
    store,
    () => {},
    () => [KEY],
  )
  const good = writeCredential(newSecret(newId()), 'sid', keygrip)
  const guest = { kind: 'visitor', id: newId() } as const

  /** A good text with something done to it, or no good text at all. */
  const mangled = (text: string) =>
    fc.oneof(
      fc
        .tuple(fc.nat(text.length - 1), fc.string({ unit: 'binary', maxLength: 3 }), fc.nat(3))
        .map(([at, insert, remove]) => text.slice(0, at) + insert + text.slice(at + remove)),
      fc.string({ unit: 'binary', maxLength: 200 }),
      fc.string({ unit: 'grapheme', maxLength: 40 }).map((s) => `${text}${s}`),
      fc.stringMatching(/^[sn]\.[\w-]{22}(\.[\w-]{43}){0,2}$/),
      fc.constantFrom(
        '__proto__',
        'constructor',
        'undefined',
        'null',
        '',
        '"',
        `"${text}"`,
        text.toLowerCase(),
        `${text}=`,
        encodeURIComponent(`${text};`),
        'x'.repeat(8192),
      ),
    )

  it('ID-4: 100,000 cookies that nobody signed cause no store call and no failure', { timeout: 240_000 }, async () => {
    let tried = 0
    await fc.assert(
      fc.asyncProperty(mangled(good), async (value) => {
        fc.pre(value !== good && !value.includes(';') && value.trim() !== good)
        tried++
        const session = await requestWith(sessions, `sid=${value}`)
        expect(session.isNew).toBe(true)
      }),
      { numRuns: 100_000, endOnFailure: true },
    )
    expect(tried).toBe(100_000)
    expect(store.calls).toEqual([])
  })

  it('CF-4: 100,000 tokens that nobody made are refused, whatever they are', { timeout: 240_000 }, async () => {
    const session = await requestWith(sessions, `sid=${writeCredential(guest, 'sid', keygrip)}`)
    const token = createToken({ cookie: 'sid', id: guest.id, epoch: '' }, keygrip)
    session.assertCSRF(token)
    fc.assert(
      fc.property(fc.oneof({ weight: 9, arbitrary: mangled(token) }, fc.anything()), (value) => {
        fc.pre(value !== token)
        expect(() => session.assertCSRF(value)).toThrow(CsrfError)
      }),
      { numRuns: 100_000, endOnFailure: true },
    )
    expect(store.calls).toEqual([])
  })
})

describe('hostile documents', () => {
  const opened: (Opened & { name: string })[] = []
  beforeAll(async () => {
    const open = async (name: string, make: () => Promise<Opened>) => opened.push({ ...(await make()), name })
    await open('memory', async () => ({ store: memory({ max: 1e6 }), close: async () => {} }))
    await open('sqlite', async () => ({ store: sqlite(':memory:'), close: async () => {} }))
    for (const name of STORES) {
      const server = serverOf(name)
      if ('url' in server) await open(name, () => OPEN[name](server.url, 'hostile_documents'))
    }
  })
  afterAll(async () => {
    for (const { close } of opened) await close()
  })

  /** Values that JavaScript has and a session must not keep, somewhere within one that it may. */
  const poison = fc.constantFrom<unknown>(
    Number.NaN,
    Number.POSITIVE_INFINITY,
    undefined,
    10n,
    Symbol('x'),
    () => 1,
    new Map(),
    new Set([1]),
    /x/,
    new Error('x'),
    new Date(Number.NaN),
    '\0',
    'a\0b',
    '\ud800',
    new Array(2),
    Object.create({ inherited: 1 }),
    new (class Thing {})(),
    {
      get x() {
        return 1
      },
    },
    { toJSON: () => 1 },
    { [Symbol('x')]: 1 },
    JSON.parse('{"__proto__":1}'),
    { constructor: 1 },
    { $where: 1 },
    { 'a.b': 1 },
    { '': 1 },
    { 'a\0': 1 },
    { '\udfff': 1 },
    { _bsontype: 'ObjectId' },
    { $ref: 'x' },
    new Uint8Array(2),
    Buffer.from('x'),
    Promise.resolve(),
    new Proxy({}, { ownKeys: () => ['a', 'a'] }),
  )
  const hidden: fc.Arbitrary<unknown> = fc
    .tuple(document, poison, fc.constantFrom('list', 'object', 'bare'))
    .map(([around, bad, where]) =>
      where === 'bare' ? bad : where === 'list' ? [around, bad] : { ...around, bad: { deep: [bad] } },
    )

  it('have one verdict, before any I/O, that names the place', async () => {
    const cyclic: Record<string, unknown> = {}
    cyclic.self = cyclic
    let deep: unknown = 1
    for (let i = 0; i < 40; i++) deep = [deep]
    for (const value of [cyclic, deep]) expect(() => commands.set('a', value)).toThrow(Refusal)
    fc.assert(
      fc.property(hidden, (value) => {
        try {
          commands.set('a.b', value)
        } catch (error) {
          // A Proxy that lies breaks a rule of the language itself.
          if (error instanceof TypeError) return
          expect(error).toBeInstanceOf(Refusal)
          expect((error as Refusal).problem).toMatchObject({ path: expect.stringMatching(/^a\.b/) })
          return
        }
        expect.fail('it was taken')
      }),
      { numRuns: 5000 },
    )
  })

  it('read each property once, so that no value changes between its check and its use', () => {
    let reads = 0
    const shifty = new Proxy(
      { a: 1 },
      {
        getOwnPropertyDescriptor: (target, key) => {
          reads++
          return { ...Object.getOwnPropertyDescriptor(target, key)!, value: reads > 1 ? Number.NaN : 1 }
        },
        get: () => Number.NaN,
      },
    )
    expect(commands.set('x', shifty)).toMatchObject({ value: { a: 1 } })
    expect(reads).toBe(1)
  })

  it('are kept by every store as they are, when they are nothing but odd', async () => {
    const odd = fc.dictionary(
      fc.string({ unit: 'binary', minLength: 1, maxLength: 8 }).filter((key) => {
        try {
          return commands.set(key, 1).path.length === 1
        } catch {
          return false
        }
      }),
      fc.oneof(
        fc.string({ unit: 'binary', maxLength: 12 }).filter((s) => !s.includes('\0') && s.isWellFormed()),
        fc.double({ noNaN: true, noDefaultInfinity: true }).map((n) => n + 0),
        fc.constantFrom([], {}, [[]], [{}], { a: [] }, null, '', ' ', '{}', '[]', '"'),
      ),
      { maxKeys: 6, noNullPrototype: true },
    ) as fc.Arbitrary<Data>
    await fc.assert(
      fc.asyncProperty(odd, odd, async (before, value) => {
        for (const { store, name } of opened) {
          const { access } = await visitor(store as Store, before)
          const after = changed(
            await (store as Store).update(access, changeOf(chainOf(commands.set('set here', value)))),
          )
          expect({ [name]: after.data }).toEqual({ [name]: { ...before, 'set here': value } })
        }
      }),
      { numRuns: 300 },
    )
  })

  for (const { name, missing, open } of kinds('long_values')) {
    it.skipIf(missing)(
      `may hold a value of any length at an indexed field of ${name}, by which they are found`,
      async () => {
        const { store, close } = await open()
        const indexed = store.indexed(['user', 'of.device'])
        await indexed.setup()
        // Random, because what can be compressed would fit where this does not.
        const long = randomBytes(24_000).toString('base64')
        const { access } = await visitor(indexed, { user: long })
        expect((await indexed.find('user', long, 1e9)).map(({ id }) => id)).toEqual([access.id])
        changed(await indexed.update(access, changeOf(chainOf(commands.set('of.device', `${long}1`)))))
        changed(await indexed.update(access, changeOf(chainOf(commands.rename('user', 'was')))))
        expect(await indexed.find('user', long, 1e9)).toEqual([])
        expect(await indexed.find('of.device', `${long}2`, 1e9)).toEqual([])
        expect(await indexed.destroyAll('of.device', `${long}1`, undefined)).toBe(1)
        await close()
      },
    )
  }

  it('that are refused are told as errors of this package, with what is wrong with them', async () => {
    const sessions = new Sessions<Record<string, never>>(
      settingsOf({}),
      counting(memory()),
      () => {},
      () => [KEY],
    )
    const handle = requestWith(sessions, '') as never as { set(path: string, value: unknown): PromiseLike<unknown> }
    for (const [path, value] of [
      ['a', Number.NaN],
      ['a..b', 1],
      ['$a', 1],
      ['a', { $gt: 1 }],
      ['id', 1],
    ] as const) {
      try {
        await handle.set(path, value)
        expect.fail('it was taken')
      } catch (error) {
        expect(isSessionError(error)).toBe(true)
        expect(error).toMatchObject({ applied: false, path: expect.any(String) })
      }
    }
  })
})
