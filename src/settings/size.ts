import { fail } from './names.ts'

/** A size: bytes, or a number with a unit such as `'16 MiB'`. */
export type Size = number | `${number} ${'B' | 'KiB' | 'MiB' | 'GiB'}`

const UNITS = { B: 1, KiB: 2 ** 10, MiB: 2 ** 20, GiB: 2 ** 30 }

/** The bytes of a size; throws a `SessionUsageError` that names the option for anything unclear. */
export function sizeOf(value: unknown, option: string): number {
  const bytes = typeof value === 'string' ? parsed(value) : value
  if (typeof bytes === 'number' && Number.isSafeInteger(bytes) && bytes >= 0) return bytes
  const shown = typeof value === 'string' ? `'${value}'` : String(value)
  return fail(
    `${option} can't be ${shown.slice(0, 50)}. Write bytes, a text such as '16 MiB' (B, KiB, MiB, GiB), or 0 for none`,
  )
}

function parsed(text: string): number | undefined {
  const [, number, unit] = /^(\d{1,15}(?:\.\d{1,9})?) ?(B|KiB|MiB|GiB)$/.exec(text) ?? []
  return number === undefined ? undefined : Math.round(Number(number) * UNITS[unit as keyof typeof UNITS])
}
