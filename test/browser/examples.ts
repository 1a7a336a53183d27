import { mkdtempSync, rmSync } from 'node:fs'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { AxeBuilder } from '@axe-core/playwright'
import type { Browser, BrowserContext, Page } from 'playwright-core'
import { expect } from 'vitest'
// @ts-expect-error: the examples are plain JavaScript
import { createExamples } from '../../examples/server.mjs'
import { KEY } from '../visitor.ts'

/** The examples on a SQLite file, with a browser before them. */
export class Examples {
  readonly #folder = mkdtempSync(join(tmpdir(), 'examples-'))
  readonly #contexts: BrowserContext[] = []
  readonly #complaints: string[] = []
  #allowed: RegExp | undefined
  #running: { server: import('node:http').Server; close(): Promise<void> } | undefined
  base = ''

  async start(): Promise<this> {
    const url = join(this.#folder, 'sessions.db')
    this.#running = await createExamples({ url, keys: [KEY], secure: true, proxy: true })
    const { server } = this.#running!
    await new Promise<void>((resolve) => server.listen(0, 'localhost', resolve))
    this.base = `http://localhost:${(server.address() as AddressInfo).port}`
    return this
  }

  /** A visitor with a browser of their own; whatever it complains about in its console fails the test. */
  async visitor(browser: Browser, options: import('playwright-core').BrowserContextOptions = {}): Promise<Page> {
    // What a proxy that ends TLS would add. Chromium takes localhost for a secure place, so that the cookies are those of production.
    const extraHTTPHeaders = { 'x-forwarded-proto': 'https' }
    const context = await browser.newContext({ baseURL: this.base, extraHTTPHeaders, ...options })
    this.#contexts.push(context)
    return this.tab(await context.newPage())
  }

  tab(page: Page): Page {
    page.on('console', (message) => {
      if (['error', 'warning'].includes(message.type())) this.#complaints.push(message.text())
    })
    page.on('pageerror', (error) => this.#complaints.push(String(error)))
    return page
  }

  /** What the console has said since the last time. */
  complaints(): string[] {
    const allowed = this.#allowed
    this.#allowed = undefined
    return this.#complaints.splice(0).filter((text) => !allowed?.test(text))
  }

  /** What the console may say in this test: a browser reports every answer of 400 and above. */
  allow(allowed: RegExp): void {
    this.#allowed = allowed
  }

  async closeVisitors(): Promise<void> {
    await Promise.all(this.#contexts.splice(0).map((context) => context.close()))
  }

  async stop(): Promise<void> {
    await this.closeVisitors()
    await this.#running?.close()
    rmSync(this.#folder, { recursive: true, force: true })
  }
}

/** Nothing is wider than the window: no reader has to scroll sideways. */
export async function expectFits(page: Page): Promise<void> {
  const [whole, window] = (await page.evaluate('[document.documentElement.scrollWidth, innerWidth]')) as number[]
  expect(whole).toBeLessThanOrEqual(window!)
}

/** No violation of the rules for accessible pages, as axe-core checks them. */
export async function expectAccessible(page: Page, except?: string): Promise<void> {
  const axe = new AxeBuilder({ page })
  const { violations } = await (except === undefined ? axe : axe.exclude(except)).analyze()
  expect(violations.map(({ id, nodes }) => `${id}: ${nodes.map(({ html }) => html).join(' ')}`)).toEqual([])
}
