import type { Browser, Page } from 'playwright-core'
import { afterAll, afterEach, beforeAll, describe, expect, inject, it } from 'vitest'
import { startBrowser } from '../servers/browser.ts'
import { Examples, expectAccessible, expectFits } from './examples.ts'

const chromium = inject('chromium')

describe.skipIf('missing' in chromium)('the shop in a browser', () => {
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

  async function open(path = '/shop'): Promise<Page> {
    const page = await examples.visitor(browser)
    await page.goto(path)
    return page
  }
  const another = async (page: Page, path = '/shop') => {
    const tab = examples.tab(await page.context().newPage())
    await tab.goto(path)
    return tab
  }
  const buy = (page: Page, name: string) => page.getByRole('button', { name: `Buy: ${name}` }).click()
  const quantity = (page: Page, name: string) => page.getByLabel(`Quantity of ${name}`).inputValue()
  async function logIn(page: Page, user: string, remember = false): Promise<void> {
    await page.getByLabel('Your name').fill(user)
    if (remember) await page.getByLabel('Remember me').check()
    await page.getByRole('button', { name: 'Log in' }).click()
    await page.getByRole('button', { name: 'Log out', exact: true }).waitFor()
  }

  it('keeps its session in a cookie that no script can read and no other host can set', async () => {
    const page = await open()
    await buy(page, 'Green tea')
    const cookies = await page.context().cookies()
    expect(cookies).toHaveLength(1)
    expect(cookies[0]).toMatchObject({ httpOnly: true, secure: true, sameSite: 'Lax', path: '/', domain: 'localhost' })
    expect(cookies[0]!.name).toMatch(/^__Host-Http-/)
    expect(await page.evaluate('document.cookie')).toBe('')
    const { name, value } = cookies[0]!
    // A script of the page can set none of this name, neither over this one nor for a visitor who has none.
    const plant = `document.cookie = ${JSON.stringify(`${name}=planted; Path=/; Secure`)}`
    await page.evaluate(plant)
    expect((await page.context().cookies()).map((cookie) => cookie.value)).toEqual([value])
    await page.context().clearCookies()
    await page.evaluate(plant)
    await page.evaluate("document.cookie = '__Host-sid=planted; Path=/; Secure'")
    expect((await page.context().cookies()).map((cookie) => cookie.name)).toEqual(['__Host-sid'])
  })

  it('two tabs fill one cart', async () => {
    const first = await open()
    const second = await another(first)
    await buy(first, 'Green tea')
    await buy(second, 'Tea cup')
    await buy(first, 'Green tea')
    await second.reload()
    expect([await quantity(second, 'Green tea'), await quantity(second, 'Tea cup')]).toEqual(['2', '1'])
  })

  it('shows a message once, also after the back button', async () => {
    const page = await open()
    await buy(page, 'Tea pot')
    expect(await page.getByRole('status').textContent()).toBe('Tea pot is in your cart.')
    await page.reload()
    expect(await page.getByRole('status').count()).toBe(0)
    await page.goto('/devices')
    await page.goBack()
    expect(await page.getByRole('status').count()).toBe(0)
    expect(await quantity(page, 'Tea pot')).toBe('1')
  })

  it('changes and removes', async () => {
    const page = await open()
    await buy(page, 'Tea pot')
    await page.getByLabel('Quantity of Tea pot').fill('7')
    await page.getByRole('button', { name: 'Change' }).click()
    expect(await quantity(page, 'Tea pot')).toBe('7')
    await page.getByRole('button', { name: 'Remove Tea pot' }).click()
    await page.getByText('Your cart is empty.').waitFor()
  })

  it('accepts a form that was opened before the log-in of another tab, once it is opened anew', async () => {
    const first = await open()
    const second = await another(first)
    await logIn(second, 'Grace')
    // The token was made for who was not logged in: it must not work for who is.
    const [refused] = await Promise.all([
      first.waitForResponse((answer) => answer.request().method() === 'POST'),
      buy(first, 'Tea cup'),
    ])
    expect(refused.status()).toBe(403)
    examples.allow(/status of 40[34]/)
    await first.goto('/shop')
    await buy(first, 'Tea cup')
    expect(await quantity(first, 'Tea cup')).toBe('1')
  })

  it('keeps the cart through the log-in, under a new secret, and remembers who asks for it', async () => {
    const page = await open()
    await buy(page, 'Tea cup')
    const [before] = await page.context().cookies()
    await logIn(page, 'Grace', true)
    const [after] = await page.context().cookies()
    expect(await quantity(page, 'Tea cup')).toBe('1')
    expect(after!.value).not.toBe(before!.value)
    expect(after!.expires - before!.expires).toBeGreaterThan(80 * 86_400)
  })

  it('logs out another device, and everything else', async () => {
    const [here, phone, tablet] = [await open(), await open(), await open()]
    for (const page of [here, phone, tablet]) await logIn(page, 'Lin')
    await here.goto('/devices')
    expect(await here.getByRole('row').count()).toBe(4)
    expect(await here.getByRole('rowheader', { name: /^Chrome on \w+ 127\.0\.0\.0\/24$/ }).count()).toBe(3)
    await here.getByRole('button', { name: 'Log out there' }).first().click()
    expect(await here.getByRole('row').count()).toBe(3)
    await here.getByRole('button', { name: 'Log out everywhere else' }).click()
    expect(await here.getByRole('row').count()).toBe(2)
    for (const page of [phone, tablet]) {
      await page.goto('/devices')
      await page.getByText('Log in to see where you are logged in.').waitFor()
    }
  })

  it('notices in an open page that another tab has logged out, and nobody else is disturbed', async () => {
    const [first, other] = [await open(), await open()]
    await logIn(first, 'Grace')
    await logIn(other, 'Lin')
    const second = await another(first)
    await second.getByRole('button', { name: 'Log out', exact: true }).click()
    await first.getByText('Your session has ended in another tab.').waitFor()
    expect(await first.evaluate('document.activeElement.textContent')).toBe('Reload this page')
    expect(await other.getByText('Your session has ended in another tab.').isVisible()).toBe(false)
    await first.keyboard.press('Enter')
    await first.getByLabel('Your name').waitFor()
    await buy(other, 'Tea cup')
    await other.getByRole('button', { name: 'Log out', exact: true }).waitFor()
  })

  it('adds up what is in the cart, and marks the page that is shown', async () => {
    const page = await open()
    await buy(page, 'Green tea')
    await buy(page, 'Green tea')
    await buy(page, 'Tea pot')
    expect(await page.getByRole('row', { name: /^Total/ }).textContent()).toContain('€ 56.00')
    expect(await page.locator('nav [aria-current=page]').allTextContents()).toEqual(['Shop'])
  })

  it("can't log out a session of somebody else", async () => {
    const [mine, theirs] = [await open(), await open()]
    await logIn(mine, 'Mallory')
    await logIn(theirs, 'Alice')
    const phone = await open()
    await logIn(phone, 'Alice')
    await theirs.goto('/devices')
    const id = await theirs.locator('input[name=id]').first().inputValue()
    const second = await open()
    await logIn(second, 'Mallory')
    await mine.goto('/devices')
    await mine.evaluate(`document.querySelector('input[name=id]').value = '${id}'`)
    await mine.getByRole('button', { name: 'Log out there' }).first().click()
    await phone.goto('/devices')
    expect(await phone.getByRole('row').count()).toBe(3)
  })

  it('logs nobody in without a name', async () => {
    const page = await open()
    const csrf = await page.locator('input[name=csrf]').first().inputValue()
    const statuses = []
    for (const form of [{ csrf }, { csrf, user: '' }, { csrf, user: ' \u00a0 ' }]) {
      statuses.push((await page.request.post('/login', { form })).status())
    }
    expect(statuses).toEqual([400, 400, 400])
    await page.reload()
    expect(await page.getByRole('button', { name: 'Log out' }).count()).toBe(0)
  })

  it('fits a small phone', async () => {
    const page = await examples.visitor(browser, { viewport: { width: 320, height: 640 } })
    await page.goto('/shop')
    for (const name of ['Green tea', 'Tea cup', 'Tea pot']) await buy(page, name)
    await expectFits(page)
    await logIn(page, 'M'.repeat(40))
    await expectFits(page)
    await logIn(await open(), 'M'.repeat(40))
    await page.goto('/devices')
    await page.getByRole('button', { name: 'Log out there' }).waitFor()
    await expectFits(page)
  })

  for (const colorScheme of ['light', 'dark'] as const) {
    it(`is accessible in ${colorScheme}`, async () => {
      const page = await examples.visitor(browser, { colorScheme })
      await page.goto('/shop')
      await buy(page, 'Tea cup')
      await expectAccessible(page)
      await logIn(page, 'Ada')
      await page.goto('/devices')
      await expectAccessible(page)
    })
  }
})
