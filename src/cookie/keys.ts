import { Buffer } from 'node:buffer'
import { createHmac, timingSafeEqual } from 'node:crypto'
import Keygrip from 'keygrip'
import { SessionUsageError } from '../errors/index.ts'

/** The part of a Keygrip that is used; declared here, because its types are in a package that users need not have. */
export interface Signer {
  sign(data: string): string
  index(data: string, digest: string): number
  verify(data: string, digest: string): boolean
}

/** The application's keys as Koa has them: the first one signs, all of them are accepted. */
export type Keys = readonly string[] | Signer | undefined

/** What was made of a list of keys, and the keys that it held then, because the list may be changed in place. */
const keygrips = new WeakMap<readonly string[], { readonly keygrip: Signer; readonly keys: readonly string[] }>()

/**
 * The Keygrip of `app.keys`, read when it is needed, because applications may set them late and rotate them. Keys that
 * have changed are checked again. While they are the same, this compares a few references.
 */
export function keygripOf(keys: Keys): Signer {
  if (Array.isArray(keys)) {
    const known = keygrips.get(keys)
    return known && isSame(known.keys, keys) ? known.keygrip : keygripFor(keys)
  }
  if (keys && typeof (keys as Signer).index === 'function') return keys as Signer
  throw new SessionUsageError('Sessions need app.keys, which sign their cookie: app.keys = [process.env.SESSION_KEY]')
}

function keygripFor(list: readonly string[]): Signer {
  check(list)
  const keys = [...list]
  const keygrip = new Keygrip(keys, 'sha256') as Signer
  // Keygrip compares with two more HMACs under a random key. This gives the same MACs, also in constant time.
  keygrip.index = (data, mac) =>
    keys.findIndex((key) => sameText(createHmac('sha256', key).update(data).digest('base64url'), mac))
  keygrips.set(list, { keygrip, keys })
  return keygrip
}

function isSame(a: readonly string[], b: readonly string[]): boolean {
  if (a.length !== b.length) return false
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return false
  return true
}

/** Takes a time that does not tell where two texts of one length differ. */
export function sameText(a: string, b: string): boolean {
  const [one, other] = [Buffer.from(a), Buffer.from(b)]
  return one.length === other.length && timingSafeEqual(one, other)
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
    if (!isOwn(key)) {
      throw new SessionUsageError(
        'One of app.keys can be guessed: it is an example, names a variable or a command instead of its value, or is a sequence or a repetition of characters. Use the output of: openssl rand -base64 32',
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
/** Rows of a keyboard, and words that stand where a key should. Short words are left out: chance makes them, too. */
const ROWS = ['qwertyuiop', 'asdfghjkl', 'zxcvbnm', '1234567890']
const WORDS = ['your', 'secret', 'session', 'cookie', 'change', 'replace', 'password', 'example', 'undefined', 'object']

/** What was to be replaced by a key: a variable of JavaScript, and the commands that make one. */
const INSTEAD = [
  /(?:process|import\.meta)\.env\b[\w.[\]'"!?]*/g,
  /openssl\s+rand\s+(?:-\w+\s+)?\d+/g,
  /crypto\.randombytes\(\d+\)(?:\.tostring\([^)]*\))?/g,
  /the output of:?/g,
]
/** A variable of a shell or of a template: $SESSION_KEY, ${SESSION_KEY}, %SESSION_KEY%, <SESSION_KEY>. */
const VARIABLE = /^[$%{<[(]+[A-Z][A-Z_]*[\]}%>)]*$/

/** What is left of a key without what anybody would try first must be a key itself. */
function isOwn(key: string): boolean {
  if (VARIABLE.test(key)) return false
  let own = onceOnly(key.toLowerCase())
  for (const pattern of INSTEAD) own = own.replace(pattern, '')
  for (const known of [...EXAMPLES, ...ROWS, ...WORDS]) own = own.replaceAll(known, '')
  own = withoutSequences(own)
  return own.length >= MIN_LENGTH && new Set(own).size >= MIN_DIFFERENT
}

/** A text that repeats a block, even if the last one is cut off, is worth no more than the block. */
function onceOnly(text: string): string {
  for (let length = 1; length <= text.length / 2; length++) {
    if (text.startsWith(text.slice(length))) return text.slice(0, length)
  }
  return text
}

/** Without each row of four or more characters that follow one another, forwards or backwards: 0123, dcba, 1111. */
function withoutSequences(text: string): string {
  let left = ''
  for (let begin = 0, end = 1; begin < text.length; begin = end++) {
    const step = text.charCodeAt(begin + 1) - text.charCodeAt(begin)
    if (Math.abs(step) <= 1) while (text.charCodeAt(end) - text.charCodeAt(end - 1) === step) end++
    if (end - begin < 4) left += text.slice(begin, end)
  }
  return left
}
