import { bsonText, isBson, isDate, isList, typeOf, type Value } from './value.ts'

/**
 * A text that two values share if and only if they are equal. To look for many values among many others takes a set of
 * texts, and so as long as reading both; to compare each with each would take the product.
 */
export function canonical(value: Value): string {
  if (isList(value)) return `[${value.map(canonical).join(',')}]`
  if (isDate(value)) return `date ${value.getTime()}`
  if (isBson(value)) return bsonText(value)
  // -0 is printed as 0.
  if (typeOf(value) !== 'object') return JSON.stringify(value)
  const fields = Object.entries(value as object).map(([key, inner]) => `${JSON.stringify(key)}:${canonical(inner)}`)
  return `{${fields.sort().join(',')}}`
}
