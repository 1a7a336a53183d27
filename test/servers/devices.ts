import { execFileSync } from 'node:child_process'
import { existsSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type BrowserContext, chromium } from 'playwright-core'
import { found, type Need, whyNot } from './bring.ts'
import { handedIn, type Missing, type Server, versionOf } from './child.ts'

/**
 * A Chromium that binds sessions to keys, which on Linux it keeps in files. The one that npm brings can't. It does so only
 * for a certificate that it trusts, and certutil tells it of ours.
 */
const CERTUTIL: Need = { programs: ['certutil'], debian: ['libnss3-tools', 'chromium'] }
const PLACES = ['/usr/bin/chromium', '/usr/bin/google-chrome']

export const devicesNeeds = (): Need[] => (process.platform === 'linux' ? [CERTUTIL] : [])

export async function findDevices(): Promise<Server | Missing> {
  const path = process.env.CHROMIUM_DEVICES ?? PLACES.find((place) => existsSync(place))
  if (path && certutil()) return handedIn(path, `Chromium ${versionOf(path, /\d[\d.]+/)}, with keys for sessions`)
  return { missing: `no Chromium that binds sessions (${whyNot(CERTUTIL)}): apt install chromium libnss3-tools` }
}

function certutil(): string | undefined {
  return process.env.CERTUTIL ?? found(CERTUTIL)
}

export const HOST = 'app.example.test'

/** A certificate for {@link HOST}, and browsers that trust it, each a device of its own. */
export class Devices {
  readonly #program: string
  readonly #folder = mkdtempSync(join(tmpdir(), 'devices-'))
  readonly #open: BrowserContext[] = []
  readonly tls: { readonly key: string; readonly cert: string }

  constructor(program: string) {
    this.#program = program
    const at = (name: string) => join(this.#folder, name)
    const request = ['req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-days', '2', '-subj', `/CN=${HOST}`]
    const files = ['-keyout', at('key.pem'), '-out', at('cert.pem'), '-addext', `subjectAltName=DNS:${HOST}`]
    execFileSync('openssl', [...request, ...files], { stdio: 'ignore' })
    const trusted = at('.pki/nssdb')
    mkdirSync(trusted, { recursive: true })
    execFileSync(certutil()!, ['-d', `sql:${trusted}`, '-N', '--empty-password'])
    execFileSync(certutil()!, ['-d', `sql:${trusted}`, '-A', '-t', 'P,,', '-n', 'app', '-i', at('cert.pem')])
    this.tls = { key: at('key.pem'), cert: at('cert.pem') }
  }

  /** A browser with a profile of its own. */
  async browser(): Promise<BrowserContext> {
    const context = await chromium.launchPersistentContext(mkdtempSync(join(this.#folder, 'profile-')), {
      executablePath: this.#program,
      headless: true,
      // Playwright's own list would take the place of this one.
      ignoreDefaultArgs: ['--disable-features'],
      args: [
        '--no-sandbox',
        '--disable-gpu',
        '--disable-dev-shm-usage',
        '--disable-background-networking',
        '--enable-features=DeviceBoundSessions:RefreshQuota/false,EnableBoundSessionCredentialsSoftwareKeysForManualTesting',
        `--host-resolver-rules=MAP ${HOST} 127.0.0.1`,
      ],
      env: { ...process.env, HOME: this.#folder } as Record<string, string>,
    })
    this.#open.push(context)
    return context
  }

  async close(): Promise<void> {
    await Promise.all(this.#open.splice(0).map((context) => context.close()))
    rmSync(this.#folder, { recursive: true, force: true })
  }
}
