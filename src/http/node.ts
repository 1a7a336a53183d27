import { type IncomingHttpHeaders, type IncomingMessage, type ServerResponse, STATUS_CODES } from 'node:http'
import type { TLSSocket } from 'node:tls'
import type { Entry, Sessions } from '../api/sessions.ts'
import { isSessionError } from '../errors/index.ts'
import type { Exchange } from '../visit/exchange.ts'

/** Where a request comes from, as far as the application trusts its proxies. */
export interface Origin {
  readonly secure: boolean
  readonly client: string | undefined
}

class HttpExchange implements Exchange {
  readonly headers: IncomingHttpHeaders
  readonly response: ServerResponse | undefined
  readonly context: unknown
  readonly secure: boolean
  readonly client: string | undefined

  constructor(request: IncomingMessage, response: ServerResponse | undefined, context: unknown, from: Origin) {
    this.headers = request.headers
    this.response = response
    this.context = context
    this.secure = from.secure
    this.client = from.client
  }
}

/** What a request carries; it begins with the first time that this is asked. */
export function entryOf<D>(
  sessions: Sessions<D>,
  request: IncomingMessage,
  response: ServerResponse | undefined,
  context: unknown,
  from: Origin,
): Entry<D> {
  return sessions.entryOf(request) ?? sessions.begin(request, new HttpExchange(request, response, context, from))
}

/** Whether the request came over TLS; a proxy's word counts only where there is one, because anybody can send its header. */
export function isSecure(request: IncomingMessage, proxy: boolean): boolean {
  if ((request.socket as TLSSocket).encrypted) return true
  return proxy && first(request.headers['x-forwarded-proto']) === 'https'
}

export function clientOf(request: IncomingMessage, proxy: boolean): string | undefined {
  return (proxy && first(request.headers['x-forwarded-for'])) || request.socket.remoteAddress
}

function first(header: string | string[] | undefined): string | undefined {
  return String(header ?? '')
    .split(',')[0]
    ?.trim()
}

const HELD = Symbol('held')

/**
 * Lets the response end only when every session command that was begun is settled, because the first command of a new
 * session sets a cookie, and a command that failed must not look like success.
 */
export function holdEnd<D>(
  sessions: Sessions<D>,
  request: IncomingMessage,
  response: ServerResponse & { [HELD]?: true },
): void {
  if (response[HELD]) return
  response[HELD] = true
  const { end } = response
  let ending = false
  response.end = function (this: ServerResponse, ...args: unknown[]) {
    if (ending) return this
    ending = true
    response.end = end
    const visit = sessions.entryOf(request)?.visit
    if (!visit) return end.apply(response, args as Parameters<typeof end>)
    visit.settle().then(
      () => end.apply(response, args as Parameters<typeof end>),
      (error) => {
        sessions.background(error)
        fail(response, error)
      },
    )
    return this
  } as typeof end
  response.once('close', () => {
    // The visitor has gone before the end. What was begun continues, and its failure goes to the application.
    if (!ending) sessions.entryOf(request)?.visit.settle().catch(sessions.background)
  })
}

/** Answers with an error's status, or breaks off what was begun. */
export function fail(response: ServerResponse, error: unknown): void {
  if (response.headersSent) {
    response.destroy()
    return
  }
  for (const name of response.getHeaderNames()) response.removeHeader(name)
  const known = isSessionError(error)
  response.statusCode = known ? error.status : 500
  response.setHeader('Content-Type', 'text/plain; charset=utf-8')
  response.end(known && error.expose ? error.message : STATUS_CODES[response.statusCode])
}
