/** The device that a session is bound to: a key that never leaves it. Kept beside the session's data. */
export interface Device {
  /** Its public key. */
  readonly jwk: Jwk
  /** What its next proof must name. */
  readonly challenge: string
  /** What its last proof has named, and until when that counts again: the answer to it may have been lost. */
  readonly previous: { readonly challenge: string; readonly until: number } | null
  /** From then on each request must show that it comes from the device. Until then some are on their way without that. */
  readonly since: number
}

/** A public key of ES256, as RFC 7517 writes it. */
export interface Jwk {
  readonly kty: 'EC'
  readonly crv: 'P-256'
  readonly x: string
  readonly y: string
}

/**
 * What a device has proven, whose signature somebody else has checked. It applies only to a session which still waits for
 * just that, so a proof counts once.
 *
 * - `bind`: the first proof. It needs a session without a device, under the epoch of the log-in that asked for it.
 * - `prove`: it names the challenge that the session waits for, or the one before, if that was within its grace. So two
 *   that come at once both hold, and a proof whose answer was lost can be sent again.
 */
export type DeviceStep =
  | { readonly kind: 'bind'; readonly jwk: Jwk; readonly epoch: string; readonly next: string; readonly grace: number }
  | { readonly kind: 'prove'; readonly challenge: string; readonly next: string; readonly grace: number }

/** The device after a step; undefined if the step does not hold. A step that was done before changes nothing. */
export function stepped(device: Device | undefined, step: DeviceStep, epoch: string, now: number): Device | undefined {
  if (step.kind === 'bind') {
    const { jwk, next, grace } = step
    if (device) return isSameKey(device.jwk, jwk) ? device : undefined
    return step.epoch === epoch ? { jwk, challenge: next, previous: null, since: now + grace } : undefined
  }
  if (!device) return undefined
  const { challenge, next, grace } = step
  if (challenge === device.challenge) {
    return { ...device, challenge: next, previous: { challenge, until: now + grace } }
  }
  const { previous } = device
  return previous?.challenge === challenge && now < previous.until ? device : undefined
}

/** Whether a session that is asked for at this time must be shown to be asked by its device. */
export function isGuarded(device: Device | undefined, now: number): boolean {
  return device !== undefined && now >= device.since
}

function isSameKey(a: Jwk, b: Jwk): boolean {
  return a.x === b.x && a.y === b.y
}
