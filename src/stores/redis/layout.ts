import type { Data, Value } from '../../algebra/index.ts'
import type { SessionRecord } from '../../contract/store.ts'
import type { StoredSession } from '../../contract/transition.ts'
import { decode } from '../shared/json.ts'
import { json } from './compile.ts'

/**
 * A session is one hash, whose fields are
 *
 * - `$m`: what is known of it besides its data, a JSON list: see {@link Known};
 * - `$o`: its last operations, as one JSON text;
 * - `$d`: the small fields of its data, each on a line of its own: `"views":2,`. JSON text has no line breaks, so that
 *   a field is found by one search, and all of them are read and written at once;
 * - the other fields of its data, each by itself: its name and its value are JSON texts. So a command leaves alone what
 *   is large and does not concern it.
 */

/** A value of more bytes than this stands apart, and whatever would make the lines together longer than that. */
export const MAX_LINE = 256
export const MAX_TOGETHER = 2048

/** How many fields stand apart; the version; the data's bytes; how many operations; and the session's own words. */
export type Known = [
  apart: number,
  version: number,
  size: number,
  remembered: number,
  expires: number,
  created: number,
  maxAge: number | null,
  horizon: number | null,
  hash: string,
  rotated: number,
  epoch: string,
  previous: string | null,
  previousUntil: number | null,
  authAt: number | null,
]

/** The data as they are stored: the lines, and names and values of what stands apart in turn. */
export function write(data: Data): { together: string; apart: string[] } {
  let together = '\n'
  const apart: string[] = []
  for (const [key, value] of Object.entries(data)) {
    const name = JSON.stringify(key)
    const text = json(value)
    if (text.length > MAX_LINE || together.length + text.length > MAX_TOGETHER) apart.push(name, text)
    else together += `${name}:${text},\n`
  }
  return { together, apart }
}

/**
 * The list that the script has answered, whose last part are the data: JSON text, and where fields stand apart their
 * names and values in turn after it.
 */
// biome-ignore lint/suspicious/noExplicitAny: what JSON.parse gives
export function parse(answer: string | readonly string[]): any {
  if (typeof answer === 'string') return decode(answer)
  const [text, ...apart] = answer
  const list = decode(text!)
  const fields: [string, Value][] = []
  for (let i = 0; i < apart.length; i += 2) fields.push([JSON.parse(apart[i]!), decode(apart[i + 1]!)])
  // Not by assignment: a field that is called __proto__ would give the data another prototype.
  list.push({ ...list.pop(), ...Object.fromEntries(fields) })
  return list
}

/** The record of what the script has answered. */
export function recordFrom(id: string, known: Known, data: Data): SessionRecord {
  const [, version, , , expires, created, maxAge, , , rotated, epoch, , , authAt] = known
  return { id, data, version, created, expires, maxAge, authAt, rotated, epoch }
}

/** All that is stored, of what the script has answered. */
export function storedFrom(id: string, known: Known, data: Data, ops: string): StoredSession {
  const [, , , , , , , , hash, , , previous, until] = known
  return {
    ...recordFrom(id, known, data),
    hash,
    previous: previous === null ? null : { hash: previous, until: until! },
    ops: ops.trim().split(' '),
  }
}
