import { type Chain, type Data, printPath, valueAt } from '../algebra/index.ts'

/** Looks at what is stored. */
export type Hints = (before: Data, chain: Chain) => void

/** How often a field goes up by one before it is named. */
const OFTEN = 3

/**
 * Names, while developing, the fields that go up by one again and again, because nothing is counted by guess: of two
 * requests that count at the same moment, one is lost.
 */
export function counterHints(name: string): Hints {
  if (process.env.NODE_ENV === 'production') return () => {}
  const ups = new Map<string, number>()
  return (before, { commands }) => {
    for (const { path, ...command } of commands) {
      const old = valueAt(before, path)
      if (command.kind !== 'set' || typeof old !== 'number' || command.value !== old + 1) continue
      const field = printPath(path)
      const count = (ups.get(field) ?? 0) + 1
      if (count === OFTEN) {
        process.emitWarning(
          `${name}.${field} looks like a counter. Requests that count at the same moment lose counts, unless it is named: classic(…, { counters: ['${field}'] })`,
          { code: 'KOA_ATOMIC_SESSION_COUNTER' },
        )
      }
      // Keys can be visitors' words: not more of them are remembered than a session has fields.
      if (count <= OFTEN && (ups.size < 256 || ups.has(field))) ups.set(field, count)
    }
  }
}
