import { once } from 'node:events'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import Koa, { type Context } from 'koa'
import { atomicSession, type KoaSessions, type SessionData } from 'koa-atomic-session'
import { type HttpSessions, httpSessions } from 'koa-atomic-session/http'
import { memory } from 'koa-atomic-session/memory'
import type { Browser, Page } from 'playwright-core'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, inject, it, vi } from 'vitest'
import { WebSocketServer } from 'ws'
import { Gate } from '../gate.ts'
import { startBrowser } from '../servers/browser.ts'
import { KEY } from '../visitor.ts'

const chromium = inject('chromium')
const OURS = 'a.example.test'
const SISTER = 'b.example.test'

const SHOP = `<!doctype html><title>shop</title><link rel=icon href=data:,>
<form method=post action=/cart><button>Buy</button></form>
<form method=post action=/login><button>Log in</button></form>`

/** A log-in that waits before it asks the store, and before it is answered. */
class LogIn {
  readonly #password = new Gate()
  readonly #answer = new Gate()

  async run(ctx: Context): Promise<void> {
    await this.#password.pass()
    await logInAs42(ctx)
    await this.#answer.pass()
  }

  /** Resolves when the store has logged in. */
  apply(): Promise<void> {
    this.#password.open()
    return this.#answer.reached
  }

  answer(): void {
    this.#answer.open()
  }
}

async function logInAs42(ctx: Context): Promise<void> {
  await ctx.session().rotate({ authenticated: true }).set('user', 42)
}

