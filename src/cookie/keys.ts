import { createHmac, timingSafeEqual } from 'node:crypto'
import Keygrip from 'keygrip'
import { SessionUsageError } from '../errors/index.ts'

/** The part of a Keygrip that is used; a type of our own, because its types are in a package that users need not have. */
export interface Signer {
  sign(data: string): string
  index(data: string, digest: string): number
  verify(data: string, digest: string): boolean
}

/** The application's keys as Koa has them: the first one signs, all of them are accepted. */
export type Keys = readonly string[] | Signer | undefined

const keygrips = new WeakMap<readonly string[], Signer>()

/** The Keygrip of `app.keys`, read when it is needed, because applications may set them late and rotate them. */
export function keygripOf(keys: Keys): Signer {
  if (Array.isArray(keys)) {
    let keygrip = keygrips.get(keys)
    if (!keygrip) {
      check(keys)
      keygrip = new Keygrip(keys, 'sha256') as Signer
      // Keygrip compares with two more HMACs under a random key. This gives the same MACs, also in constant time.
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
