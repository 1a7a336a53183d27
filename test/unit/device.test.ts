import { describe, expect, it } from 'vitest'
import { type Device, isGuarded, type Jwk, stepped } from '../../src/contract/device.ts'

const NOW = 1_800_000_000_000
const key = (x: string, y: string): Jwk => ({ kty: 'EC', crv: 'P-256', x, y })
const jwk = key('x', 'y')
const bind = { kind: 'bind', jwk, epoch: 'e', next: 'c1', grace: 30 } as const
const prove = (challenge: string) => ({ kind: 'prove', challenge, next: 'c2', grace: 30 }) as const
const device: Device = { jwk, challenge: 'c1', previous: null, since: NOW }

describe('a device', () => {
  it('is bound under the epoch of its log-in, and guards the session after the grace', () => {
    expect(stepped(undefined, bind, 'e', NOW)).toEqual({ jwk, challenge: 'c1', previous: null, since: NOW + 30 })
    expect(stepped(undefined, bind, 'f', NOW)).toBeUndefined()
    expect([isGuarded(device, NOW - 1), isGuarded(device, NOW), isGuarded(undefined, NOW)]).toEqual([
      false,
      true,
      false,
    ])
  })

  it('that is bound again is the same by its whole key, and no other takes its place', () => {
    expect(stepped(device, { ...bind, jwk: key('x', 'y') }, 'e', NOW)).toBe(device)
    for (const other of [key('x', 'z'), key('z', 'y'), key('z', 'z')])
      expect(stepped(device, { ...bind, jwk: other }, 'e', NOW)).toBeUndefined()
  })

  it('proves by the challenge that waits for it, or the one before within its grace, which changes nothing', () => {
    const next = stepped(device, prove('c1'), 'e', NOW)!
    expect(next).toEqual({ ...device, challenge: 'c2', previous: { challenge: 'c1', until: NOW + 30 } })
    expect(stepped(next, prove('c1'), 'e', NOW + 29)).toBe(next)
    expect(stepped(next, prove('c1'), 'e', NOW + 30)).toBeUndefined()
    expect(stepped(next, prove('c0'), 'e', NOW)).toBeUndefined()
    expect(stepped(device, prove('c0'), 'e', NOW)).toBeUndefined()
    expect(stepped(undefined, prove('c1'), 'e', NOW)).toBeUndefined()
  })
})