describe.skipIf('missing' in chromium)('the cookie of a session in a browser', () => {
  let browser: Browser
  let server: Server
  let koa: KoaSessions<SessionData>
  let http: HttpSessions<SessionData>
  let port = 0
  let page: Page
  /** What happens to a log-in. */
  let logIn: (ctx: Context) => Promise<void>
  const handshakes: { origin: string | undefined; cookie: boolean; outcome: unknown }[] = []

  beforeAll(async () => {
    browser = await startBrowser(chromium, ['--host-resolver-rules=MAP * 127.0.0.1'])
    const app = new Koa()
    app.keys = [KEY]
    const store = memory()
    koa = atomicSession(app, { store, maxAge: '1 day' })
    http = httpSessions({ store, keys: [KEY], maxAge: '1 day' })
    app.use(async (ctx) => {
      if (ctx.path === '/me') ctx.body = (await ctx.session()).data
      else if (ctx.path === '/cart') {
        await ctx.session().inc('cart')
        ctx.redirect('/')
      } else if (ctx.path === '/login') {
        await logIn(ctx)
        ctx.redirect('/in')
      } else Object.assign(ctx, { type: 'html', body: SHOP })
    })
    server = createServer(app.callback())
    const sockets = new WebSocketServer({ noServer: true })
    server.on('upgrade', async (request, socket, head) => {
      const { origin, cookie } = request.headers
      const shown = (outcome: unknown) => handshakes.push({ origin, cookie: cookie !== undefined, outcome })
      try {
        const session = await (request.url === '/koa' ? koa : http).upgrade(request)
        shown(session.data)
        sockets.handleUpgrade(request, socket, head, (opened) => opened.send(JSON.stringify(session.data)))
      } catch (error) {
        const { code, status } = error as { code: string; status: number }
        shown(code)
        socket.end(`HTTP/1.1 ${status} Refused\r\nConnection: close\r\n\r\n`)
      }
    })
    await once(server.listen(0, '127.0.0.1'), 'listening')
    port = (server.address() as AddressInfo).port
  })
  afterAll(async () => {
    await browser?.close()
    server?.closeAllConnections()
    server?.close()
  })

  const origin = (host: string) => `http://${host}:${port}`
  const url = (path = '/', host = OURS) => origin(host) + path
  const button = (name: string) => page.getByRole('button', { name })
  /** What the browser shows of the session. */
  const me = async () => JSON.parse((await (await page.goto(url('/me')))!.text()) as string)
  beforeEach(async () => {
    vi.useFakeTimers({ toFake: ['Date', 'performance'], now: Date.now() })
    page = await (await browser.newContext()).newPage()
    await page.goto(url())
    await button('Buy').click()
    await page.waitForURL(url())
    expect(await me()).toEqual({ cart: 1 })
    await page.goto(url())
  })
  afterEach(async () => {
    vi.useRealTimers()
    await page.context().close()
  })

  /** The visitor is logged in with the cart, stays so beyond every grace, and can go on buying. */
  /** The page has arrived. `waitForURL` fails if it is told meanwhile that a click has cancelled the navigation before. */
  async function arrival(path: string): Promise<void> {
    await expect.poll(() => page.url(), { timeout: 30_000 }).toBe(url(path))
    await page.waitForLoadState()
  }

  async function expectLoggedIn(): Promise<void> {
    expect(await me()).toEqual({ cart: 1, user: 42 })
    vi.advanceTimersByTime(31_000)
    expect(await me()).toEqual({ cart: 1, user: 42 })
    await page.goto(url())
    await button('Buy').click()
    await page.waitForURL(url())
    vi.advanceTimersByTime(61_000)
    expect(await me()).toEqual({ cart: 2, user: 42 })
  }

  /** Log-ins wait for the test; resolves with each that arrives. */
  function logInsThatWait(): () => Promise<LogIn> {
    const waiting: LogIn[] = []
    logIn = (ctx) => {
      const one = new LogIn()
      waiting.push(one)
      return one.run(ctx)
    }
    let taken = 0
    return async () => {
      await expect.poll(() => waiting.length).toBeGreaterThan(taken)
      return waiting[taken++]!
    }
  }

  it('is logged in by a double click on "log in", and the cart is kept', async () => {
    logIn = logInAs42
    await button('Log in').dblclick()
    await arrival('/in')
    await expectLoggedIn()
  })

  it.each(['first', 'second'])(
    'is logged in by a second click that cancels the first, though the %s one reaches the store before the other',
    async (before) => {
      const next = logInsThatWait()
      const { x, y } = (await button('Log in').boundingBox())!
      const click = () => page.mouse.click(x + 5, y + 5)
      await click()
      const first = await next()
      await click()
      const second = await next()
      for (const one of before === 'first' ? [first, second] : [second, first]) await one.apply()
      for (const one of [first, second]) one.answer()
      await arrival('/in')
      await expectLoggedIn()
    },
  )

  it.each([
    ['in their order', 0],
    ['in the other order', 1],
  ])('is logged in by two log-ins of a script whose answers both arrive, %s', async (_, last) => {
    const next = logInsThatWait()
    const send = () =>
      page.evaluate<number>(`fetch('/login', { method: 'POST', redirect: 'manual' }).then(({ status }) => status)`)
    const answers = [send()]
    const logIns = [await next()]
    answers.push(send())
    logIns.push(await next())
    for (const one of logIns) await one.apply()
    for (const i of [1 - last, last]) {
      logIns[i]!.answer()
      await answers[i]
    }
    await expectLoggedIn()
  })

  it('is logged in by a log-in whose answer was lost, which the browser sends again by itself, and the cart is kept', async () => {
    let sent = 0
    logIn = async (ctx) => {
      await logInAs42(ctx)
      if (++sent === 1) ctx.req.socket.destroy()
    }
    await button('Log in').click()
    await arrival('/in')
    expect(sent).toBe(2)
    await expectLoggedIn()
  })

  it('is logged in by a log-in that the visitor tries again, after it had hung and they had left, and the cart is kept', async () => {
    const next = logInsThatWait()
    const { x, y } = (await button('Log in').boundingBox())!
    await page.mouse.click(x + 5, y + 5)
    await (await next()).apply()
    await page.goto(url())
    logIn = logInAs42
    await button('Log in').click()
    await arrival('/in')
    await expectLoggedIn()
  })

  it('is logged in when the second answer was lost too, in a session of its own', async () => {
    let sent = 0
    logIn = async (ctx) => {
      await logInAs42(ctx)
      if (++sent < 3) ctx.req.socket.destroy()
    }
    // Where its connection was in use before, Chromium sends a lost request again by itself.
    while (sent < 3) {
      await page.goto(url())
      const { x, y } = (await button('Log in').boundingBox())!
      const before = sent
      await page.mouse.click(x + 5, y + 5)
      await page.waitForURL(url('/in')).catch(() => page.waitForURL('chrome-error://**'))
      expect(sent).toBeGreaterThan(before)
    }
    expect(sent).toBe(3)
    expect(await me()).toEqual({ user: 42 })
  })

  it.each(['koa', 'http'])('opens no WebSocket to the session from a page of a sister domain, by %s', async (kind) => {
    handshakes.length = 0
    const open = async (host: string) => {
      await page.goto(url('/', host))
      return page.evaluate<string>(`new Promise((resolve) => {
        const socket = new WebSocket('ws://${OURS}:${port}/${kind}')
        socket.onmessage = ({ data }) => resolve(data)
        socket.onerror = () => resolve('refused')
      })`)
    }
    expect(await open(OURS)).toBe('{"cart":1}')
    expect(await open(SISTER)).toBe('refused')
    // The browser lets the cookie in from there, so it is for the server to refuse.
    expect(handshakes).toEqual([
      { origin: origin(OURS), cookie: true, outcome: { cart: 1 } },
      { origin: origin(SISTER), cookie: true, outcome: 'ERR_SESSION_CSRF' },
    ])
  })
})
