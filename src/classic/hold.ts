import type { ServerResponse } from 'node:http'

/** A call that waits, and what it answers meanwhile. */
interface Call {
  readonly run: () => unknown
  readonly last: boolean
  readonly meanwhile: unknown
}

/**
 * Lets nothing of a response leave before the session is stored: the cookie is among its headers, and who gets the
 * answer may ask again at once.
 *
 * `commit` is asked when the headers would leave and when the response would end; `fail` answers instead when it rejects.
 */
export function hold(
  response: ServerResponse,
  commit: () => Promise<void> | undefined,
  fail: (error: unknown) => void,
): { release(): void } {
  const { write, writeHead, flushHeaders, end } = response
  let released = false
  let waiting: Call[] | undefined

  const open = () => {
    const [first, ...others] = waiting ?? []
    waiting = undefined
    if (first) pass(first)
    // Between them the application may have changed the session again.
    for (const call of others) held(call)
    if (!waiting && !response.writableEnded && !response.writableNeedDrain) response.emit('drain')
  }
  const pass = ({ run, last }: Call): unknown => {
    if (last) released = true
    return run()
  }
  const held = (call: Call): unknown => {
    if (waiting) {
      waiting.push(call)
      return call.meanwhile
    }
    if (released || (response.headersSent && !call.last)) return call.run()
    let storing: Promise<void> | undefined
    try {
      storing = commit()
    } catch (error) {
      storing = Promise.reject(error)
    }
    if (!storing) return pass(call)
    waiting = [call]
    storing.then(open, (error) => {
      released = true
      waiting = undefined
      fail(error)
    })
    return call.meanwhile
  }

  // What is called while the calls that waited are made must not wait again: `end` writes the headers by itself.
  let calling = false
  const through = <A extends unknown[]>(original: (...values: A) => unknown, last: boolean, meanwhile: unknown) =>
    function (this: unknown, ...values: A): unknown {
      if (calling) return original.apply(response, values)
      const run = () => {
        calling = true
        try {
          return original.apply(response, values)
        } finally {
          calling = false
        }
      }
      return held({ run, last, meanwhile })
    }
  response.write = through(write as never, false, false) as typeof write
  response.writeHead = through(writeHead as never, false, response) as typeof writeHead
  response.flushHeaders = through(flushHeaders as never, false, undefined) as typeof flushHeaders
  response.end = through(end as never, true, response) as typeof end
  return {
    release() {
      released = true
    },
  }
}
