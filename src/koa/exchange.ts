import type { IncomingHttpHeaders, IncomingMessage, ServerResponse } from 'node:http'
import onHeaders from 'on-headers'
import { arrivalOf } from '../visit/arrival.ts'
import type { Exchange } from '../visit/exchange.ts'
import { whenClosed } from '../watch/closed.ts'

/** What is needed of a Koa context; every application's own context type has it. */
export interface KoaContext {
  readonly req: IncomingMessage
  readonly res: ServerResponse
  readonly secure: boolean
  readonly ip: string
  readonly originalUrl?: string
}

/** A class, because an object literal with getters costs more to make than everything else of a handle. */
export class KoaExchange implements Exchange {
  readonly arrived: number
  readonly headers: IncomingHttpHeaders
  readonly response: ServerResponse | undefined
  readonly context: KoaContext

  constructor(ctx: KoaContext) {
    this.context = ctx
    this.arrived = arrivalOf(ctx.req)
    this.headers = ctx.req.headers
    this.response = ctx.res
  }

  onHead(write: () => void): void {
    onHeaders(this.context.res, write)
  }

  onClose(done: () => void): void {
    whenClosed(this.response ?? this.context.req.socket, done)
  }

  get secure(): boolean {
    return this.context.secure
  }

  get url(): string | undefined {
    return this.context.originalUrl ?? this.context.req.url
  }

  get client(): string {
    return this.context.ip
  }
}

/** A WebSocket's upgrade: nothing can be answered in headers. */
export class UpgradeExchange extends KoaExchange {
  override readonly response = undefined
}
