import type { IncomingHttpHeaders } from 'node:http'
import type { Copies } from '../cache/copies.ts'
import type { Store } from '../contract/store.ts'
import type { ResponseHead } from '../cookie/head.ts'
import type { Keys } from '../cookie/keys.ts'
import type { ReliableStore } from '../delivery/reliable.ts'
import type { Binding } from '../settings/binding.ts'
import type { Settings } from '../settings/settings.ts'

/** What a visit needs of the server it runs in. */
export interface Exchange {
  /** When the request arrived, by `performance.now()`. */
  readonly arrived: number
  readonly headers: IncomingHttpHeaders
  /** Absent where nothing can be answered in headers: a WebSocket's upgrade. */
  readonly response: ResponseHead | undefined
  /** Calls `write` once, in the moment before the response's headers leave. Not asked without a response. */
  onHead(write: () => void): void
  /** Calls `done` once when nothing can be sent any more: the response is complete, or its socket has closed. */
  onClose(done: () => void): void
  /** The request came over TLS, as far as the application trusts its proxies. */
  readonly secure: boolean
  /** The client's address, as far as the application trusts its proxies. */
  readonly client: string | undefined
  /** The request's path and query as they arrived. */
  readonly url: string | undefined
  /** What the options `adopt` and `domain` are given. */
  readonly context: unknown
}

/** What a visit needs of the instance it belongs to. */
export interface Host<V = unknown> {
  readonly settings: Settings
  readonly store: Store
  readonly reliable: ReliableStore
  /** What this process keeps of large sessions, for what is asked of the store by a visitor's secret. */
  readonly copies: Copies
  /** Asked whenever they are needed, because applications may set them late and rotate them. */
  readonly keys: () => Keys
  /** How sessions are bound to devices; undefined where this process does not ask browsers to bind any. */
  readonly binding: () => Binding | undefined
  /** Failures that no request can be told of any more, with the context of the one that they come from. */
  readonly background: (error: unknown, context?: unknown) => void
  /** Makes what the application sees of a visit; a visit makes it once, and keeps it. */
  readonly view: (visit: V) => unknown
}
