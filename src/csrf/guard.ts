import type { IncomingHttpHeaders } from 'node:http'
import { type Keys, keygripOf } from '../cookie/keys.ts'
import { CsrfError } from '../errors/index.ts'
import type { Settings } from '../settings/settings.ts'
import { assertSite, isSameHost } from './origin.ts'
import { FOUND, REMEDY, refusal } from './refusal.ts'
import { type Binding, tokenFault } from './token.ts'

/**
 * Judges one request, from what the browser says about where it comes from and from the token that it carries. It
 * remembers a refusal, because a forged request must neither slide the visitor's session nor renew its secret.
 */
export class CsrfGuard {
  readonly #headers: IncomingHttpHeaders
  readonly #settings: Pick<Settings, 'origins'>
  readonly #refused: (error: CsrfError) => void
  #forged = false

  constructor(headers: IncomingHttpHeaders, settings: Pick<Settings, 'origins'>, refused: (error: CsrfError) => void) {
    this.#headers = headers
    this.#settings = settings
    this.#refused = refused
  }

  /** A check has refused this request. */
  get forged(): boolean {
    return this.#forged
  }

  /** Throws for a request from another site; returns whether the browser has said that it comes from this one. */
  assertOrigin(): boolean {
    return this.#judge(() => assertSite(this.#headers, this.#settings.origins))
  }

  /**
   * The same for a WebSocket, where no token can decide. Chromium sends no Sec-Fetch-Site there, and SameSite lets the
   * cookie in from every page of the same site. So the Origin must be among the option `origin`, or without that option
   * be the host that the browser connected to. Without an Origin it is no browser. `secure`: it came over TLS.
   */
  assertUpgrade(secure: boolean): void {
    this.#judge(() => {
      if (assertSite(this.#headers, this.#settings.origins)) return
      const { origin, host } = this.#headers
      if (origin === undefined || isSameHost(origin, host, secure)) return
      throw refusal('origin', FOUND.otherHost(host, secure), this.#headers, REMEDY.ownPage(origin))
    })
  }

  /**
   * Throws unless the request comes from this site and these keys made its token for this binding. Without a binding it
   * always throws.
   */
  assertToken(token: unknown, binding: Binding | undefined, keys: () => Keys): void {
    this.assertOrigin()
    this.#judge(() => {
      const fault = tokenFault(token, binding, () => keygripOf(keys()))
      if (fault !== undefined) throw refusal('token', fault, this.#headers, REMEDY.token)
    })
  }

  #judge<T>(check: () => T): T {
    try {
      return check()
    } catch (error) {
      if (error instanceof CsrfError) {
        this.#forged = true
        this.#refused(error)
      }
      throw error
    }
  }
}
