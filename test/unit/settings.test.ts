import { describe, expect, it } from 'vitest'
import { SessionUsageError } from '../../src/errors/index.ts'
import { bindingOf } from '../../src/settings/binding.ts'
import { assertNames } from '../../src/settings/names.ts'
import { domainOf, ownMaxAge, settingsOf } from '../../src/settings/settings.ts'

// biome-ignore lint/suspicious/noExplicitAny: options of any kind, also those that there can not be
type Any = any

const DAY = 86_400_000
const MINUTE = 60_000
const settings = (options: Any = {}) => settingsOf(options)
const cookie = (options: Any = {}) => settings(options).cookie
const binding = (options: Any = {}, more: Any = {}) => bindingOf(options, settings(more))

/** It is refused, by a text that begins with this one. */
function refused(make: () => unknown, says: string): void {
  expect(make).toThrow(SessionUsageError)
  expect(make).toThrow(new RegExp(`^${says.replace(/[.*+?^${}()|[\]\\]/g, '\\$&')}`))
}

describe('the settings', () => {
  it('have their defaults, and nobody changes them', () => {
    expect(settings()).toEqual({
      cookie: {
        ...{ name: 'sid', bound: 'sid-bound', secure: undefined, sameSite: 'Lax', domain: undefined, path: '/' },
        ...{ partitioned: false, persistent: false },
      },
      ...{ idle: 14 * DAY, maxLifetime: Number.POSITIVE_INFINITY, touchAfter: MINUTE },
      ...{ rotateEvery: Number.POSITIVE_INFINITY, onReuse: 'report', origins: [], index: [], limit: undefined },
      ...{ subject: undefined, pruneEvery: 0, adopt: undefined, client: undefined, schema: undefined },
      ...{ property: 'session', timeout: 2000, recheck: 30_000, maxBytes: 65_536, cache: 16 * 2 ** 20 },
    })
    for (const one of [settings(), cookie(), binding(), binding().except]) expect(Object.isFrozen(one)).toBe(true)
  })

  it('are what the options say', () => {
    const adopt = () => undefined
    const schema = { '~standard': { version: 1, vendor: 'test', validate: () => ({ value: 1 }) } }
    const options = {
      ...{ maxAge: '1 hour', maxLifetime: '1 day', touchAfter: 0, rotateEvery: '20 minutes', onReuse: 'report' },
      ...{ origin: ['https://a.example', 'http://b.example:81'], index: ['user', 'a_b.c-d.e'], pruneEvery: '1 hour' },
      ...{ limit: { field: 'user', max: 3, beyond: 'oldest' }, subject: 'user.id', adopt, client: adopt, schema },
      ...{ property: 'visit', timeout: 5, recheck: 6, maxBytes: 1 },
    }
    const { limit } = settings(options)
    expect(Object.isFrozen(limit)).toBe(true)
    expect(settings(options)).toMatchObject({
      ...{ idle: 60 * MINUTE, maxLifetime: DAY, touchAfter: 0, rotateEvery: 20 * MINUTE, onReuse: 'report' },
      ...{
        origins: ['https://a.example', 'http://b.example:81'],
        index: ['user', 'a_b.c-d.e'],
        pruneEvery: 60 * MINUTE,
      },
      ...{ limit: { field: 'user', max: 3, beyond: 'oldest' }, subject: ['user', 'id'], adopt, client: adopt, schema },
      ...{ property: 'visit', timeout: 5, recheck: 6, maxBytes: 1 },
    })
    expect(settings({ origin: 'https://a.example' }).origins).toEqual(['https://a.example'])
  })

  it('that follow from others: when an expiry slides, and what a secret that comes again does', () => {
    expect(settings({ maxAge: 5 * MINUTE }).touchAfter).toBe(MINUTE / 2)
    expect(settings({ maxAge: 10 * MINUTE }).touchAfter).toBe(MINUTE)
    expect(settings({ maxAge: DAY }).touchAfter).toBe(MINUTE)
    expect(settings({ rotateEvery: '1 hour' }).onReuse).toBe('end')
    for (const onReuse of ['end', 'report']) expect(settings({ onReuse, rotateEvery: 5 }).onReuse).toBe(onReuse)
  })

  it('are within what timers of Node.js can wait', () => {
    const most = 2 ** 31 - 1
    expect(settings({ timeout: '90 days', recheck: '90 days' })).toMatchObject({ timeout: most, recheck: most })
    // Half as much may be added.
    expect(settings({ pruneEvery: '90 days' }).pruneEvery * 1.5).toBeCloseTo(most, 0)
    expect(settings({ timeout: most - 1, recheck: most - 1 })).toMatchObject({ timeout: most - 1, recheck: most - 1 })
  })

  it('keep no cookie for longer than 400 days', () => {
    for (const of of [(maxAge: number) => settings({ maxAge }).idle, ownMaxAge]) {
      expect(of(400 * DAY)).toBe(400 * DAY)
      refused(() => of(400 * DAY + 1), 'maxAge is longer than 400 days')
      refused(() => of(0), 'maxAge must be longer than 0')
    }
  })

  it.each<[Any, string]>([
    ...['maxAge', 'maxLifetime', 'rotateEvery', 'pruneEvery', 'timeout', 'recheck'].flatMap<[Any, string]>((name) => [
      [{ [name]: undefined }, `${name} is undefined`],
      [{ [name]: 'soon' }, `${name} 'soon' is not a duration`],
      [{ [name]: 0 }, `${name} must be longer than 0`],
    ]),
    [{ touchAfter: undefined }, 'touchAfter is undefined'],
    [{ touchAfter: -1 }, 'touchAfter is -1'],
    [{ onReuse: '' }, "onReuse must be 'end' or 'report'"],
    [{ onReuse: null }, "onReuse must be 'end' or 'report'"],
    [{ persistent: 'yes' }, 'persistent must be true or false'],
    [{ adopt: {} }, 'adopt must be a function'],
    [{ client: 'x' }, 'client must be a function'],
    [{ schema: {} }, 'schema takes a schema'],
    [{ property: '' }, 'property must be a name'],
    [{ maxBytes: 0 }, 'maxBytes must be'],
    [{ maxBytes: 1.5 }, 'maxBytes must be'],
    [{ subject: 'a..b' }, 'subject must be the path of a field'],
    [{ subject: 7 }, 'subject must be the path of a field'],
    [{ index: 'user' }, 'index must be a list'],
    [{ index: ['a b'] }, "index 'a b'"],
    [{ index: ['1a'] }, "index '1a'"],
    [{ index: ['a.'] }, "index 'a.'"],
    [{ index: ['a.__proto__'] }, "index 'a.__proto__' is not a path"],
    [{ index: ['constructor.a'] }, "index 'constructor.a' is not a path"],
    [{ index: ['a'], limit: { field: 'b', max: 1, beyond: 'oldest' } }, "limit: 'b' is not indexed"],
    ...[0, 1001, 1.5, '5'].map<[Any, string]>((max) => [
      { index: ['a'], limit: { field: 'a', max, beyond: 'oldest' } },
      'limit: max must be',
    ]),
    [{ index: ['a'], limit: { field: 'a', max: 1, beyond: 'newest' } }, 'limit: beyond must be'],
    [{ index: ['a'], limit: { field: 'a', max: 1, beyond: 'oldest', more: 1 } }, "limit has no option 'more'"],
    ...['a.example', 'https://a.example/', 'ftp://a.example', 'https://a.example:443', 'wss://https:81'].map<
      [Any, string]
    >((origin) => [{ origin }, `origin '${origin}' must look like`]),
  ])('%j is refused', (options, says) => refused(() => settings(options), says))

  it.each<[Any, number]>([
    [0, 0],
    [1, 1],
    ['0 B', 0],
    ['512 B', 512],
    ['2KiB', 2048],
    ['1.5 MiB', 1.5 * 2 ** 20],
    ['1 GiB', 2 ** 30],
    ['999999999999999 B', 999_999_999_999_999],
    ['0.123456789 GiB', Math.round(0.123456789 * 2 ** 30)],
  ])('take %j as the size of what a process keeps', (cache, bytes) => {
    expect(settings({ cache }).cache).toBe(bytes)
  })

  it.each<[Any, string]>([
    [-1, '-1'],
    [1.5, '1.5'],
    [Number.NaN, 'NaN'],
    [null, 'null'],
    [true, 'true'],
    ['16', "'16'"],
    ['-1 MiB', "'-1 MiB'"],
    ['1 MB', "'1 MB'"],
    ['1  MiB', "'1  MiB'"],
    ['x1 MiB', "'x1 MiB'"],
    ['1 MiBs', "'1 MiBs'"],
    ['1. MiB', "'1. MiB'"],
    ['1.0123456789 MiB', "'1.0123456789 MiB'"],
    ['1234567890123456 B', "'1234567890123456 B'"],
    ['x'.repeat(100), `'${'x'.repeat(49)}. Write bytes`],
  ])('refuse %j as the size of what a process keeps', (cache, shown) => {
    refused(() => settings({ cache }), `cache can't be ${shown}`)
  })

  it('take a limit from one session to a thousand', () => {
    for (const max of [1, 1000]) {
      expect(settings({ index: ['a'], limit: { field: 'a', max, beyond: 'oldest' } }).limit?.max).toBe(max)
    }
  })

  it('have what a server adds', () => {
    expect(() => settingsOf({ keys: [] } as Any, ['keys'])).not.toThrow()
    refused(() => settings({ keys: [] }), "A session has no option 'keys': set app.keys")
  })
})

