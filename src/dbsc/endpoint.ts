import type { IncomingHttpHeaders } from 'node:http'
import type { Sessions } from '../api/sessions.ts'
import type { Device, DeviceStep } from '../contract/device.ts'
import { type Access, LOG_OUT_GRACE, type SessionRecord } from '../contract/store.ts'
import { isChallenge } from '../cookie/bound.ts'
import { newId, newOperation } from '../cookie/credential.ts'
import type { Binding } from '../settings/binding.ts'
import { outsideChange } from '../visit/change.ts'
import { EMPTY_STEP } from '../visit/step.ts'
import type { Visit } from '../visit/visit.ts'
import { cookieOf, identifierOf, instructions } from './instructions.ts'
import { type Fault, isSignedBy, type Proof, readProof, stringOf } from './proof.ts'

/** The answer to one of the device's own requests. */
export interface Reply {
  readonly status: number
  readonly headers: Readonly<Record<string, string>>
  readonly body: string
}

/** For how long a proof counts again whose answer was lost, and one that another tab has overtaken. */
const CHALLENGE_GRACE = 30_000
/** For how long requests may be on their way that were sent before the device was bound. */
const BINDING_GRACE = 60_000

/**
 * Answers a registration or a refresh. The browser ends its side of the binding at any status from 400 to 499 but 403,
 * and the visitor would then be locked out of a session that the store still guards. So 404 is for what is over for good,
 * 403 for a proof that is refused, and 503 for what may be otherwise in a moment.
 */
export async function answer(sessions: Sessions<never>, visit: Visit, headers: IncomingHttpHeaders): Promise<Reply> {
  const identifier = stringOf(headers['sec-secure-session-id'])
  const said = stringOf(headers['secure-session-response'])
  const access = visit.deviceAccess
  // Two cookies, of which one may be the visitor's: this response removes what others have planted.
  if (!access) return identifier === undefined ? refused(visit, 'form') : empty(visit.duplicate ? 503 : 404)
  const talk = new Talk(sessions, visit, access)
  return identifier === undefined ? talk.register(said) : talk.refresh(identifier, said)
}

/** One request of a device for the session of its cookie. */
class Talk {
  readonly #sessions: Sessions<never>
  readonly #visit: Visit
  readonly #access: Access
  readonly #binding: Binding

  constructor(sessions: Sessions<never>, visit: Visit, access: Access) {
    this.#sessions = sessions
    this.#visit = visit
    this.#access = access
    this.#binding = sessions.binding!
  }

  /** The first proof: it brings the key, and names what the log-in's response asked it to sign. */
  async register(said: string | undefined): Promise<Reply> {
    const proof = readProof(said ?? '')
    if (typeof proof === 'string') return refused(this.#visit, proof)
    const { jwk } = proof
    if (!jwk) return refused(this.#visit, 'key')
    const found = await this.#find()
    if (!('id' in found)) return empty(403)
    const { settings, keys } = this.#sessions.hostOf()
    if (!isChallenge(proof.challenge, found.id, found.epoch, settings.cookie.name, keys)) {
      return refused(this.#visit, 'challenge')
    }
    if (!(await isSignedBy(proof, jwk))) return refused(this.#visit, 'signature')
    const grace = Math.min(this.#binding.cookieAge, BINDING_GRACE)
    const bound = await this.#step({ kind: 'bind', jwk, epoch: found.epoch, next: newId(), grace })
    if (!bound) return refused(this.#visit, 'challenge')
    this.#visit.tell('bound')
    return this.#success(bound)
  }

  /** Every later one. Without a proof, or with one for a challenge that is over, the browser is told what to sign. */
  async refresh(identifier: string, said: string | undefined): Promise<Reply> {
    const found = await this.#find()
    if (!('id' in found)) return empty(found.status)
    const { device } = found
    // A log-in has ended the binding, and perhaps another one has begun.
    if (!device || identifierOf(found.id, device) !== identifier) return empty(404)
    if (said === undefined) return challenged(identifier, device)
    const proof = readProof(said)
    const fault = typeof proof === 'string' ? proof : await faultOf(proof, device)
    if (typeof proof === 'string' || fault) {
      this.#visit.tell('unproven', { reason: fault })
      return challenged(identifier, device)
    }
    const next = await this.#step({ kind: 'prove', challenge: proof.challenge, next: newId(), grace: CHALLENGE_GRACE })
    // Others have moved it on since it was read: the browser signs once more.
    return next ? this.#success(next) : this.refresh(identifier, undefined)
  }

  /** The session, or the status with which the browser ends its side, or tries again later. */
  async #find(): Promise<SessionRecord | { readonly status: 404 | 503 }> {
    const loaded = await this.#sessions.hostOf().reliable.load(this.#access, this.#visit)
    if (loaded.outcome === 'live') return loaded.record
    return { status: 'ago' in loaded && loaded.ago < LOG_OUT_GRACE ? 503 : 404 }
  }

  /** The device after a step; undefined if it does not hold. */
  async #step(device: DeviceStep): Promise<Device | undefined> {
    const { reliable, settings } = this.#sessions.hostOf()
    // As one from outside: the request for which the browser signs keeps the session alive, not this one.
    const change = outsideChange(EMPTY_STEP, settings, newOperation(), true)
    const updated = await reliable.update(this.#access, { ...change, device }, this.#visit)
    return updated.outcome === 'changed' ? updated.record.device : undefined
  }

  #success(device: Device): Reply {
    const { settings, keys } = this.#sessions.hostOf()
    const { id } = this.#access
    const identifier = identifierOf(id, device)
    const cookie = cookieOf(id, settings.cookie, this.#visit.place, this.#binding.cookieAge, keys)
    return {
      status: 200,
      headers: {
        'Content-Type': 'application/json',
        'Cache-Control': 'no-store',
        'Set-Cookie': cookie.line,
        'Secure-Session-Challenge': challengeFor(identifier, device),
      },
      body: JSON.stringify(instructions(identifier, this.#binding, settings.cookie.bound, cookie.attributes)),
    }
  }
}

/** What is wrong with a proof of a device that is bound already. */
async function faultOf(proof: Proof, device: Device): Promise<Fault | undefined> {
  const { challenge, previous, jwk } = device
  // Whether the one before still counts is for the store's clock to say.
  if (proof.challenge !== challenge && proof.challenge !== previous?.challenge) return 'challenge'
  return (await isSignedBy(proof, jwk)) ? undefined : 'signature'
}

function refused(visit: Visit, fault: Fault): Reply {
  visit.tell('unproven', { reason: fault })
  return empty(403)
}

function challenged(identifier: string, device: Device): Reply {
  const { status, headers, body } = empty(403)
  return { status, body, headers: { ...headers, 'Secure-Session-Challenge': challengeFor(identifier, device) } }
}

function challengeFor(identifier: string, { challenge }: Device): string {
  return `"${challenge}";id="${identifier}"`
}

function empty(status: number): Reply {
  return { status, headers: { 'Cache-Control': 'no-store' }, body: '' }
}
