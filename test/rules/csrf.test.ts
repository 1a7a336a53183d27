import { describe, expect, it } from 'vitest'
import { keygripOf } from '../../src/cookie/keys.ts'
import { CsrfGuard } from '../../src/csrf/guard.ts'
import { assertSite, isSafe, isSameHost } from '../../src/csrf/origin.ts'
import { FOUND, REMEDY, refusal } from '../../src/csrf/refusal.ts'
import { createToken, tokenFault } from '../../src/csrf/token.ts'
import { CsrfError } from '../../src/errors/index.ts'
import { KEY } from '../visitor.ts'

const OWN = 'https://shop.example'
const OTHER = 'https://evil.example'

/** What a check says of a request: true, false, or why it refuses. */
function told(check: () => unknown): unknown {
  try {
    return check()
  } catch (error) {
    if (!(error instanceof CsrfError)) throw error
    return error.reason
  }
}

describe('where a request comes from', () => {
  /** Sec-Fetch-Site, Origin, and what is told without the option `origin` and with it. */
  it.each<[string | undefined, string | undefined, unknown, unknown]>([
    [undefined, undefined, false, false],
    [undefined, OWN, false, true],
    [undefined, OTHER, false, 'origin'],
    [undefined, 'null', 'origin', 'origin'],
    ['same-origin', undefined, true, true],
    ['same-origin', OTHER, true, true],
    ['none', undefined, true, true],
    ['same-site', undefined, 'site', 'site'],
    ['same-site', OWN, 'site', true],
    ['cross-site', OTHER, 'site', 'site'],
    ['cross-site', OWN, 'site', true],
    ['', OWN, 'site', 'site'],
    ['cross-origin', OWN, 'site', 'site'],
    ['Same-Origin', undefined, 'site', 'site'],
  ])('Sec-Fetch-Site %s, Origin %s', (site, origin, without, configured) => {
    const headers = { ...(site !== undefined && { 'sec-fetch-site': site }), ...(origin !== undefined && { origin }) }
    expect(told(() => assertSite(headers, []))).toBe(without)
    expect(told(() => assertSite(headers, [OWN]))).toBe(configured)
    expect(told(() => assertSite(headers, ['https://other.example', OWN]))).toBe(configured)
  })

  it.each([
    [OWN, 'shop.example', true, true],
    [OWN, 'shop.example', false, true],
    [OWN, 'SHOP.example', true, true],
    [OWN, 'shop.example:443', true, true],
    [OWN, 'shop.example:444', true, false],
    [`${OWN}:444`, 'shop.example:444', true, true],
    [OWN, 'www.shop.example', true, false],
    [OWN, undefined, true, false],
    [OWN, '', true, false],
    [OWN, 'shop.example/', true, false],
    [OWN, 'x@shop.example', true, false],
    [OWN, ' shop.example', true, false],
    [OWN, 'shop.example:123456', true, false],
    [OWN, `${'a'.repeat(254)}`, true, false],
    [`${OWN}/`, 'shop.example', true, false],
    ['http://shop.example', 'shop.example', false, true],
    ['http://shop.example', 'shop.example', true, false],
    ['http://shop.example', 'shop.example:80', false, true],
    ['ftp://shop.example', 'shop.example', false, false],
    ['chrome-extension://shop.example', 'shop.example', false, false],
    ['ws://shop.example', 'shop.example', false, false],
    ['null', 'shop.example', true, false],
    ['no url', 'shop.example', true, false],
    ['https://[::1]:8443', '[::1]:8443', true, true],
    ['https://[::1]', '[::1', true, false],
    ['https://127.0.0.1', '127.0.0.1', true, true],
    ['https://undefined', undefined, true, false],
  ])('a page of %s is on the host %s (over TLS: %s): %s', (origin, host, secure, same) => {
    expect(isSameHost(origin, host, secure)).toBe(same)
  })

  it('says what to add to the option, where that is an origin', () => {
    const says = (value: string) => `If that page is yours, add its origin to the option origin: ${value}`
    expect(REMEDY.ownPage(OTHER)).toBe(says(`'${OTHER}'`))
    for (const hidden of [undefined, 'null']) expect(REMEDY.ownPage(hidden)).toBe(says("'https://…'"))
  })

  it('is asked of every method but three', () => {
    expect(['GET', 'HEAD', 'OPTIONS'].map(isSafe)).toEqual([true, true, true])
    for (const method of ['POST', 'PUT', 'PATCH', 'DELETE', 'TRACE', 'get', '', undefined]) {
      expect(isSafe(method)).toBe(false)
    }
  })
})

describe('a refusal', () => {
  it('quotes what the browser has said, cut and made visible', () => {
    const said = (headers: Record<string, string>) => refusal('site', 'No', headers, 'Do this').message
    expect(said({})).toContain('No. The browser sent neither Sec-Fetch-Site nor Origin. Do this')
    expect(said({ origin: OTHER })).toContain(`The browser sent Origin: '${OTHER}'. Do this`)
    expect(said({ 'sec-fetch-site': 'none', origin: 'null' })).toContain("Sec-Fetch-Site: 'none', Origin: 'null'. Do")
    expect(said({ origin: 'x'.repeat(100) })).toContain(`'${'x'.repeat(100)}'`)
    expect(said({ origin: 'x'.repeat(101) })).toContain(`'${'x'.repeat(100)}…'`)
    expect(said({ origin: 'a\nb' })).not.toContain('\n')
    expect(FOUND.otherOrigin([OWN, OTHER])).toBe(`The page does not come from '${OWN}', '${OTHER}'`)
  })
})

