import { type IncomingHttpHeaders, type IncomingMessage, type ServerResponse, STATUS_CODES } from 'node:http'
import type { TLSSocket } from 'node:tls'
import onHeaders from 'on-headers'
import type { Entry, Sessions } from '../api/sessions.ts'
import { isSessionError } from '../errors/index.ts'
import { arrivalOf } from '../visit/arrival.ts'
import type { Exchange } from '../visit/exchange.ts'
import { whenClosed } from '../watch/closed.ts'
import { addressOf, forwarded } from './forwarded.ts'

/** Where a request comes from, as far as the application trusts its proxies. */
export interface Origin {
  readonly secure: boolean
  readonly client: string | undefined
}

class HttpExchange implements Exchange {
  readonly arrived: number
  readonly headers: IncomingHttpHeaders
  readonly response: ServerResponse | undefined
  readonly context: unknown
  readonly secure: boolean
  readonly client: string | undefined
  readonly url: string | undefined

  constructor(request: IncomingMessage, response: ServerResponse | undefined, context: unknown, from: Origin) {
    this.arrived = arrivalOf(request)
    this.headers = request.headers
    // Routers of Express cut the beginning off.
    this.url = (request as { originalUrl?: string }).originalUrl ?? request.url
    this.response = response
    this.context = context
    this.secure = from.secure
    this.client = from.client
  }

  onHead(write: () => void): void {
    if (this.response) onHeaders(this.response, write)
  }

  onClose(done: () => void): void {
    // Without a response it is an upgrade, whose context is the request.
    whenClosed(this.response ?? (this.context as IncomingMessage).socket, done)
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

/** `hops` proxies are trusted. Their word counts only where they are, because anybody can send their headers. */
export function originOf(request: IncomingMessage, hops: number): Origin {
  const { 'x-forwarded-proto': proto, 'x-forwarded-for': client } = request.headers
  const secure = (request.socket as TLSSocket).encrypted || forwarded(proto, hops)?.toLowerCase() === 'https'
  return { secure, client: addressOf(forwarded(client, hops)) ?? request.socket.remoteAddress }
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
  refused: (error: unknown) => void = (error) => refuse(sessions, response, error),
): void {
  if (response[HELD]) return
  response[HELD] = true
  arrivalOf(request)
  const { end } = response
  let ending = false
  response.end = function (this: ServerResponse, ...args: unknown[]) {
    if (ending) return this
    ending = true
    response.end = end
    const visit = sessions.entryOf(request)?.visit
    if (!visit) return end.apply(response, args as Parameters<typeof end>)
    visit.settle().then(() => end.apply(response, args as Parameters<typeof end>), refused)
    return this
  } as typeof end
  response.once('close', () => {
    // The visitor has gone before the end. What was begun continues, and its failure goes to the application.
    if (!ending) sessions.entryOf(request)?.visit.settle().catch(sessions.background)
  })
}

/** Reports an error, and answers with its status or breaks off what was begun. */
export function refuse<D>(sessions: Sessions<D>, response: ServerResponse, error: unknown): void {
  sessions.background(error)
  if (response.headersSent) {
    response.destroy()
    return
  }
  forget(response)
  const known = isSessionError(error)
  response.statusCode = known ? error.status : 500
  response.setHeader('Content-Type', 'text/plain; charset=utf-8')
  response.end(known && error.expose ? error.message : STATUS_CODES[response.statusCode])
}

/** What was prepared for an answer that will not be sent. */
export function forget(response: ServerResponse): void {
  for (const name of response.getHeaderNames()) response.removeHeader(name)
  response.statusCode = 200
  response.statusMessage = ''
}
