import type { Data } from '../../algebra/index.ts'
import { encode } from '../shared/json.ts'

/**
 * A session is one hash with these fields:
 *
 * - `$m`: what is known of it besides its data, a JSON list: see META in record.lua;
 * - `$o`: its operations before the last, oldest first, the items of a JSON list: each one's id and then its time;
 * - `$d`: the small fields of its data, each on a line of its own: `"views":2`, with a comma if another follows. JSON text
 *   has no line breaks. So one search finds a field, and all of them are read and written at once;
 * - each other field of its data by itself: its name and its value are JSON texts. A command that does not touch such a
 *   large field neither reads nor writes it.
 */

/** A value with more bytes is stored apart. */
export const MAX_LINE = 256
/** A value that would make the lines together longer is stored apart. */
export const MAX_TOGETHER = 2048

/** The data as they are stored: the lines, and the names and values of the fields apart in turn. */
export function write(data: Data): { together: string; apart: string[] } {
  let together = ''
  const apart: string[] = []
  for (const [key, value] of Object.entries(data)) {
    const name = JSON.stringify(key)
    const text = encode(value)
    if (text.length > MAX_LINE || together.length + text.length > MAX_TOGETHER) apart.push(name, text)
    else together += `${together && ','}\n${name}:${text}`
  }
  return { together, apart }
}
