import { readCookie } from './header.ts'
import { type Keys, keygripOf, type Signer } from './keys.ts'

/**
 * What the short cookie says by which a request shows that it comes from its session's device: which session, and until
 * when. Its MAC is over other words than that of any other cookie or token, so none of them can stand in for it.
 */
export function writeBound(id: string, until: number, name: string, keygrip: Signer): string {
  return `${until}.${keygrip.sign(boundText(name, id, until))}`
}

/** Whether a request with this Cookie header has shown that it comes from the device of the session with this id. */
export function isBound(header: string | undefined, name: string, id: string, keys: () => Keys): boolean {
  // Another Domain or Path may have left a second one. Each names its session, so one of them is enough.
  const values = readCookie(header, name).slice(0, MOST)
  return values.some((value) => isSigned(value, (until) => boundText(name, id, until), keys))
}

/** What the device of a session signs first. It is good for the log-in that made the epoch, and until that time. */
export function writeChallenge(id: string, epoch: string, until: number, name: string, keygrip: Signer): string {
  return `${until}.${keygrip.sign(challengeText(name, id, epoch, until))}`
}

export function isChallenge(text: string, id: string, epoch: string, name: string, keys: () => Keys): boolean {
  return isSigned(text, (until) => challengeText(name, id, epoch, until), keys)
}

const MOST = 4
const VALUE = /^(\d{1,15})\.([A-Za-z0-9_-]{27,128})$/

// No cookie's name holds a space.
const boundText = (name: string, id: string, until: number | string) => `device ${name}=${id}.${until}`
const challengeText = (name: string, id: string, epoch: string, until: number | string) =>
  `challenge ${name}=${id}.${epoch}.${until}`

function isSigned(value: string, textOf: (until: string) => string, keys: () => Keys): boolean {
  const match = VALUE.exec(value)
  if (!match) return false
  const [, until, mac] = match
  return Number(until) > Date.now() && keygripOf(keys()).index(textOf(until!), mac!) >= 0
}
