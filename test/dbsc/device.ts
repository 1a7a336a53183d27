import { generateKeyPairSync, type KeyObject, sign } from 'node:crypto'
import type { Visitor } from '../visitor.ts'

export const TLS = { 'x-forwarded-proto': 'https' }

/** What Chromium does for one visitor: it makes a key, registers it, and signs again where the short cookie is missing. */
export class TestDevice<V extends Pick<Visitor, 'fetch'> = Visitor> {
  readonly visitor: V
  readonly #key: KeyObject
  readonly jwk: { kty: string; crv: string; x: string; y: string }
  identifier = ''
  challenge = ''

  constructor(visitor: V) {
    this.visitor = visitor
    const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
    this.#key = privateKey
    const { kty, crv, x, y } = publicKey.export({ format: 'jwk' })
    this.jwk = { kty: kty!, crv: crv!, x: x!, y: y! }
  }

  /** A proof, with whatever the test wants to be wrong about it. */
  proof(challenge: unknown, header: object = {}, payload: object = {}): string {
    const part = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url')
    const text = `${part({ alg: 'ES256', typ: 'dbsc+jwt', ...header })}.${part({ jti: challenge, ...payload })}`
    const signature = sign('sha256', Buffer.from(text), { key: this.#key, dsaEncoding: 'ieee-p1363' })
    return `${text}.${signature.toString('base64url')}`
  }

  /** Registers as the log-in's response asks for it. */
  async register(login: Response): Promise<Response> {
    const [, path, challenge] = /^\(ES256\);path="([^"]+)";challenge="([^"]+)"$/.exec(
      login.headers.get('secure-session-registration') ?? '',
    )!
    return this.sends(path!, this.proof(challenge, { jwk: this.jwk }))
  }

  /** Signs again, in one round trip where it knows the challenge. */
  async refresh(path = '/session-binding'): Promise<Response> {
    const response = await this.sends(path, this.proof(this.challenge), this.identifier)
    return response.status === 403 ? this.sends(path, this.proof(this.challenge), this.identifier) : response
  }

  async sends(path: string, proof?: string, identifier?: string): Promise<Response> {
    const response = await this.visitor.fetch(path, {
      method: 'POST',
      headers: {
        ...TLS,
        'sec-fetch-site': 'same-origin',
        ...(proof !== undefined && { 'secure-session-response': proof }),
        ...(identifier !== undefined && { 'sec-secure-session-id': identifier }),
      },
    })
    const [, challenge, name] =
      /^"([^"]+)";id="([^"]+)"$/.exec(response.headers.get('secure-session-challenge') ?? '') ?? []
    if (challenge) this.challenge = challenge
    if (response.status === 200) this.identifier = name!
    return response
  }
}