describe('the cookie', () => {
  it.each<[Any, Any]>([
    [{ key: 'my-sid' }, { name: 'my-sid', bound: 'my-sid-bound' }],
    [{ secure: true }, { name: '__Host-Http-sid', bound: '__Host-sid-bound', secure: true }],
    [{ secure: false }, { name: 'sid', secure: false }],
    [
      { secure: true, path: '/app' },
      { name: '__Secure-sid', bound: '__Secure-sid-bound', path: '/app' },
    ],
    [
      { secure: true, domain: 'a.example' },
      { name: '__Secure-sid', domain: 'a.example' },
    ],
    [
      { secure: true, key: '__Host-sid' },
      { name: '__Host-sid', bound: '__Host-sid-bound' },
    ],
    [
      { secure: true, key: '__Http-sid' },
      { name: '__Http-sid', bound: '__Secure-sid-bound' },
    ],
    [{ secure: true, key: '__HTTP-sid' }, { bound: '__Secure-sid-bound' }],
    [{ secure: true, key: '__host-http-sid' }, { bound: '__Host-sid-bound' }],
    [{ secure: true, key: 'my__Http-sid' }, { bound: '__Host-my__Http-sid-bound' }],
    [{ secure: true, key: 'my__Host-Http-sid', path: '/app' }, { bound: '__Secure-my__Host-Http-sid-bound' }],
    [{ secure: true, key: '__Secure-sid', domain: 'a.example', path: '/x' }, { name: '__Secure-sid' }],
    [{ sameSite: 'strict' }, { sameSite: 'Strict' }],
    [{ sameSite: 'none', secure: true }, { sameSite: 'None' }],
    [{ partitioned: true, secure: true }, { partitioned: true }],
    [{ persistent: true }, { persistent: true }],
    [{ maxAge: 1 }, { persistent: true }],
    [{ maxAge: 1, persistent: false }, { persistent: false }],
    [{ key: 'a'.repeat(256) }, { name: 'a'.repeat(256) }],
    [{ path: `/${'a'.repeat(1023)}` }, { path: `/${'a'.repeat(1023)}` }],
    [{ key: 'ghost__sid' }, { name: 'ghost__sid' }],
    [{ key: 'hosts' }, { name: 'hosts' }],
  ])('of %j is %j', (options, is) => expect(cookie(options)).toMatchObject(is))

  it.each<[Any, string]>([
    [{ key: '' }, "key '' cannot be"],
    [{ key: 'a=b' }, "key 'a=b' cannot be"],
    [{ key: 'sid;' }, "key 'sid;' cannot be"],
    [{ key: ' sid' }, "key ' sid' cannot be"],
    [{ key: 'a'.repeat(257) }, 'the key is 257 characters long'],
    ...['__Host-a', '__secure-a', '__Host-Http-a', '__http-a'].map<[Any, string]>((key) => [
      { key },
      `key '${key}' needs secure`,
    ]),
    [{ key: '__Host-a', secure: true, path: '/a' }, "key '__Host-a' allows neither"],
    [{ key: '__Host-Http-a', secure: true, domain: 'a.example' }, "key '__Host-Http-a' allows neither"],
    ...['_host-a', '___secure-a', 'host__a', 'HTTP__a', '__Secure_a', '_http'].map<[Any, string]>((key) => [
      { key, secure: true },
      `key '${key}': a cookie prefix`,
    ]),
    [{ sameSite: 'Lax' }, "sameSite must be 'lax', 'strict' or 'none'"],
    [{ sameSite: 'toString' }, 'sameSite must be'],
    [{ sameSite: 'none' }, "sameSite 'none' needs secure"],
    [{ partitioned: true }, 'partitioned needs secure'],
    ...['', 'a b', 'a.example:80', '-a.example', 'a.example-', 'a;b', `${'a'.repeat(254)}`].map<[Any, string]>(
      (domain) => [{ domain }, `domain '${domain}' is not a host name`],
    ),
    ...['a', 'a/', '/a;b', '/a b', '/ä', `/${'a'.repeat(1024)}`].map<[Any, string]>((path) => [
      { path },
      `path '${path}' is not a cookie path`,
    ]),
  ])('of %j is refused', (options, says) => refused(() => cookie(options), says))

  it('has the Domain of its request where that is a function, which may give a host name only', () => {
    const seen: unknown[] = []
    const of = (given: unknown) => (context: unknown) => {
      seen.push(context)
      return given
    }
    expect(cookie({ domain: of(7) }).domain).toBeTypeOf('function')
    for (const name of ['a.example', '.a.example', 'a', 'A1', `a${'b'.repeat(251)}c`, undefined])
      expect(domainOf(of(name), 'the request')).toBe(name)
    expect(new Set(seen)).toEqual(new Set(['the request']))
    for (const wrong of ['', 'a:80', null, 7, ['a'], `a${'b'.repeat(252)}c`, 'a\n'])
      refused(() => domainOf(of(wrong), 1), 'domain(ctx) must return')
  })
})

