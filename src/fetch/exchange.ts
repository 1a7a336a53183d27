import type { IncomingHttpHeaders } from 'node:http'
import type { ResponseHead } from '../cookie/head.ts'
import { addressOf, forwarded } from '../http/forwarded.ts'
import { arrivalOf } from '../visit/arrival.ts'
import type { Exchange } from '../visit/exchange.ts'

/** The headers of the response that the handler will give: until then there are none. */
class FetchHead implements ResponseHead {
  headersSent = false
  #headers = new Headers()
  readonly #writes: (() => void)[] = []

  onHead(write: () => void): void {
    this.#writes.push(write)
  }

  getHeader(name: string): string | string[] | undefined {
    if (name === 'Set-Cookie') return this.#headers.getSetCookie()
    return this.#headers.get(name) ?? undefined
  }

  setHeader(name: string, value: string | string[]): void {
    this.#headers.delete(name)
    for (const one of [value].flat()) this.#headers.append(name, one)
  }

  appendHeader(name: string, value: string): void {
    this.#headers.append(name, value)
  }

  /** These headers leave, with what is still to be set; without them nothing can be. */
  leave(headers: Headers | undefined): void {
    if (headers) {
      this.#headers = headers
      for (const write of this.#writes) write()
    }
    this.headersSent = true
  }
}

/** A request and its response, as a visit sees them. */
export class FetchExchange implements Exchange {
  readonly arrived: number
  readonly headers: IncomingHttpHeaders
  readonly response: FetchHead | undefined
  readonly context: Request
  readonly secure: boolean
  readonly client: string | undefined
  readonly url: string
  #closed: (() => void) | undefined

  /** `hops` proxies are trusted. `upgrade`: nothing can be answered in headers. */
  constructor(request: Request, hops: number, client: string | undefined, upgrade = false) {
    this.arrived = arrivalOf(request)
    const { protocol, host, pathname, search } = new URL(request.url)
    // Some servers keep the host for the URL alone.
    this.headers = { host, ...Object.fromEntries(request.headers) }
    this.url = pathname + search
    this.response = upgrade ? undefined : new FetchHead()
    this.context = request
    const said = forwarded(this.headers['x-forwarded-proto'], hops)
    this.secure = (said ?? protocol.replace(':', '')).toLowerCase() === 'https'
    this.client = addressOf(forwarded(this.headers['x-forwarded-for'], hops)) ?? client
  }

  onHead(write: () => void): void {
    this.response?.onHead(write)
  }

  /** Not every server aborts the signal of a request; the end of the response's body tells too, see `bodyOf`. */
  onClose(done: () => void): void {
    const { signal } = this.context
    if (signal.aborted) done()
    else signal.addEventListener('abort', done, { once: true })
    this.#closed = done
  }

  /** The body to answer with: it tells when it ends, if somebody waits for that. */
  bodyOf({ body }: Response): Response['body'] {
    const closed = this.#closed
    if (!closed) return body
    if (body) return untilOver(body, closed)
    closed()
    return body
  }

  /** The response's headers leave, if they can be changed at all. */
  end(headers?: Headers): void {
    this.response?.leave(headers)
  }
}

/** The same body, which calls `over` when all of it was read, when it fails, and when nobody reads on. */
function untilOver(body: ReadableStream<Uint8Array>, over: () => void): ReadableStream<Uint8Array> {
  const reader = body.getReader()
  return new ReadableStream<Uint8Array>({
    async pull(controller) {
      try {
        const { done, value } = await reader.read()
        if (!done) return controller.enqueue(value)
        over()
        controller.close()
      } catch (error) {
        over()
        controller.error(error)
      }
    },
    cancel(reason) {
      over()
      return reader.cancel(reason)
    },
  })
}

/** Frameworks have classes of their own for it. */
export function isResponse(value: unknown): value is Response {
  return typeof (value as Response | undefined)?.headers?.getSetCookie === 'function'
}
