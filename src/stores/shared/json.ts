import { isDate, isList, isObject, type Value } from '../../algebra/index.ts'

/**
 * How stores without a date type write session data, and single values: as JSON, with a date as `{"$date": milliseconds}`. No other data can
 * look like that, because a key never begins with `$`.
 */
export function encode(value: Value): string {
  return JSON.stringify(tag(value))
}

/** The inverse of {@link encode}. Also reads single values. */
// biome-ignore lint/suspicious/noExplicitAny: what JSON.parse gives
export function decode(text: string): any {
  const data = JSON.parse(text)
  return text.includes('"$date"') ? revive(data) : data
}

/** The value with its dates tagged. It is the same object if it holds none. */
export function tag(value: Value): unknown {
  if (isDate(value)) return { $date: value.getTime() }
  if (isList(value)) {
    const copy = value.map(tag)
    return copy.some((element, i) => element !== value[i]) ? copy : value
  }
  if (!isObject(value)) return value
  let copy: Record<string, unknown> | undefined
  for (const key of Object.keys(value)) {
    const tagged = tag(value[key]!)
    if (tagged !== value[key]) {
      copy ??= { ...value }
      copy[key] = tagged
    }
  }
  return copy ?? value
}

/** Turns tagged dates back into dates, in place. */
// biome-ignore lint/suspicious/noExplicitAny: what JSON.parse gives
export function revive(value: any): any {
  if (typeof value !== 'object' || value === null) return value
  if (typeof value.$date === 'number') return new Date(value.$date)
  for (const key of Object.keys(value)) value[key] = revive(value[key])
  return value
}
