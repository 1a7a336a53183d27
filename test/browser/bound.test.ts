import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import { readFileSync, rmSync } from 'node:fs'
import { createServer, type Server } from 'node:https'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import Koa, { type Context } from 'koa'
import { atomicSession, type SessionEvent, type SessionOptions } from 'koa-atomic-session'
import { deviceBound } from 'koa-atomic-session/dbsc'
import { sqlite } from 'koa-atomic-session/sqlite'
import type { BrowserContext, Page } from 'playwright-core'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, inject, it } from 'vitest'
import { Devices, HOST } from '../servers/devices.ts'
import { KEY } from '../visitor.ts'

const provided = inject('devices')
const NAME = '__Host-Http-sid'
const SHORT = '__Host-sid-bound'

/** Real browsers with real keys, TLS, and a server that can be restarted. Secrets are renewed every other second meanwhile. */
describe.skipIf('missing' in provided)('a session that is bound to a device, in Chromium', () => {
  let devices: Devices
  let file: string
  let store: ReturnType<typeof sqlite>
  let server: Server
  let app: Koa
  let port = 0
  let owner: BrowserContext
  let events: SessionEvent[] = []
  const waiting = new Set<() => void>()
  const hear = (event: unknown) => {
    events.push(event as SessionEvent)
    for (const look of waiting) look()
  }
  const told = (type: SessionEvent['type']) => events.filter((event) => event.type === type).length

  /** Resolves when so many of these events were told. */
  function heard(type: SessionEvent['type'], count = 1): Promise<void> {
    return new Promise((resolve) => {
      const look = () => {
        if (told(type) < count) return
        waiting.delete(look)
        resolve()
      }
      waiting.add(look)
      look()
    })
  }

  async function start(keys = [KEY], options: SessionOptions = { rotateEvery: '2 seconds' }): Promise<void> {
    store = sqlite(file)
    app = new Koa()
    app.keys = keys
    app.silent = true
    const sessions = atomicSession(app, { store, secure: true, maxAge: '1 day', ...options })
    app.use(deviceBound(sessions, { cookieAge: '5 seconds', scope: { except: ['/asset'] } }))
    app.use(async (ctx) => {
      ctx.body = (await ROUTES[ctx.path]?.(ctx)) ?? ''
    })
    const { key, cert } = devices.tls
    server = createServer({ key: readFileSync(key), cert: readFileSync(cert) }, app.callback())
    await new Promise<void>((resolve) => server.listen(port, '127.0.0.1', resolve))
    port = (server.address() as AddressInfo).port
  }
  async function stop(): Promise<void> {
    await new Promise((resolve) => {
      server.close(resolve)
      server.closeAllConnections()
    })
    await store.close()
  }

  beforeAll(async () => {
    file = join(tmpdir(), `bound-${process.pid}.db`)
    devices = new Devices((provided as { url: string }).url)
    subscribe('koa-atomic-session:event', hear)
    await start()
    owner = await devices.browser()
  })
  afterAll(async () => {
    unsubscribe('koa-atomic-session:event', hear)
    await devices?.close()
    if (server) await stop()
    for (const end of ['', '-wal', '-shm']) rmSync(`${file}${end}`, { force: true })
  })
  let page: Page
  beforeEach(async () => {
    events = []
    await owner.clearCookies()
    page = await owner.newPage()
  })
  afterEach(async () => {
    await Promise.all(owner.pages().map((open) => open.close()))
  })

  const url = (path: string) => `https://${HOST}:${port}${path}`
  async function show(at: Page, path: string): Promise<{ status: number; text: string }> {
    const response = await at.goto(url(path))
    return { status: response!.status(), text: await response!.text() }
  }
  /** Logs in, and waits until the browser has registered and has the short cookie. */
  async function logIn(): Promise<void> {
    await page.goto(url('/login'))
    await expect.poll(async () => namesOf(owner)).toContain(SHORT)
  }
  const namesOf = async (context: BrowserContext) => (await context.cookies(url('/'))).map(({ name }) => name)
  /** The browser has forgotten the short cookie, because its time is over. */
  const withoutShort = (context: BrowserContext) =>
    expect.poll(async () => namesOf(context), { timeout: 20_000, interval: 100 }).not.toContain(SHORT)
  const idOf = async (context: BrowserContext) => (await credentialOf(context))[0]!
  /** The id and the secret in the session's cookie. */
  async function credentialOf(context: BrowserContext): Promise<string[]> {
    const cookie = (await context.cookies(url('/'))).find(({ name }) => name === NAME)
    return cookie!.value.split('.').slice(1, 3)
  }

  it('is bound by the log-in, and the browser signs again before each request that has no short cookie', async () => {
    await logIn()
    expect(await show(page, '/me')).toEqual({ status: 200, text: '{"user":42,"bound":true}' })
    for (let i = 0; i < 2; i++) {
      await withoutShort(owner)
      expect(await show(page, '/me')).toEqual({ status: 200, text: '{"user":42,"bound":true}' })
    }
    expect(told('unbound')).toBe(0)
    expect(told('bound')).toBe(1)
    expect(told('rotated')).toBeGreaterThan(0)
  })

  it('is bound 50 times of 50 where the page after the log-in races the registration', async () => {
    for (let i = 1; i <= 50; i++) {
      await owner.clearCookies()
      // It redirects to a page that changes the session four times at once, while the browser registers.
      await page.goto(url('/login-and-on'))
      await page.waitForFunction('document.title === "done"')
      await heard('bound', i)
      const record = await store.get(await idOf(owner))
      expect(record!.device, `the binding of log-in ${i}`).toBeDefined()
      expect(record!.data).toEqual({ user: 42, n: 5 })
    }
    expect(told('unbound')).toBe(0)
    expect(told('unproven')).toBe(0)
  })

  it('is refreshed while three tabs load', async () => {
    await logIn()
    const tabs = [page, await owner.newPage(), await owner.newPage()]
    for (let i = 0; i < 3; i++) {
      await withoutShort(owner)
      const shown = await Promise.all(tabs.map((tab) => show(tab, '/count')))
      expect(shown.map(({ status }) => status)).toEqual([200, 200, 200])
    }
    expect((await store.get(await idOf(owner)))!.data).toEqual({ user: 42, n: 9 })
    expect(told('unbound')).toBe(0)
  })

  it('is refused to a copy of the cookie jar on every route once the short cookie has ended, and the owner goes on', async () => {
    // A thief who is there while the secret is renewed ends the session for both.
    await stop()
    await start([KEY], {})
    await logIn()
    const thief = await devices.browser()
    const cookies = await owner.cookies(url('/'))
    await thief.addCookies(cookies)
    const copied = await thief.newPage()
    expect((await show(copied, '/me')).text).toBe('{"user":42,"bound":true}')
    await withoutShort(thief)
    const refused = () => expect.poll(async () => (await show(copied, '/me')).status, { timeout: 20_000 }).toBe(401)
    await refused()
    for (const path of ['/me', '/count', '/page']) expect((await show(copied, path)).status, path).toBe(401)
    // It keeps a value that its own clock says is over.
    await thief.addCookies(cookies.map((cookie) => ({ ...cookie, expires: Date.now() / 1000 + 3600 })))
    // A request may be on its way for a moment longer than the cookie lasts.
    await refused()
    for (const path of ['/me', '/count', '/page']) expect((await show(copied, path)).status, path).toBe(401)
    expect((await show(page, '/me')).text).toBe('{"user":42,"bound":true}')
    expect((await store.get(await idOf(owner)))!.data).toEqual({ user: 42 })
    await stop()
    await start()
  })

  it('ends with a log-out in one tab, and the browser asks for nothing more', async () => {
    await logIn()
    const other = await owner.newPage()
    expect((await show(other, '/logout')).status).toBe(200)
    await withoutShort(owner)
    expect(await show(page, '/me')).toEqual({ status: 200, text: '{"bound":false}' })
    events = []
    expect(await show(other, '/me')).toEqual({ status: 200, text: '{"bound":false}' })
    expect(events).toEqual([])
  })

  it('survives a restart of the server, new keys of the application, and secrets that renew by themselves', async () => {
    await logIn()
    const [id, secret] = await credentialOf(owner)
    for (const keys of [[KEY], [`${KEY} newer`, KEY], [`${KEY} newest`, `${KEY} newer`]]) {
      await stop()
      await start(keys)
      expect((await show(page, '/me')).text).toBe('{"user":42,"bound":true}')
      await withoutShort(owner)
      expect((await show(page, '/me')).text).toBe('{"user":42,"bound":true}')
    }
    const [sameId, newSecret] = await credentialOf(owner)
    expect(sameId).toBe(id)
    expect(newSecret).not.toBe(secret)
    expect(told('unbound')).toBe(0)
  })

  it('is bound anew by the next log-in of the same browser', async () => {
    await logIn()
    await page.goto(url('/login'))
    await heard('bound', 2)
    await withoutShort(owner)
    expect((await show(page, '/me')).text).toBe('{"user":42,"bound":true}')
    await withoutShort(owner)
    expect((await show(page, '/me')).text).toBe('{"user":42,"bound":true}')
    expect(told('unbound')).toBe(0)
  })
})

const PAGE = `<!doctype html><title>page</title><script>
Promise.all([1, 2, 3, 4].map(() => fetch('/count'))).then(() => { document.title = 'done' })
</script>`

// biome-ignore lint/suspicious/noExplicitAny: sessions of any shape
const ROUTES: Record<string, (ctx: Context & { session: any }) => Promise<unknown>> = {
  '/login': (ctx) =>
    ctx
      .session()
      .rotate({ authenticated: true })
      .set('user', 42)
      .then(() => 'hello'),
  '/login-and-on': async (ctx) => {
    await ctx.session().rotate({ authenticated: true }).set('user', 42)
    ctx.redirect('/page')
  },
  '/page': async (ctx) => {
    await ctx.session().inc('n')
    ctx.type = 'html'
    return PAGE
  },
  '/me': async (ctx) => {
    const { user, bound } = await ctx.session()
    return { user, bound }
  },
  '/count': async (ctx) => {
    await ctx.session().inc('n')
    return 'counted'
  },
  '/logout': (ctx) => ctx.session().destroy(),
  '/favicon.ico': async () => '',
}
