import type { IncomingHttpHeaders } from 'node:http'
import { CsrfError } from '../errors/index.ts'

/** What a check has found. */
export const FOUND = {
  noToken: 'The request has no token',
  noCookie: 'A token came without the cookie that it belongs to',
  malformed: 'The token does not look like one from createCSRF()',
  foreign:
    'The token was made for another session, or before a log-in or log-out, or with a key that is no longer in use',
  unknownSite: 'Sec-Fetch-Site has a value that the standard does not define',
  otherSite: 'The page that sent this has another origin',
  hidden: 'The page that sent this hides its origin',
  otherOrigin: (trusted: readonly string[]) => `The page does not come from ${trusted.map(quoted).join(', ')}`,
  otherHost: (host: string | undefined, secure: boolean) =>
    `The page does not come from ${host === undefined ? 'no Host' : `the Host ${quoted(host)}`}${secure ? ' over TLS' : ''}, to which it connected`,
} as const

/** What to do about it. */
export const REMEDY = {
  token:
    'Send the token from createCSRF() in the header X-CSRF-Token, or in the field csrf of a body that is parsed before the check',
  noBrowser: 'No browser sends this: look for a proxy or an extension that changes headers',
  hidden:
    'A sandboxed frame, a file, or a page with Referrer-Policy: no-referrer does that. Use Referrer-Policy: same-origin instead',
  /** Where the refused page is the application's own. */
  ownPage: (origin: string | undefined) => {
    const value = origin === undefined || origin === 'null' ? "'https://…'" : quoted(origin)
    return `If that page is yours, add its origin to the option origin: ${value}`
  },
} as const

/** More than a browser says; a header can be much longer. */
const LONGEST = 100

/** A refusal tells whoever develops the application three things: which check refused, what the browser said, what to do. */
export function refusal(
  reason: CsrfError['reason'],
  found: string,
  headers: IncomingHttpHeaders,
  remedy: string,
): CsrfError {
  return new CsrfError(reason, `${found}. The browser sent ${saidBy(headers)}. ${remedy}`)
}

/** What the browser has said about where the request comes from. The words are the client's own, so they are cut; the error makes them visible. */
function saidBy({ origin, 'sec-fetch-site': site }: IncomingHttpHeaders): string {
  const said = [
    ['Sec-Fetch-Site', site],
    ['Origin', origin],
  ].flatMap(([name, value]) => (value === undefined ? [] : [`${name}: ${quoted(String(value))}`]))
  return said.length === 0 ? 'neither Sec-Fetch-Site nor Origin' : said.join(', ')
}

function quoted(value: string): string {
  return `'${value.length > LONGEST ? `${value.slice(0, LONGEST)}…` : value}'`
}
