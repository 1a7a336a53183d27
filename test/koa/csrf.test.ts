import { memory } from 'koa-atomic-session/memory'
import { afterEach, describe, expect, it } from 'vitest'
import { type Handler, KINDS, type Serving, serve } from '../http/servers.ts'
import { counting, KEY, type Visitor } from '../visitor.ts'

const ROUTES: Record<string, Handler> = {
  '/form': async ({ session }) => (await session()).createCSRF(),
  '/login': async ({ session }) => void (await session().rotate().set('user', 1)),
  '/save': async ({ session }) => void (await session().set('saved', true)),
  '/regenerate': async ({ session }) => void (await session().regenerate()),
  '/logout': async ({ session }) => void (await session().destroy()),
  '/check': async ({ session, request: { headers } }) => {
    const json = headers['x-csrf-json']
    ;(await session()).assertCSRF(json ? JSON.parse(json as string) : (headers['x-csrf-token'] ?? ''))
  },
}

describe.each(KINDS)('CSRF tokens on %s', (kind) => {
  let app: Serving
  const store = counting(memory())
  afterEach(() => app.close())

  async function start(options: Partial<Parameters<typeof serve>[2]> = {}): Promise<void> {
    store.calls.length = 0
    app = await serve(kind, (call) => ROUTES[call.path]!(call), { store, ...options })
  }
  const tokenOf = async (visitor: Visitor): Promise<string> => (await visitor.json('/form')).value
  const send = async (visitor: Visitor, token: string, headers: Record<string, string> = {}) =>
    (await visitor.fetch('/check', { headers: { ...headers, 'x-csrf-token': token } })).status

  it('differ each time, and all are valid for their visitor', async () => {
    await start()
    const visitor = app.visitor()
    await visitor.fetch('/save')
    const tokens = await Promise.all([tokenOf(visitor), tokenOf(visitor)])
    expect(tokens[0]).not.toBe(tokens[1])
    for (const token of tokens) expect(await send(visitor, token)).toBe(200)
  })

  it('work before there is a session, and leave nothing in the store', async () => {
    await start()
    const visitor = app.visitor()
    const token = await tokenOf(visitor)
    expect(visitor.cookies.get('sid')).toMatch(/^n\.[\w-]{22}\.[\w-]{43}$/)
    expect(await send(visitor, token)).toBe(200)
    expect(store.calls).toEqual([])
  })

  it('stay valid when the session begins, and until log-in', async () => {
    await start()
    const visitor = app.visitor()
    const token = await tokenOf(visitor)
    await visitor.fetch('/save')
    expect(await send(visitor, token)).toBe(200)
    await visitor.fetch('/login')
    expect(await send(visitor, token)).toBe(403)
    expect(await send(visitor, await tokenOf(visitor))).toBe(200)
  })

  it.each(['/login', '/regenerate', '/logout'])('of a visitor without a session are void after %s', async (path) => {
    await start()
    const visitor = app.visitor()
    const token = await tokenOf(visitor)
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
    expect(await send(theirs, await tokenOf(mine))).toBe(403)
    expect(await send(app.visitor(), await tokenOf(mine))).toBe(403)
  })

  it('survive a newer key', async () => {
    const keys = [KEY]
    await start({ keys })
    const visitor = app.visitor()
    await visitor.fetch('/save')
    const token = await tokenOf(visitor)
    keys.unshift('a newer key that nobody can guess')
    expect(await send(visitor, token)).toBe(200)
  })

  it('of any type and shape but the right one are refused with 403', async () => {
    await start()
    const visitor = app.visitor()
    await visitor.fetch('/save')
    const token = await tokenOf(visitor)
    for (const json of ['null', '[]', '{}', '5', 'true', '""', '["x"]', JSON.stringify([token]), '{"length":5}']) {
      const { status } = await visitor.fetch('/check', { headers: { 'x-csrf-json': json } })
      expect([json, status]).toEqual([json, 403])
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
    const token = await tokenOf(visitor)
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
