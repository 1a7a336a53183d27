import { type Data, isBson, isDate, isList, type Value } from '../algebra/index.ts'

/** What data show: for parts that were looked at before, what they showed then. */
export type Pictures = WeakMap<object, Value>

/**
 * The data as the application sees them: frozen. A Date can't be frozen, so each Date is a copy, and so is everything
 * that holds one. Changing it changes neither the store's data nor what this request knows of them.
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
