import { readFileSync } from 'node:fs'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { isSignedBy, type Proof, readProof, stringOf } from '../../src/dbsc/proof.ts'
import { Visitor } from '../visitor.ts'
import { TestDevice } from './device.ts'

const vectors = JSON.parse(readFileSync(new URL('vectors.json', import.meta.url), 'utf8'))
const device = new TestDevice(new Visitor(''))
const other = new TestDevice(new Visitor(''))
const FAULTS = ['form', 'type', 'algorithm', 'key', 'challenge']

describe('the proof of a device', () => {
  it('is read and verified as Chromium writes it, in both steps', async () => {
    const registration = readProof(vectors.registration.proof) as Proof
    expect(registration).toMatchObject({ challenge: 'c1', jwk: vectors.jwk })
    expect(await isSignedBy(registration, registration.jwk!)).toBe(true)
    for (const { proof, challenge } of vectors.refreshes) {
      const refresh = readProof(proof) as Proof
      expect(refresh).toMatchObject({ challenge, jwk: undefined })
      expect(await isSignedBy(refresh, vectors.jwk)).toBe(true)
      expect(await isSignedBy(refresh, device.jwk as never)).toBe(false)
    }
  })

  it('may bring its key in the payload, as the newer draft has it, and come in quotes', async () => {
    const text = device.proof('c', {}, { key: device.jwk, aud: 'https://example.org/reg', iat: 1 })
    const proof = readProof(stringOf(`"${text}"`)!) as Proof
    expect(proof.jwk).toEqual(device.jwk)
    expect(await isSignedBy(proof, proof.jwk!)).toBe(true)
  })

  const cut = device.proof('c').split('.')
  const refused: [says: string, text: string, fault: string][] = [
    ['nothing', '', 'form'],
    ['no signature', `${cut[0]}.${cut[1]}.`, 'form'],
    ['four parts', `${device.proof('c')}.x`, 'form'],
    ['a header that is no JSON', `e30x.${cut[1]}.${cut[2]}`, 'form'],
    ['a payload that is no object', `${cut[0]}.bnVsbA.${cut[2]}`, 'form'],
    ['more than two kilobytes', device.proof('c', {}, { more: 'x'.repeat(2000) }), 'form'],
    ['another type', device.proof('c', { typ: 'JWT' }), 'type'],
    ['no type', device.proof('c', { typ: undefined }), 'type'],
    ['alg none', device.proof('c', { alg: 'none' }), 'algorithm'],
    ['alg HS256', device.proof('c', { alg: 'HS256' }), 'algorithm'],
    ['alg RS256', device.proof('c', { alg: 'RS256' }), 'algorithm'],
    ['alg ES384', device.proof('c', { alg: 'ES384' }), 'algorithm'],
    ['a critical extension', device.proof('c', { crit: ['b64'], b64: false }), 'algorithm'],
    ['no challenge', device.proof(undefined), 'challenge'],
    ['a challenge that is no text', device.proof(['c']), 'challenge'],
    ['a key of another curve', device.proof('c', { jwk: { ...device.jwk, crv: 'P-384' } }), 'key'],
    ['a symmetric key', device.proof('c', { jwk: { kty: 'oct', k: 'x' } }), 'key'],
    ['a coordinate that is too short', device.proof('c', { jwk: { ...device.jwk, x: 'AA' } }), 'key'],
    ['a key that is no object', device.proof('c', { jwk: 'key' }), 'key'],
    ['a key that is null in the payload', device.proof('c', {}, { key: null }), 'key'],
  ]
  it.each(refused)('is refused before any I/O with %s', (_, text, fault) => {
    expect(readProof(text)).toBe(fault)
  })

  it('is not taken with the signature of another device, of another text, or by a point that is on no curve', async () => {
    const mine = readProof(device.proof('c', { jwk: other.jwk })) as Proof
    expect(await isSignedBy(mine, mine.jwk!)).toBe(false)
    const [header, , signature] = device.proof('c').split('.')
    const [, payload] = device.proof('d').split('.')
    expect(await isSignedBy(readProof(`${header}.${payload}.${signature}`) as Proof, device.jwk as never)).toBe(false)
    const nowhere = { ...device.jwk, y: device.jwk.x }
    expect(await isSignedBy(readProof(device.proof('c', { jwk: nowhere })) as Proof, nowhere as never)).toBe(false)
  })

  const own = device.proof('c', { jwk: device.jwk })
  it('100,000 that nobody signed are refused, whatever they are, and none fails', async () => {
    const header = fc.record(
      {
        alg: fc.constantFrom('ES256', 'ES256', 'ES256', 'none', 'HS256', 'es256', 1, null),
        typ: fc.constantFrom('dbsc+jwt', 'dbsc+jwt', 'jwt', {}),
        jwk: fc.oneof(
          fc.record({ kty: fc.constant('EC'), crv: fc.constant('P-256'), x: fc.base64String(), y: fc.string() }),
          fc.constant({ kty: 'EC', crv: 'P-256', x: 'A'.repeat(43), y: '_'.repeat(43) }),
          fc.constant(device.jwk),
          fc.jsonValue(),
        ),
        crit: fc.constant(['b64']),
      },
      { requiredKeys: ['alg', 'typ'] },
    )
    const payload = fc.record({ jti: fc.oneof(fc.string(), fc.jsonValue()), key: fc.jsonValue() }, { requiredKeys: [] })
    const json = (value: unknown) => Buffer.from(JSON.stringify(value) ?? '').toString('base64url')
    const part = fc.oneof(header.map(json), payload.map(json), fc.base64String(), fc.string())
    const jws = fc.oneof(
      fc
        .tuple(header.map(json), payload.map(json), fc.constantFrom('A'.repeat(86), 'AA', cut[2]!))
        .map((p) => p.join('.')),
      fc.array(part, { maxLength: 4 }).map((parts) => parts.join('.')),
      fc.string({ maxLength: 3000, unit: 'binary' }),
      fc.tuple(fc.nat(200), fc.string({ maxLength: 3 })).map(([at, text]) => {
        return own.slice(0, at) + text + own.slice(at + text.length + 1)
      }),
    )
    let read = 0
    const proofs = fc.sample(jws, 100_000)
    for (const text of proofs) {
      const proof = readProof(stringOf(text)!)
      if (typeof proof === 'string') {
        expect(FAULTS).toContain(proof)
      } else {
        read++
        if (read <= 2000) expect(await isSignedBy(proof, proof.jwk ?? (device.jwk as never))).toBe(false)
      }
    }
    expect(read).toBeGreaterThan(100)
  })
})
