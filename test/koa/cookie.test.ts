import { once } from 'node:events'
import { connect } from 'node:net'
import Keygrip from 'keygrip'
import { atomicSession, type SessionOptions } from 'koa-atomic-session'
import { memory } from 'koa-atomic-session/memory'
import { afterEach, describe, expect, it } from 'vitest'
import { counting, KEY, TestApp } from '../visitor.ts'

describe('the cookie', () => {
  let app: TestApp
  // biome-ignore lint/suspicious/noExplicitAny: each test writes the handler that it needs
  let handler: (ctx: any) => unknown
  const store = counting(memory())
  afterEach(() => app.close())

  async function start(options: SessionOptions = {}): Promise<void> {
    app = new TestApp()
    store.calls.length = 0
    atomicSession(app.koa, { store, ...options })
    app.koa.use(async (ctx) => {
      ctx.body ??= { value: (await handler(ctx)) ?? null }
    })
    await app.listen()
  }
  // biome-ignore lint/suspicious/noExplicitAny: a Koa context
  const write = (ctx: any) => ctx.session().inc('n')
  // biome-ignore lint/suspicious/noExplicitAny: a Koa context
  const read = async (ctx: any) => (await ctx.session()).n

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
    handler = async (ctx) => {
      await ctx.session().set('a', 1)
      await ctx.session().touch('30 days')
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
    app.koa.proxy = true
    expect((await app.visitor().fetch('/', tls)).headers.getSetCookie()[0]).toContain('; Secure; HttpOnly')
  })

  it('has the prefix __Host- with secure: true, and refuses to work without TLS', async () => {
    handler = write
    await start({ secure: true })
    expect((await app.visitor().fetch('/')).status).toBe(500)
    expect(app.errors[0]?.message).toContain('app.proxy = true')
    expect(store.calls).toEqual([])
    app.koa.proxy = true
    const [cookie] = (
      await app.visitor().fetch('/', { headers: { 'x-forwarded-proto': 'https' } })
    ).headers.getSetCookie()
    expect(cookie).toMatch(/^__Host-sid=[^;]+; Path=\/; Secure; HttpOnly; SameSite=Lax$/)
  })

  it('is written once a response, whatever happened, and the last state wins', async () => {
    handler = async (ctx) => {
      const session = await ctx.session()
      await session.set('a', 1)
      await session.rotate()
      await session.regenerate()
      await session.set('b', 2).touch('2 days')
      session.createCSRF()
    }
    await start()
    const visitor = app.visitor()
    const response = await visitor.fetch('/')
    expect(response.headers.getSetCookie()).toHaveLength(1)
    expect(response.headers.get('cache-control')).toBe('no-store')
    handler = async (ctx) => ctx.session()
    expect(await visitor.json('/')).toEqual({ value: { b: 2 } })
  })

  it.each([
    [
      'an error',
      () => {
        throw new Error('boom')
      },
    ],
    [
      'a thrown text',
      () => {
        throw 'boom'
      },
    ],
    [
      'no content',
      // biome-ignore lint/suspicious/noExplicitAny: a Koa context
      (ctx: any) => {
        ctx.status = 204
        ctx.body = null
      },
    ],
    [
      'a response that bypasses Koa',
      // biome-ignore lint/suspicious/noExplicitAny: a Koa context
      (ctx: any) => {
        ctx.respond = false
        ctx.res.writeHead(200, ['X-A', '1'])
        ctx.res.end('{}')
      },
    ],
  ])('survives %s', async (_, then) => {
    handler = async (ctx) => {
      await ctx.session().set('a', 1)
      ctx.body = '{}'
      return then(ctx)
    }
    await start()
    app.koa.on('error', () => {})
    const response = await app.visitor().fetch('/')
    expect(response.headers.getSetCookie()).toHaveLength(1)
  })

  it("keeps the application's own cookies and Vary", async () => {
    handler = async (ctx) => {
      ctx.cookies.set('other', 'x', { signed: false })
      ctx.vary('Accept')
      await ctx.session().set('a', 1)
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
    app = new TestApp()
    const other = memory()
    atomicSession(app.koa, { store, key: 'one' })
    atomicSession(app.koa, { store: other, key: 'two', property: 'second' })
    app.koa.use(async (ctx) => {
      if (ctx.path === '/write') await ctx.session().set('a', 1)
      else
        ctx.body = [
          (await ctx.session()).a ?? null,
          (await (ctx as never as { second(): Promise<{ a?: number }> }).second()).a ?? null,
        ]
      ctx.body ??= {}
    })
    await app.listen()
    const visitor = app.visitor()
    await visitor.fetch('/write')
    visitor.cookies.set('two', visitor.cookies.get('one')!)
    expect(await visitor.json('/')).toEqual([1, null])
  })

  it('is written anew with all its attributes when an older key has signed it', async () => {
    handler = write
    await start({ maxAge: '1 day' })
    const visitor = app.visitor()
    await visitor.fetch('/')
    const old = visitor.cookies.get('sid')
    app.koa.keys = ['a newer key that nobody can guess', KEY]
    handler = read
    const response = await visitor.fetch('/')
    expect(await response.json()).toEqual({ value: 1 })
    expect(response.headers.getSetCookie()[0]).toMatch(
      /^sid=[^;]+; Path=\/; Max-Age=86400; Expires=[^;]+; HttpOnly; SameSite=Lax$/,
    )
    expect(visitor.cookies.get('sid')).not.toBe(old)
    expect((await visitor.fetch('/')).headers.getSetCookie()).toEqual([])
    app.koa.keys = ['an unrelated key that nobody knows']
    expect(await visitor.json('/')).toEqual({ value: null })
  })

  it("takes a Keygrip of the application's own", async () => {
    handler = write
    await start()
    app.koa.keys = new Keygrip([KEY], 'sha512')
    const visitor = app.visitor()
    await visitor.fetch('/')
    expect(await visitor.json('/')).toMatchObject({ value: { n: 2 } })
  })

  it('cannot be sent once the response has begun, so that a new session is refused then', async () => {
    handler = (ctx) => {
      ctx.respond = false
      ctx.res.write('begun')
      return ctx
        .session()
        .set('a', 1)
        .catch((error: Error) => ctx.res.end(error.message))
    }
    await start()
    expect(await app.visitor().text('/')).toContain('The response has begun')
    expect(store.calls).toEqual([])
  })

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
