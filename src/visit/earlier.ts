import { type Data, isDate } from '../algebra/index.ts'
import { assertNames, fail } from '../settings/names.ts'
import type { Adopted, Handover } from '../settings/options.ts'
import { ownMaxAge, type Settings } from '../settings/settings.ts'

/** What `adopt` has handed over, after checking. */
export interface Earlier {
  readonly data: Data
  /** The idle time that the session has of its own; undefined: none. */
  readonly maxAge?: number | undefined
  readonly authAt?: number | undefined
  readonly created?: number | undefined
  readonly forget?: Handover['forget'] | undefined
}

export const NO_EARLIER: Earlier = Object.freeze({ data: Object.freeze({}) })

/** Nothing can be told from its data: a function is what no session can keep. */
const isHandover = (given: object): given is Handover => typeof (given as Handover).forget === 'function'

/** Checks what `adopt` gives; throws a `SessionUsageError` that says what to write instead. Nothing of the data is quoted. */
export function earlierOf(given: Adopted | Handover, settings: Settings, dataOf: (data: object) => Data): Earlier {
  if (given === undefined || given === null) return NO_EARLIER
  if (typeof given !== 'object' || Array.isArray(given)) fail(`adopt gives ${OBJECT}, or undefined`)
  if (!isHandover(given)) return Object.keys(given).length === 0 ? NO_EARLIER : { data: dataOf(given) }
  assertNames(given, ['data', 'maxAge', 'authAt', 'created', 'forget'], 'what adopt gives')
  const { data, maxAge, forget } = given
  if (typeof data !== 'object' || data === null || Array.isArray(data)) fail(`data of adopt is ${OBJECT}`)
  const created = timeOf(given.created, 'created')
  // Nobody may live longer by moving. The old session is over, and goes.
  if (created !== undefined && Date.now() - created >= settings.maxLifetime) return { data: NO_EARLIER.data, forget }
  return {
    data: dataOf(data),
    maxAge: maxAge === undefined || maxAge === null ? undefined : ownMaxAge(maxAge),
    authAt: timeOf(given.authAt, 'authAt'),
    created,
    forget,
  }
}

const OBJECT = 'the old session as an object, such as { user_id: 42 }'

/** A time to come would make a session that is always fresh, or lives too long. */
function timeOf(value: Date | null | undefined, name: string): number | undefined {
  if (value === undefined || value === null) return undefined
  const time = isDate(value) ? value.getTime() : Number.NaN
  if (Number.isNaN(time)) fail(`${name} of adopt is a Date: new Date(ms)`)
  return time <= Date.now() ? time : fail(`${name} of adopt is in the future: is it in milliseconds?`)
}
