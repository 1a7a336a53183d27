import { existsSync } from 'node:fs'
import { type Browser, chromium } from 'playwright-core'
import type { Missing } from './child.ts'

const PLACES = ['/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome']

/** The machine's Chromium: CHROMIUM, or where Debian has it. */
export function findBrowser(): string | Missing {
  const path = process.env.CHROMIUM ?? PLACES.find((place) => existsSync(place))
  if (path) return path
  const missing = { missing: 'no Chromium: apt install chromium, or set CHROMIUM to its path' }
  // On a laptop the suite goes on without it; where nothing may be missing, it must not look like success.
  if (process.env.CI) throw new Error(`The tests need a browser: ${missing.missing}`)
  console.error(`\n*** BROWSER TESTS ARE SKIPPED *** ${missing.missing}\n`)
  return missing
}

export function startBrowser(executablePath: string): Promise<Browser> {
  return chromium.launch({ executablePath, args: ['--no-sandbox', '--disable-gpu', '--disable-dev-shm-usage'] })
}
