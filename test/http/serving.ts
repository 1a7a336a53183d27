import type { IncomingMessage, Server, ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { SessionUse } from 'koa-atomic-session'
import type { HttpOptions } from 'koa-atomic-session/http'
import type { SessionHandle } from '../../src/api/types.ts'
import { KEY, Visitor } from '../visitor.ts'

// biome-ignore lint/suspicious/noExplicitAny: sessions of any shape
export type Handle = SessionHandle<any>

/** A request as a test's application sees it, whatever the server. */
export interface Call {
  readonly path: string
  readonly request: Pick<IncomingMessage, 'headers'>
  /** The request's session, of the first instance or of another; nothing is asked for before. */
  session(instance?: number, use?: SessionUse): Handle
  header(name: string, value: string): void
  /** Answers 204. */
  empty(): void
  /** Node's own response, which the test answers itself, past the server. */
  bypass(): ServerResponse
}

/** What a test's application does; what it resolves to is answered as `{ value }`. */
export type Handler = (call: Call) => unknown

type Keys = HttpOptions['keys']
export type Options = Omit<HttpOptions, 'keys'> & { readonly keys?: Keys }

export interface Application {
  readonly handler: Handler
  /** Several instances are several kinds of session on one server. */
  readonly options: readonly HttpOptions[]
  readonly failed: (error: unknown) => void
}

export interface Started {
  readonly port: number
  close(): Promise<unknown>
}

export interface Serving {
  readonly base: string
  /** The errors that requests ended with, and those that no request could be told of. */
  readonly errors: (Error & { code?: string })[]
  visitor(): Visitor
  close(): Promise<void>
}

export const answer = async (handler: Handler, call: Call): Promise<string> =>
  JSON.stringify({ value: (await handler(call)) ?? null })
export const statusOf = (error: unknown): number => (error as { status?: number } | undefined)?.status ?? 500

/** A server that listens already. */
export function started(server: Server): Started {
  return {
    port: (server.address() as AddressInfo).port,
    close() {
      server.closeAllConnections()
      return new Promise((resolve) => server.close(resolve))
    },
  }
}

export async function listening(server: Server): Promise<Started> {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return started(server)
}

/** Starts the application; further options are further instances. */
export async function serveBy(
  start: (application: Application) => Promise<Started>,
  handler: Handler,
  options: readonly Options[],
): Promise<Serving> {
  const errors: Serving['errors'] = []
  const server = await start({
    handler,
    options: options.map((one) => ({ keys: [KEY], ...one })),
    failed: (error) => errors.push(error as Error),
  })
  const base = `http://127.0.0.1:${server.port}`
  return {
    base,
    errors,
    visitor: () => new Visitor(base),
    async close() {
      await server.close()
    },
  }
}
