import { isBson, isDate, isList, type Value } from './value.ts'

/** Roughly the bytes of a value as JSON: exact for text, an upper bound for numbers, dates and BSON values. */
export function sizeOf(value: Value): number {
  switch (typeof value) {
    case 'string':
      return textSize(value) + 2
    case 'number':
      return Number.isInteger(value) && Math.abs(value) < 1e15 ? 16 : 24
    case 'boolean':
      return 5
  }
  if (value === null) return 4
  if (isDate(value)) return 32
  if (isBson(value)) return JSON.stringify(value).length + 16
  let size = 2
  if (isList(value)) for (const element of value) size += sizeOf(element) + 1
  else for (const key of Object.keys(value)) size += textSize(key) + 4 + sizeOf((value as Record<string, Value>)[key]!)
  return size
}

/** UTF-8 bytes. Quotes and control characters, which JSON escapes, count once: this is a limit, not an encoding. */
function textSize(text: string): number {
  // biome-ignore lint/style/noRestrictedGlobals: the algebra imports nothing, and a chain is whole also if it begins here
  return Buffer.byteLength(text)
}
