import { IncomingMessage, ServerResponse } from 'node:http'
import { Socket } from 'node:net'
import type { SessionOptions } from 'koa-atomic-session'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { newId, newOperation, newSecret, writeCredential } from '../../src/cookie/credential.ts'
import { readCookie, writeCookie } from '../../src/cookie/header.ts'
import { CookieJar } from '../../src/cookie/jar.ts'
import { keygripOf } from '../../src/cookie/keys.ts'
import { otherPlaces } from '../../src/cookie/places.ts'
import { vary } from '../../src/cookie/vary.ts'
import { settingsOf } from '../../src/settings/settings.ts'

const KEYS = ['the key that signs, sixteen or more', 'the key before, sixteen or more']
const HOUR = 3_600_000
const turn = () => new Promise((resolve) => setImmediate(resolve))

/** The jar of a request that comes with this cookie, and what its response sets when its headers leave. */
function jarOf(cookie?: string, options: SessionOptions = {}) {
  const response = new ServerResponse(new IncomingMessage(new Socket()))
  let write = () => {}
  const onHead = (then: () => void) => {
    write = then
  }
  const headers = { cookie, host: 'shop.example' }
  const exchange = { headers, response, onHead, secure: false, url: '/', context: {} }
  const jar = new CookieJar(exchange, settingsOf(options).cookie, () => KEYS)
  const leaves = () => {
    write()
    return [response.getHeader('set-cookie') ?? []].flat().map(String)
  }
  return { jar, leaves }
}

const session = newSecret(newId())
const visitor = { kind: 'visitor', id: newId() } as const
const cookieOf = (one: typeof session | typeof visitor, key = KEYS[0]!) =>
  `sid=${writeCredential(one, 'sid', keygripOf([key]))}`
const CAME = cookieOf(session)
const OLD = cookieOf(session, KEYS[1])

describe('the cookie of one response', () => {
  it('slides once, by the newest age, and not where it is written anyway', () => {
    const { jar, leaves } = jarOf(CAME)
    jar.slide(session, HOUR)
    jar.slide(session, HOUR)
    jar.slide(session, 2 * HOUR)
    jar.verify()
    expect(leaves()).toEqual([expect.stringContaining('Max-Age=7200;')])
    expect(jar.slid).toBe(true)
    const other = jarOf(CAME)
    other.jar.keep(session, HOUR)
    other.jar.slide(session, 2 * HOUR)
    other.jar.stay()
    other.jar.verify()
    expect(other.leaves()).toEqual([expect.stringContaining('Max-Age=3600;')])
    expect(other.jar.slid).toBe(false)
  })

  it('stays where the request is no use of the session, unless an older key has signed it', () => {
    for (const [cookie, lines] of [
      [CAME, 0],
      [OLD, 1],
    ] as const) {
      const { jar, leaves } = jarOf(cookie)
      jar.slide(session, HOUR)
      jar.stay()
      jar.verify()
      expect(leaves()).toHaveLength(lines)
    }
  })

  it('is signed again only where it came with an older key', () => {
    for (const [cookie, lines] of [
      [undefined, 0],
      ['sid=forged', 0],
      [CAME, 0],
      [OLD, 1],
    ] as const) {
      const { jar, leaves } = jarOf(cookie)
      jar.renew(session, undefined)
      jar.verify()
      expect(leaves()).toHaveLength(lines)
    }
    const { jar, leaves } = jarOf(OLD)
    jar.keep(session, HOUR)
    jar.renew(session, undefined)
    jar.verify()
    expect(leaves()).toEqual([expect.stringContaining('Max-Age=3600;')])
  })

  it('that carries the secret of the request is written only while the store has just let it in', async () => {
    const written = async (verify: (jar: CookieJar) => unknown) => {
      const { jar, leaves } = jarOf(CAME)
      jar.keep(session, undefined)
      expect(jar.carries).toBe(true)
      await verify(jar)
      return leaves().length
    }
    expect(await written(() => {})).toBe(0)
    expect(await written((jar) => jar.verify())).toBe(1)
    const later = async (jar: CookieJar, atTheEnd: boolean) => {
      jar.verify(atTheEnd)
      await turn()
      await turn()
      expect(jar.verified).toBe(atTheEnd)
    }
    expect(await written((jar) => later(jar, false))).toBe(0)
    expect(await written((jar) => later(jar, true))).toBe(1)
    expect(
      await written(async (jar) => {
        jar.verify()
        jar.verify(true)
        await turn()
        await turn()
      }),
    ).toBe(1)
  })

  it('with a secret of its own, or a form, needs nobody to let it in, and does not go when the session leaves', () => {
    for (const one of [newSecret(session.id), visitor]) {
      for (const came of [CAME, cookieOf(visitor), undefined]) {
        const { jar, leaves } = jarOf(came)
        jar.keep(one, undefined)
        expect(jar.carries).toBe(false)
        jar.verify()
        expect(jar.verified).toBe(false)
        jar.leave()
        expect(leaves()).toHaveLength(1)
      }
    }
    const { jar, leaves } = jarOf(CAME)
    jar.keep(session, undefined)
    jar.verify()
    jar.leave()
    expect([jar.carries, leaves()]).toEqual([false, []])
  })

  it('is not asked for where nothing can be answered', () => {
    const exchange = {
      headers: { cookie: CAME },
      response: undefined,
      onHead: () => {
        throw new Error('there is no head')
      },
      secure: true,
      url: undefined,
      context: {},
    }
    const jar = new CookieJar(exchange, settingsOf({}).cookie, () => KEYS)
    expect([jar.credential, jar.refused, jar.present, jar.slid]).toEqual([session, undefined, true, false])
    expect(() => jar.assertWritable()).toThrow(expect.objectContaining({ code: 'ERR_SESSION_USAGE' }))
    expect(() => jar.forgetSite('"cache"')).toThrow(expect.objectContaining({ code: 'ERR_SESSION_USAGE' }))
  })

  it('is cleared only where there is one', () => {
    for (const [cookie, lines] of [
      [undefined, 0],
      ['sid=forged', 1],
      [CAME, 1],
    ] as const) {
      const { jar, leaves } = jarOf(cookie)
      jar.clear()
      expect(leaves()).toHaveLength(lines)
    }
  })
})

