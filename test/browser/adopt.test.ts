// A browser removes a cookie only from the domain and the path for which it was set.
import type { RequestListener, Server } from 'node:http'
import { adoptExpressSession, adoptKoaSession } from 'koa-atomic-session/adopt'
import { type Browser, chromium } from 'playwright-core'
import { afterAll, afterEach, beforeAll, describe, expect, inject, it } from 'vitest'
import { expressAfter, expressBefore, koaAfter, koaBefore, listen } from '../adopt/old.ts'

const provided = inject('chromium')
const DOMAIN = 'shop.test'

describe.skipIf('missing' in provided)('the old cookie with a domain and a path', () => {
  let browser: Browser
  const servers: Server[] = []
  beforeAll(async () => {
    if ('missing' in provided) return
    const args = [
      '--no-sandbox',
      '--disable-gpu',
      '--disable-dev-shm-usage',
      `--host-resolver-rules=MAP *.${DOMAIN} 127.0.0.1`,
    ]
    browser = await chromium.launch({ executablePath: provided.url, args })
  })
  afterEach(() => {
    for (const server of servers.splice(0)) server.close()
  })
  afterAll(() => browser?.close())

  async function served(listener: RequestListener): Promise<string> {
    const { server, port } = await listen(listener)
    servers.push(server)
    return `http://www.${DOMAIN}:${port}`
  }

  const PLACE = { domain: DOMAIN, path: '/app' }
  const EXPRESS = () => {
    const { app, store } = expressBefore({ cookie: PLACE })
    const options = { secret: 'short', store: { get: store.get.bind(store) } }
    return { before: app, after: (place: object) => expressAfter(adoptExpressSession({ ...options, ...place })).app }
  }
  const KOA = () => {
    const { app } = koaBefore(PLACE)
    return { before: app, after: (place: object) => koaAfter(adoptKoaSession({ keys: ['short'], ...place })).app }
  }

  it.each([
    ['express-session', EXPRESS],
    ['koa-session', KOA],
  ])('of %s goes, so a log-out lasts for each of two visitors; without its place it would stay', async (_, move) => {
    const { before, after } = move()
    const [old, right, wrong] = [await served(before), await served(after(PLACE)), await served(after({}))]
    const visitor = async (name: string, base: string) => {
      const context = await browser.newContext()
      const page = await context.newPage()
      const go = async (path: string) => {
        await page.goto(path)
        return JSON.parse((await page.textContent('body')) || 'null')
      }
      await go(`${old}/app?as=${name}`)
      const first = await go(`${base}/app`)
      await go(`${base}/logout`)
      const names = (await context.cookies()).map((cookie) => cookie.name.replace(/\.sig$/, ''))
      const then = await go(`${base}/app`)
      await context.close()
      return [first, new Set(names).size, then]
    }
    expect(await visitor('ann', right)).toEqual([{ user: 'ann', views: 2 }, 0, { views: 1 }])
    expect(await visitor('bob', right)).toEqual([{ user: 'bob', views: 2 }, 0, { views: 1 }])
    expect(await visitor('eve', wrong)).toEqual([{ user: 'eve', views: 2 }, 1, { user: 'eve', views: 2 }])
  })
})
