import { atomicSession, type ClientDescription, type KoaSessions } from 'koa-atomic-session'
import { httpSessions } from 'koa-atomic-session/http'
import { memory } from 'koa-atomic-session/memory'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { settingsOf } from '../../src/settings/settings.ts'
import { clientOf } from '../../src/visit/client.ts'
import { kinds } from '../security/stores.ts'
import type { Opened } from '../stores/clients.ts'
import { KEY, TestApp, type Visitor } from '../visitor.ts'

interface Data {
  user_id?: number
  n?: number
  cart?: { items: string[] }
}

describe.each(kinds('devices').map((kind) => [kind.name, kind] as const))('what is kept of a client, %s', (_, kind) => {
  describe.skipIf(kind.missing)('by the option client', () => {
    let app: TestApp
    let open: Opened
    let sessions: KoaSessions<Data>
    let asked = 0
    // biome-ignore lint/suspicious/noExplicitAny: each test writes the handler that it needs
    let handler: (ctx: any) => unknown
    const firefox = { headers: { 'user-agent': 'Firefox' } }
    const safari = { headers: { 'user-agent': 'Safari' } }
    const found = async (visitor: Visitor) => {
      handler = async (ctx) => {
        ctx.body = (await ctx.session()).id
      }
      return sessions.at(await visitor.text('/'))
    }

    beforeEach(async () => {
      asked = 0
      app = new TestApp()
      open = await kind.open()
      const client = (ctx: { get(name: string): string; ip: string }) => {
        asked++
        return { agent: ctx.get('user-agent'), network: ctx.ip }
      }
      sessions = atomicSession<Data>(app.koa, { store: open.store, index: ['user_id'], client })
      await sessions.ensureIndex()
      app.koa.use(async (ctx) => {
        ctx.body = 'fine'
        await handler(ctx)
      })
      await app.listen()
    })
    afterEach(async () => {
      await app.close()
      await open.close()
    })

    it('is from its beginning and from each log-in, whoever else uses the session in between', async () => {
      const visitor = app.visitor()
      handler = (ctx) => ctx.session().inc('n')
      await visitor.fetch('/', firefox)
      await visitor.fetch('/', safari)
      expect(asked).toBe(1)
      expect((await found(visitor)).client).toEqual({ agent: 'Firefox', network: '127.0.0.0/24' })
      handler = (ctx) => ctx.session().rotate({ authenticated: true }).set('user_id', 42)
      await visitor.fetch('/', safari)
      const [device] = await sessions.find('user_id', 42)
      expect(device!.client).toEqual({ agent: 'Safari', network: '127.0.0.0/24' })
      expect(device!.data).toEqual({ n: 2, user_id: 42 })
      handler = (ctx) => ctx.session().rotate().inc('n')
      await visitor.fetch('/', firefox)
      expect((await found(visitor)).client?.agent).toBe('Safari')
      expect(asked).toBe(2)
    })

    it('is no part of the data, in no way to look at them, and no command reaches it', async () => {
      const visitor = app.visitor()
      const shown: unknown[] = []
      handler = async (ctx) => {
        const session = await ctx.session().set({ n: 1, cart: { items: [] } })
        const { cart } = session.data
        await session.push('cart.items', 'a')
        expect(session.data.cart).not.toBe(cart)
        shown.push(session.data, { ...session }, JSON.parse(JSON.stringify(session)), (await session.update()).data)
        shown.push(Object.fromEntries(Object.keys(session).map((key) => [key, session[key]])))
        expect(session['@client']).toBeUndefined()
        expect('@client' in session).toBe(false)
        expect(session.data).toBe(session.data)
        for (const refused of [
          () => session.set('@client', 1),
          () => session.unset('@client.agent'),
          () => session.rename('n', '@client'),
          () => sessions.at(session.id).set('@client.agent' as never, 'x' as never),
        ]) {
          expect(refused).toThrow(expect.objectContaining({ code: 'ERR_SESSION_PATH' }))
        }
      }
      expect(await visitor.text('/', firefox)).toBe('fine')
      expect(shown).toEqual(Array(5).fill({ n: 1, cart: { items: ['a'] } }))
    })

    it('makes no session of one that would hold nothing else', async () => {
      handler = (ctx) => ctx.session().unset('n')
      const visitor = app.visitor()
      await visitor.fetch('/', firefox)
      expect(visitor.header).toBe('')
      expect(asked).toBe(0)
    })
  })
})

