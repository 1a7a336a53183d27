import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import express, { type Express } from 'express'
import type { Store } from 'koa-atomic-session'
import { type ClassicOptions, classicExpress } from 'koa-atomic-session/classic'
import { httpSessions } from 'koa-atomic-session/http'
import { KEY, Visitor } from '../visitor.ts'

/** What several lines wait for. */
export function opened(): { promise: Promise<void>; open: () => void } {
  let open = () => {}
  const promise = new Promise<void>((resolve) => {
    open = resolve
  })
  return { promise, open }
}

/** A server on a free port. */
export async function serve(
  listener: Parameters<typeof createServer>[1],
): Promise<{ base: string; close: () => void }> {
  const server: Server = createServer(listener)
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const close = () => {
    server.close()
    server.closeAllConnections()
  }
  return { base: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, close }
}

/** An Express application whose sessions are classic. */
export class ExpressApp {
  readonly express: Express
  readonly errors: (Error & { code?: string; status?: number })[] = []
  #served: Awaited<ReturnType<typeof serve>> | undefined

  constructor(store: Store, options: ClassicOptions = {}, make: typeof express = express) {
    this.express = make()
    const onError = (error: unknown) => this.errors.push(error as Error)
    const sessions = httpSessions<object>({ store, keys: [KEY], property: 'atomic', onError })
    this.express.use(sessions.express() as never, classicExpress(sessions, options) as never)
    this.express.use(make.urlencoded({ extended: false }))
  }

  /** After the routes. */
  async listen(): Promise<this> {
    // biome-ignore lint/suspicious/noExplicitAny: Express knows an error handler by its four parameters
    this.express.use((error: any, _request: any, response: any, _next: any) => {
      this.errors.push(error)
      const asked = response.statusCode >= 400 ? response.statusCode : 500
      response.status(error.status ?? error.statusCode ?? asked).send(error.code ?? error.message)
    })
    this.#served = await serve(this.express)
    return this
  }

  get base(): string {
    return this.#served!.base
  }

  visitor(): Visitor {
    return new Visitor(this.base)
  }

  close(): void {
    this.#served?.close()
  }
}

/** A form as a browser sends it. */
export const form = (fields: Record<string, string>): RequestInit => ({
  method: 'POST',
  body: new URLSearchParams(fields),
})
