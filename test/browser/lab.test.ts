import type { Browser, Page } from 'playwright-core'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { findBrowser, startBrowser } from '../servers/browser.ts'
import { Examples, expectAccessible } from './examples.ts'

const chromium = findBrowser()

describe.skipIf(typeof chromium !== 'string')('the race lab in a browser', () => {
  const examples = new Examples()
  let browser: Browser
  beforeAll(async () => {
    browser = await startBrowser(chromium as string)
    await examples.start()
  })
  afterEach(async () => {
    await examples.closeVisitors()
  })
  afterAll(async () => {
    await browser?.close()
    await examples.stop()
  })

  const finished = (page: Page) => page.waitForSelector('#status:not(:empty)')
  const count = async (page: Page, lane: string, name: string) =>
    Number(await page.textContent(`[data-lane="${lane}"] [data-count="${name}"]`))
  const verdict = (page: Page, lane: string) => page.textContent(`[data-lane="${lane}"] .verdict`)

  /** Chooses an action by the keyboard, races, and waits for the end. */
  async function race(page: Page, action: string): Promise<void> {
    await page.locator(`input[value="${action}"]`).focus()
    await page.keyboard.press('Space')
    await page.evaluate(`document.querySelector('#status').textContent = ''`)
    await page.getByRole('button', { name: 'Race again' }).press('Enter')
    await finished(page)
  }

  it('shows on opening that one lane loses changes and the other none', async () => {
    const page = await examples.visitor(browser)
    await page.goto('/')
    await finished(page)
    expect(await count(page, 'whole', 'lost')).toBeGreaterThan(0)
    expect(await count(page, 'atomic', 'lost')).toBe(0)
    expect(await count(page, 'atomic', 'kept')).toBe(12)
    expect(await page.locator('[data-lane="whole"] [data-outcome="lost"]').count()).toBe(
      await count(page, 'whole', 'lost'),
    )
    expect(await page.locator('[data-lane="atomic"] [data-outcome="kept"]').count()).toBe(12)
    expect(examples.complaints()).toEqual([])
  })

  it('loses things of a cart on one lane only', async () => {
    const page = await examples.visitor(browser)
    await page.goto('/')
    await finished(page)
    await race(page, 'cart')
    expect(await verdict(page, 'whole')).toMatch(/of 12 things lost/)
    expect(await verdict(page, 'atomic')).toBe('all 12 things are in the cart')
  })

  it('a log-out stays a log-out on one lane only', async () => {
    const page = await examples.visitor(browser)
    await page.goto('/')
    await finished(page)
    await race(page, 'logout')
    expect(await verdict(page, 'whole')).toBe('logged out, and back again')
    expect(await verdict(page, 'atomic')).toBe('logged out')
    examples.allow(/status of (401|409)/)
    expect(examples.complaints()).toEqual([])
  })

  it('a dropped privilege stays dropped on one lane only', async () => {
    const page = await examples.visitor(browser)
    await page.goto('/')
    await finished(page)
    await race(page, 'drop')
    expect(await verdict(page, 'whole')).toBe('administrator again')
    expect(await verdict(page, 'atomic')).toBe('the privilege is gone')
    expect(examples.complaints()).toEqual([])
  })

  for (const colorScheme of ['light', 'dark'] as const) {
    it(`is accessible in ${colorScheme}, and fits a phone`, async () => {
      const page = await examples.visitor(browser, { colorScheme, viewport: { width: 360, height: 740 } })
      await page.goto('/')
      await finished(page)
      await expectAccessible(page)
      const width = await page.evaluate('document.documentElement.scrollWidth')
      expect(width).toBeLessThanOrEqual(360)
    })
  }
})
