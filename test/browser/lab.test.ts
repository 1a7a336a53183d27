import type { Browser, Page } from 'playwright-core'
import { afterAll, afterEach, beforeAll, describe, expect, inject, it } from 'vitest'
import { startBrowser } from '../servers/browser.ts'
import { Examples, expectAccessible, expectFits } from './examples.ts'

const chromium = inject('chromium')

describe.skipIf('missing' in chromium)('the race lab in a browser', () => {
  const examples = new Examples()
  let browser: Browser
  beforeAll(async () => {
    browser = await startBrowser(chromium)
    await examples.start()
  })
  afterEach(async () => {
    await examples.closeVisitors()
    expect(examples.complaints()).toEqual([])
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
    await page.getByRole('button', { name: 'Race again' }).press('Enter')
    await finished(page)
  }

  it('shows on opening that one lane loses changes and the others none', async () => {
    const page = await examples.visitor(browser)
    await page.goto('/')
    await finished(page)
    expect(await count(page, 'whole', 'lost')).toBeGreaterThan(0)
    expect(await count(page, 'atomic', 'lost')).toBe(0)
    expect(await count(page, 'atomic', 'kept')).toBe(12)
    expect(await count(page, 'classic', 'kept')).toBe(12)
    expect(await page.locator('[data-lane="classic"] [data-outcome="kept"]').count()).toBe(12)
    expect(await page.locator('[data-lane="whole"] [data-outcome="lost"]').count()).toBe(
      await count(page, 'whole', 'lost'),
    )
    expect(await page.locator('[data-lane="atomic"] [data-outcome="kept"]').count()).toBe(12)
  })

  it('loses items of a cart on one lane only', async () => {
    const page = await examples.visitor(browser)
    await page.goto('/')
    await finished(page)
    await race(page, 'cart')
    expect(await verdict(page, 'whole')).toMatch(/of 12 items lost/)
    expect(await verdict(page, 'atomic')).toBe('all 12 items are in the cart')
    expect(await verdict(page, 'classic')).toBe('all 12 items are in the cart')
  })

  it('a log-out stays a log-out on one lane only', async () => {
    const page = await examples.visitor(browser)
    await page.goto('/')
    await finished(page)
    await race(page, 'logout')
    expect(await verdict(page, 'whole')).toBe('logged out, and back again')
    expect(await verdict(page, 'atomic')).toBe('logged out')
    expect(await verdict(page, 'classic')).toBe('logged out')
  })

  it('a role that an administrator drops while slow requests run stays dropped on the lanes of commands only', async () => {
    const page = await examples.visitor(browser)
    await page.goto('/')
    await finished(page)
    await race(page, 'drop')
    expect(await verdict(page, 'whole')).toBe('admin again')
    expect(await verdict(page, 'atomic')).toBe('the role is gone')
    expect(await verdict(page, 'classic')).toBe('the role is gone')
  })

  it('marks where each request read and wrote, in that order, and shows the code of the scenario', async () => {
    const page = await examples.visitor(browser)
    await page.goto('/')
    await finished(page)
    for (const lane of ['whole', 'atomic', 'classic']) {
      const marks = (await page.evaluate(
        `Array.from(document.querySelectorAll('[data-lane="${lane}"] .timeline li'), (item) =>
          ['read', 'write'].map((name) => Number(item.querySelector('.mark.' + name).style.getPropertyValue('--at'))))`,
      )) as [number, number][]
      expect(marks).toHaveLength(12)
      for (const [read, write] of marks) expect(read).toBeLessThan(write)
    }
    expect(await page.textContent('[data-code="atomic"]')).toContain("inc('views')")
    await page.getByRole('radio', { name: 'Dropped role' }).check()
    expect(await page.textContent('[data-code="whole"]')).toContain('delete session.admin')
  })

  it('moves nothing below the lanes while a race runs', async () => {
    const page = await examples.visitor(browser)
    await page.goto('/')
    await finished(page)
    const top = () => page.evaluate<number>("document.querySelector('.code').getBoundingClientRect().top")
    const before = await top()
    await page.getByRole('button', { name: 'Race again' }).press('Enter')
    expect(await page.locator('[data-lane="whole"] .timeline li').count()).toBeLessThan(12)
    expect(await top()).toBe(before)
    await finished(page)
    expect(await top()).toBe(before)
  })

  it('sends as many requests as it is told to, also around a log-out', async () => {
    const page = await examples.visitor(browser)
    await page.goto('/')
    await finished(page)
    await page.getByRole('slider', { name: 'Requests' }).fill('20')
    // So no request is over before the log-out, however slow the machine is.
    await page.getByRole('slider', { name: 'Each takes about' }).fill('1000')
    await race(page, 'logout')
    expect(await page.locator('[data-lane="whole"] [data-outcome]').count()).toBe(21)
    expect(await page.locator('[data-lane="atomic"] [data-outcome="refused"]').count()).toBe(20)
  })

  it('draws no more requests side by side than the browser sends', async () => {
    const page = await examples.visitor(browser)
    await page.addInitScript(`
      globalThis.mostRunning = 0
      new MutationObserver(() => {
        mostRunning = Math.max(mostRunning, document.querySelectorAll('[data-outcome="running"]').length)
      }).observe(document, { childList: true, subtree: true })`)
    await page.goto('/')
    await finished(page)
    expect(await page.evaluate('mostRunning')).toBe(6)
    for (const lane of ['whole', 'atomic', 'classic']) {
      const bars = (await page.evaluate(
        `Array.from(document.querySelectorAll('[data-lane="${lane}"] .timeline li > :first-child'), ({ style }) =>
          ['--from', '--length'].map((name) => Number(style.getPropertyValue(name))))`,
      )) as [number, number][]
      // A browser rounds its times.
      const spans = bars.map(([from, length]) => ({ from: from + 0.002, to: from + length - 0.002 }))
      const beside = spans.map(({ from }) => spans.filter((other) => other.from <= from && from < other.to).length)
      expect(spans).toHaveLength(12)
      expect(Math.max(...beside)).toBeLessThanOrEqual(6)
      expect(Math.max(...beside)).toBeGreaterThan(1)
    }
  })

  it('leaves the focus on the button, ignores it during a race, and tells of each race anew', async () => {
    const page = await examples.visitor(browser)
    await page.goto('/')
    await finished(page)
    const button = page.getByRole('button', { name: 'Race again' })
    await button.press('Enter')
    expect(await page.textContent('#status')).toBe('')
    await page.keyboard.press('Enter')
    await page.keyboard.press('Enter')
    await finished(page)
    expect(await page.evaluate('document.activeElement.textContent')).toBe('Race again')
    expect(await count(page, 'atomic', 'sent')).toBe(24)
    expect(await button.getAttribute('aria-disabled')).toBeNull()
  })

  it.each([
    [360, 740],
    [320, 640],
    [1000, 700],
  ])('shows all three verdicts without scrolling on %i by %i', async (width, height) => {
    const page = await examples.visitor(browser, { viewport: { width, height } })
    await page.goto('/')
    await finished(page)
    for (const lane of ['whole', 'atomic', 'classic']) {
      const box = (await page.locator(`[data-lane="${lane}"] .verdict`).boundingBox())!
      expect(box.x).toBeGreaterThanOrEqual(0)
      expect(box.x + box.width).toBeLessThanOrEqual(width)
      expect(box.y + box.height).toBeLessThanOrEqual(height)
    }
    await expectFits(page)
  })

  for (const colorScheme of ['light', 'dark'] as const) {
    it(`is accessible in ${colorScheme}, and fits a phone`, async () => {
      const page = await examples.visitor(browser, { colorScheme, viewport: { width: 360, height: 740 } })
      await page.goto('/')
      await finished(page)
      await expectAccessible(page)
      await expectFits(page)
    })
  }
})
