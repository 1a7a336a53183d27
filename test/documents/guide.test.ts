import { once } from 'node:events'
import { readdirSync, rmSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { beforeAll, describe, expect, it, vi } from 'vitest'
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

  it('classic: counts and logs out on Request and Response', async () => {
    const { fetch } = await run('classic_fetch')
    const first = await fetch(new Request('http://localhost/'))
    const cookie = first.headers.getSetCookie()[0].split(';')[0]
    const ask = async (path: string) =>
      (await fetch(new Request(`http://localhost${path}`, { headers: { cookie } }))).json()
    expect([await first.json(), await ask('/'), await ask('/logout'), await ask('/')]).toEqual([
      { views: 1 },
      { views: 2 },
      {},
      { views: 1 },
    ])
  })

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

  it('wizards: two tabs keep their answers apart, and each is sent once, in any order of steps', () =>
    during('wizard', async ({ visitor, base }) => {
      const begin = async () => (await visitor.json('/begin')).draft as string
      const [one, two] = [await begin(), await begin()]
      const step = (draft: string, step: string, value: string) =>
        visitor.fetch(`/step?draft=${draft}&step=${step}&value=${value}`)
      await Promise.all([step(one, 'plan', 'a'), step(two, 'plan', 'b'), step(one, 'name', 'ann')])
      expect((await visitor.fetch(`/send?draft=${one}`)).status).toBe(400)
      await step(one, 'address', 'here')
      await step(one, 'plan', 'c')
      expect((await new Visitor(base).fetch(`/send?draft=${one}`)).status).toBe(404)
      const sent = await Promise.all([1, 2, 3].map(() => visitor.fetch(`/send?draft=${one}`)))
      const [right] = sent.filter(({ status }) => status === 200)
      expect(await right!.json()).toEqual({ ordered: { name: 'ann', address: 'here', plan: 'c' } })
      expect(sent.filter(({ status }) => status === 404 || status === 409)).toHaveLength(2)
      expect((await step(one, 'name', 'late')).status).toBe(409)
      expect((await step(two, 'name', 'bob')).status).toBe(200)
      expect((await step(two, 'admin', 'yes')).status).toBe(400)
    }))

  it('uploads: are refused before their body, and end with the session', () =>
    during('uploads', async ({ visitor, base, example }) => {
      expect((await visitor.fetch('/upload', { method: 'POST', body: 'x' })).status).toBe(401)
      const bob = new Visitor(base)
      await visitor.fetch('/login?user=1')
      await bob.fetch('/login?user=2')
      const files = () => readdirSync(example.folder)
      /** A body whose end waits for a word. */
      const slow = (one: Visitor) => {
        let end = () => {}
        const body = new ReadableStream({
          start(controller) {
            controller.enqueue(new TextEncoder().encode('first part'))
            end = () => controller.close()
          },
        })
        return { sent: one.fetch('/upload', { method: 'POST', body, duplex: 'half' } as RequestInit), end: () => end() }
      }
      const [alices, bobs] = [slow(visitor), slow(bob)]
      await vi.waitFor(() => expect(files()).toHaveLength(2))
      await new Visitor(base).fetch('/logout', { headers: { cookie: visitor.header } })
      alices.end()
      bobs.end()
      expect((await alices.sent).status).toBe(409)
      const name = await (await bobs.sent).text()
      expect(files()).toEqual([name])
      expect(await bob.json('/')).toEqual([name])
      const long = { method: 'POST', body: 'x'.repeat(10_000_001) }
      expect((await bob.fetch('/upload', long)).status).toBe(413)
      rmSync(example.folder, { recursive: true })
    }))

  it('rate limits: five of many at the same moment pass, and another visitor is not held up', () =>
    during('rate_limits', async ({ visitor, base }) => {
      const bob = new Visitor(base)
      expect((await visitor.fetch('/')).status).toBe(401)
      await visitor.fetch('/login?user=1')
      await bob.fetch('/login?user=2')
      const answers = await Promise.all(Array.from({ length: 20 }, () => visitor.fetch('/')))
      const passed = answers.filter(({ status }) => status === 200)
      const refused = answers.filter(({ status }) => status === 429)
      // The request without a log-in was this visitor's, too.
      expect([passed.length, refused.length]).toEqual([4, 16])
      const wait = Number(refused[0]!.headers.get('retry-after'))
      expect(wait > 0 && wait <= 60).toBe(true)
      expect((await bob.fetch('/')).status).toBe(200)
    }))

  it('grant: logs in who comes back, and nobody with the state of another', async () => {
    const provider = createServer((request, response) => {
      const { pathname, searchParams } = new URL(request.url!, 'http://provider')
      if (pathname === '/authorize') {
        const back = new URL(searchParams.get('redirect_uri')!)
        back.search = new URLSearchParams({ code: '1', state: searchParams.get('state')! }).toString()
        response.writeHead(302, { location: back.href }).end()
      } else {
        response.setHeader('content-type', 'application/json')
        response.end(JSON.stringify(pathname === '/token' ? { access_token: 'a token' } : { id: 7 }))
      }
    }).listen(0, '127.0.0.1')
    await once(provider, 'listening')
    process.env.PROVIDER = `http://127.0.0.1:${(provider.address() as AddressInfo).port}`
    await during('grant', async ({ visitor, base }) => {
      const bob = new Visitor(base)
      const away = async (one: Visitor) => (await one.fetch('/connect/mine')).headers.get('location')!
      const [asked] = [await away(visitor), await away(bob)]
      const back = new URL((await fetch(asked, { redirect: 'manual' })).headers.get('location')!)
      expect(back.origin).toBe('https://shop.example')
      const comes = async (one: Visitor) => {
        const to = (await one.fetch(back.pathname + back.search)).headers.get('location')!
        return (await one.fetch(to)).status
      }
      expect([await comes(bob), await comes(visitor)]).toEqual([401, 302])
      expect([await bob.json('/'), await visitor.json('/')]).toEqual([{ user: null }, { user: 7 }])
      await visitor.fetch('/logout')
      expect(await visitor.json('/')).toEqual({ user: null })
    })
    provider.close()
  })

  it('GraphQL: counts on one session, and tells the codes of its errors', () =>
    during('graphql', async ({ visitor, base }) => {
      const ask = (query: string, one = visitor) => one.json('/', { method: 'POST', body: JSON.stringify({ query }) })
      const add = 'mutation { add(product: tea) }'
      await ask(add)
      await Promise.all(Array.from({ length: 10 }, () => ask(add)))
      expect(await ask('{ user, cart(product: tea) }')).toEqual({ data: { user: null, cart: 11 } })
      expect(await ask('mutation { logIn(user: 3), add(product: tea) }')).toEqual({ data: { logIn: 3, add: 12 } })
      expect(await ask('{ user, cart(product: tea) }', new Visitor(base))).toEqual({ data: { user: null, cart: 0 } })
      const { errors } = await ask('mutation { logOut, add(product: tea) }')
      expect(errors[0]).toMatchObject({ extensions: { code: 'ERR_SESSION_GONE', status: 409 } })
      expect(errors[0].message).toBe('The session has failed')
      expect(await ask('{ user }')).toEqual({ data: { user: null } })
    }))

  it('nginx: a stream and a socket behind a proxy end with the session, and need what the proxy says', () =>
    during('nginx', async ({ visitor, base }) => {
      const proxied = { headers: { 'x-forwarded-proto': 'https', 'x-forwarded-for': '203.0.113.9' } }
      await visitor.fetch('/add', proxied)
      expect([...visitor.cookies.keys()]).toEqual(['__Host-Http-sid'])
      expect((await new Visitor(base).fetch('/add')).status).toBe(500)
      const stream = await visitor.fetch('/events', proxied)
      expect(stream.headers.get('x-accel-buffering')).toBe('no')
      const events = stream.body!.pipeThrough(new TextDecoderStream()).getReader()
      expect((await events.read()).value).toBe(': open\n\n')
      const open = (origin: string) =>
        new WebSocket(base.replace('http', 'ws'), { origin, headers: { ...proxied.headers, cookie: visitor.header } })
      const [refused] = await once(open('https://evil.example'), 'error')
      expect(refused.message).toMatch('403')
      const socket = open('https://shop.example')
      await once(socket, 'open')
      const closed = once(socket, 'close')
      await visitor.fetch('/logout', proxied)
      expect((await events.read()).value).toBe('event: ended\ndata: log in again\n\n')
      expect((await closed)[0]).toBe(4001)
    }))

  it('tenants: a cookie is for one tenant and its subdomains, and opens nothing elsewhere', () =>
    during('tenants', async ({ visitor, base }) => {
      const at = (host: string) => ({ headers: { 'x-forwarded-host': host } })
      const login = await visitor.fetch('/login?user=1', at('alpha.example'))
      expect(login.headers.getSetCookie()[0]).toMatch('; Domain=alpha.example;')
      const other = new Visitor(base)
      await other.fetch('/login?user=1', at('www.beta.example'))
      expect(await visitor.json('/', at('shop.alpha.example'))).toEqual({ member: 'alpha.example 1' })
      expect((await visitor.fetch('/', at('beta.example'))).status).toBe(403)
      expect((await visitor.fetch('/', at('alpha.example.evil.test'))).status).toBe(421)
      await visitor.fetch('/everywhere', at('alpha.example'))
      expect(await other.json('/', at('beta.example'))).toEqual({ member: 'beta.example 1' })
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
