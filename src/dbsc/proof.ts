import { Buffer } from 'node:buffer'
import { compactVerify, importJWK } from 'jose'
import type { Jwk } from '../contract/device.ts'

/** What a device has signed, as far as it can be judged without its key. */
export interface Proof {
  /** The challenge that it names. */
  readonly challenge: string
  /** The key that it brings: with a registration, and only there. */
  readonly jwk: Jwk | undefined
  readonly jws: string
}

/** Why a proof is refused. */
export type Fault = 'form' | 'type' | 'algorithm' | 'key' | 'challenge' | 'signature'

/** The browser's own are below a kilobyte; what is longer is not looked at. */
const LONGEST = 2048
const PART = '[A-Za-z0-9_-]+'
const JWS = new RegExp(`^(${PART})\\.(${PART})\\.${PART}$`)
/** 32 bytes as base64url. */
const COORDINATE = /^[A-Za-z0-9_-]{43}$/

/** The text of a header that is a string in quotes, or, as browsers send it, without them. */
export function stringOf(header: string | string[] | undefined): string | undefined {
  if (typeof header !== 'string') return undefined
  return /^".*"$/.test(header) ? header.slice(1, -1) : header
}

/** Reads a proof; answers what is wrong with it before anything is asked or computed. */
export function readProof(text: string): Proof | Fault {
  const parts = text.length <= LONGEST ? JWS.exec(text) : null
  const header = parts && objectIn(parts[1]!)
  const payload = parts && objectIn(parts[2]!)
  if (!header || !payload) return 'form'
  if (header.typ !== 'dbsc+jwt') return 'type'
  // Neither `none` nor a MAC by what everybody knows: only what the registration asked for.
  if (header.alg !== 'ES256' || header.crit !== undefined) return 'algorithm'
  const challenge = payload.jti
  if (typeof challenge !== 'string') return 'challenge'
  // Chromium writes the key into the header, the draft's newer text into the payload.
  const key = header.jwk ?? payload.key
  if (key === undefined) return { challenge, jwk: undefined, jws: text }
  const jwk = keyOf(key)
  return jwk ? { challenge, jwk, jws: text } : 'key'
}

/** Whether this key has signed the proof. */
export async function isSignedBy({ jws }: Proof, jwk: Jwk): Promise<boolean> {
  try {
    await compactVerify(jws, await importJWK({ ...jwk }, 'ES256'), { algorithms: ['ES256'] })
    return true
  } catch {
    // A point that is not on the curve, or another signature.
    return false
  }
}

function keyOf(key: unknown): Jwk | undefined {
  if (typeof key !== 'object' || key === null) return undefined
  const { kty, crv, x, y } = key as Record<string, unknown>
  if (kty !== 'EC' || crv !== 'P-256' || !isCoordinate(x) || !isCoordinate(y)) return undefined
  return { kty, crv, x, y }
}

function isCoordinate(value: unknown): value is string {
  return typeof value === 'string' && COORDINATE.test(value)
}

function objectIn(part: string): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(Buffer.from(part, 'base64url').toString())
    return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : undefined
  } catch {
    return undefined
  }
}
