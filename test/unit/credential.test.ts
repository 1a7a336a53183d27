import { createHash } from 'node:crypto'
import Keygrip from 'keygrip'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { isBound, isChallenge, writeBound, writeChallenge } from '../../src/cookie/bound.ts'
import { isId, newId, newSecret, readCredential, writeCredential } from '../../src/cookie/credential.ts'
import { keygripOf } from '../../src/cookie/keys.ts'

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

  it('is known to stores by the SHA-256 of its secret, and by nothing else', () => {
    const { hash, secret } = newSecret(newId())
    expect(secret).toMatch(/^[\w-]{43}$/)
    expect(hash).toBe(createHash('sha256').update(secret).digest('base64url'))
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

  it('has an id of 22 characters, and nothing else is one', () => {
    const id = newId()
    expect(isId(id)).toBe(true)
    for (const other of [`${id}x`, `x${id}`, id.slice(1), `!${id.slice(1)}`, '', undefined, null, 7, [id], { id }]) {
      expect(isId(other)).toBe(false)
    }
  })

  it("takes the application's own Keygrip", () => {
    for (const own of [new Keygrip(keys), new Keygrip(keys, 'sha512', 'hex')]) {
      expect(readCredential(writeCredential(newSecret(newId()), 'sid', keygripOf(own)), 'sid', own)).toBeDefined()
    }
  })
})

describe('what a device shows', () => {
  const NOW = 1_800_000_000_000
  const [id, other] = [newId(), newId()]
  const both = () => keys
  beforeEach(() => {
    vi.useFakeTimers({ toFake: ['Date'], now: NOW })
  })
  afterEach(() => vi.useRealTimers())

  const bound = (until: number, of = id, name = 'device', by = keygrip) => writeBound(of, until, name, by)
  const shows = (header: string | undefined) => isBound(header, 'device', id, both)

  it('is taken until the time that it names, and not from then on', () => {
    expect(shows(`device=${bound(NOW + 1)}`)).toBe(true)
    expect(shows(`device=${bound(NOW)}`)).toBe(false)
    const challenge = (until: number) =>
      isChallenge(writeChallenge(id, 'e', until, 'sid', keygrip), id, 'e', 'sid', both)
    expect([challenge(NOW + 1), challenge(NOW)]).toEqual([true, false])
  })

  it('is taken with the MAC of any of the keys, and of no other', () => {
    expect(shows(`device=${bound(NOW + 1, id, 'device', keygripOf([keys[1]!]))}`)).toBe(true)
    expect(shows(`device=${bound(NOW + 1, id, 'device', keygripOf(['no key of them, sixteen or more']))}`)).toBe(false)
  })

  it('is worth nothing for another session, under another name, or after the next log-in', () => {
    expect(shows(`device=${bound(NOW + 1, other)}`)).toBe(false)
    expect(shows(`device=${bound(NOW + 1, id, 'sid')}`)).toBe(false)
    expect(shows(`Device=${bound(NOW + 1)}`)).toBe(false)
    expect(shows(undefined)).toBe(false)
    const text = writeChallenge(id, 'e', NOW + 1, 'sid', keygrip)
    expect(isChallenge(text, other, 'e', 'sid', both)).toBe(false)
    expect(isChallenge(text, id, 'f', 'sid', both)).toBe(false)
    expect(isChallenge(text, id, 'e', 'device', both)).toBe(false)
  })

  it('is no challenge, and a challenge does not show it', () => {
    expect(shows(`device=${writeChallenge(id, '', NOW + 1, 'device', keygrip)}`)).toBe(false)
    expect(isChallenge(bound(NOW + 1, id, 'sid'), id, '', 'sid', both)).toBe(false)
  })

  it('is looked for in four cookies of its name, and in no more', () => {
    const header = (before: number) => `${'device=x; '.repeat(before)}device=${bound(NOW + 1)}`
    expect([shows(header(3)), shows(header(4))]).toEqual([true, false])
  })

  it('is a time of at most fifteen digits and a MAC, and nothing around them', () => {
    const [until, mac] = bound(NOW + 1).split('.')
    const signed = (time: string) => `${time}.${keygrip.sign(`device device=${id}.${time}`)}`
    expect(shows(`device=${signed('9'.repeat(15))}`)).toBe(true)
    for (const wrong of [
      signed('9'.repeat(16)),
      signed(''),
      signed('1e15'),
      `x${until}.${mac}`,
      `${until}.${mac}.x`,
      `${until}.${mac}=`,
      `${until}${mac}`,
      `${until}.`,
      '',
    ]) {
      expect(shows(`device=${wrong}`), wrong).toBe(false)
    }
  })
})
