import { hash, randomBytes } from 'node:crypto'
import { type Keys, keygripOf, type Signer } from './keys.ts'

/** What a valid cookie says: a session's id and secret, or the id that a visitor without a session carries. */
export type Credential = SessionCredential | { readonly kind: 'visitor'; readonly id: string }

/** A session's id, its secret, and the hash of it that stores know. */
export interface SessionCredential {
  readonly kind: 'session'
  readonly id: string
  readonly secret: string
  readonly hash: string
}

/** 128 random bits as 22 characters of base64url; names a session, proves nothing. */
const ID = '[A-Za-z0-9_-]{22}'
/** 256 random bits as 43 characters. */
const SECRET = '[A-Za-z0-9_-]{43}'
/** SHA-256 gives 43 characters; a Keygrip of the application's own may use anything from SHA-1 to SHA-512 in hex. */
const VALUE = new RegExp(`^(?:s\\.(${ID})\\.(${SECRET})|n\\.(${ID}))\\.([A-Za-z0-9_-]{27,128})$`)

const IDS = new RegExp(`^${ID}$`)

/** True for what can be a session's id. */
export function isId(value: unknown): value is string {
  return typeof value === 'string' && IDS.test(value)
}

/** A session as logs may name it: a keyed hash of its id, which opens nothing. */
export function aliasOf(id: string, keys: Keys): string {
  return keygripOf(keys).sign(`event:${id}`).slice(0, 16)
}

export function newId(): string {
  return randomBytes(16).toString('base64url')
}

// Operations are compared within one session only, so 72 bits are plenty; they travel with every change.
const process = randomBytes(9).toString('base64url')
let operations = 0

/** An id for one change: unlike any other of this process, and of every other process. */
export function newOperation(): string {
  return `${process}${(operations++).toString(36)}`
}

/** A fresh credential for the session with this id. */
export function newSecret(id: string): SessionCredential {
  const secret = randomBytes(32).toString('base64url')
  return { kind: 'session', id, secret, hash: hashOf(secret) }
}

/** All that a store learns of a secret. */
export function hashOf(secret: string): string {
  return hash('sha256', secret, 'base64url')
}

/** The cookie's value with a MAC over it and the cookie's name, so the value of another cookie can't stand in for it. */
export function writeCredential(credential: Credential, name: string, keygrip: Signer): string {
  const value = credential.kind === 'session' ? `s.${credential.id}.${credential.secret}` : `n.${credential.id}`
  return `${value}.${keygrip.sign(`${name}=${value}`)}`
}

/**
 * Reads a cookie's value; undefined for anything that these keys have not signed under this name.
 * `renew` says that an older key signed it, so the cookie should be written again.
 */
export function readCredential(
  text: string,
  name: string,
  keygrip: Signer,
): { readonly credential: Credential; readonly renew: boolean } | undefined {
  const match = VALUE.exec(text)
  if (!match) return undefined
  const [, id, secret, visitor, mac] = match
  const key = keygrip.index(`${name}=${text.slice(0, -mac!.length - 1)}`, mac!)
  if (key < 0) return undefined
  const credential: Credential =
    visitor === undefined
      ? { kind: 'session', id: id!, secret: secret!, hash: hashOf(secret!) }
      : { kind: 'visitor', id: visitor }
  return { credential, renew: key > 0 }
}