describe('a token', () => {
  const keygrip = keygripOf([KEY])
  const binding = { cookie: 'sid', id: 'id', epoch: 'e' }
  const fault = (token: unknown, to: typeof binding | undefined = binding) => tokenFault(token, to, () => keygrip)

  it('is good for its binding, and for nothing that differs from it', () => {
    const token = createToken(binding, keygrip)
    expect(fault(token)).toBeUndefined()
    for (const other of [{ cookie: 'sid2' }, { id: 'id2' }, { epoch: '' }]) {
      expect(fault(token, { ...binding, ...other })).toContain('was made for another session')
    }
    expect(tokenFault(token, undefined, () => keygrip)).toContain('without the cookie')
    expect(tokenFault(token, binding, () => keygripOf([`another ${KEY}`]))).toContain('was made for another session')
    expect(tokenFault(token, binding, () => keygripOf([`another ${KEY}`, KEY]))).toBeUndefined()
  })

  it('is missing, or has a form that no token has, before any key is asked for', () => {
    const token = createToken(binding, keygrip)
    const unasked = (value: unknown) => tokenFault(value, binding, () => expect.unreachable())
    for (const nothing of [undefined, null, '']) expect(unasked(nothing)).toBe('The request has no token')
    const wrong = [
      ...[0, false, [], {}, [token], Object(token), ' ', `x${token}`, `${token} `, ` ${token}`, `${token}\n`],
      ...[
        token.slice(1),
        token.slice(0, -17),
        token.replace('.', ','),
        `${token}${'a'.repeat(128)}`,
        'Stryker was here!',
      ],
    ]
    for (const value of wrong) expect(unasked(value), String(value)).toContain('does not look like one')
  })
})

describe('a guard', () => {
  const guarded = (headers: Record<string, string>, origins: string[] = []) => {
    const told: CsrfError[] = []
    return { guard: new CsrfGuard(headers, { origins }, (error) => told.push(error)), told }
  }
  const keys = () => [KEY]

  it('remembers a refusal and tells of it, and nothing else', () => {
    const { guard, told: heard } = guarded({ 'sec-fetch-site': 'cross-site' })
    expect(guard.forged).toBe(false)
    expect(told(() => guard.assertOrigin())).toBe('site')
    expect([guard.forged, heard.map(({ reason }) => reason)]).toEqual([true, ['site']])
    const own = guarded({ 'sec-fetch-site': 'same-origin' })
    expect(own.guard.assertOrigin()).toBe(true)
    const fault = new TypeError('a fault of the keys')
    const asking = () =>
      own.guard.assertToken('a'.repeat(16).concat('.', 'b'.repeat(43)), { cookie: 'sid', id: 'id', epoch: '' }, () => {
        throw fault
      })
    expect(asking).toThrow(fault)
    expect([own.guard.forged, own.told]).toEqual([false, []])
  })

  it('asks for the origin before the token', () => {
    const binding = { cookie: 'sid', id: 'id', epoch: '' }
    const token = createToken(binding, keygripOf([KEY]))
    for (const [site, reason] of [
      ['same-origin', undefined],
      ['cross-site', 'site'],
    ] as const) {
      expect(told(() => guarded({ 'sec-fetch-site': site }).guard.assertToken(token, binding, keys))).toBe(reason)
    }
    expect(told(() => guarded({}).guard.assertToken('x', binding, keys))).toBe('token')
  })

  it.each<[Record<string, string>, boolean, string[], unknown]>([
    [{ host: 'shop.example', origin: OWN }, true, [], undefined],
    [{ host: 'shop.example', origin: OTHER }, true, [], 'origin'],
    [{ host: 'shop.example', origin: 'http://shop.example' }, true, [], 'origin'],
    [{ host: 'shop.example', origin: 'http://shop.example' }, false, [], undefined],
    [{ host: 'shop.example' }, true, [], undefined],
    [{ origin: OWN }, true, [], 'origin'],
    [{ host: 'other.example', origin: OWN }, true, [OWN], undefined],
    [{ host: 'shop.example', origin: OTHER, 'sec-fetch-site': 'same-origin' }, true, [], undefined],
    [{ host: 'shop.example', origin: OWN, 'sec-fetch-site': 'cross-site' }, true, [], 'site'],
  ])('of a WebSocket with %j, over TLS %s, origins %j', (headers, secure, origins, reason) => {
    const { guard } = guarded(headers, origins)
    expect(told(() => guard.assertUpgrade(secure))).toBe(reason)
    expect(guard.forged).toBe(reason !== undefined)
  })

  it('names the host that a WebSocket was opened to, and whether over TLS', () => {
    const message = (headers: Record<string, string>, secure: boolean) => {
      try {
        guarded(headers).guard.assertUpgrade(secure)
      } catch (error) {
        return (error as Error).message
      }
      return ''
    }
    expect(message({ origin: OTHER, host: 'shop.example' }, true)).toContain(
      "not come from the Host 'shop.example' over TLS,",
    )
    expect(message({ origin: OTHER, host: 'shop.example' }, false)).toContain(
      "not come from the Host 'shop.example', to",
    )
    expect(message({ origin: OTHER }, false)).toContain('not come from no Host, to which')
  })
})
