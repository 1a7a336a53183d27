import { atomicSession, type SessionOptions } from 'koa-atomic-session'
import { memory } from 'koa-atomic-session/memory'
import { afterEach, describe, expect, it } from 'vitest'
import { counting, KEY, TestApp, type Visitor } from '../visitor.ts'

describe('CSRF tokens', () => {
  let app: TestApp
  let store: ReturnType<typeof counting<ReturnType<typeof memory>>>
  afterEach(() => app.close())

  async function start(options: SessionOptions = {}): Promise<void> {
    app = new TestApp()
    store = counting(memory())
    atomicSession(app.koa, { store, ...options })
    app.koa.use(async (ctx) => {
      const session = await ctx.session()
      if (ctx.path === '/form') ctx.body = session.createCSRF()
      else if (ctx.path === '/login') await session.rotate().set('user', 1)
      else if (ctx.path === '/save') await session.set('saved', true)
      else if (ctx.path === '/regenerate') await session.regenerate()
      else if (ctx.path === '/logout') await session.destroy()
      else session.assertCSRF(ctx.query.type ? JSON.parse(ctx.query.type as string) : ctx.get('x-csrf-token'))
      ctx.body ??= 'fine'
    })
    await app.listen()
  }
  const send = async (visitor: Visitor, token: string, headers: Record<string, string> = {}) =>
    (await visitor.fetch('/check', { headers: { ...headers, 'x-csrf-token': token } })).status

  it('differ each time, and all are valid for their visitor', async () => {
    await start()
    const visitor = app.visitor()
    await visitor.fetch('/save')
    const tokens = await Promise.all([visitor.text('/form'), visitor.text('/form')])
    expect(tokens[0]).not.toBe(tokens[1])
    for (const token of tokens) expect(await send(visitor, token)).toBe(200)
  })

  it('work before there is a session, and leave nothing in the store', async () => {
    await start()
    const visitor = app.visitor()
    const token = await visitor.text('/form')
    expect(visitor.cookies.get('sid')).toMatch(/^n\.[\w-]{22}\.[\w-]{43}$/)
    expect(await send(visitor, token)).toBe(200)
    expect(store.calls).toEqual([])
  })

  it('stay valid when the session begins, and until log-in', async () => {
    await start()
    const visitor = app.visitor()
    const token = await visitor.text('/form')
    await visitor.fetch('/save')
    expect(await send(visitor, token)).toBe(200)
    await visitor.fetch('/login')
    expect(await send(visitor, token)).toBe(403)
    expect(await send(visitor, await visitor.text('/form'))).toBe(200)
  })

  it.each(['/login', '/regenerate', '/logout'])('of a visitor without a session are void after %s', async (path) => {
    await start()
    const visitor = app.visitor()
    const token = await visitor.text('/form')
    const planted = visitor.header
    await visitor.fetch(path)
    await visitor.fetch('/save')
    expect(await send(visitor, token)).toBe(403)
    expect(planted).not.toBe(visitor.header)
  })

  it('are worth nothing to another visitor', async () => {
    await start()
    const [mine, theirs] = [app.visitor(), app.visitor()]
    await mine.fetch('/save')
    await theirs.fetch('/save')
    expect(await send(theirs, await mine.text('/form'))).toBe(403)
    expect(await send(app.visitor(), await mine.text('/form'))).toBe(403)
  })

  it('survive the rotation of keys', async () => {
    await start()
    const visitor = app.visitor()
    await visitor.fetch('/save')
    const token = await visitor.text('/form')
    app.koa.keys = ['a newer key that nobody can guess', KEY]
    expect(await send(visitor, token)).toBe(200)
  })

  it('of any type and shape but the right one are refused with 403', async () => {
    await start()
    const visitor = app.visitor()
    await visitor.fetch('/save')
    const token = await visitor.text('/form')
    for (const type of ['null', '[]', '{}', '5', 'true', '""', '["x"]', JSON.stringify([token]), '{"length":5}']) {
      expect([type, (await visitor.fetch(`/check?type=${encodeURIComponent(type)}`)).status]).toEqual([type, 403])
    }
    for (const wrong of ['', 'x', '.', `${token}x`, token.slice(1), token.toLowerCase(), 'x'.repeat(10_000)]) {
      expect(await send(visitor, wrong)).toBe(403)
    }
    expect(app.errors.every(({ code }) => code === 'ERR_SESSION_CSRF')).toBe(true)
  })

  it('do not help a request that the browser says comes from elsewhere', async () => {
    await start({ origin: 'https://example.org' })
    const visitor = app.visitor()
    await visitor.fetch('/save')
    const token = await visitor.text('/form')
    const verdicts: [Record<string, string>, number][] = [
      [{}, 200],
      [{ 'sec-fetch-site': 'same-origin' }, 200],
      [{ 'sec-fetch-site': 'none' }, 200],
      [{ 'sec-fetch-site': 'same-site' }, 403],
      [{ 'sec-fetch-site': 'cross-site' }, 403],
      [{ 'sec-fetch-site': 'foo' }, 403],
      [{ 'sec-fetch-site': 'same-site', origin: 'https://example.org' }, 200],
      [{ origin: 'https://example.org' }, 200],
      [{ origin: 'http://example.org' }, 403],
      [{ origin: 'https://example.org.attacker.com' }, 403],
      [{ origin: 'https://example.org:8443' }, 403],
      [{ origin: 'https://EXAMPLE.org' }, 403],
      [{ origin: 'null' }, 403],
    ]
    for (const [headers, status] of verdicts)
      expect([headers, await send(visitor, token, headers)]).toEqual([headers, status])
  })
})
