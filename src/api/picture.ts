import { type Data, isBson, isDate, isList, type Value } from '../algebra/index.ts'

/** What data show: for parts that were looked at before, what they showed then. */
export type Pictures = WeakMap<object, Value>

/**
 * Data as the application sees them: frozen. A Date can't be frozen, so that each is a copy, and so is what holds one:
 * whoever changes it changes neither the store's data nor what this request believes them to be.
 */
export function picture(value: Value, pictures: Pictures = new WeakMap()): Value {
  if (isDate(value)) return new Date(value)
  if (typeof value !== 'object' || value === null || isBson(value)) return value
  const before = pictures.get(value)
  if (before !== undefined) return before
  let copy: Value[] | Record<string, Value> | undefined
  for (const key of Object.keys(value)) {
    const part = (value as Data)[key]!
    const shown = picture(part, pictures)
    if (shown === part) continue
    copy ??= isList(value) ? [...value] : { ...(value as Data) }
    ;(copy as Record<string, Value>)[key] = shown
  }
  const shown = Object.freeze(copy ?? value)
  pictures.set(value, shown)
  return shown
}
