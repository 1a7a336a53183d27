import { execFile } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { extname, join } from 'node:path'
import { promisify } from 'node:util'
import type { Browser, BrowserContextOptions, Page } from 'playwright-core'
import { afterAll, afterEach, beforeAll, describe, expect, inject, it } from 'vitest'
import { startBrowser } from '../servers/browser.ts'
import { expectAccessible, expectFits } from './examples.ts'

const chromium = inject('chromium')
const root = join(import.meta.dirname, '..', '..')
const html = join(root, '.cache', 'site', 'html')

const TYPES: Record<string, string> = {
  '.html': 'text/html',
  '.js': 'text/javascript',
  '.css': 'text/css',
  '.svg': 'image/svg+xml',
  '.json': 'application/json',
}

describe.skipIf('missing' in chromium)('the site of the documents', () => {
  let browser: Browser
  let server: Server
  let base: string
  /** What pages have asked of any other server. */
  const elsewhere: string[] = []
  const complaints: string[] = []
  const open: Page[] = []

  beforeAll(async () => {
    // A page whose link leads nowhere fails the build.
    await promisify(execFile)(process.execPath, ['tools/docs.mjs'], { cwd: root })
    server = createServer((request, response) => {
      const path = new URL(request.url!, 'http://site').pathname.replace(/\/$/, '/index.html')
      const file = join(html, path)
      if (!file.startsWith(html) || !existsSync(file)) response.writeHead(404).end()
      else
        response.setHeader('content-type', TYPES[extname(file)] ?? 'application/octet-stream').end(readFileSync(file))
    })
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    base = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
    browser = await startBrowser(chromium)
  })
  afterEach(() => Promise.all(open.splice(0).map((page) => page.context().close())))
  afterAll(async () => {
    await browser?.close()
    server?.close()
  })

  async function reader(path: string, options: BrowserContextOptions = {}): Promise<Page> {
    const page = await (await browser.newContext({ baseURL: base, ...options })).newPage()
    open.push(page)
    page.on('console', (message) => message.type() === 'error' && complaints.push(message.text()))
    page.on('pageerror', (error) => complaints.push(String(error)))
    page.on('request', (request) => request.url().startsWith(base) || elsewhere.push(request.url()))
    await page.goto(path, { waitUntil: 'networkidle' })
    return page
  }

  it('leads from the front page to a running application, and on', async () => {
    const page = await reader('/')
    await page.getByRole('link', { name: 'Get started' }).click()
    await page.getByRole('heading', { name: 'Getting started' }).waitFor()
    await page.getByRole('link', { name: 'PostgreSQL' }).last().click()
    await page.getByRole('heading', { level: 1, name: 'PostgreSQL' }).waitFor()
  })

  it('finds a word in every part of the documents, without asking another server', async () => {
    const page = await reader('/')
    await page.getByRole('button', { name: 'Search' }).first().click()
    await page.getByRole('searchbox').fill('requireFresh')
    await page.locator('#localsearch-list a[href*="/concepts"]').first().waitFor()
    await page.locator('#localsearch-list a[href*="/api/"]').first().waitFor()
    expect(elsewhere).toEqual([])
  })

  it('has the reference of every entry of the package', async () => {
    const { exports } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'))
    const page = await reader('/api/')
    const text = await page.locator('main').textContent()
    const entries = Object.keys(exports).filter((name) => name !== './package.json')
    expect(
      entries.map((name) => name.replace(/^\./, 'koa-atomic-session')).filter((name) => !text!.includes(name)),
    ).toEqual([])
  })

  it.each(['light', 'dark'] as const)('can be read by everybody, %s', async (colorScheme) => {
    for (const path of ['/', '/start.html', '/concepts.html']) {
      const page = await reader(path, { colorScheme })
      // Colours of the generator's own code blocks are not ours to choose.
      await expectAccessible(page, '[class*="language-"]')
    }
  })

  it.each([360, 390, 1280])('fits a screen of %s pixels', async (width) => {
    for (const path of ['/', '/start.html', '/concepts.html', '/stores/postgres.html', '/security.html']) {
      const page = await reader(path, { viewport: { width, height: 844 } })
      await expectFits(page)
    }
    expect(complaints.splice(0)).toEqual([])
  })
})
