import { once } from 'node:events'
import { beforeAll, describe, expect, it } from 'vitest'
import { WebSocket } from 'ws'
import { TestDevice, TLS } from '../dbsc/device.ts'
import { Visitor } from '../visitor.ts'
import { expectAllRun, run, type Served, serve, writeExamples } from './examples.ts'

describe("the guide's examples", () => {
  beforeAll(() => {
    writeExamples()
  })
  const during = async (name: string, use: (served: Served) => Promise<void>) => {
    const served = await serve(name)
    await use(served).finally(() => served.stop())
  }

  it('log-in: renews the secret, remembers who asks for it, asks again, ends', () =>
    during('login', async ({ visitor, base }) => {
      expect(await visitor.json('/')).toEqual({ user: null })
      expect((await visitor.fetch('/password')).status).toBe(401)
      const day = await visitor.fetch('/login')
      const month = await visitor.fetch('/login?remember=1')
      const age = (response: Response) => Number(/Max-Age=(\d+)/.exec(response.headers.get('set-cookie')!)![1])
      expect([age(day), age(month)]).toEqual([86_400, 30 * 86_400])
      expect(await visitor.text('/password')).toBe('change it')
      const copy = new Visitor(base)
      copy.keep(visitor.header)
      await visitor.text('/logout')
      expect(await copy.json('/')).toEqual({ user: null })
    }))

  it('carts: no tab undoes another, and only what was seen is ordered', () =>
    during('carts', async ({ visitor }) => {
      await visitor.fetch('/add')
      expect((await visitor.fetch('/order')).status).toBe(409)
      await Promise.all([visitor.fetch('/look'), visitor.fetch('/add'), visitor.fetch('/look')])
      expect(await visitor.json('/order')).toEqual({ cart: {}, seen: ['tea', 'tea'], ordered: { tea: 2 } })
    }))

  it('messages: exactly one of many sees it', () =>
    during('messages', async ({ visitor }) => {
      await visitor.fetch('/save')
      const seen = await Promise.all(Array.from({ length: 10 }, () => visitor.fetch('/').then((r) => r.text())))
      expect(seen.filter((text) => text === 'Saved.')).toHaveLength(1)
    }))

  it('codes: one guess is right once, nothing proves nothing, and five tries are all', () =>
    during('codes', async ({ visitor, base }) => {
      const code = await visitor.text('/send')
      expect((await visitor.fetch('/')).status).toBe(400)
      const seen = await Promise.all(Array.from({ length: 4 }, () => visitor.text(`/?code=${code}`)))
      expect(seen.sort()).toEqual(['verified', 'wrong code', 'wrong code', 'wrong code'])
      expect((await visitor.fetch(`/?code=${code}`)).status).toBe(429)
      expect((await new Visitor(base).fetch('/')).status).toBe(400)
    }))

  it('schema: stores what it makes of a value, and refuses what it does not have', () =>
    during('schema', async ({ visitor }) => {
      expect(await visitor.json('/?quantity=7&isAdmin=1')).toEqual({ quantity: 7 })
      expect(await visitor.json('/?name=%20Ada%20')).toEqual({ quantity: 7, profile: { name: 'Ada' } })
      expect((await visitor.fetch('/?quantity=-1')).status).toBe(400)
      expect((await visitor.fetch('/?profile.name.x=1&quantity=1')).status).toBe(400)
    }))

  it('devices: lists, revokes one, and logs out elsewhere', () =>
    during('devices', async ({ visitor, base }) => {
      const [phone, tablet] = [new Visitor(base), new Visitor(base)]
      for (const one of [visitor, phone, tablet]) await one.fetch('/login')
      const devices = await visitor.json('/')
      expect(devices).toHaveLength(3)
      expect(devices[0].client).toEqual({ agent: 'node', network: '127.0.0.0/24' })
      const { id } = (await phone.json('/')).find(({ here }: { here: boolean }) => here)
      expect(await visitor.json(`/revoke?id=${id}`)).toHaveLength(2)
      expect((await phone.fetch('/')).status).toBe(401)
      expect(await visitor.json('/elsewhere')).toHaveLength(1)
      expect((await tablet.fetch('/')).status).toBe(401)
    }))

  it('bound: is for the device that has logged in, and for whoever can bind nothing as before', () =>
    during('bound', async ({ visitor }) => {
      const device = new TestDevice(visitor)
      const get = (path: string) => visitor.fetch(path, { headers: TLS })
      const login = await get('/login')
      expect((await get('/pay')).status).toBe(401)
      expect((await device.register(login)).status).toBe(200)
      expect(await (await get('/pay')).json()).toEqual({ user: 42, bound: true })
      expect((await device.refresh()).status).toBe(200)
    }))

  it('bound: asks for a key wherever a request is a Request, too, and answers the registration', async () => {
    const { answer } = (await run('bound_fetch')) as { answer(request: Request): Promise<Response> }
    const ask = (path: string, init?: RequestInit) => answer(new Request(`https://shop.example${path}`, init))
    const login = await ask('/login')
    expect(login.headers.get('secure-session-registration')).toContain('path="/session-binding"')
    expect(await login.text()).toBe('bound: false')
    const cookie = login.headers.getSetCookie()[0]!.split(';')[0]!
    const device = new TestDevice<Pick<Visitor, 'fetch'>>({
      fetch: (path, init) => ask(path, { ...init, headers: { ...init?.headers, cookie } }),
    })
    const registered = await device.register(login)
    expect(registered.status).toBe(200)
    const short = registered.headers.getSetCookie()[0]!.split(';')[0]!
    expect(await (await ask('/', { headers: { cookie: `${cookie}; ${short}` } })).text()).toBe('bound: true')
  })

  it('live: shows what other tabs do, and ends with the session', () =>
    during('live', async ({ visitor, base }) => {
      await visitor.fetch('/add')
      const events = (await visitor.fetch('/events')).body!.pipeThrough(new TextDecoderStream()).getReader()
      const next = async () => (await events.read()).value
      expect(await next()).toBe('id: 1\ndata: 1 items\n\n')
      await visitor.fetch('/add')
      expect(await next()).toBe('id: 2\ndata: 2 items\n\n')
      const socket = new WebSocket(base.replace('http', 'ws'), { headers: { cookie: visitor.header } })
      await once(socket, 'open')
      const closed = once(socket, 'close')
      await visitor.fetch('/logout')
      expect(await next()).toBe('event: ended\ndata: log in again\n\n')
      expect([(await closed)[0], await next()]).toEqual([4001, undefined])
    }))

  it('roles: are gone at once, by an administrator who has logged in lately', () =>
    during('roles', async ({ visitor, base }) => {
      const admin = new Visitor(base)
      await visitor.fetch('/login?user=2')
      expect((await visitor.json('/articles/delete')).deleted).toBe(1)
      expect((await visitor.fetch('/users/drop?user=1')).status).toBe(403)
      await admin.fetch('/login?user=1')
      await admin.fetch('/users/drop?user=2')
      expect((await visitor.fetch('/articles/delete')).status).toBe(409)
      expect(await visitor.json('/')).toEqual({ user_id: 2, deleted: 1, notices: ['You are no editor any more.'] })
      await admin.fetch('/users/end?user=2')
      expect(await visitor.json('/')).toEqual({})
    }))

  it('csrf: takes what comes from its own page or has a token, nothing else', () =>
    during('csrf', async ({ visitor }) => {
      const token = /value="([^"]+)"/.exec(await visitor.text('/'))![1]!
      const post = async (headers: Record<string, string>) =>
        (await visitor.fetch('/', { method: 'POST', headers })).status
      expect(await post({ 'sec-fetch-site': 'same-origin' })).toBe(200)
      expect(await post({ origin: 'https://example.org' })).toBe(200)
      expect(await post({ 'sec-fetch-site': 'cross-site' })).toBe(403)
      expect(await post({ origin: 'https://evil.example' })).toBe(403)
      expect(await post({})).toBe(403)
      const fresh = /value="([^"]+)"/.exec(await visitor.text('/'))![1]!
      expect(await post({ 'x-csrf-token': fresh })).toBe(200)
      expect(token).not.toBe('')
    }))

  it.each(['http', 'express', 'fastify'])('servers: counts on %s', (name) =>
    during(name, async ({ visitor }) => {
      expect(await visitor.text('/')).toBe('seen 1 times')
      expect(await visitor.text('/')).toBe('seen 2 times')
    }),
  )

  it('servers: counts on fetch', async () => {
    const { app } = await run('fetch')
    const first: Response = await app.request('/')
    const cookie = first.headers.getSetCookie()[0]!.split(';')[0]!
    expect(await first.text()).toBe('seen 1 times')
    expect(await (await app.request('/', { headers: { cookie } })).text()).toBe('seen 2 times')
  })

  it('classic: counts on one session, as an object and by commands', () =>
    during('classic', async ({ visitor }) => {
      expect(await visitor.json('/')).toEqual({ views: 1 })
      await visitor.fetch('/new')
      await Promise.all(Array.from({ length: 10 }, () => visitor.fetch('/')))
      expect(await visitor.json('/')).toEqual({ views: 13 })
      await visitor.fetch('/logout')
      expect(await visitor.json('/')).toEqual({ views: 1 })
    }))

  it('classic: counts on Express', () =>
    during('classic_express', async ({ visitor }) => {
      expect(await visitor.text('/')).toBe('seen 1 times')
      expect(await visitor.text('/')).toBe('seen 2 times')
    }))

  it('passport: logs in and out', () =>
    during('passport', async ({ visitor, base }) => {
      await visitor.fetch('/login?username=a&password=wrong')
      expect(await visitor.json('/')).toEqual({ user: null })
      await visitor.fetch('/login?username=a&password=right')
      expect(await visitor.json('/')).toEqual({ user: 1 })
      expect(await new Visitor(base).json('/')).toEqual({ user: null })
      await visitor.fetch('/logout')
      expect(await visitor.json('/')).toEqual({ user: null })
    }))

  it('testing: passes', async () => {
    const { test } = await run('testing')
    await test()
  })

  it('testing: is signed in, and waits for no time to pass', async () => {
    const { test } = await run('minting')
    await test()
  })

  it('are all run', () => {
    expectAllRun(/^docs\/guide\/(?!deployment)/)
  })
})
