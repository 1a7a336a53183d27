import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Sessions } from '../api/sessions.ts'
import { entryOf, holdEnd } from './node.ts'

/** The part of an Express request that is used. */
export interface ExpressRequest extends IncomingMessage {
  readonly secure: boolean
  readonly ip?: string | undefined
}
export type ExpressNext = (error?: unknown) => void
export type ExpressMiddleware = (request: ExpressRequest, response: ServerResponse, next: ExpressNext) => void

/** Express ends a response in `res.send()`, so the end is held back there, as on node:http. */
export function express<D>(sessions: Sessions<D>): ExpressMiddleware {
  const { property } = sessions.settings
  return (request, response, next) => {
    holdEnd(sessions, request, response)
    Object.defineProperty(request, property, {
      configurable: true,
      value: () => {
        const from = { secure: request.secure, client: request.ip }
        return entryOf(sessions, request, response, request, from).handle
      },
    })
    next()
  }
}
