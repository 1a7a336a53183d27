import parse from 'parse-duration'
import { SessionUsageError } from '../errors/index.ts'

/** A length of time: milliseconds, or a number with a unit such as `'30 days'`, `'1 month'` (30.4375 days), `'1h 30m'`. */
export type Duration = number | string

/** One number with its unit, at the very place where the one before ends: each character is looked at once. */
const PART = /\s*(\d+(?:\.\d+)?\s*[a-zµ]+)\s*/iy

/** Longer than any duration that somebody writes, which can be a visitor's text. */
const LONGEST = 100

/** The milliseconds of a duration; throws a `SessionUsageError` that names the option for anything unclear. */
export function milliseconds(value: unknown, option: string): number {
  const wrong = (what: string): never => {
    throw new SessionUsageError(`${option} ${what}. Write milliseconds, or a text such as '30 days' or '1 month'`)
  }
  if (value === undefined) return wrong("is undefined (ms('1 month') gives undefined)")
  if (typeof value === 'number') return Number.isFinite(value) && value >= 0 ? value : wrong(`is ${value}`)
  if (typeof value !== 'string') return wrong(`is of type ${typeof value}`)
  if (value.length > LONGEST) return wrong(`has ${value.length} characters, and at most ${LONGEST} are read`)
  let sum = 0
  PART.lastIndex = 0
  do {
    const [, part] = PART.exec(value) ?? wrong(`'${value}' is not a duration with units`)
    sum += parse(part) ?? wrong(`'${value}' has an unknown unit`)
  } while (PART.lastIndex < value.length)
  return Number.isFinite(sum) ? sum : wrong(`'${value}' is not a length of time`)
}
