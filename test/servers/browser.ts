import { execFile } from 'node:child_process'
import { mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { type Browser, chromium } from 'playwright-core'
import { found, type Need, whyNot } from './bring.ts'
import type { Missing } from './child.ts'
import { KEPT, keep } from './kept.ts'
import { npmPackage } from './npm.ts'
import type { Provided } from './setup.ts'

/** Its package carries Chromium for headless use on Linux, with the libraries that it needs. */
const VERSION = '153.0.0'

const CHROMIUM: Need = {
  programs: ['chromium', 'chromium-browser', 'google-chrome'],
  debian: ['chromium'],
  ...(process.platform === 'linux' && process.arch === 'x64' && { npm: { when: 'first', bring: fromNpm } }),
}

export const browserNeeds = (): Need[] => (process.env.CHROMIUM ? [] : [CHROMIUM])

/** `CHROMIUM`, the machine's Chromium, or the one that was brought. */
export function findBrowser(): string | Missing {
  const path = process.env.CHROMIUM ?? found(CHROMIUM)
  return path ?? { missing: `no Chromium (${whyNot(CHROMIUM)}): apt install chromium, or set CHROMIUM to its path` }
}

/** Starts the browser that a test file is provided with, with more arguments where a test needs them. */
export function startBrowser(provided: Provided, more: readonly string[] = []): Promise<Browser> {
  if ('missing' in provided) throw new Error(provided.missing)
  const executablePath = provided.url
  return chromium.launch({
    executablePath,
    args: ['--no-sandbox', '--disable-gpu', '--disable-dev-shm-usage', ...more],
  })
}

async function fromNpm(): Promise<string> {
  const prefix = join(await npmPackage('@sparticuz/chromium', VERSION), '..', '..', '..')
  const folder = join(KEPT, `chromium-${VERSION}`)
  const fonts = join(folder, 'fontconfig')
  mkdirSync(fonts, { recursive: true })
  // It unpacks to the temporary folder, and its libraries only where it believes that it runs on AWS Lambda.
  const env = { ...process.env, TMPDIR: folder, AWS_EXECUTION_ENV: 'AWS_Lambda_nodejs20.x' }
  const unpack = `console.log(await (await import('@sparticuz/chromium')).default.executablePath())`
  const options = { env, cwd: prefix }
  await promisify(execFile)(process.execPath, ['--input-type=module', '--eval', unpack], options)
  writeFileSync(
    join(fonts, 'fonts.conf'),
    `<?xml version="1.0"?><!DOCTYPE fontconfig SYSTEM "fonts.dtd"><fontconfig>
    <dir>${join(folder, 'fonts')}</dir><cachedir>${join(fonts, 'cache')}</cachedir></fontconfig>`,
  )
  const libraries = join(folder, 'al2023', 'lib')
  keep('chromium', join(folder, 'chromium'), { LD_LIBRARY_PATH: [libraries], FONTCONFIG_PATH: [fonts] })
  rmSync(prefix, { recursive: true, force: true })
  return `npm's @sparticuz/chromium@${VERSION}`
}
