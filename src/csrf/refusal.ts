import type { IncomingHttpHeaders } from 'node:http'
import { CsrfError } from '../errors/index.ts'
import { visible } from '../errors/visible.ts'

/** More than a browser says; a header can be much longer. */
const LONGEST = 100

/** A refusal tells whoever develops the application three things: which check refused, what the browser said, what to do. */
export function refusal(
  reason: CsrfError['reason'],
  what: string,
  headers: IncomingHttpHeaders,
  remedy: string,
): CsrfError {
  return new CsrfError(reason, `${what}. The browser said ${saidBy(headers)}. ${remedy}`)
}

/** What the browser has said about where the request comes from. The words are the client's own, so they are cut and made visible. */
function saidBy({ origin, 'sec-fetch-site': site }: IncomingHttpHeaders): string {
  const said = [
    ['Sec-Fetch-Site', site],
    ['Origin', origin],
  ].flatMap(([name, value]) => (value === undefined ? [] : [`${name}: ${quoted(String(value))}`]))
  return said.length === 0 ? 'neither Sec-Fetch-Site nor Origin' : said.join(', ')
}

export function quoted(value: string): string {
  const text = value.length > LONGEST ? `${value.slice(0, LONGEST)}…` : value
  return `'${visible(text)}'`
}
