import { once } from 'node:events'
import { connect } from 'node:net'
import Keygrip from 'keygrip'
import { memory } from 'koa-atomic-session/memory'
import { afterEach, describe, expect, it } from 'vitest'
import { type Call, type Handler, KINDS, type Serving, serve } from '../http/servers.ts'
import { counting, KEY } from '../visitor.ts'

describe.each(KINDS)('the cookie on %s', (kind) => {
  let app: Serving
  let handler: Handler
  const store = counting(memory())
  afterEach(() => app?.close())

  /** Starts the application, anew where it runs already. */
  async function start(options: Partial<Parameters<typeof serve>[2]> = {}): Promise<void> {
    await app?.close()
    store.calls.length = 0
    app = await serve(kind, (call) => handler(call), { store, ...options })
  }
  const write: Handler = async ({ session }) => void (await session().inc('n'))
  const read: Handler = async ({ session }) => (await session()).n

  it('is HttpOnly, SameSite=Lax, for the whole site, and ends with the browser unless maxAge is given', async () => {
    handler = write
    await start()
    const [cookie] = (await app.visitor().fetch('/')).headers.getSetCookie()
    expect(cookie).toMatch(/^sid=s\.[\w-]{22}\.[\w-]{43}\.[\w-]{43}; Path=\/; HttpOnly; SameSite=Lax$/)
  })

  it('lasts as long as maxAge when that is given', async () => {
    handler = write
    await start({ maxAge: '1 month' })
    const [cookie] = (await app.visitor().fetch('/')).headers.getSetCookie()
    expect(cookie).toMatch(/; Max-Age=2629800; Expires=[^;]+; HttpOnly; SameSite=Lax$/)
  })

  it('lasts as long as the own maxAge that touch gave the session', async () => {
    handler = async ({ session }) => {
      await session().set('a', 1)
      await session().touch('30 days')
    }
    await start()
    const [cookie] = (await app.visitor().fetch('/')).headers.getSetCookie()
    expect(cookie).toContain('Max-Age=2592000;')
  })

  it('is Secure over TLS, as far as the application trusts its proxy', async () => {
    handler = write
    await start()
    const tls = { headers: { 'x-forwarded-proto': 'https' } }
    expect((await app.visitor().fetch('/', tls)).headers.getSetCookie()[0]).not.toContain('Secure')
    await start({ proxy: true })
    expect((await app.visitor().fetch('/', tls)).headers.getSetCookie()[0]).toContain('; Secure; HttpOnly')
    expect((await app.visitor().fetch('/')).headers.getSetCookie()[0]).not.toContain('Secure')
  })

  it('has the prefix __Host-Http- with secure: true, and refuses to work without TLS', async () => {
    handler = write
    await start({ secure: true })
    const tls = { headers: { 'x-forwarded-proto': 'https' } }
    for (const init of [{}, tls]) expect((await app.visitor().fetch('/', init)).status).toBe(500)
    expect(app.errors[0]?.message).toContain('app.proxy = true')
    expect(store.calls).toEqual([])
    await start({ secure: true, proxy: true })
    const [cookie] = (await app.visitor().fetch('/', tls)).headers.getSetCookie()
    expect(cookie).toMatch(/^__Host-Http-sid=[^;]+; Path=\/; Secure; HttpOnly; SameSite=Lax$/)
  })

  it('is written once a response, whatever happened, and the last state wins', async () => {
    handler = async ({ session }) => {
      const loaded = await session()
      await loaded.set('a', 1)
      await loaded.rotate()
      await loaded.regenerate()
      await loaded.set('b', 2).touch('2 days')
      loaded.createCSRF()
    }
    await start()
    const visitor = app.visitor()
    const response = await visitor.fetch('/')
    expect(response.headers.getSetCookie()).toHaveLength(1)
    expect(response.headers.get('cache-control')).toBe('no-store')
    handler = async ({ session }) => session()
    expect(await visitor.json('/')).toEqual({ value: { b: 2 } })
  })

  const ENDS: Record<string, (call: Call) => void> = {
    'an error': () => {
      throw new Error('boom')
    },
    'a thrown text': () => {
      throw 'boom'
    },
    'no content': (call) => call.empty(),
    'a response that bypasses the server': (call) => {
      const response = call.bypass()
      response.writeHead(200, ['X-A', '1'])
      response.end('{}')
    },
  }
  it.each(Object.entries(ENDS))('survives %s', async (_, then) => {
    handler = async (call) => {
      await call.session().set('a', 1)
      then(call)
    }
    await start()
    const response = await app.visitor().fetch('/')
    expect(response.headers.getSetCookie()).toHaveLength(1)
  })

  it("keeps the application's own cookies and Vary", async () => {
    handler = async ({ session, header }) => {
      header('Set-Cookie', 'other=x')
      header('Vary', 'Accept')
      await session().set('a', 1)
    }
    await start()
    const response = await app.visitor().fetch('/')
    expect(response.headers.getSetCookie().map((cookie) => cookie.split('=')[0])).toEqual(['other', 'sid'])
    expect(response.headers.get('vary')).toBe('Accept, Cookie')
  })

  it('is refused before any store call when it is anything but what these keys have signed', async () => {
    handler = write
    await start()
    const visitor = app.visitor()
    await visitor.fetch('/')
    const value = visitor.cookies.get('sid')!
    const [s, id, secret, mac] = value.split('.')
    const flip = (text: string) => (text[0] === 'A' ? 'B' : 'A') + text.slice(1)
    handler = read
    store.calls.length = 0
    const forged = [
      '',
      's',
      '.',
      `${s}.${id}.${secret}`,
      `${s}.${flip(id!)}.${secret}.${mac}`,
      `${s}.${id}.${flip(secret!)}.${mac}`,
      `${s}.${id}.${secret}.${flip(mac!)}`,
      `${s}.${id}.${secret}.${mac}=`,
      `"${value}"`,
      `${value}x`,
      value.toUpperCase(),
      encodeURIComponent(`${value} `),
      `n.${id}.${mac}`,
      'x'.repeat(8000),
      '__proto__',
    ]
    for (const cookie of forged) {
      const response = await visitor.fetch('/', { headers: { cookie: `sid=${cookie}` } })
      expect([cookie.slice(0, 100), await response.json()]).toEqual([cookie.slice(0, 100), { value: null }])
    }
    for (const cookie of [
      `sid=${value}; sid=${value}`,
      `SID=${value}`,
      ` sid =${value}`,
      `xsid=${value}`,
      `=sid=${value}`,
    ]) {
      const response = await visitor.fetch('/', { headers: { cookie } })
      expect([cookie, await response.json()]).toEqual([cookie, { value: null }])
    }
    expect(store.calls).toEqual([])
    expect(await visitor.json('/', { headers: { cookie: `a=b; sid=${value}` } })).toEqual({ value: 1 })
  })

  it('of one instance is refused by another', async () => {
    const first = { store, key: 'one' }
    const second = { store: memory(), key: 'two', property: 'second' }
    const both: Handler = async ({ path, session }) =>
      path === '/write'
        ? void (await session().set('a', 1))
        : [(await session()).a ?? null, (await session(1)).a ?? null]
    app = await serve(kind, both, first, second)
    const visitor = app.visitor()
    await visitor.fetch('/write')
    visitor.cookies.set('two', visitor.cookies.get('one')!)
    expect(await visitor.json('/')).toEqual({ value: [1, null] })
  })

  it('is written anew with all its attributes when an older key has signed it', async () => {
    handler = write
    await start({ maxAge: '1 day' })
    const { cookies } = app.visitor()
    const visitor = () => Object.assign(app.visitor(), { cookies })
    await visitor().fetch('/')
    const old = cookies.get('sid')
    handler = read
    await start({ maxAge: '1 day', keys: ['a newer key that nobody can guess', KEY] })
    const response = await visitor().fetch('/')
    expect(await response.json()).toEqual({ value: 1 })
    expect(response.headers.getSetCookie()[0]).toMatch(
      /^sid=[^;]+; Path=\/; Max-Age=86400; Expires=[^;]+; HttpOnly; SameSite=Lax$/,
    )
    expect(cookies.get('sid')).not.toBe(old)
    expect((await visitor().fetch('/')).headers.getSetCookie()).toEqual([])
    await start({ maxAge: '1 day', keys: ['an unrelated key that nobody knows'] })
    expect(await visitor().json('/')).toEqual({ value: null })
  })

  it("takes a Keygrip of the application's own", async () => {
    handler = async ({ session }) => (await session().inc('n')).n
    await start({ keys: new Keygrip([KEY], 'sha512') })
    const visitor = app.visitor()
    await visitor.fetch('/')
    expect(await visitor.json('/')).toEqual({ value: 2 })
  })

  // On fetch it begins when the handler has answered: test/http/fetch.test.ts.
  it.skipIf(kind === 'fetch')(
    'cannot be sent once the response has begun, so that a new session is refused then',
    async () => {
      handler = async ({ session, bypass }) => {
        const response = bypass()
        response.write('begun')
        await session()
          .set('a', 1)
          .catch((error: unknown) => response.end((error as Error).message))
      }
      await start()
      expect(await app.visitor().text('/')).toContain('The response has begun')
      expect(store.calls).toEqual([])
    },
  )

  it('is not made by parts of a header that only look like it', async () => {
    handler = write
    await start()
    const visitor = app.visitor()
    await visitor.fetch('/')
    handler = read
    store.calls.length = 0
    const { port } = new URL(app.base)
    for (const raw of [`\u00a0sid=${visitor.cookies.get('sid')}`, `%73id=${visitor.cookies.get('sid')}`]) {
      const socket = connect(Number(port), '127.0.0.1')
      socket.write(Buffer.from(`GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\nCookie: ${raw}\r\n\r\n`, 'latin1'))
      let answer = ''
      socket.on('data', (chunk) => {
        answer += chunk
      })
      await once(socket, 'close')
      expect(answer).toContain('{"value":null}')
    }
    expect(store.calls).toEqual([])
  })
})
