import { type Data, isBson, type Path, type Value, valueAt } from '../algebra/index.ts'

/** Whose session it is, as events name it: an `ObjectId` as its hex. */
export type Subject = string | number | boolean

/** Longer texts name nobody; what listens may keep every event. */
const LONGEST = 128

/** What the data hold at the path, if it can name somebody. */
export function subjectOf(data: Data | undefined, path: Path | undefined): Subject | undefined {
  return path && data && nameOf(valueAt(data, path))
}

/** The part of an event that says whose session it is; nothing where nobody can tell. */
export function subjectIn(subject: Subject | undefined): { readonly subject?: Subject } {
  return subject === undefined ? {} : { subject }
}

/**
 * A value as a name: undefined for lists, objects and dates, because nothing but a name may leave the session. A text that
 * is too long is cut, and ends with `…`.
 */
export function nameOf(value: Value | undefined): Subject | undefined {
  if (typeof value === 'number' || typeof value === 'boolean') return value
  if (isBson(value)) return value._bsontype === 'ObjectId' ? String(value) : undefined
  if (typeof value !== 'string') return undefined
  return value.length <= LONGEST ? value : `${value.slice(0, LONGEST - 1).toWellFormed()}…`
}
