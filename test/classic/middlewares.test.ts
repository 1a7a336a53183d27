import { bodyParser } from '@koa/bodyparser'
import connectFlash from 'connect-flash'
import { csrfSync } from 'csrf-sync'
import grant from 'grant'
import { atomicSession } from 'koa-atomic-session'
import { type ClassicOptions, classic } from 'koa-atomic-session/classic'
import betterFlash from 'koa-better-flash'
import CSRF from 'koa-csrf'
import koaFlash from 'koa-flash'
import Koa2 from 'koa2'
import lusca from 'lusca'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import type { Opened } from '../stores/clients.ts'
import { TestApp } from '../visitor.ts'
import { storesOf } from './kinds.ts'
import { ExpressApp, form, serve } from './servers.ts'

// biome-ignore lint/suspicious/noExplicitAny: middlewares without types
type Anything = any

describe.each(storesOf('classic_middlewares').map((kind) => [kind.name, kind] as const))('on %s', (_, kind) => {
  let open: Opened
  const closing: { close(): unknown }[] = []
  beforeAll(async () => {
    open = await kind.open()
    await open.store.setup()
  })
  afterEach(async () => {
    for (const each of closing.splice(0)) await each.close()
  })
  afterAll(() => open.close())

  const koa = (options: ClassicOptions = {}, Koa?: typeof Koa2) => {
    const app = new TestApp(Koa as never)
    closing.push(app)
    classic(app.koa, atomicSession(app.koa, { store: open.store, property: 'atomic' }), options)
    app.koa.use(bodyParser())
    return app
  }
  const express = (options: ClassicOptions = {}) => {
    const app = new ExpressApp(open.store, options)
    closing.push(app)
    return app
  }

  /** A whole round trip of OAuth against a provider of ours, by one visitor, while another looks on. */
  const roundTrip = async (app: TestApp | ExpressApp, provider: string) => {
    const [alice, bob] = [app.visitor(), app.visitor()]
    const away = await alice.fetch('/connect/mine')
    const asked = new URL(away.headers.get('location')!)
    expect(asked.origin).toBe(provider)
    expect(asked.searchParams.get('code_challenge')).toBeTruthy()
    await bob.fetch('/connect/mine')
    const back = (await fetch(asked, { redirect: 'manual' })).headers.get('location')!
    // The state that the provider was given is Alice's: Bob can't use it.
    const forged = await bob.fetch(back.slice(app.base.length))
    expect(forged.headers.get('location')).toBe('/hello')
    expect(await bob.json('/hello')).toMatchObject({ response: { error: expect.anything() } })
    const last = await alice.fetch(back.slice(app.base.length))
    expect(last.headers.get('location')).toBe('/hello')
    expect(await alice.json('/hello')).toMatchObject({ response: { access_token: 'a token for code 1' } })
    expect(JSON.stringify(await bob.json('/hello'))).not.toContain('token for code')
    expect(JSON.stringify(await app.visitor().json('/hello'))).toBe('{}')
    expect(app.errors).toEqual([])
  }
  const provider = async () => {
    const served = await serve((request, response) => {
      const url = new URL(request.url!, 'http://provider')
      if (url.pathname === '/authorize') {
        const back = new URL(url.searchParams.get('redirect_uri')!)
        back.search = new URLSearchParams({ code: '1', state: url.searchParams.get('state')! }).toString()
        response.writeHead(302, { location: back.href }).end()
      } else {
        response.setHeader('content-type', 'application/json')
        response.end(JSON.stringify({ access_token: 'a token for code 1', token_type: 'bearer' }))
      }
    })
    closing.push(served)
    return served.base
  }
  const granting = (base: string, at: string) => ({
    defaults: { origin: base, transport: 'session' as const, state: true, pkce: true },
    mine: {
      authorize_url: `${at}/authorize`,
      access_url: `${at}/token`,
      oauth: 2,
      key: 'k',
      secret: 's',
      callback: '/hello',
    },
  })

  it('grant 5 on Koa', async () => {
    const app = koa()
    const at = await provider()
    let middleware: Anything
    app.koa.use((ctx, next) => middleware(ctx, next))
    app.koa.use((ctx: Anything) => {
      ctx.body = ctx.session.grant ?? {}
    })
    await app.listen()
    middleware = (grant as Anything).koa()(granting(app.base, at))
    await roundTrip(app, at)
  })

  it('grant 5 on Express 5', async () => {
    const app = express()
    const at = await provider()
    let middleware: Anything
    app.express.use((req, res, next) => middleware(req, res, next))
    app.express.use((req: Anything, res) => void res.json(req.session.grant ?? {}))
    await app.listen()
    middleware = (grant as Anything).express()(granting(app.base, at))
    await roundTrip(app, at)
  })

  /** A message for one visitor, which is shown once, to no other. */
  const message = async (app: TestApp | ExpressApp) => {
    const [alice, bob] = [app.visitor(), app.visitor()]
    await alice.fetch('/say?what=for+alice')
    expect(await bob.text('/')).not.toContain('for alice')
    await bob.fetch('/say?what=for+bob')
    expect(await alice.text('/')).toContain('for alice')
    expect(await alice.text('/')).not.toContain('for alice')
    expect(await bob.text('/')).toContain('for bob')
    expect(app.errors).toEqual([])
    return { alice, bob }
  }

  it('koa-flash, on Koa 2, which still takes generators', async () => {
    const app = koa({}, Koa2)
    app.koa.use(koaFlash() as Anything)
    app.koa.use((ctx: Anything) => {
      if (ctx.path === '/say') ctx.flash = { info: ctx.query.what }
      ctx.body = ctx.flash
    })
    await message(await app.listen())
  })

  it.each([[{}], [{ lists: ['flash.*'] }]])('koa-better-flash, with %j', async (options) => {
    const app = koa(options)
    app.koa.use(betterFlash())
    app.koa.use((ctx: Anything) => {
      if (ctx.path === '/say') ctx.flash('info', ctx.query.what)
      ctx.body = ctx.path === '/say' ? 'ok' : ctx.flash('info')
    })
    await message(await app.listen())
  })

  it.each([[{}], [{ lists: ['flash.*'] }]])('connect-flash, with %j', async (options) => {
    const app = express(options)
    app.express.use(connectFlash())
    app.express.use((req: Anything, res) => {
      if (req.path === '/say') req.flash('info', req.query.what)
      res.json(req.path === '/say' ? 'ok' : req.path === '/all' ? req.flash() : req.flash('info'))
    })
    const { alice } = await message(await app.listen())
    if (!('lists' in options)) return
    // Each of many messages at the same moment is shown, once.
    const words = Array.from({ length: 20 }, (_, i) => `word ${i}`)
    await Promise.all(words.map((word) => alice.fetch(`/say?what=${word}`)))
    const shown = await Promise.all([alice.json('/'), alice.fetch('/say?what=late'), alice.json('/')])
    const rest = await alice.json('/all')
    expect(new Set([...shown[0], ...shown[2], ...(rest.info ?? [])])).toEqual(new Set([...words, 'late']))
    expect(await alice.json('/all')).toEqual({})
  })

  /** A token that one visitor got is good for that visitor, and for no other. */
  const forms = async (app: TestApp | ExpressApp) => {
    const [victim, attacker] = [app.visitor(), app.visitor()]
    const [own, other] = [await victim.text('/'), await attacker.text('/')]
    expect(own).not.toBe('')
    expect((await victim.fetch('/', form({ _csrf: other }))).status).toBe(403)
    expect((await victim.fetch('/', form({}))).status).toBe(403)
    expect((await victim.fetch('/', form({ _csrf: own }))).status).toBe(200)
    expect((await attacker.fetch('/', form({ _csrf: other }))).status).toBe(200)
  }

  it('koa-csrf', async () => {
    const app = koa()
    app.koa.use(new CSRF())
    app.koa.use((ctx: Anything) => {
      ctx.body = ctx.state._csrf
    })
    await forms(await app.listen())
  })

  it('csrf-sync', async () => {
    const app = express()
    const { csrfSynchronisedProtection, generateToken } = csrfSync({
      getTokenFromRequest: (req: Anything) => req.body?._csrf,
    })
    app.express.use(csrfSynchronisedProtection as Anything)
    app.express.use((req: Anything, res) => void res.send(generateToken(req)))
    await forms(await app.listen())
  })

  it('lusca', async () => {
    const app = express()
    app.express.use(lusca.csrf())
    app.express.use((_, res) => void res.send(res.locals._csrf))
    await forms(await app.listen())
  })
})
