import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { type AddressInfo, createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import type { Browser } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, inject, it, onTestFinished } from 'vitest'
import { startBrowser } from '../servers/browser.ts'
import { Visitor } from '../visitor.ts'
import { blocks, root } from './examples.ts'

const chromium = inject('chromium')
const OWN = 'koa-atomic-session'
const [major, minor] = process.versions.node.split('.').map(Number)
const runsTypeScript = major! > 22 || (major === 22 && minor! >= 18)

/** A free port; nobody else asks for one in between. */
async function freePort(): Promise<string> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  server.close()
  await once(server, 'close')
  return String(port)
}

/** Does what a page says in an empty folder, line by line, and gives the address that it says to open. */
async function follow(page: string, url?: string): Promise<string> {
  const folder = mkdtempSync(join(tmpdir(), 'start-'))
  const of = (language: string) => blocks().filter((one) => one.document === page && one.language === language)
  const lines = of('sh').flatMap(({ code }) => code.trim().split('\n'))
  const [program] = of('ts')
  // npm install: what this machine has, under the names that the page says. Node.js 20 needs libsql besides.
  const installed = lines.filter((line) => line.startsWith('npm install ')).flatMap((line) => line.split(' ').slice(2))
  for (const name of [...installed, ...(major === 20 && page.includes('sqlite') ? ['libsql'] : [])]) {
    const link = join(folder, 'node_modules', name)
    mkdirSync(dirname(link), { recursive: true })
    symlinkSync(name === OWN ? root : join(root, 'node_modules', name), link)
  }
  const file = runsTypeScript ? 'app.ts' : 'app.mjs'
  writeFileSync(
    join(folder, file),
    runsTypeScript ? program!.code : program!.code.replaceAll(/(?<=process\.env\.\w+)!/g, ''),
  )
  const port = await freePort()
  const commands = [
    ...lines.filter((line) => line.startsWith('export ')).map((line) => line.replace(/(_URL=).*/, `$1'${url}'`)),
    `exec node ${file}`,
  ]
  const child = spawn('sh', ['-c', commands.join('\n')], { cwd: folder, env: { ...process.env, PORT: port } })
  let said = ''
  child.stderr.on('data', (piece) => (said += piece))
  onTestFinished(async () => {
    if (child.exitCode === null) {
      child.kill()
      await once(child, 'exit')
    }
    rmSync(folder, { recursive: true, force: true })
  })
  const base = `http://127.0.0.1:${port}`
  for (;;) {
    if (await fetch(base).catch(() => undefined)) return base
    if (child.exitCode !== null) throw new Error(`${page} ended: ${said}`)
    await new Promise((resolve) => setTimeout(resolve, 50))
  }
}

const servers = {
  sqlite: {},
  postgres: inject('postgres'),
  mysql: inject('mariadb'),
  redis: inject('redis'),
  mongodb: inject('mongodb'),
}
const urlOf = (server: object) => ('url' in server ? String(server.url) : undefined)

describe('the first page of each store', () => {
  for (const [name, server] of Object.entries(servers)) {
    it.skipIf('missing' in server)(`${name} leads from an empty folder to a program that counts pages`, async () => {
      const visitor = new Visitor(await follow(`docs/start/${name}.md`, urlOf(server)))
      expect(await visitor.text('/')).toBe('page 1')
      expect(await visitor.text('/')).toBe('page 2')
    })
  }
})

describe.skipIf('missing' in chromium || 'missing' in servers.postgres)('getting started in a browser', () => {
  let browser: Browser
  beforeAll(async () => {
    browser = await startBrowser(chromium)
  })
  afterAll(() => browser?.close())

  it('leads from an empty folder to a log-in with Passport on PostgreSQL', async () => {
    const base = await follow('docs/start.md', urlOf(servers.postgres))
    const page = await browser.newPage()
    const name = `Ada${Date.now()}`
    const heading = (text: string) => page.getByRole('heading', { name: text, exact: true }).waitFor()
    const enter = async (password: string, button: string) => {
      await page.getByLabel('Name').fill(name)
      await page.getByLabel('Password').fill(password)
      await page.getByRole('button', { name: button }).click()
    }
    await page.goto(base)
    await heading('Hello stranger')
    await enter('correct horse', 'Register')
    await heading(`Hello ${name}`)
    // Log-in has kept the counter, and gives another secret.
    await page.getByText('Page 2').waitFor()
    const [before] = await page.context().cookies()
    await page.getByRole('button', { name: 'Log out' }).click()
    await heading('Hello stranger')
    await enter('wrong horse', 'Log in')
    await page.getByRole('alert').getByText('Wrong name or password.').waitFor()
    await enter('correct horse', 'Log in')
    await heading(`Hello ${name}`)
    const old = await fetch(base, { headers: { cookie: `${before!.name}=${before!.value}` } })
    expect(await old.text()).toContain('Hello stranger')
    const foreign = { 'sec-fetch-site': 'cross-site' }
    expect((await fetch(`${base}/logout`, { method: 'POST', headers: foreign })).status).toBe(403)
    await page.close()
  })
})

it('the documents that begin with a whole program are all followed', () => {
  const pages = blocks().filter(({ document, how }) => /^docs\/start/.test(document) && how === 'run')
  const followed = ['docs/start.md', ...Object.keys(servers).map((name) => `docs/start/${name}.md`)]
  expect(pages.map(({ document }) => document).sort()).toEqual(followed.sort())
})
