import type { ResponseHead } from './head.ts'

/** Adds a field to the Vary header, once. */
export function vary(response: ResponseHead, field: string): void {
  const before = response.getHeader('Vary')
  if (before === undefined) {
    response.setHeader('Vary', field)
    return
  }
  const fields = String(before)
    .split(',')
    .map((one) => one.trim())
    .filter(Boolean)
  const has = fields.some((one) => one === '*' || one.toLowerCase() === field.toLowerCase())
  if (!has) response.setHeader('Vary', [...fields, field].join(', '))
}
