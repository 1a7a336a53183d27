import parse from 'parse-duration'
import { SessionUsageError } from '../errors/index.ts'

/** A length of time: milliseconds, or a number with a unit such as `'30 days'`, `'1 month'` (30.4375 days), `'1h 30m'`. */
export type Duration = number | string

const PARTS = /\d+(?:\.\d+)?\s*[a-zµ]+/gi

/** The milliseconds of a duration; throws a `SessionUsageError` that names the option for anything unclear. */
export function milliseconds(value: unknown, option: string): number {
  const wrong = (what: string): never => {
    throw new SessionUsageError(`${option} ${what}. Write milliseconds, or a text such as '30 days' or '1 month'`)
  }
  if (value === undefined) return wrong("is undefined (ms('1 month') gives undefined)")
  if (typeof value === 'number') return Number.isFinite(value) && value >= 0 ? value : wrong(`is ${value}`)
  if (typeof value !== 'string') return wrong(`is a ${typeof value}`)
  const parts = value.match(PARTS)
  if (!parts || value.replace(PARTS, '').trim() !== '') return wrong(`'${value}' is no duration with units`)
  return parts.reduce((sum, part) => sum + (parse(part) ?? wrong(`'${value}' has a unit that is not known`)), 0)
}
