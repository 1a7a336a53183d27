import type { IncomingHttpHeaders } from 'node:http'
import { type Keys, keygripOf } from '../cookie/keys.ts'
import { CsrfError } from '../errors/index.ts'
import type { Settings } from '../settings/options.ts'
import { assertSite } from './origin.ts'
import { assertToken, type Binding } from './token.ts'

/**
 * Judges one request, from what the browser says about where it comes from and from the token that it carries. It
 * remembers a refusal, because a forged request must neither slide the visitor's session nor renew its secret.
 */
export class CsrfGuard {
  readonly #headers: IncomingHttpHeaders
  readonly #settings: Pick<Settings, 'origins' | 'cookie'>
  readonly #refused: (reason: CsrfError['reason']) => void
  #forged = false

  constructor(
    headers: IncomingHttpHeaders,
    settings: Pick<Settings, 'origins' | 'cookie'>,
    refused: (reason: CsrfError['reason']) => void,
  ) {
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
   * The same for a WebSocket, where no token can decide. A page whose Origin can't be compared with anything is refused,
   * unless SameSite keeps the cookie away from other sites.
   */
  assertUpgrade(): void {
    this.#judge(() => {
      const said = assertSite(this.#headers, this.#settings.origins)
      const anybody = this.#settings.cookie.sameSite === 'None' && this.#headers.origin !== undefined
      if (!said && anybody) throw new CsrfError('origin')
    })
  }

  /**
   * Throws unless the request comes from this site and these keys made its token for this binding. Without a binding it
   * always throws.
   */
  assertToken(token: unknown, binding: Binding | undefined, keys: () => Keys): void {
    this.assertOrigin()
    this.#judge(() => {
      if (!binding) throw new CsrfError('token')
      assertToken(token, binding, keygripOf(keys()))
    })
  }

  #judge<T>(check: () => T): T {
    try {
      return check()
    } catch (error) {
      if (error instanceof CsrfError) {
        this.#forged = true
        this.#refused(error.reason)
      }
      throw error
    }
  }
}