describe('the option client', () => {
  const kept = (told: unknown, context?: unknown) =>
    clientOf(settingsOf({ client: () => told as ClientDescription }), context)

  it('keeps the network of an address, and never the address', () => {
    const networks: Record<string, string> = {
      '203.0.113.195': '203.0.113.0/24',
      '::ffff:203.0.113.195': '203.0.113.0/24',
      '::1': '0:0:0::/48',
      '2001:db8:7:1:2:3:4:5': '2001:db8:7::/48',
      '2001:db8::5': '2001:db8:0::/48',
      '2001::db8:7:1:2:3:4': '2001:0:db8::/48',
      'fe80::1%eth0': 'fe80:0:0::/48',
      '::2:3:4:5:6:7:8': '0:2:3::/48',
      '1:2:3:4:5:6::': '1:2:3::/48',
      '1::2:3:4:5:6:7': '1:0:2::/48',
      '::': '0:0:0::/48',
      '1::ffff:203.0.113.195': '1:0:0::/48',
      '::1:2:3:4:5:203.0.113.195': '0:1:2::/48',
      '1:2:3:4:5:6:203.0.113.195': '1:2:3::/48',
      '203.0.113.195%eth0': '203.0.113.0/24',
      '::FFFF:203.0.113.195%eth0': '203.0.113.0/24',
      'the ::ffff:2.0 release': 'the ::ffff:2.0 release',
      Berlin: 'Berlin',
    }
    for (const [network, shown] of Object.entries(networks)) expect(kept({ network })).toStrictEqual({ network: shown })
  })

  it('cuts what a visitor has made too long, and never within a character', () => {
    expect(kept({ agent: 'x'.repeat(10_000), network: 'y'.repeat(100) })).toEqual({
      agent: 'x'.repeat(256),
      network: 'y'.repeat(64),
    })
    expect(kept({ agent: `x${'\u{1f600}'.repeat(100)}` })).toStrictEqual({ agent: `x${'\u{1f600}'.repeat(63)}` })
    expect(kept({ agent: 'a\0b\u001b[2Jc\ud800' })).toEqual({ agent: 'a b [2Jc\ufffd' })
  })

  it('keeps nothing where there is nothing to keep', () => {
    for (const told of [undefined, null, {}, { agent: '' }, { agent: undefined }]) expect(kept(told)).toBeUndefined()
  })

  it('refuses what is no function, and what a function should not return', async () => {
    expect(() => settingsOf({ client: 'agent' as never })).toThrow('client must be a function')
    const wrong: [unknown, string][] = [
      ['Firefox', 'client must return an object'],
      [Promise.resolve({ agent: 'x' }), 'at once'],
      [{ agent: 7 }, 'agent of what client returns is a number'],
      [{ agent: 'x', address: '::1' }, "no option 'address'"],
    ]
    for (const [told, message] of wrong) {
      expect(() => kept(told)).toThrow(
        expect.objectContaining({ code: 'ERR_SESSION_USAGE', message: expect.stringContaining(message) }),
      )
    }
  })

  it('is given the request on other servers, and its failure is the failure of the request', async () => {
    const app = new TestApp()
    const store = memory()
    atomicSession(app.koa, {
      store,
      client: () => {
        throw new Error('no city')
      },
    })
    app.koa.use(async (ctx) => {
      await ctx.session().inc('n')
    })
    await app.listen()
    const visitor = app.visitor()
    expect((await visitor.fetch('/')).status).toBe(500)
    expect(visitor.header).toBe('')
    expect(app.errors).toMatchObject([{ message: 'no city' }])
    await app.close()
    const agents: unknown[] = []
    const sessions = httpSessions({ store, keys: [KEY], client: (request) => void agents.push(request.headers.host) })
    const { createServer } = await import('node:http')
    const server = createServer(
      sessions.listener(async (request, response) => {
        await sessions.of(request, response).inc('n')
        response.end()
      }),
    )
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    const { port } = server.address() as { port: number }
    await (await fetch(`http://127.0.0.1:${port}`)).text()
    expect(agents).toEqual([`127.0.0.1:${port}`])
    server.closeAllConnections()
    server.close()
  })
})
