import type { IncomingMessage, ServerResponse } from 'node:http'
import { fetchSessions } from 'koa-atomic-session/fetch'
import { type Application, answer, type Handle, listening, type Started, statusOf } from './serving.ts'

/** What answers a `Request`; `client` is the address that it comes from. */
export type Answering = (request: Request, client: string | undefined) => Promise<Response>

// biome-ignore lint/suspicious/noExplicitAny: what only one of the runtimes has
const { Bun, Deno } = globalThis as any

/** On the server that this runtime has for Request and Response. Node.js has none: there one translates. */
export async function listenFetch(respond: Answering): Promise<Started> {
  const place = { hostname: '127.0.0.1', port: 0 }
  if (Bun) {
    const server = Bun.serve({
      ...place,
      fetch: (request: Request) => respond(request, server.requestIP(request)?.address),
    })
    return { port: server.port, close: () => server.stop(true) }
  }
  if (Deno) {
    const stop = new AbortController()
    const server = Deno.serve(
      { ...place, signal: stop.signal, onListen() {} },
      (request: Request, { remoteAddr }: { remoteAddr: { hostname: string } }) => respond(request, remoteAddr.hostname),
    )
    return {
      port: server.addr.port,
      close() {
        stop.abort()
        return server.finished
      },
    }
  }
  const { createServer } = await import('node:http')
  const { getRequestListener } = await import('@hono/node-server')
  const callback = (request: Request, { incoming }: { incoming: unknown }) =>
    respond(request, (incoming as IncomingMessage).socket.remoteAddress)
  return listening(createServer(getRequestListener(callback, { overrideGlobalObjects: false })))
}

/** The application on whatever speaks Request and Response. */
export function fetchServer({ handler, options, failed }: Application): Promise<Started> {
  const sessions = options.map((one) =>
    fetchSessions<object>({
      onError: failed,
      failed(error) {
        failed(error)
        return new Response(null, { status: statusOf(error) })
      },
      ...one,
    }),
  )
  const respond = async (request: Request): Promise<Response> => {
    const headers = new Headers({ 'content-type': 'application/json' })
    let bypassed: Response | undefined
    let status = 200
    const body = await answer(handler, {
      path: new URL(request.url).pathname,
      request: { headers: Object.fromEntries(request.headers) },
      session: (instance = 0, use) => sessions[instance]!.of(request, use) as Handle,
      header: (name, value) => headers.set(name, value),
      empty() {
        status = 204
      },
      bypass: () => whole((response) => (bypassed = response)),
    })
    return bypassed ?? new Response(status === 204 ? null : body, { status, headers })
  }
  return listenFetch((request, client) => {
    // Each instance around the next one.
    const layers = sessions.reduceRight<() => Promise<Response>>(
      (next, one) => () => one.fetch(request, next, { client }),
      () => respond(request),
    )
    return layers()
  })
}

/** A response that is made as on Node, and given as a whole. */
function whole(give: (response: Response) => void): ServerResponse {
  let [status, headers]: [number, [string, string][]] = [200, []]
  return {
    writeHead(code: number, list: string[]) {
      status = code
      headers = list.flatMap((name, i): [string, string][] => (i % 2 ? [] : [[name, list[i + 1]!]]))
    },
    end: (text: string) => give(new Response(text, { status, headers })),
  } as unknown as ServerResponse
}
