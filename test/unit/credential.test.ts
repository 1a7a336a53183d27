import Keygrip from 'keygrip'
import { describe, expect, it } from 'vitest'
import { keygripOf, newId, newSecret, readCredential, writeCredential } from '../../src/cookie/credential.ts'

const keys = ['the first key, sixteen or more', 'the second key, sixteen or more']
const keygrip = keygripOf(keys)

describe('a credential', () => {
  it('is read back from the cookie that it was written to', () => {
    const session = newSecret(newId())
    expect(readCredential(writeCredential(session, 'sid', keygrip), 'sid', keygrip)).toEqual({
      credential: session,
      renew: false,
    })
    const visitor = { kind: 'visitor', id: newId() } as const
    expect(readCredential(writeCredential(visitor, 'sid', keygrip), 'sid', keygrip)?.credential).toEqual(visitor)
  })

  it('is worth nothing under another name', () => {
    expect(readCredential(writeCredential(newSecret(newId()), 'sid', keygrip), 'other', keygrip)).toBeUndefined()
  })

  it('is worth nothing with any of its bits changed', () => {
    const text = writeCredential(newSecret(newId()), 'sid', keygrip)
    for (let i = 0; i < text.length; i++) {
      for (const bit of [1, 2, 4, 8, 16, 32, 64]) {
        const changed = text.slice(0, i) + String.fromCharCode(text.charCodeAt(i) ^ bit) + text.slice(i + 1)
        expect(readCredential(changed, 'sid', keygrip)).toBeUndefined()
      }
    }
  })

  it('signed by an older key is accepted and to be renewed', () => {
    const old = writeCredential(newSecret(newId()), 'sid', keygripOf([keys[1]!]))
    expect(readCredential(old, 'sid', keygrip)?.renew).toBe(true)
  })

  it("takes the application's own Keygrip", () => {
    for (const own of [new Keygrip(keys), new Keygrip(keys, 'sha512', 'hex')]) {
      expect(readCredential(writeCredential(newSecret(newId()), 'sid', keygripOf(own)), 'sid', own)).toBeDefined()
    }
  })
})