describe('the headers of a cookie', () => {
  beforeEach(() => {
    vi.useFakeTimers({ toFake: ['Date'], now: 1_800_000_000_000 })
  })
  afterEach(() => vi.useRealTimers())
  const place = { domain: undefined, path: '/', partitioned: false }
  const line = (maxAge: number | undefined, secure = false, where: object = {}) =>
    writeCookie({ name: 'sid', sameSite: 'Lax' }, { ...place, ...where }, 'x', maxAge, secure)

  it('give its end twice, as browsers of any age read it, rounded up to the second', () => {
    const end = (text: string, seconds: number) =>
      `sid=x; Path=/; Max-Age=${seconds}; Expires=${text}; HttpOnly; SameSite=Lax`
    expect(line(HOUR)).toBe(end('Fri, 15 Jan 2027 09:00:00 GMT', 3600))
    expect(line(HOUR - 999)).toBe(line(HOUR))
    expect(line(1)).toBe(end('Fri, 15 Jan 2027 08:00:01 GMT', 1))
    expect(line(0)).toBe(end('Thu, 01 Jan 1970 00:00:00 GMT', 0))
  })

  it('name its place, and nothing that it does not have', () => {
    expect(line(undefined)).toBe('sid=x; Path=/; HttpOnly; SameSite=Lax')
    expect(line(undefined, true, { domain: 'shop.example', path: '/a', partitioned: true })).toBe(
      'sid=x; Path=/a; Domain=shop.example; Secure; HttpOnly; SameSite=Lax; Partitioned',
    )
  })

  it('are read by the whole name', () => {
    expect(readCookie('sidx', 'sid')).toEqual([])
    expect(readCookie('sid', 'sid')).toEqual([])
    expect(readCookie('xsid=1; sidx=2;sid=3;\t sid=4=5; sid=', 'sid')).toEqual(['3', '4=5', ''])
    expect(readCookie(undefined, 'sid')).toEqual([])
  })
})

describe('the other places of a cookie', () => {
  const own = { domain: undefined, path: '/', partitioned: false }
  const places = (host: string | undefined, url: string | undefined, name = 'sid', from: object = own) =>
    [...otherPlaces(name, { ...own, ...from }, host, url)].map(({ domain = '', path, partitioned }) =>
      [domain, path, partitioned ? 'partitioned' : ''].join(' ').trimEnd(),
    )

  it('are each parent of the path, with a slash and without, for the host alone and the domains above it', () => {
    const domains = ['', 'www.shop.example', 'shop.example']
    const paths = ['/', '/a', '/a/', '/a/b', '/a/b/']
    const all = paths.flatMap((path) => domains.map((domain) => `${domain} ${path}`))
    expect(places('WWW.shop.example:8080', '/a/b?x=/c')).toEqual(all.slice(1))
    expect(places('www.shop.example', '/a/b#c', 'my__host-sid')).toEqual(all.slice(1))
    expect(places('', '/a/')).toEqual([' /a', ' /a/'])
    expect(places(undefined, undefined)).toEqual([])
    expect(places(undefined, undefined, 'sid', { domain: 'shop.example', path: '/a' })).toEqual([
      ' /',
      'shop.example /',
      ' /a',
      ' /a/',
      'shop.example /a/',
    ])
  })

  it('are of at most four domains, and of what is a host only', () => {
    const domains = (host: string) => places(host, '/').map((place) => place.split(' ')[0])
    expect(domains('a.b.c.d.e.example')).toEqual(['b.c.d.e.example', 'c.d.e.example', 'd.e.example', 'e.example'])
    for (const host of ['a:80.example', 'shop.example:123456', 'shop.example:x', '10.0.0.1:80', 'localhost']) {
      expect(domains(host)).toEqual([])
    }
  })

  it('are for a name that has one place the partitioned one alone', () => {
    expect(places('www.shop.example', '/a', '__Host-sid')).toEqual([' / partitioned'])
    expect(places('www.shop.example', '/a', '__Host-sid', { partitioned: true })).toEqual([' /'])
    expect(places('shop.example', '/', '__Secure-sid')).toEqual([' / partitioned', 'shop.example /'])
  })
})

describe('the header Vary', () => {
  it.each([
    [undefined, 'Cookie'],
    ['Accept', 'Accept, Cookie'],
    ['Accept,Origin , ', 'Accept, Origin, Cookie'],
    ['Accept,  COOKIE', 'Accept,  COOKIE'],
    ['Cookie, Accept', 'Cookie, Accept'],
    ['*', '*'],
    ['Accept, *', 'Accept, *'],
  ])('of %j becomes %j', (before, after) => {
    const response = new ServerResponse(new IncomingMessage(new Socket()))
    if (before !== undefined) response.setHeader('Vary', before)
    vary(response, 'Cookie')
    expect(response.getHeader('Vary')).toBe(after)
  })
})

describe('an operation', () => {
  it('has an id like no other', () => {
    const ids = Array.from({ length: 1000 }, newOperation)
    expect(new Set(ids).size).toBe(1000)
    for (const id of ids) {
      expect(id).toMatch(/^[\w-]{13,}$/)
      expect(id.startsWith(ids[0]!.slice(0, 12))).toBe(true)
    }
  })
})