describe('how sessions are bound to devices', () => {
  it('has its defaults, and is what the options say', () => {
    expect(binding()).toEqual({
      ...{ cookieAge: 10 * MINUTE, path: '/session-binding', enforce: 'bound', site: false, except: [] },
    })
    const scope = { site: true, except: ['/assets/', '/a.b-c_d'] }
    expect(
      binding({ cookieAge: '5 seconds', path: '/app/bind', enforce: 'report', scope }, { domain: 'a.example' }),
    ).toEqual({ cookieAge: 5000, path: '/app/bind', enforce: 'report', ...scope })
    expect(binding({ cookieAge: DAY, scope: { site: false } })).toMatchObject({ cookieAge: DAY, site: false })
    expect(binding({ path: `/${'a'.repeat(200)}` }).path).toHaveLength(201)
    for (const [path, within] of [
      ['/app', '/app'],
      ['/app/bind', '/app'],
      ['/app/bind', '/app/'],
    ])
      expect(binding({ path }, { path: within }).path).toBe(path)
  })

  it.each<[Any, string]>([
    [null, 'deviceBound() takes options'],
    ['x', 'deviceBound() takes options'],
    [{ age: 5000 }, "deviceBound() has no option 'age'"],
    [{ cookieAge: 4999 }, 'cookieAge is from'],
    [{ cookieAge: DAY + 1 }, 'cookieAge is from'],
    [{ cookieAge: 'soon' }, "cookieAge 'soon'"],
    ...['', 'bind', 'a/bind', '/a b', '/a;b', '/a//b', `/${'a'.repeat(201)}`, 7, ['/a']].map<[Any, string]>((path) => [
      { path },
      'path is where the browser registers',
    ]),
    [{ enforce: '' }, "enforce must be 'bound' or 'report'"],
    [{ enforce: true }, "enforce must be 'bound' or 'report'"],
    [{ scope: null }, 'scope is an object'],
    [{ scope: '/assets/' }, 'scope is an object'],
    [{ scope: { sites: true } }, "scope has no option 'sites'"],
    [{ scope: { site: 'yes' } }, 'scope: site must be true or false'],
    [{ scope: { site: true } }, 'scope: site needs the option domain'],
    [{ scope: { except: '/assets/' } }, 'scope: except is a list'],
    [{ scope: { except: ['/a', 'b'] } }, 'scope: except is a list'],
    [{ scope: { except: { every: () => true } } }, 'scope: except is a list'],
  ])('is refused as %j', (options, says) => refused(() => binding(options), says))

  it('registers where its cookie is sent', () => {
    for (const path of ['/bind', '/application', '/ap', '/bind/app/'])
      refused(() => binding({ path }, { path: '/app' }), `path '${path}' must be within '/app'`)
    refused(() => binding({ path: '/app' }, { path: '/app/' }), "path '/app' must be within '/app/'")
  })
})

