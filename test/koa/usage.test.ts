import assert from 'node:assert/strict'
import Koa from 'koa'
import { atomicSession, isSessionError, SessionUsageError } from 'koa-atomic-session'
import { httpSessions } from 'koa-atomic-session/http'
import { memory } from 'koa-atomic-session/memory'
import { mongodb } from 'koa-atomic-session/mongodb'
import { mysql } from 'koa-atomic-session/mysql'
import { postgres } from 'koa-atomic-session/postgres'
import { redis } from 'koa-atomic-session/redis'
import { sqlite } from 'koa-atomic-session/sqlite'
import { MongoClient } from 'mongodb'
import { describe, expect, it } from 'vitest'
import { KEY, TestApp } from '../visitor.ts'

describe('wrong use says what to write instead', () => {
  const make = (options: object) => () => atomicSession(new Koa(), { store: memory(), ...options })

  it.each([
    [{ limit: { field: 'user', max: 5, beyond: 'oldest' } }, "pass index: ['user']"],
    [
      { index: ['user'], limit: { field: 'user', max: 0, beyond: 'oldest' } },
      'max must be a whole number from 1 to 1000',
    ],
    [{ index: ['user'], limit: { field: 'user', max: 5, beyond: 'newest' } }, "a newcomer can't be refused"],
    [{ index: ['user'], limit: { field: 'user', maximum: 5 } }, "limit has no option 'maximum'"],
    [{ maxAge: undefined }, "maxAge is undefined (ms('1 month') gives undefined)"],
    [{ maxAge: '1 mnth' }, "maxAge '1 mnth' has an unknown unit"],
    [{ maxAge: '30' }, "maxAge '30' is not a duration with units"],
    [{ maxAge: '1 month or so' }, 'is not a duration with units'],
    [{ maxAge: -1 }, 'maxAge is -1'],
    [{ maxAge: Number.NaN }, 'maxAge is NaN'],
    [{ maxAge: 0 }, 'maxAge must be longer than 0'],
    [{ maxAge: '401 days' }, 'maxAge is longer than 400 days'],
    [{ key: 'a b' }, "key 'a b' cannot be a cookie's name"],
    [{ key: '__Host-sid' }, "key '__Host-sid' needs secure: true"],
    [{ key: '__host-sid', secure: true, domain: 'example.org' }, "key '__host-sid' allows neither domain nor path"],
    [{ key: '__Host_sid', secure: true }, 'a cookie prefix is written __Host-'],
    [{ sameSite: 'none' }, "sameSite 'none' needs secure: true"],
    [{ sameSite: 'Lax' }, "sameSite must be 'lax', 'strict' or 'none'"],
    [{ partitioned: true }, 'partitioned needs secure: true'],
    [{ domain: 'example.org;x' }, 'is not a host name'],
    [{ path: 'app' }, "path 'app' is not a cookie path"],
    [{ path: '/a;b' }, 'is not a cookie path'],
    [{ origin: 'example.org' }, "origin 'example.org' must look like 'https://example.org'"],
    [{ origin: 'https://example.org/' }, 'must look like'],
    [{ index: ["user'id"] }, "index 'user'id'"],
    [{ index: ['a.__proto__'] }, 'is not a path'],
    [{ index: 'user_id' }, "index must be a list of fields: index: ['user_id']"],
    [{ secured: true }, "A session has no option 'secured': did you mean 'secure'?"],
    [{ maxLifeTime: '12 hours' }, "has no option 'maxLifeTime': did you mean 'maxLifetime'?"],
    [{ maxage: 1 }, "did you mean 'maxAge'?"],
    [{ SAMESITE: 'lax' }, "did you mean 'sameSite'?"],
    [{ samesite: 'lax' }, "did you mean 'sameSite'?"],
    [{ indexes: ['user_id'] }, "did you mean 'index'?"],
    [{ secured: undefined }, "did you mean 'secure'?"],
    [{ whatever: 1 }, "has no option 'whatever': there is 'store', 'key', 'maxAge',"],
    [{ toString: 1 }, "has no option 'toString': there is"],
    [{ rolling: true }, "has no option 'rolling': a session slides whenever it is used"],
    [{ renew: true }, "has no option 'renew': a session slides whenever it is used"],
    [{ signed: true }, 'the cookie is always signed, with app.keys'],
    [{ overwrite: true }, 'a response has at most one cookie'],
    [{ httpOnly: true }, 'the cookie is always HttpOnly'],
    [{ autoCommit: false }, 'each command is applied at once'],
    [{ saveUninitialized: false }, 'with its first command'],
    [{ secret: 'x' }, 'set the keys that sign the cookie'],
    [{ keys: ['x'] }, 'set app.keys'],
    [{ maxBytes: 0 }, 'maxBytes must be'],
    [{ cache: -1 }, "cache can't be -1. Write bytes, a text such as '16 MiB' (B, KiB, MiB, GiB), or 0 for none"],
    [{ cache: Number.NaN }, "cache can't be NaN"],
    [{ cache: 1.5 }, "cache can't be 1.5"],
    [{ cache: '16 MB' }, "cache can't be '16 MB'"],
    [{ cache: '-1 MiB' }, "cache can't be '-1 MiB'"],
    [{ cache: false }, "cache can't be false"],
    [{ cache: null }, "cache can't be null"],
    [{ store: {} }, 'A store comes from a function of this package'],
  ])('%o', (options, message) => {
    expect(make(options)).toThrow(message)
    expect(make(options)).toThrow(SessionUsageError)
  })

  it("a maxBytes above the database's own limit", () => {
    const collection = new MongoClient('mongodb://127.0.0.1:1').db().collection('sessions')
    const store = mongodb(collection)
    expect(make({ store, maxBytes: 8_000_000 })).not.toThrow()
    expect(make({ store, maxBytes: 8_000_001 })).toThrow(
      'The mongodb store can keep sessions of 8000000 bytes: lower maxBytes',
    )
    expect(make({ store, maxBytes: 8_000_001 })).toThrow(SessionUsageError)
    const later = atomicSession(new Koa(), { maxBytes: 64 * 2 ** 20 })
    expect(() => {
      later.collection = collection
    }).toThrow(SessionUsageError)
  })

  it.each([
    ['postgres', postgres({ query: async () => expect.unreachable() }), 100_000_000],
    ['sqlite', sqlite(':memory:'), 400_000_000],
  ])('a maxBytes above what a row of %s can hold', (name, store, largest) => {
    expect(make({ store, maxBytes: largest })).not.toThrow()
    expect(make({ store, maxBytes: largest + 1 })).toThrow(`The ${name} store can keep sessions of ${largest} bytes`)
  })

  it('an application that is none', () => {
    expect(() => atomicSession({} as Koa)).toThrow('atomicSession takes the Koa application first')
  })

  it('a second call for one application', () => {
    const app = new Koa()
    atomicSession(app, { store: memory() })
    expect(() => atomicSession(app, { store: memory() })).toThrow(
      'called before for ctx.session. For a second kind of session pass',
    )
    expect(() => atomicSession(app, { store: memory(), property: 'b' })).toThrow("cookie 'sid' belongs to another")
    expect(() => atomicSession(app, { store: memory(), property: 'b', key: 'b' })).not.toThrow()
  })

  it('a ctx.session that belongs to somebody else', () => {
    const app = new Koa()
    Object.defineProperty(app.context, 'session', { get: () => ({}) })
    expect(() => atomicSession(app, { store: memory() })).toThrow("{ property: 'visit' }")
  })

  it('a table name that is none', () => {
    expect(() => sqlite('x.db', { table: 'x"; drop table y; --' })).toThrow('cannot be the name of the table')
  })

  it.each(['a\0b', '\ud800', Number.NaN, Number.POSITIVE_INFINITY])(
    'a value to look up that no session can keep, on every store before any I/O: %j',
    async (value) => {
      const sessions = atomicSession(new Koa(), { store: memory(), index: ['user'] })
      const refused = { code: 'ERR_SESSION_VALUE', status: 400, path: 'user' }
      await expect(sessions.find('user', value)).rejects.toMatchObject(refused)
      await expect(sessions.destroyAll('user', value)).rejects.toMatchObject(refused)
    },
  )
  it.each<[string, () => unknown, string]>([
    ['memory', () => memory({ maximum: 5 } as object), "The memory store has no option 'maximum': there is 'max'"],
    ['sqlite', () => sqlite('x.db', { tabel: 'x' } as object), "has no option 'tabel': did you mean 'table'?"],
    ['postgres', () => postgres({} as never, { tables: 'x' } as object), "did you mean 'table'?"],
    ['mysql', () => mysql({} as never, { tables: 'x' } as object), "did you mean 'table'?"],
    ['redis', () => redis({} as never, { Prefix: 'x' } as object), "did you mean 'prefix'?"],
    ['httpSessions', () => httpSessions({ keys: [KEY], onerror: () => {} } as never), "did you mean 'onError'?"],
  ])('an option that %s does not have', (_, make, message) => {
    expect(make).toThrow(message)
    expect(make).toThrow(SessionUsageError)
  })

  it('an option that rotate() does not have, before any I/O', async () => {
    const app = new TestApp()
    const sessions = atomicSession(app.koa, { store: memory() })
    app.koa.use(async (ctx) => {
      await sessions
        .of(ctx)
        .rotate({ authenticate: true } as object)
        .set('user', 1)
    })
    await app.listen()
    expect((await app.visitor().fetch('/')).status).toBe(500)
    expect(app.errors[0]?.message).toBe("rotate() has no option 'authenticate': did you mean 'authenticated'?")
    await app.close()
  })

  it('a part of what is found that can not be asked for, before any I/O', async () => {
    const store = memory().indexed(['user'])
    store.find = async () => assert.fail('the store is asked')
    const sessions = atomicSession(new Koa(), { store, index: ['user'] })
    for (const limit of [0, 1001, 1.5, Number.NaN, '5', null]) {
      await expect(sessions.find('user', 1, { limit } as never)).rejects.toThrow("use 'for await' to go through all")
    }
    for (const after of ['', 'x', null, ['a'], { $gt: '' }]) {
      const refused = { code: 'ERR_SESSION_VALUE', status: 400, path: 'after' }
      await expect(sessions.find('user', 1, { after } as never)).rejects.toMatchObject(refused)
    }
    for (const after of [
      'a'.repeat(22),
      { id: 'a'.repeat(22), seen: new Date('x') },
      { id: 'a'.repeat(22), seen: 7 },
    ]) {
      const refused = { code: 'ERR_SESSION_VALUE', path: 'after' }
      await expect(sessions.find('user', 1, { after, order: 'seen' } as never)).rejects.toMatchObject(refused)
    }
    await expect(sessions.find('user', 1, { order: 'age' } as never)).rejects.toThrow("'id' or 'seen'")
    await expect(sessions.find('user', 1, { afer: 'x' } as never)).rejects.toThrow("did you mean 'after'?")
    const walk = async () => {
      for await (const _ of sessions.find('user', 1, { limit: 0 })) assert.fail('something is found')
    }
    await expect(walk()).rejects.toThrow(SessionUsageError)
  })

  it('a field that is not indexed', async () => {
    const sessions = atomicSession(new Koa(), { store: memory(), index: ['user_id'] })
    await expect(sessions.find('name', 1)).rejects.toThrow("pass index: ['name'] to atomicSession()")
    await expect(sessions.find('user_id', 1)).resolves.toEqual([])
  })

  it.each([
    ['no store', undefined, ['a key that nobody can guess'], 'sessions.collection = db.collection('],
    ['no keys', memory(), undefined, 'Sessions need app.keys'],
    ['empty keys', memory(), [], 'app.keys is empty'],
    ['short keys', memory(), ['secret'], 'openssl rand -base64 32'],
  ])('%s: the request that uses a session fails, others do not notice', async (_, store, keys, message) => {
    const app = new TestApp()
    app.koa.keys = keys as string[]
    atomicSession(app.koa, store ? { store } : {})
    app.koa.use(async (ctx) => {
      if (ctx.path === '/use') await ctx.session().set('a', 1)
      ctx.body = 'fine'
    })
    await app.listen()
    expect((await app.visitor().fetch('/')).status).toBe(200)
    expect((await app.visitor().fetch('/use')).status).toBe(500)
    expect(app.errors[0]?.message).toContain(message)
    expect(isSessionError(app.errors[0])).toBe(true)
    await app.close()
  })

  it('a value that a session cannot keep: refused before any I/O, with its path', async () => {
    const app = new TestApp()
    atomicSession(app.koa, { store: memory() })
    const values: [unknown, string][] = [
      [undefined, 'undefined; use unset()'],
      [Number.NaN, 'NaN is no JSON number'],
      [1n, 'a BigInt'],
      ['\0', 'NUL'],
      ['\ud800', 'lone surrogate'],
      [new Map(), 'a Map instance'],
      [new Array(3), 'a hole in a list'],
      [{ $gt: 1 }, "begins with '$'"],
      [{ 'a.b': 1 }, "'.' in it"],
      [JSON.parse('{"__proto__":1}'), "the key '__proto__'"],
      [{ toString: [{ a: 1 }] }, "the key 'toString'"],
      [{ hasOwnProperty: 1 }, "the key 'hasOwnProperty'"],
      [{ _bsontype: 'ObjectId' }, '_bsontype'],
      [new Date(Number.NaN), 'an invalid Date'],
      [() => 1, 'a function'],
    ]
    const seen: string[] = []
    app.koa.use(async (ctx) => {
      for (const [value, message] of values) {
        try {
          ctx.session().set('deep', { in: [value] })
        } catch (error) {
          seen.push(`${(error as Error).message.includes(message)} ${(error as { path: string }).path}`)
        }
      }
      ctx.body = 'fine'
    })
    await app.listen()
    await app.visitor().fetch('/')
    expect(seen).toEqual(values.map(() => expect.stringMatching(/^true deep\.in\.0/)))
    await app.close()
  })
})
