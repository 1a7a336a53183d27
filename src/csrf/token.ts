import { randomBytes } from 'node:crypto'
import type { Signer } from '../cookie/keys.ts'
import { FOUND } from './refusal.ts'

/** What a CSRF token is bound to. It is worth nothing in another session, under another cookie, or after `rotate()`. */
export interface Binding {
  readonly cookie: string
  readonly id: string
  readonly epoch: string
}

const TOKEN = /^([A-Za-z0-9_-]{16})\.([A-Za-z0-9_-]{27,128})$/

/** A token for a form. Each one is different, so compression can't reveal it (BREACH), and all of them stay valid. */
export function createToken(binding: Binding, keygrip: Signer): string {
  const nonce = randomBytes(12).toString('base64url')
  return `${nonce}.${keygrip.sign(message(binding, nonce))}`
}

/**
 * What is wrong with a token, without quoting it; undefined if these keys made it for this binding. Takes any value and
 * compares in constant time.
 */
export function tokenFault(token: unknown, binding: Binding | undefined, keygrip: () => Signer): string | undefined {
  if (token === undefined || token === null || token === '') return FOUND.noToken
  if (!binding) return FOUND.noCookie
  const match = typeof token === 'string' ? TOKEN.exec(token) : null
  if (!match) return FOUND.malformed
  if (keygrip().index(message(binding, match[1]!), match[2]!) >= 0) return undefined
  return FOUND.foreign
}

function message({ cookie, id, epoch }: Binding, nonce: string): string {
  return `csrf:${cookie}:${id}:${epoch}:${nonce}`
}
