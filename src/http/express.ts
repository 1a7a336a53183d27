import type { IncomingMessage, ServerResponse } from 'node:http'
import { guardOf } from '../api/guard.ts'
import type { Sessions } from '../api/sessions.ts'
import { type SessionUse, used } from '../api/use.ts'
import { SessionUsageError } from '../errors/index.ts'
import { entryOf, forget, holdEnd, refuse } from './node.ts'

/** The part of an Express request that is used. */
export interface ExpressRequest extends IncomingMessage {
  readonly secure: boolean
  readonly ip?: string | undefined
}
export type ExpressNext = (error?: unknown) => void
export type ExpressMiddleware = (request: ExpressRequest, response: ServerResponse, next: ExpressNext) => void

/**
 * Express, 4 or 5, ends a response in `res.send()`, so the end is held back there, as on node:http; a failure goes to the
 * application's own error middleware.
 */
export function express<D>(sessions: Sessions<D>): ExpressMiddleware {
  const { property } = sessions.settings
  const define = guardOf('req', property)
  const carried = Symbol('carried')
  return (request: ExpressRequest & { [carried]?: true }, response, next) => {
    // The same middleware on an application and on a router within it.
    if (request[carried]) return next()
    if (property in request) {
      const remedy = `Remove that one, or pass { property: 'visit' } to use req.visit()`
      return next(new SessionUsageError(`req.${property} belongs to another middleware already. ${remedy}`))
    }
    request[carried] = true
    holdEnd(sessions, request, response, (error) => {
      if (response.headersSent) return refuse(sessions, response, error)
      // The answer was ready, and Express goes on to the application's own error middleware.
      forget(response)
      next(error)
    })
    define(request, (use?: SessionUse) => {
      const from = { secure: request.secure, client: request.ip }
      return used(entryOf(sessions, request, response, request, from), use)
    })
    next()
  }
}
