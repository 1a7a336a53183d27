import { SessionUsageError } from '../errors/index.ts'

/**
 * Throws a `SessionUsageError` for an option that there is not: a misspelt `secure` must not be an insecure cookie.
 * `advice` says what happens here instead of what other libraries' options ask for.
 */
export function assertNames(
  options: object,
  known: readonly string[],
  of: string,
  advice: Readonly<Record<string, string>> = {},
): void {
  for (const name of Object.keys(options)) {
    if (known.includes(name)) continue
    throw new SessionUsageError(`${of} has no option '${name.slice(0, 50)}': ${hint(name, known, advice)}`)
  }
}

function hint(name: string, known: readonly string[], advice: Readonly<Record<string, string>>): string {
  if (Object.hasOwn(advice, name)) return advice[name]!
  const near = known
    .map((other) => ({ other, edits: distance(name.slice(0, 50).toLowerCase(), other.toLowerCase()) }))
    .filter(({ other, edits }) => edits <= Math.max(other.length > 3 ? 2 : 1, other.length / 3))
    .sort((a, b) => a.edits - b.edits)[0]
  return near ? `did you mean '${near.other}'?` : `there is ${known.map((other) => `'${other}'`).join(', ')}`
}

/** How many letters must be put in, taken out or replaced to make one of the other (Levenshtein). */
function distance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, i) => i)
  for (let i = 1; i <= a.length; i++) {
    const next = [i]
    for (let j = 1; j <= b.length; j++) {
      next.push(Math.min(next[j - 1]! + 1, row[j]! + 1, row[j - 1]! + (a[i - 1] === b[j - 1] ? 0 : 1)))
    }
    row = next
  }
  return row[b.length]!
}

/** An option that can't work. The message says what to write instead. */
export function fail(message: string): never {
  throw new SessionUsageError(message)
}
