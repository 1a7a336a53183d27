import { Buffer } from 'node:buffer'
import { isIP } from 'node:net'
import { StringDecoder } from 'node:string_decoder'
import { commands, type Data, extend, isObject } from '../algebra/index.ts'
import { CLIENT } from '../data/types.ts'
import { SessionUsageError } from '../errors/index.ts'
import { assertNames } from '../settings/names.ts'
import type { ClientDescription } from '../settings/options.ts'
import type { Settings } from '../settings/settings.ts'
import type { Step } from './step.ts'

/** How many bytes of each text are kept. A visitor chooses them, so more is cut and never an error. */
const LONGEST = { agent: 256, network: 64 } as const

/** What the option `client` says of a request, as it is kept; undefined if there is nothing to keep. */
export function clientOf({ client }: Pick<Settings, 'client'>, context: unknown): Data | undefined {
  const told: unknown = client?.(context)
  if (told === undefined || told === null) return undefined
  if (!isObject(told)) throw new SessionUsageError('client must return an object, { agent, network }, or undefined')
  if (typeof told.then === 'function') throw new SessionUsageError('client must answer at once, without a promise')
  assertNames(told, Object.keys(LONGEST), 'What client returns')
  const agent = textOf(told.agent, 'agent')
  const network = textOf(networkOf(told.network), 'network')
  if (agent === undefined && network === undefined) return undefined
  return Object.freeze({ ...(agent !== undefined && { agent }), ...(network !== undefined && { network }) })
}

/** A log-in with what is known of its client. The schema is the application's, so it does not judge this. */
export function withClient(step: Step, settings: Settings, context: unknown): Step {
  const client = clientOf(settings, context)
  return client ? { ...step, chain: extend(step.chain, [commands.set(CLIENT, client)]) } : step
}

/** What a new session begins with, and what is known of its client. */
export function describedBy<T extends { readonly data: Data }>(result: T, settings: Settings, context: unknown): T {
  const client = clientOf(settings, context)
  return client ? { ...result, data: { ...result.data, [CLIENT]: client } } : result
}

/** The data without what is kept beside them. */
export function ownData(data: Data): Data {
  if (!Object.hasOwn(data, CLIENT)) return data
  const { [CLIENT]: _, ...own } = data
  return Object.freeze(own)
}

/** What is kept of the client that began the session, or logged in last. */
export function clientIn(data: Data): ClientDescription | undefined {
  return Object.hasOwn(data, CLIENT) ? (data[CLIENT] as ClientDescription) : undefined
}

function textOf(value: unknown, name: keyof typeof LONGEST): string | undefined {
  if (value === undefined || value === '') return undefined
  if (typeof value !== 'string')
    throw new SessionUsageError(`${name} of what client returns is a ${typeof value}, not a text`)
  const bytes = Buffer.from(value.replace(/\p{Cc}/gu, ' ')).subarray(0, LONGEST[name])
  // Without the beginning of a character whose end was cut off.
  return new StringDecoder().write(bytes)
}

/** A whole address is more than a list of devices needs: of one only its network is kept. */
function networkOf(value: unknown): unknown {
  if (typeof value !== 'string') return value
  const address = value.replace(/^::ffff:(?=\d+\.)/i, '').replace(/%.*/s, '')
  if (isIP(address) === 4) return address.replace(/\d+$/, '0/24')
  if (isIP(address) !== 6) return value
  // An IPv4 address at its end is as long as two groups.
  const [head, tail] = address
    .replace('.', ':')
    .split('::')
    .map((groups) => groups.split(':').filter(Boolean))
  const groups = tail ? [...head!, ...Array(8 - head!.length - tail.length).fill('0'), ...tail] : head!
  return `${groups.slice(0, 3).join(':')}::/48`
}