describe('an option that there is not', () => {
  const KNOWN = ['max', 'now', 'touchAfter', 'rotateEvery', 'maxLifetime']
  const says = (name: string, known = KNOWN) => {
    try {
      assertNames({ max: 1, [name]: 1 }, known, 'It', { rolling: 'it always slides' })
    } catch (error) {
      expect(error).toBeInstanceOf(SessionUsageError)
      return (error as Error).message
    }
    return undefined
  }
  const near = (name: string, other: string) => `It has no option '${name}': did you mean '${other}'?`
  const list = (name: string) => `It has no option '${name}': there is ${KNOWN.map((one) => `'${one}'`).join(', ')}`

  it('is named, with the one that was meant: of short names one letter may differ, of long ones a third', () => {
    expect(says('now')).toBeUndefined()
    for (const name of ['ma', 'MAXX', 'mix']) expect(says(name)).toBe(near(name, 'max'))
    for (const name of ['mxa', 'nope', 'x', 'rapporteur']) expect(says(name)).toBe(list(name))
    expect(says('TOUCHAFTER')).toBe(near('TOUCHAFTER', 'touchAfter'))
    expect(says('touchBefr')).toBe(list('touchBefr'))
    expect(says('touchAf')).toBe(near('touchAf', 'touchAfter'))
    expect(says('touchA')).toBe(list('touchA'))
    expect(says('xrotateEvery')).toBe(near('xrotateEvery', 'rotateEvery'))
  })

  it('is the nearest of several, and of those as near the first', () => {
    expect(says('paths', ['max', 'patents', 'path'])).toBe(near('paths', 'path'))
    expect(says('cat', ['max', 'bat', 'car'])).toBe(near('cat', 'bat'))
    expect(says('pathx', ['max', 'patsy', 'path'])).toBe(near('pathx', 'path'))
  })

  it('of four letters may have two wrong, of three one', () => {
    expect(says('paxx', ['max', 'path'])).toBe(near('paxx', 'path'))
    expect(says('nxx', ['max', 'now'])).toBe("It has no option 'nxx': there is 'max', 'now'")
  })

  it('is told what happens instead, and is cut where it is long', () => {
    expect(says('rolling')).toBe("It has no option 'rolling': it always slides")
    expect(says('toString')).toBe(list('toString'))
    expect(says('x'.repeat(51))).toBe(list('x'.repeat(50)))
  })
})
