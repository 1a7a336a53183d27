// npm run screenshots: the pictures of the documents, taken from the running examples and from the site by a headless
// Chromium.
import { createReadStream, existsSync, mkdirSync, statSync } from 'node:fs'
import { createServer } from 'node:http'
import { extname, join } from 'node:path'
import { chromium } from 'playwright-core'
import { createExamples } from '../examples/server.mjs'

const { server, close } = await createExamples({ url: 'memory:', keys: ['a key for the pictures only'] })
await new Promise((resolve) => server.listen(0, 'localhost', resolve))
const baseURL = `http://localhost:${server.address().port}`
const site = createServer(page)
await new Promise((resolve) => site.listen(0, 'localhost', resolve))
const siteURL = `http://localhost:${site.address().port}`
/** The machine's, or the one that the tests have brought. */
const found = ['/usr/bin/chromium', '.cache/servers/bin/chromium'].find((path) => existsSync(path))
const browser = await chromium.launch({
  executablePath: process.env.CHROMIUM ?? found ?? 'chromium',
  args: ['--no-sandbox', '--disable-gpu', '--disable-dev-shm-usage'],
})
mkdirSync('docs/images', { recursive: true })

/** What is done before a page is shown. */
const PAGES = {
  async lab(page) {
    await page.goto('/')
    await page.waitForSelector('#status:not(:empty)')
  },
  async shop(page) {
    await page.goto('/shop')
    for (const name of ['Green tea', 'Green tea', 'Tea pot']) {
      await page.getByRole('button', { name: `Buy: ${name}` }).click()
    }
    await page.getByLabel('Your name').fill('Ada')
    await page.getByRole('button', { name: 'Log in' }).click()
    await page.getByRole('button', { name: 'Log out', exact: true }).waitFor()
  },
  devices: (page) => page.goto('/devices'),
  site: (page) => page.goto(`${siteURL}/`),
}

/** Where Ada is logged in besides. */
const ELSEWHERE = [
  'Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:140.0) Gecko/20100101 Firefox/140.0',
  'Mozilla/5.0 (iPhone; CPU iPhone OS 18_5 like Mac OS X) AppleWebKit/605.1.15 Version/18.5 Mobile Safari/604.1',
]
for (const userAgent of ELSEWHERE) {
  const context = await browser.newContext({ baseURL, userAgent })
  await PAGES.shop(await context.newPage())
  await context.close()
}

for (const colorScheme of ['light', 'dark']) {
  for (const [device, width] of [
    ['', 1280],
    ['-phone', 390],
  ]) {
    const context = await browser.newContext({ baseURL, colorScheme, viewport: { width, height: 480 } })
    const page = await context.newPage()
    for (const [name, prepare] of Object.entries(PAGES)) {
      await prepare(page)
      const path = `docs/images/${name}${device}-${colorScheme}.png`
      // The whole page, so no line of it is cut through.
      await page.screenshot({ path, fullPage: true })
      console.log(path)
    }
    await page.goto('/devices')
    await page.getByRole('button', { name: 'Log out', exact: true }).click()
    await page.getByText('Your cart is empty.').waitFor()
    await context.close()
  }
}
await browser.close()
site.closeAllConnections()
site.close()
await close()

/** A page of the site that `npm run docs` has built, or a file that belongs to it. */
function page({ url }, response) {
  const TYPES = { '.html': 'text/html', '.js': 'text/javascript', '.css': 'text/css', '.svg': 'image/svg+xml' }
  const { pathname } = new URL(url, 'http://site')
  const found = [pathname, `${pathname}.html`, `${pathname}index.html`]
    .map((name) => join('.cache/site/html', name))
    .find((name) => statSync(name, { throwIfNoEntry: false })?.isFile())
  if (!found) return response.writeHead(404).end()
  response.setHeader('content-type', TYPES[extname(found)] ?? 'application/octet-stream')
  createReadStream(found).pipe(response)
}
