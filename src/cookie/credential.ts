import { createHmac, hash, randomBytes, timingSafeEqual } from 'node:crypto'
import Keygrip from 'keygrip'
import { SessionUsageError } from '../errors/index.ts'

/** What a valid cookie says: a session's id and secret, or the id that a visitor without a session carries. */
export type Credential =
  | { readonly kind: 'session'; readonly id: string; readonly secret: string; readonly hash: string }
  | { readonly kind: 'visitor'; readonly id: string }

/** The part of a Keygrip that is used; a type of our own, because its types are in a package that users need not have. */
export interface Signer {
  sign(data: string): string
  index(data: string, digest: string): number
  verify(data: string, digest: string): boolean
}

/** The application's keys as Koa has them: the first one signs, all of them are accepted. */
export type Keys = readonly string[] | Signer | undefined

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

const process = randomBytes(12).toString('base64url')
let operations = 0

/** An id for one change: unlike any other of this process, and of every other process. */
export function newOperation(): string {
  return `${process}${(operations++).toString(36)}`
}

/** A fresh credential for the session with this id. */
export function newSecret(id: string): Credential & { kind: 'session' } {
  const secret = randomBytes(32).toString('base64url')
  return { kind: 'session', id, secret, hash: hashOf(secret) }
}

/** All that a store learns of a secret. */
export function hashOf(secret: string): string {
  return hash('sha256', secret, 'base64url')
}

/** The cookie's value, with a MAC over it and the cookie's name, so that no other cookie's value can stand in. */
export function writeCredential(credential: Credential, name: string, keygrip: Signer): string {
  const value = credential.kind === 'session' ? `s.${credential.id}.${credential.secret}` : `n.${credential.id}`
  return `${value}.${keygrip.sign(`${name}=${value}`)}`
}

/**
 * Reads a cookie's value; undefined for anything that these keys have not signed under this name.
 * `renew` says that an older key signed it, so that the cookie should be written again.
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

const keygrips = new WeakMap<readonly string[], Signer>()

/** The Keygrip of `app.keys`, read when it is needed, because applications may set them late and rotate them. */
export function keygripOf(keys: Keys): Signer {
  if (Array.isArray(keys)) {
    let keygrip = keygrips.get(keys)
    if (!keygrip) {
      check(keys)
      keygrip = new Keygrip(keys, 'sha256')
      // Keygrip compares by two more HMACs with a random key. The MACs are the same, the comparison takes constant time too.
      keygrip.index = (data, mac) =>
        keys.findIndex((key) => sameText(createHmac('sha256', key).update(data).digest('base64url'), mac))
      keygrips.set(keys, keygrip)
    }
    return keygrip
  }
  if (keys && typeof (keys as Signer).index === 'function') return keys as Signer
  throw new SessionUsageError('Sessions need app.keys, which sign their cookie: app.keys = [process.env.SESSION_KEY]')
}

function sameText(a: string, b: string): boolean {
  return a.length === b.length && timingSafeEqual(Buffer.from(a, 'latin1'), Buffer.from(b, 'latin1'))
}

function check(keys: readonly unknown[]): void {
  if (keys.length === 0) {
    throw new SessionUsageError('app.keys is empty: app.keys = [process.env.SESSION_KEY]')
  }
  for (const key of keys) {
    if (typeof key !== 'string' || key.length < MIN_LENGTH) {
      throw new SessionUsageError(
        'Each of app.keys must be a text of at least 16 characters that nobody can guess, such as the output of: openssl rand -base64 32',
      )
    }
    if (!isVaried(key)) {
      throw new SessionUsageError(
        'One of app.keys can be guessed: it stands in the documents of a library, or repeats a few characters. Take the output of: openssl rand -base64 32',
      )
    }
  }
}

const MIN_LENGTH = 16
const MIN_DIFFERENT = 8

/** What everybody reads in the documents of Koa, its session middleware, and the session libraries of other servers. */
const EXAMPLES = [
  'im a newer secret',
  'i like turtle',
  'some secret hurr',
  'keyboard cat',
  'complex_password_at_least_32_characters_long',
  'a secret with minimum length of 32 characters',
  'averylogphrasebiggerthanthirtytwochars',
]

/** What is left of a key without the examples in it must be a key itself. */
function isVaried(key: string): boolean {
  const own = EXAMPLES.reduce((text, example) => text.replaceAll(example, ''), key.toLowerCase())
  return own.length >= MIN_LENGTH && new Set(own).size >= MIN_DIFFERENT
}
