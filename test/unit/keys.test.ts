import { randomBytes } from 'node:crypto'
import { describe, expect, it } from 'vitest'
import { keygripOf } from '../../src/cookie/keys.ts'
import { KEY } from '../visitor.ts'

describe('the keys', () => {
  it.each([
    'process.env.SESSION_KEY',
    'process.env.SESSION_KEY!',
    "process.env['SESSION_KEY']",
    'import.meta.env.SESSION_KEY',
    // biome-ignore lint/suspicious/noTemplateCurlyInString: as somebody writes it into a .env file
    '${SESSION_KEY_OF_APP}',
    '$SESSION_KEY_OF_APP',
    '$MY_SHOP_SIGNING_KEY',
    // biome-ignore lint/suspicious/noTemplateCurlyInString: as somebody writes it into a .env file
    '${MY_SHOP_SIGNING_KEY}',
    '%SESSION_KEY_OF_APP%',
    '<YOUR_SESSION_KEY>',
    '$(openssl rand -base64 32)',
    '`openssl rand -base64 32`',
    `$(node -p "crypto.randomBytes(32).toString('base64')")`,
    'crypto.randomBytes(32)',
    'openssl rand -hex 32',
    'the output of: openssl rand -base64 32',
    '0123456789abcdef',
    'abcdefghijklmnop',
    'ponmlkjihgfedcba',
    '0123456789ABCDEF0123456789ABCDEF',
    '1234567890qwertyuiop',
    'qwertyuiopasdfghjklzxcvbnm',
    'a7Kq93Zx'.repeat(4),
    `${'a7Kq93Zx'.repeat(4)}a7K`,
    'undefinedundefined',
    'undefined:undefined!',
    'your-secret-key-here',
    'change-this-session-secret',
    'KEYBOARD CAT KEYBOARD CAT',
    'Im A Newer Secret',
    '[object Object][object Object]',
  ])('%j is refused', (key) => {
    expect(() => keygripOf([key])).toThrow(/can be guessed/)
    // Behind a good one, too: all of them are accepted in cookies.
    expect(() => keygripOf([KEY, key])).toThrow(/can be guessed/)
  })

  it('that are random are taken, in each of the usual spellings', () => {
    for (let i = 0; i < 2000; i++) {
      for (const key of [randomBytes(32).toString('base64'), randomBytes(16).toString('hex')]) keygripOf([key])
    }
    keygripOf(['correct horse battery staple, and more'])
    keygripOf([`my session cookie key: ${randomBytes(24).toString('base64url')}`])
  })

  it.each<[string]>(
    [
      ...['qwertyuiop', 'asdfghjkl', 'zxcvbnm', '1234567890'],
      ...['your', 'secret', 'session', 'cookie', 'change', 'replace', 'password', 'example', 'undefined', 'object'],
      ...['process.env.MY_SHOP_KEY', 'import.meta.env.MY_SHOP_KEY', 'the output of', 'the output of:'],
      ...['openssl  rand  -base64  32', 'openssl rand 32'],
    ].map((known) => [known]),
  )('%j is worth nothing: what is beside it must be a key', (known) => {
    for (const text of [known, known.toUpperCase()]) {
      expect(() => keygripOf([`${text} vk3qz8rmw1tjx6d`])).not.toThrow()
      expect(() => keygripOf([`${text} vk3qz8rmw1tjx6`])).toThrow(/can be guessed/)
    }
  })

  it.each(['vk3qz8rmw1tjx6dp$KEY', '$KEYvk3qz8rmw1tjx6dp', 'vk3qz8rmw1acegi4'])(
    '%j is taken: it is no variable, and every second letter is no row',
    (key) => expect(() => keygripOf([key])).not.toThrow(),
  )

  it.each([undefined, 7, randomBytes(32), ['a', 'key', 'of', 'parts', ...'abcdefghijkl']])('%s is no text', (key) => {
    expect(() => keygripOf([key as never])).toThrow(/must be a text of at least 16 characters/)
  })

  it('are looked at again when their list is changed in place', () => {
    const keys = [KEY]
    const before = keygripOf(keys)
    expect(keygripOf(keys)).toBe(before)
    const old = before.sign('x')
    keys.unshift('another key that nobody can guess')
    const after = keygripOf(keys)
    expect([after.index('x', old), after.index('x', after.sign('x'))]).toEqual([1, 0])
    keys.push('a fourth key that nobody can guess')
    const last = keygripOf([keys[2]!]).sign('x')
    expect(keygripOf(keys).index('x', last)).toBe(2)
    keys.pop()
    expect(keygripOf(keys).index('x', last)).toBe(-1)
    keys[1] = 'a third key that nobody can guess'
    expect(keygripOf(keys).index('x', old)).toBe(-1)
    keys.unshift('x')
    expect(() => keygripOf(keys)).toThrow(/at least 16 characters/)
    keys[0] = 'process.env.SESSION_KEY'
    expect(() => keygripOf(keys)).toThrow(/can be guessed/)
    keys.length = 0
    expect(() => keygripOf(keys)).toThrow(/empty/)
  })
})
