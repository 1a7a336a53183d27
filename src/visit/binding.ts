import type { IncomingHttpHeaders } from 'node:http'
import { writeChallenge } from '../cookie/bound.ts'
import { keygripOf } from '../cookie/keys.ts'
import type { Exchange, Host } from './exchange.ts'
import { isCurrent, type State } from './state.ts'

/** For how long a browser may take to make a key and register it. */
const REGISTRATION = 300_000

/** Whose responses will ask, so a second log-in of one request asks no second time. Others need no field for it. */
const asking = new WeakSet<Exchange>()

/**
 * Asks the browser to bind the session that the visitor has just logged in to, by a header of the response: one that knows
 * nothing of it passes over that. What it is asked to sign is good for this log-in alone, so nothing is stored for it.
 */
export function askToBind<V>(host: Host<V>, exchange: Exchange, stateOf: () => State): void {
  const { response, secure } = exchange
  const binding = host.binding()
  if (!binding || !response || !secure || asking.has(exchange)) return
  asking.add(exchange)
  const { cookie } = host.settings
  // With the headers: what came after the log-in may have ended the session, or renewed its secret.
  exchange.onHead(() => {
    const state = stateOf()
    if (state.kind !== 'live' || !isCurrent(state.secret)) return
    const { id } = state.credential
    const until = Date.now() + REGISTRATION
    const challenge = writeChallenge(id, state.epoch ?? '', until, cookie.name, keygripOf(host.keys()))
    response.appendHeader('Secure-Session-Registration', `(ES256);path="${binding.path}";challenge="${challenge}"`)
  })
}

/** Why a browser has sent a request although it could not sign: a word of the draft, undefined where it says none. */
export function skippedOf(headers: IncomingHttpHeaders): string | undefined {
  return /^(?:unreachable|server_error|quota_exceeded)\b/.exec(String(headers['secure-session-skipped']))?.[0]
}
