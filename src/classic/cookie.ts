import type { CookieSettings } from '../settings/settings.ts'
import type { WorkingCopy } from './working-copy.ts'

/** `req.session.cookie`: what express-session shows of the cookie. Assigning `maxAge` or `expires` slides the session. */
export class ClassicCookie {
  readonly path: string
  readonly httpOnly = true
  readonly secure: boolean | undefined
  readonly sameSite: string
  readonly domain: string | undefined
  readonly #copy: WorkingCopy

  constructor(copy: WorkingCopy, settings: CookieSettings) {
    this.#copy = copy
    this.path = settings.path
    this.secure = settings.secure
    this.sameSite = settings.sameSite.toLowerCase()
    this.domain = typeof settings.domain === 'string' ? settings.domain : undefined
  }

  get originalMaxAge(): number | null {
    return this.#copy.maxAge
  }

  get maxAge(): number | null {
    return this.#copy.maxAge
  }

  set maxAge(maxAge: number | null | undefined) {
    this.#copy.touch(maxAge ?? null)
  }

  get expires(): Date | null {
    const { maxAge } = this
    return maxAge === null ? null : new Date(Date.now() + maxAge)
  }

  set expires(expires: Date | false | null | undefined) {
    this.#copy.touch(expires instanceof Date ? expires.getTime() - Date.now() : null)
  }

  toJSON(): object {
    const { originalMaxAge, expires, secure, httpOnly, domain, path, sameSite } = this
    return { originalMaxAge, expires, secure, httpOnly, domain, path, sameSite }
  }
}
