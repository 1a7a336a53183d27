// npm run screenshots: the README's pictures, taken from the running race lab by a headless Chromium.
import { existsSync, mkdirSync } from 'node:fs'
import { chromium } from 'playwright-core'
import { createExamples } from '../examples/server.mjs'

const { server, close } = await createExamples({ url: 'memory:', keys: ['a key for the pictures only'] })
await new Promise((resolve) => server.listen(0, 'localhost', resolve))
/** The machine's, or the one that the tests have brought. */
const found = ['/usr/bin/chromium', '.cache/servers/bin/chromium'].find((path) => existsSync(path))
const browser = await chromium.launch({
  executablePath: process.env.CHROMIUM ?? found ?? 'chromium',
  args: ['--no-sandbox', '--disable-gpu', '--disable-dev-shm-usage'],
})
mkdirSync('docs/images', { recursive: true })
for (const colorScheme of ['light', 'dark']) {
  const page = await browser.newPage({ colorScheme, viewport: { width: 1000, height: 760 } })
  await page.goto(`http://localhost:${server.address().port}/`)
  await page.waitForSelector('#status:not(:empty)')
  const path = `docs/images/lab-${colorScheme}.png`
  await page.screenshot({ path })
  await page.close()
  console.log(path)
}
await browser.close()
await close()
